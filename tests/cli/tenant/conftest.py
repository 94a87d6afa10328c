"""An installation with a vault, a global sender on a catalogue server, and another server that wants no login."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl

Show = Callable[[str], dict[str, Any]]


@pytest.fixture
def site(mailctl: Mailctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mailctl:
    monkeypatch.setenv("GLOBAL_PASSWORD", "global-canary-4711")
    monkeypatch.setenv("TENANT_PASSWORD", "tenant-canary-4712")
    mailctl.must("secret", "backend", "vault", "--key-file", tmp_path / "vault.key")
    mailctl.add_server("hq", "--smtp-auth", "plain")
    mailctl.add_server("branch", "--smtp-auth", "login", "--smtp-host", "branch.example.org")
    mailctl.must(
        "sysmail", "set", "--address", "noreply@example.org", "--sender-name", "Example", "--server", "hq",
        "--username", "noreply", "--password-from", "env:GLOBAL_PASSWORD",
    )  # fmt: skip
    return mailctl


@pytest.fixture
def show(mailctl: Mailctl) -> Show:
    """Return what `tenant show CODE -o json` says."""
    return lambda code: mailctl.must("tenant", "show", code, "-o", "json").json["tenant"]
