"""The state of grants: whether a mailbox is authorised, why not, and until when that holds."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct

from mailctl.credentials import Secrets
from mailctl.errors import AuthenticationError, NotFoundError, UsageError
from mailctl.model.oauth import Flow, Provider
from mailctl.model.settings import Settings
from mailctl.services.oauth.expiry import End, find_end, warn_of_end
from mailctl.services.oauth.grants import (
    Grant,
    authorise_command,
    find_grant,
    find_reference,
    why_unusable,
)
from mailctl.services.oauth.subjects import Subject, get_subject


class Condition(StrEnum):
    GRANTED = "granted"
    NOT_GRANTED = "not-granted"
    EXPIRED = "expired"
    BROKEN = "broken"


class GrantState(Struct, frozen=True, kw_only=True):
    """What can be said of a target's grant; there is no secret in it.

    `why`: a sentence, None where it is granted; `remedy`: what is to be done beside what `next` does. Times
    are Unix times; `token_expires_at`: of the access token that is kept. `ends_at`: the next expiry that matters, a new
    access token being had at any time; None also where the day is not known. `ends_because`: what it depends on.
    `missing_scopes`: asked for and not granted. `next`: the command that mends what is not granted. `warnings`: what
    will have to be done soon.
    """

    target: str
    condition: Condition
    why: str | None = None
    remedy: str | None = None
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
    next: str | None = None
    warnings: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return self.condition is Condition.GRANTED


def describe_grant(settings: Settings, secrets: Secrets, name: str) -> GrantState:
    """Return the state of a target's grant, as far as it is known here; nothing is written or asked for.

    Raises NotFoundError where there is neither such a target nor such a grant, UsageError where the target has no
    OAuth client and no grant, SecretStoreError where the place of the grant cannot be used.
    """
    try:
        subject = get_subject(settings, name)
    except (NotFoundError, UsageError) as error:
        if find_reference(settings, name) is None:
            raise
        return GrantState(target=name, condition=Condition.NOT_GRANTED, why=error.message, remedy=error.hint)
    client = subject.client
    about: dict[str, Any] = {"target": name, "oauth_client": client.name, "provider": client.provider}
    mending: dict[str, Any] = {"next": authorise_command(name)}
    try:
        grant = find_grant(settings, secrets, name)
    except AuthenticationError as error:
        return GrantState(**about, **mending, condition=Condition.BROKEN, why=error.message)
    if grant is None:
        lost = find_reference(settings, name)
        why = f"there is no secret at {lost}" if lost else "nobody has authorised it"
        return GrantState(**about, **mending, condition=Condition.NOT_GRANTED, why=why)
    end = find_end(grant, client, secrets)
    condition, why_not, next_command = _judge(grant, subject, end)
    return GrantState(
        **about,
        condition=condition,
        why=why_not,
        remedy=grant.remedy if condition is Condition.BROKEN else None,
        username=grant.username,
        flow=grant.flow,
        scopes=grant.scopes,
        missing_scopes=grant.missing_scopes,
        granted_at=grant.granted_at,
        last_refresh=grant.last_refresh,
        token_expires_at=grant.expires_at,
        ends_at=end.known_at if end else None,
        ends_because=end.because if end else None,
        next=next_command,
        warnings=tuple(warn_of_end(end)) if condition is Condition.GRANTED else (),
    )


def _judge(grant: Grant, subject: Subject, end: End | None) -> tuple[Condition, str | None, str | None]:
    """Return the condition; where it is not granted, why, and the command that mends it."""
    if why := why_unusable(grant, subject.client, subject.username):
        return Condition.NOT_GRANTED, why, subject.authorise_command
    if grant.broken:
        return Condition.BROKEN, grant.broken, subject.authorise_command
    if end and end.has_come:
        why = f"it ended on {end.day}: {end.because}"
        return Condition.EXPIRED, why, end.mended_by or subject.authorise_command
    return Condition.GRANTED, None, None
