"""The whole command, run in this process: arguments in, exit code and both streams out. Its keyrings, and its Graph."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.credentials.keyring_doubles import MODULE, Memory
from tests.doubles.graph import GraphServer
from tests.servers.people import ALICE
from tests.servers.secret_service import environment_without_bus

from mailctl.cli.boundary import run


@dataclass(frozen=True)
class Result:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        return json.loads(self.err)["error"]


class Mailctl:
    """Runs `mailctl …` with the settings file CONFIG (MAILCTL_CONFIG) as a script would: no terminal anywhere."""

    def __init__(self, config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.config = config
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    def __call__(self, *arguments: str | Path, stdin: bytes = b"") -> Result:
        self._monkeypatch.setenv("MAILCTL_CONFIG", str(self.config))
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        self._capsys.readouterr()
        code = run(list(map(str, arguments)))
        captured = self._capsys.readouterr()
        return Result(code, captured.out, captured.err)

    def must(self, *arguments: str | Path, stdin: bytes = b"") -> Result:
        """Run a command that has to succeed."""
        result = self(*arguments, stdin=stdin)
        assert result.code == 0, result
        return result

    def add_server(self, code: str, *options: str) -> Result:
        """Add a server with plain values; `options` go on top."""
        return self.must(
            "server", "add", code, "--name", code.upper(), "--smtp-host", "smtp.example.org",
            "--incoming-protocol", "imap", "--incoming-host", "imap.example.org", *options,
        )  # fmt: skip

    @property
    def codes(self) -> list[str]:
        return [server["code"] for server in self.must("server", "list", "-o", "json").json["servers"]]

    def settings(self) -> str:
        """Return the settings file as it stands on disk."""
        return self.config.read_text(encoding="utf-8")


@pytest.fixture
def mailctl(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Mailctl:
    monkeypatch.delenv("MAILCTL_NO_INPUT", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return Mailctl(tmp_path / "mailctl.toml", capsys, monkeypatch)


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[tuple[str, str], str]]:
    """The entries of a keyring in memory."""
    Memory.reset()
    monkeypatch.setenv("MAILCTL_KEYRING_BACKEND", f"{MODULE}.Memory")
    yield Memory.entries
    Memory.reset()


@pytest.fixture
def headless(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A machine without D-Bus; its home folder."""
    home = tmp_path_factory.mktemp("home")
    for name in ("DBUS_SESSION_BUS_ADDRESS", "MAILCTL_KEYRING_BACKEND", "PYTHON_KEYRING_BACKEND", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment_without_bus(home).items():
        if name in ("HOME", "XDG_RUNTIME_DIR"):
            monkeypatch.setenv(name, value)
    return home


@pytest.fixture
def graph() -> Iterator[GraphServer]:
    """A Graph in which Alice has a mailbox; it takes no token before a test tells it of one."""
    with GraphServer(token="nobody's yet", mailbox=ALICE.address) as server:
        yield server
