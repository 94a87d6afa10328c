"""A keyring in memory, and one that is not there, for the commands that need either."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.credentials.keyring_doubles import MODULE, Memory
from tests.servers.secret_service import environment_without_bus


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
