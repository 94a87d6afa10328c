"""Tokens without a person: client credentials, and service accounts that act for a mailbox. RFC 6749, 4.4; RFC 7523."""

from __future__ import annotations

from collections.abc import Sequence

from mailctl.errors import BugError
from mailctl.model.oauth import Flow
from mailctl.oauth.assertions import delegation_assertion, parse_service_account
from mailctl.oauth.explanations import Act
from mailctl.oauth.refusals import Occasion
from mailctl.oauth.registration import Registration
from mailctl.oauth.tokens import TokenReply


def request_app_token(registration: Registration, scopes: Sequence[str], *, timeout_seconds: float = 30) -> TokenReply:
    """Return a token of the application itself, which its secret or certificate vouches for.

    Raises as `token_endpoint.fetch_token`, and AuthenticationError of reason `key`.
    """
    from oauthlib.oauth2 import BackendApplicationClient  # type: ignore[import-untyped]  # the package has no types

    from mailctl.oauth.token_endpoint import fetch_token

    occasion = Occasion.of(Act.APP, registration.client, scopes)
    return fetch_token(
        registration,
        BackendApplicationClient(registration.client.client_id),
        {"scope": " ".join(scopes)},
        occasion,
        timeout_seconds=timeout_seconds,
    )


def request_delegated_token(
    registration: Registration, mailbox: str, scopes: Sequence[str], *, timeout_seconds: float = 30
) -> TokenReply:
    """Return a token for a mailbox, for which a service account has been given domain-wide delegation.

    Raises as `request_app_token`.
    """
    from mailctl.oauth.jwt_bearer import JwtBearerClient
    from mailctl.oauth.token_endpoint import fetch_token

    if registration.service_account is None:
        raise BugError(f"no service account was read for --flow {Flow.SERVICE_ACCOUNT}")
    account = parse_service_account(registration.service_account)
    token_url = registration.client.endpoints.token
    assertion = delegation_assertion(account, mailbox, scopes, token_url)
    occasion = Occasion.of(Act.DELEGATE, registration.client, scopes, client_id=account.client_id)
    return fetch_token(
        registration,
        JwtBearerClient(account.email),
        {"assertion": assertion},
        occasion,
        timeout_seconds=timeout_seconds,
        anonymous=True,
    )
