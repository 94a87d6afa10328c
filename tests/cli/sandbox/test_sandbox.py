"""`mailctl sandbox`, run as a person or a CI job runs it."""

from __future__ import annotations

import json
import os
import signal
import smtplib
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

MAILCTL = [sys.executable, "-m", "mailctl"]
LONGEST_END_SECONDS = 30

posix_only = pytest.mark.skipif(os.name != "posix", reason="a process of Windows cannot be sent these signals")


@contextmanager
def running_sandbox(*options: str) -> Iterator[subprocess.Popen[str]]:
    """Run `mailctl sandbox` until the context ends."""
    process = subprocess.Popen(
        [*MAILCTL, "sandbox", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read_through(stream: IO[str] | None, last: str) -> str:
    """Return what is said up to the line that begins with `last`: nothing follows it until the sandbox ends."""
    assert stream
    said = ""
    for line in stream:
        said += line
        if line.startswith(last):
            return said
    pytest.fail(f"it ended, and said: {said}")


@posix_only
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_a_signal_and_then_leaves_nothing(ending, tmp_path):
    port_file = tmp_path / "ports.json"
    with running_sandbox("--port-file", str(port_file)) as process:
        announced = read_through(process.stderr, "Ctrl-C ends it")
        found = json.loads(port_file.read_text(encoding="utf-8"))
        login = found["logins"][0]
        password = Path(login["password_file"]).read_text(encoding="utf-8")
        tls = ssl.create_default_context(cafile=found["ca_file"])
        with smtplib.SMTP_SSL(found["host"], found["ports"]["smtps"], context=tls) as smtp:
            smtp.login(login["username"], password)
            refused = smtp.sendmail(login["username"], [login["username"]], b"Subject: x\r\n\r\n")
        process.send_signal(ending)
        output, said_at_the_end = process.communicate(timeout=LONGEST_END_SECONDS)

    talk = announced + said_at_the_end
    assert refused == {}
    assert process.returncode == 0
    assert not port_file.exists()
    assert not Path(found["ca_file"]).parent.exists()
    assert output == ""
    for port in found["ports"].values():
        assert str(port) in talk
    assert "mailctl server add sandbox" in talk
    assert f"file:{login['password_file']}" in talk
    assert password not in talk


@posix_only
def test_its_json_is_one_object_on_standard_output(tmp_path):
    port_file = tmp_path / "ports.json"
    with running_sandbox("--port-file", str(port_file), "-o", "json") as process:
        announced = read_through(process.stdout, "}")
        written = json.loads(port_file.read_text(encoding="utf-8"))
        process.terminate()
        said_at_the_end, _ = process.communicate(timeout=LONGEST_END_SECONDS)
    assert json.loads(announced) == written
    assert said_at_the_end == ""


def test_a_port_file_that_is_something_else_is_refused_and_kept(tmp_path):
    precious = tmp_path / "precious.toml"
    precious.write_text("mine = true\n")
    finished = subprocess.run(
        [*MAILCTL, "sandbox", "--port-file", str(precious)], capture_output=True, text=True, check=False, timeout=60
    )
    assert finished.returncode == 4
    assert "precious.toml exists and is not the port file of a sandbox" in finished.stderr
    assert precious.read_text() == "mine = true\n"


def test_a_port_file_that_cannot_be_written_ends_it_with_the_reason(tmp_path):
    folder = tmp_path / "ports.json"
    folder.mkdir()
    finished = subprocess.run(
        [*MAILCTL, "sandbox", "--port-file", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert finished.returncode == 4
    assert "ports.json" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_a_port_file_in_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mistyped" / "ports.json"
    with running_sandbox("--port-file", str(file)) as process:
        said = process.communicate(timeout=LONGEST_END_SECONDS)[1]
    assert process.returncode == 2
    assert said.startswith(f"error: --port-file: there is no folder {file.parent}\n")
    assert not file.parent.exists()
