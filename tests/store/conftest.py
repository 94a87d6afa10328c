"""What the tests of the settings file share: a file in a folder of its own, and servers to put into it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from mailctl.model.decode import decode_or_raise
from mailctl.model.server import Server
from mailctl.model.settings import Settings
from mailctl.store import SettingsFile


@pytest.fixture
def settings_file(tmp_path):
    folder = tmp_path / "config"
    folder.mkdir(mode=0o700)
    return SettingsFile(folder / "mailctl.toml")


@pytest.fixture
def write(settings_file):
    """Write the settings file as an editor would, with an editor's careful mode."""

    def write(content: str | bytes) -> None:
        settings_file.path.write_bytes(content if isinstance(content, bytes) else content.encode())
        settings_file.path.chmod(0o600)

    return write


@pytest.fixture
def make_server() -> Callable[..., Server]:
    def make_server(code: str, **fields) -> Server:
        given = {
            "code": code,
            "name": f"Server {code}",
            "smtp": {"host": "smtp.example.com"},
            "incoming": {"protocol": "imap", "host": "imap.example.com"},
        }
        return decode_or_raise(Server, given | fields)

    return make_server


@pytest.fixture
def adding():
    """The edit that puts a server at the end."""

    def adding(server: Server) -> Callable[[Settings], Settings]:
        return lambda settings: replace(settings, servers=(*settings.servers, server))

    return adding
