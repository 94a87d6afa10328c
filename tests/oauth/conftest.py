"""Clients of the real authorisation server."""

from __future__ import annotations

import pytest

from mailctl.model.oauth import OAuthClient, Provider
from mailctl.model.secret import Secret
from mailctl.oauth.registration import Registration


@pytest.fixture
def registration_of(authorisation_server):
    """Return a function that makes the registration of one of the server's clients, with other secrets if given."""
    server = authorisation_server

    def build(client, *, provider=Provider.CUSTOM, **secrets):
        if client.secret:
            secrets.setdefault("secret", Secret(client.secret))
        registered = OAuthClient(
            name="test",
            provider=provider,
            client_id=client.id,
            authorize_url=server.authorise_url,
            token_url=server.token_url,
            device_url=server.device_url,
            revoke_url=server.revocation_url,
        )
        return Registration(client=registered, **secrets)

    return build
