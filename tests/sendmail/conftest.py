"""The front end in this process and as a program, and settings that lead it to a server of the test."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.doubles.scripted import ScriptedServer
from tests.doubles.smtp import SmtpServer

from mailctl.sendmail.submission import run

PROGRAM = [sys.executable, "-m", "mailctl.sendmail"]


@dataclass(frozen=True)
class Result:
    """What the program answered."""

    code: int
    err: str


class Sendmail:
    """Sends with the settings at `config`, which `configure` writes."""

    def __init__(self, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.config = config
        self._capsys = capsys

    def configure(self, port: int = 9, *, account: str = "", security: str = "none", server: str = "") -> None:
        """Write settings; `account` and `server` are further lines of their tables."""
        self.config.write_text(f"""\
[sysmail]
address = "system@example.org"
local_recipient = "admin@example.org"
{account}
[sysmail.smtp]
host = "127.0.0.1"
port = {port}
security = "{security}"
{server}
""")

    @contextmanager
    def server(self, *, account: str = "", **deviations: object) -> Iterator[ScriptedServer]:
        """Run a good server that deviates as said (see SmtpServer), and write settings that lead to it."""
        script = SmtpServer(security="none", **deviations).script
        with ScriptedServer(script) as server:
            self.configure(server.port, account=account)
            yield server

    def __call__(self, message: bytes | str, *arguments: str) -> Result:
        """Send in this process."""
        self._capsys.readouterr()
        given = message.encode() if isinstance(message, str) else message
        code = run(["-C", str(self.config), *arguments], io.BytesIO(given))
        captured = self._capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") <= 1
        return Result(int(code), captured.err.removesuffix("\n"))

    def program(self, message: bytes, *arguments: str, **environment: str) -> Result:
        """Send by the program itself."""
        done = subprocess.run(
            [*PROGRAM, "-C", str(self.config), *arguments],
            input=message,
            capture_output=True,
            check=False,
            timeout=60,
            env={**os.environ, **environment},
        )
        return Result(done.returncode, done.stderr.decode().removesuffix("\n"))


@pytest.fixture
def sendmail(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Sendmail:
    monkeypatch.delenv("MAILCTL_CONFIG", raising=False)
    monkeypatch.delenv("MAILCTL_TENANT", raising=False)
    sendmail = Sendmail(tmp_path / "mailctl.toml", capsys)
    sendmail.configure()
    return sendmail
