"""New access tokens from a grant. RFC 6749, 6."""

from __future__ import annotations

from collections.abc import Sequence

from mailctl.model.secret import Secret
from mailctl.oauth.explanations import Act
from mailctl.oauth.refusals import Occasion
from mailctl.oauth.registration import Registration
from mailctl.oauth.tokens import TokenReply


def refresh_grant(
    registration: Registration, refresh_token: Secret, scopes: Sequence[str] = (), *, timeout_seconds: float = 30
) -> TokenReply:
    """Return a new access token; with it a new refresh token if the provider replaces them, to be stored before use.

    Raises AuthenticationError, after which the grant is dead if its reason is one of `reasons.GRANT_ENDING`;
    TemporaryError, NetworkError, TLSError and ProtocolError say nothing about the grant.
    """
    from mailctl.oauth import token_endpoint

    occasion = Occasion.of(Act.REFRESH, registration.client, scopes)
    return token_endpoint.refresh_token(registration, refresh_token, occasion, timeout_seconds=timeout_seconds)
