"""A settings file with a vault and one OAuth client of each kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl

OWN = ("--authorize-url", "https://login.example.org/authorize", "--token-url", "https://login.example.org/token")


@pytest.fixture
def site(mailctl: Mailctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mailctl:
    """Clients `google`, `ms`, `own` (custom) and `china` (Microsoft with endpoints of a national cloud)."""
    monkeypatch.setenv("SECRET", "env-canary-4711")
    mailctl.must("secret", "backend", "vault", "--key-file", tmp_path / "vault.key")
    for name, *options in (
        ("google", "--provider", "google", "--client-secret-from", "env:SECRET"),
        ("ms", "--provider", "microsoft", "--directory-id", "contoso"),
        ("own", "--provider", "custom", *OWN),
        ("china", "--provider", "microsoft", *OWN, "--graph-url", "https://microsoftgraph.chinacloudapi.cn"),
    ):
        mailctl.must("oauth", "client", "add", name, "--client-id", f"id-of-{name}", *options)
    return mailctl


@pytest.fixture
def server(mailctl: Mailctl) -> Callable[[str], Any]:
    """Return what `server show -o json` says of a server."""
    return lambda code: mailctl.must("server", "show", code, "-o", "json").json["server"]


@pytest.fixture
def sysmail(mailctl: Mailctl) -> Callable[[], Any]:
    """Return what `sysmail show -o json` says of the account."""
    return lambda: mailctl.must("sysmail", "show", "-o", "json").json["sysmail"]
