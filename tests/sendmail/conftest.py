"""The front end in this process and as a program, and settings that lead it to a server of the test."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.doubles.scripted import ScriptedServer
from tests.doubles.smtp import SmtpServer
from tests.servers.people import Person
from tests.servers.postfix import Postfix

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

    def configure_real(self, person: Person, postfix: Postfix) -> None:
        """Write settings as on a real site: STARTTLS, PLAIN, the password in a file beside them."""
        folder = self.config.parent
        shutil.copyfile(postfix.ca_file, folder / "ca.pem")
        secret = folder / "password"
        secret.touch(mode=0o600)
        secret.write_text(person.password)
        self.config.write_text(f"""\
[sysmail]
address = "{person.address}"
local_recipient = "{person.address}"
username = "{person.address}"
password = "file:password"
[sysmail.smtp]
host = "localhost"
port = {postfix.submission_port}
security = "starttls"
auth = "plain"
[sysmail.tls]
ca_file = "ca.pem"
""")

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


@pytest.fixture
def real_account(sendmail: Sendmail, person: Person, postfix: Postfix) -> Person:
    """Make a new person's account the system mail account, and return the person."""
    sendmail.configure_real(person, postfix)
    return person
