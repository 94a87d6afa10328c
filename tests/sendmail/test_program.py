"""The program as a process: what it imports, how much memory it takes, who runs it."""

from __future__ import annotations

import hashlib
import io
import re
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

import pytest
from tests.sendmail.conftest import PROGRAM, Sendmail
from tests.servers.dovecot import Dovecot
from tests.servers.people import Person
from tests.servers.processes import wait_for

import mailctl
from mailctl.cli.boundary import run
from mailctl.sendmail.submission import run as main

HEAVY = {
    "typer", "click", "rich", "pydantic", "tomlkit", "keyring", "cryptography", "pyrage", "dns", "requests", "idna",
    "imapclient", "platformdirs", "poplib", "asyncio", "dataclasses", "inspect", "tempfile", "json", "getopt",
    "gettext", "shlex",
}  # fmt: skip
"""What a delivery does without, each of which would take as long as a good part of it."""

SCRIPT = """
import sys
from mailctl.sendmail.submission import run
assert run(sys.argv[1:], sys.stdin.buffer) == 0
"""


def run_script(sendmail: Sendmail, afterwards: str, *arguments: str, stdin: BinaryIO) -> str:
    """Send in a process of its own, and return what it prints `afterwards`."""
    command = [sys.executable, "-c", SCRIPT + afterwards, "-C", str(sendmail.config), *arguments]
    return subprocess.run(command, stdin=stdin, stdout=subprocess.PIPE, check=True).stdout.decode()


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--version", rf"mailctl-sendmail {re.escape(mailctl.__version__)}\n"),
        ("--help", r"(?s)mailctl-sendmail: a sendmail that .* -t  .*\n"),
    ],
)
def test_what_it_is_asked_to_show_is_all_that_it_does(
    option: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([option], io.BytesIO(b"Subject: x\r\n\r\n")) == 0
    out, err = capsys.readouterr()
    assert re.fullmatch(said, out)
    assert err == ""


def only_message(dovecot: Dovecot, person: Person) -> bytes:
    """Wait for a person's first message and return it, with LF line ends."""
    wait_for(lambda: len(dovecot.messages(person.address)) == 1, "delivery")
    return dovecot.messages(person.address)[0].replace(b"\r\n", b"\n")


def test_a_delivery_loads_only_what_it_needs(sendmail: Sendmail, real_account: Person) -> None:
    command = [PROGRAM[0], "-X", "importtime", *PROGRAM[1:], "-C", str(sendmail.config), "-t"]
    done = subprocess.run(command, input=b"To: root\nSubject: x\n\nbody\n", stderr=subprocess.PIPE, check=True)
    loaded = set(re.findall(r"^import time:.*\| +([^.\s]+)", done.stderr.decode(), re.MULTILINE))
    assert {"mailctl", "ssl"} <= loaded
    assert sorted(loaded & HEAVY) == []


def test_the_program_delivers_through_real_servers(sendmail: Sendmail, real_account: Person, dovecot: Dovecot) -> None:
    result = sendmail.program(b"Subject: hello\n\nbody\n.dot\n", "-i", "root")
    assert (result.code, result.err) == (0, "")
    message = only_message(dovecot, real_account)
    assert b"\nSubject: hello\n" in message
    assert message.endswith(b"\n\nbody\n.dot\n")


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_a_long_message_is_streamed(sendmail: Sendmail, real_account: Person, dovecot: Dovecot, tmp_path: Path) -> None:
    line = b"0123456789abcdef" * 4 + b"\n"
    count = 25 * 1024 * 1024 // len(line)
    with (tmp_path / "message").open("w+b") as message:
        message.write(b"Subject: long\n\n")
        for _ in range(count):
            message.write(line)
        message.seek(0)
        # Not by getrusage: after fork and exec it still tells the height of the parent.
        done = run_script(sendmail, "print(open('/proc/self/status').read())", "-i", "root", stdin=message)
    (peak_kib,) = re.findall(r"VmHWM:\s+(\d+) kB", done)
    assert int(peak_kib) < 60 * 1024
    got = only_message(dovecot, real_account).partition(b"\n\n")[2]
    assert hashlib.sha256(got).hexdigest() == hashlib.sha256(line * count).hexdigest()


def test_closed_streams_are_no_fault(sendmail: Sendmail) -> None:
    command = " ".join([*PROGRAM, "-C", str(sendmail.config), "a@example.org"])
    done = subprocess.run(["sh", "-c", f"{command} <&- >&- 2>&-"], check=False)
    assert done.returncode == 75


@pytest.mark.parametrize(
    ("words", "recipient"),
    [
        (["-oi", "-F", "Me", "--", "a@example.org"], "a@example.org"),
        (["-i", "-FMe", "--", "-bs@example.org"], "-bs@example.org"),
    ],
)
def test_the_words_of_the_command_line_are_the_same_program(sendmail, monkeypatch, capsys, words, recipient) -> None:
    with sendmail.server() as server:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"Subject: x\n\n")))
        code = run(["--config", str(sendmail.config), "sendmail", *words])
    assert (code, capsys.readouterr().err) == (0, "")
    assert f"RCPT TO:<{recipient}>".encode() in server.received
    assert b"\r\nFrom: Me <system@example.org>\r\n" in server.messages[0]


def test_the_words_of_the_command_line_have_the_same_exit_codes(sendmail: Sendmail, capsys) -> None:
    assert run(["--config", str(sendmail.config), "sendmail", "-bs"]) == 64
    assert capsys.readouterr().err.startswith("mailctl-sendmail: -bs")
