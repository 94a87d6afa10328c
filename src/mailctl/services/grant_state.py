"""The state of grants: whether a mailbox is authorised, why not, and until when that holds."""

from __future__ import annotations

import time
from enum import StrEnum
from typing import Any, NamedTuple

from msgspec import Struct

from mailctl.credentials import Secrets
from mailctl.errors import AuthenticationError, NotFoundError, UsageError
from mailctl.model.oauth import Flow, OAuthClient, Provider
from mailctl.model.settings import Settings
from mailctl.services.grants import (
    WITHOUT_PERSON,
    Grant,
    authorise_command,
    find_grant,
    find_reference,
    get_subject,
    why_unusable,
)

_DAY_SECONDS = 86_400.0
_MICROSOFT_UNUSED_DAYS = 90
_GOOGLE_UNUSED_DAYS = 180
GOOGLE_TESTING_DAYS = 7
NO_REFRESH_TOKEN = "the provider gave no refresh token"  # noqa: S105 - what is said of it


class Condition(StrEnum):
    GRANTED = "granted"
    NOT_GRANTED = "not-granted"
    EXPIRED = "expired"
    BROKEN = "broken"


class GrantState(Struct, frozen=True, kw_only=True):
    """What can be said of a target's grant; there is no secret in it.

    `why`: a sentence, None where it is granted. Times are Unix times; `token_expires_at`: of the access token that is
    kept. `ends_at`: the next expiry that matters, a new access token being had at any time; `ends_because`: what it
    depends on. `missing_scopes`: asked for and not granted.
    """

    target: str
    condition: Condition
    why: str | None = None
    oauth_client: str | None = None
    provider: Provider | None = None
    username: str | None = None
    flow: Flow | None = None
    scopes: tuple[str, ...] = ()
    missing_scopes: tuple[str, ...] = ()
    granted_at: float | None = None
    last_refresh: float | None = None
    token_expires_at: float | None = None
    ends_at: float | None = None
    ends_because: str | None = None

    @property
    def ok(self) -> bool:
        return self.condition is Condition.GRANTED

    @property
    def authorise_command(self) -> str:
        return authorise_command(self.target)


class _End(NamedTuple):
    """An expiry. `certain`: a grant is expired from then on; otherwise it may be."""

    at: float
    because: str
    certain: bool = True


def describe_grant(settings: Settings, secrets: Secrets, name: str) -> GrantState:
    """Return the state of a target's grant, as far as it is known here; nothing is written or asked for.

    Raises NotFoundError where there is neither such a target nor such a grant, UsageError where the target has no
    OAuth client and no grant, SecretStoreError where the place of the grant cannot be used.
    """
    try:
        client = get_subject(settings, name).client
    except (NotFoundError, UsageError) as error:
        if find_reference(settings, name) is None:
            raise
        return GrantState(target=name, condition=Condition.NOT_GRANTED, why=error.message)
    about: dict[str, Any] = {"target": name, "oauth_client": client.name, "provider": client.provider}
    try:
        grant = find_grant(settings, secrets, name)
    except AuthenticationError as error:
        return GrantState(**about, condition=Condition.BROKEN, why=error.message)
    if grant is None:
        lost = find_reference(settings, name)
        why = f"there is no secret at {lost}" if lost else "nobody has authorised it"
        return GrantState(**about, condition=Condition.NOT_GRANTED, why=why)
    end = _find_end(grant, client, secrets)
    condition, why_not = _judge(grant, client, end)
    return GrantState(
        **about,
        condition=condition,
        why=why_not,
        username=grant.username,
        flow=grant.flow,
        scopes=grant.scopes,
        missing_scopes=grant.missing_scopes,
        granted_at=grant.granted_at,
        last_refresh=grant.last_refresh,
        token_expires_at=grant.expires_at,
        ends_at=end.at if end else None,
        ends_because=end.because if end else None,
    )


def _judge(grant: Grant, client: OAuthClient, end: _End | None) -> tuple[Condition, str | None]:
    if why := why_unusable(grant, client):
        return Condition.NOT_GRANTED, why
    if grant.broken:
        return Condition.BROKEN, grant.broken
    if end and end.certain and end.at <= time.time():
        return Condition.EXPIRED, f"it ended: {end.because}"
    return Condition.GRANTED, None


def _find_end(grant: Grant, client: OAuthClient, secrets: Secrets) -> _End | None:
    """Return the next expiry that matters."""
    if grant.flow in WITHOUT_PERSON:
        return _certificate_end(client, secrets)
    if grant.refresh_token is None:
        return _End(grant.expires_at, NO_REFRESH_TOKEN) if grant.expires_at else None
    if client.provider is Provider.MICROSOFT:
        ends = grant.used_at + _MICROSOFT_UNUSED_DAYS * _DAY_SECONDS
        return _End(ends, f"{_MICROSOFT_UNUSED_DAYS} days unused")
    if client.provider is Provider.GOOGLE:
        testing = grant.granted_at + GOOGLE_TESTING_DAYS * _DAY_SECONDS
        if time.time() < testing:
            return _End(testing, 'only if the app is External and in "Testing"', certain=False)
        return _End(grant.used_at + _GOOGLE_UNUSED_DAYS * _DAY_SECONDS, "6 months unused")
    return None


def _certificate_end(client: OAuthClient, secrets: Secrets) -> _End | None:
    if client.certificate is None:
        return None
    from cryptography import x509

    try:
        certificate = x509.load_pem_x509_certificate(secrets.path(client.certificate).read_bytes())
    except (OSError, ValueError):
        return None
    return _End(certificate.not_valid_after_utc.timestamp(), "the OAuth client's certificate ends")
