"""The state of the account's grant as `sysmail show` tells it, with a token of a real authorisation server."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.servers.authorisation_server import MAIL_SCOPES, AuthorisationServer

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl


def test_not_granted_granted_and_of_another_client(
    site: Mailctl, sysmail: Callable[[], Any], authorisation_server: AuthorisationServer
) -> None:
    service = authorisation_server.clients.service
    for name in ("machine", "other"):
        site.must(
            "oauth", "client", "add", name, "--provider", "custom", "--client-id", service.id, "--scope",
            MAIL_SCOPES[0], "--token-url", authorisation_server.token_url, "--client-secret-stdin",
            stdin=(service.secret or "").encode(),
        )  # fmt: skip
    site.must("sysmail", "set", "--address", "noreply@example.org", "--oauth-client", "machine", "--smtp-host", "h")
    assert sysmail()["grant"]["condition"] == "not-granted"
    site.must("oauth", "authorize", "sysmail", "--flow", "client-credentials")
    assert sysmail()["grant"]["condition"] == "granted"
    assert "oauth          Granted\n" in site.must("sysmail", "show").out
    assert "not granted" not in site.must("sysmail", "set", "--sender-name", "HQ").err
    moved = site.must("sysmail", "set", "--address", "alerts@example.org")
    assert "the authorisation was given for noreply@example.org" in moved.err
    assert "the authorisation was" not in site.must("sysmail", "set", "--sender-name", "Office").err
    changed = site.must("sysmail", "set", "--oauth-client", "other")
    assert "OAuth: not granted" in changed.err
    assert "authorised through the OAuth client 'machine'" in site.must("sysmail", "show").out
