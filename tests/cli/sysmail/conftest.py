"""A settings file with a vault, a catalogue server that wants a login, and one that does not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Mailctl


@pytest.fixture
def site(mailctl: Mailctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mailctl:
    monkeypatch.setenv("PASSWORD", "env-canary-4711")
    mailctl.must("secret", "backend", "vault", "--key-file", tmp_path / "vault.key")
    mailctl.add_server("hq", "--smtp-auth", "plain")
    mailctl.add_server("open", "--smtp-host", "open.example.org")
    return mailctl


@pytest.fixture
def show(mailctl: Mailctl) -> Callable[[], dict[str, Any]]:
    """Return what `sysmail show -o json` says of the account."""
    return lambda: mailctl.must("sysmail", "show", "-o", "json").json["sysmail"]
