"""The progress of `mailctl test all` on a terminal: one line that fits, tells what is slow, and goes at the end."""

from __future__ import annotations

import re
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cli.terminal.conftest import PROGRAM, finish
from tests.doubles.imap import ImapServer
from tests.doubles.scripted import ScriptedServer
from tests.doubles.smtp import SmtpServer

if TYPE_CHECKING:
    from tests.cli.terminal.conftest import Pipe, Spawn
    from tests.doubles.conversation import Conversation

SGR = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Until:
    """Waits for the test."""

    def __init__(self) -> None:
        self.event = threading.Event()

    def play(self, conversation: Conversation) -> None:
        assert self.event.wait(30)


def add(config: Path, code: str, host: str, smtp: ScriptedServer, imap: ScriptedServer) -> None:
    arguments = ["server", "add", code, "--name", code, "--smtp-host", host, "--smtp-port", str(smtp.port),
                 "--smtp-security", "none", "--incoming-protocol", "imap", "--incoming-host", host,
                 "--incoming-port", str(imap.port), "--incoming-security", "none"]  # fmt: skip
    subprocess.run([*PROGRAM, "--config", str(config), *arguments], check=True, capture_output=True)


def test_one_line_tells_how_far_it_is_and_what_it_waits_for(spawn: Spawn, config: Path) -> None:
    until = Until()
    slow = SmtpServer(security="none", greeting=(until, b"220 at last\r\n"))
    with (
        ScriptedServer(slow.script, address="127.0.0.2") as late,
        ScriptedServer(SmtpServer(security="none").script, address="127.0.0.3") as smtp,
        ScriptedServer(ImapServer(security="none").script, address="127.0.0.3") as imap,
        ScriptedServer(ImapServer(security="none").script, address="127.0.0.2") as other,
    ):
        add(config, "with-a-name-that-is-too-long-for-the-rest-of-it", "127.0.0.2", late, other)
        add(config, "quick", "127.0.0.3", smtp, imap)
        child = spawn("test", "all")
        child.expect(r"testing .*1/2")
        child.expect(r"waiting for with-a-name")
        before = child.before
        until.event.set()
        code, rest = finish(child)
    assert code == 0
    drawn = [SGR.sub("", line) for line in re.split(r"[\r\n]+", before + rest) if "testing" in line]
    assert drawn
    assert all(len(line.rstrip()) <= 80 for line in drawn)
    result = SGR.sub("", rest[rest.rindex("\x1b[2K") :])  # the line is erased before the result comes
    assert "testing" not in result
    assert all(len(line) <= 80 for line in result.splitlines())
    assert result.splitlines()[-1].startswith("passed: 2 targets in ")


def test_in_a_pipe_there_is_none(pipe: Pipe, config: Path) -> None:
    with (
        ScriptedServer(SmtpServer(security="none").script) as smtp,
        ScriptedServer(ImapServer(security="none").script) as imap,
    ):
        add(config, "quick", "127.0.0.1", smtp, imap)
        finished = pipe("test", "all")
    assert finished.returncode == 0
    assert finished.stderr == b""
    assert finished.stdout.decode().splitlines()[-1].startswith("passed: 1 target in ")
