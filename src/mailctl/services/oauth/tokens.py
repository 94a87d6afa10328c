"""Access tokens from grants: kept until shortly before their end, and renewed by one process at a time.

A renewal holds the grant's lock from before the grant is read again until what the provider gave is stored: of two
processes that need a token, the second finds the first one's. A provider may replace the refresh token at each use,
so what it gives is stored, and read back, before any of it is used.
"""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass

from msgspec import Struct
from msgspec.structs import replace

from mailctl.credentials import Secrets, stored_name
from mailctl.durable import lock_file, resolve_target
from mailctl.errors import (
    AuthenticationError,
    MailctlError,
    MissingInputError,
    SecretStoreError,
    SettingsWriteError,
)
from mailctl.model.oauth import Flow, Provider, scopes_for
from mailctl.model.secret import Secret
from mailctl.model.settings import SecretBackend, Settings
from mailctl.oauth.reasons import GRANT_ENDING, OAuthReason
from mailctl.oauth.tokens import TokenReply
from mailctl.services.oauth.grants import (
    WITHOUT_PERSON,
    Grant,
    authorise_command,
    find_grant,
    find_reference,
    why_unusable,
)
from mailctl.services.oauth.registrations import read_registration
from mailctl.services.oauth.subjects import Subject, get_subject
from mailctl.store import SettingsFile

_MARGIN_SECONDS = 60.0
"""A token that ends sooner may end on its way to the server, or during a session's next login."""

_CALL_SECONDS = 30.0


class AccessToken(Struct, frozen=True, kw_only=True):
    """A token to log in with. `expires_at`: Unix time. `renewed`: whether the provider was asked for it now.

    `app_only`: whether it is the application's own, and no user's.
    """

    grant: str
    secret: Secret
    expires_at: float | None
    scopes: tuple[str, ...]
    renewed: bool
    app_only: bool


@dataclass(frozen=True)
class Tokens:
    """The access tokens of the grants of one settings file. `timeout_seconds` bounds a call of a provider."""

    file: SettingsFile
    secrets: Secrets
    timeout_seconds: float = _CALL_SECONDS

    def within(self, seconds: float) -> Tokens:
        """Return the same, a provider's answer being waited for no longer."""
        return dataclasses.replace(self, timeout_seconds=min(seconds, self.timeout_seconds))

    def get(self, name: str, *, graph: bool = False) -> AccessToken:
        """Return a token of the grant of that name, for mail or for Microsoft Graph.

        Raises AuthenticationError where a person has to authorise (again), or the provider refuses the OAuth client;
        SecretError before anything is contacted; NetworkError, TLSError, TemporaryError and ProtocolError of the
        provider, which leave the grant as it is.
        """
        present = self._read(name, graph=graph)
        if present.grant.broken:
            raise _broken_error(name, present.grant.broken, present.grant.remedy)
        return present.kept_token or self._renew(present, force=False)

    def renew(self, name: str, *, graph: bool = False) -> AccessToken:
        """Return a new token, whatever is kept; a broken grant is tried, too. Raises as `get`."""
        return self._renew(self._read(name, graph=graph), force=True)

    def forget(self, token: AccessToken) -> None:
        """Let a token that a server refused not be used again: the next one tells what has become of the grant."""
        with suppress(MailctlError), self.locked(token.grant):
            settings = self.file.load()
            grant = find_grant(settings, self._secrets(settings), token.grant)
            if grant and grant.access_token == token.secret:
                self._store(token.grant, replace(grant, access_token=None, expires_at=None))

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Hold the lock of a grant; raises as `lock_file`."""
        folder = resolve_target(self.file.path).parent
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        # Who holds it may wait for the provider, and then for the secret store.
        seconds = 2 * self.timeout_seconds
        with lock_file(folder / f".{self.file.path.stem}.grant-{digest}", timeout_seconds=seconds):
            yield

    def _secrets(self, settings: Settings) -> Secrets:
        return self.secrets.with_options(settings.secrets)

    def _read(self, name: str, *, graph: bool) -> _Present:
        """Return what is there now; raises AuthenticationError where that is no grant to get a token from."""
        settings = self.file.load()
        subject = get_subject(settings, name)
        secrets = self._secrets(settings)
        grant = find_grant(settings, secrets, name)
        if grant is None:
            raise _not_granted_error(name)
        if why := why_unusable(grant, subject.client, subject.username):
            raise _not_granted_error(name, why)
        return _Present(subject, grant, secrets, graph)

    def _renew(self, before: _Present, *, force: bool) -> AccessToken:
        with self._locked_for(before):
            present = self._read(before.name, graph=before.graph)
            # What another process got while this one waited for the lock is as good as one of its own.
            is_others = present.grant.access_token != before.grant.access_token
            if present.kept_token and (is_others or not force):
                return present.kept_token
            if present.grant.broken and not force:
                raise _broken_error(present.name, present.grant.broken, present.grant.remedy)
            reply = self._ask_provider(present)
            renewed = _renewed(present, reply)
            # A token that needs no other to be renewed is good also where it cannot be kept.
            with suppress(SecretStoreError) if reply.refresh_token is None else nullcontext():
                self._store(present.name, renewed)
        return AccessToken(
            grant=present.name,
            secret=reply.access_token,
            expires_at=reply.expires_at,
            scopes=reply.scopes,
            renewed=True,
            app_only=present.is_app_only,
        )

    @contextmanager
    def _locked_for(self, present: _Present) -> Iterator[None]:
        """Hold the lock; who may only read the settings' folder still gets tokens that need no other to be renewed."""
        with ExitStack() as stack:
            try:
                stack.enter_context(self.locked(present.name))
            except SettingsWriteError:
                if present.grant.flow not in WITHOUT_PERSON:
                    raise
            yield

    def _ask_provider(self, present: _Present) -> TokenReply:
        try:
            return _request(present, self.timeout_seconds)
        except AuthenticationError as error:
            if error.reason not in GRANT_ENDING or present.grant.flow in WITHOUT_PERSON:
                raise
            remedy = _remedy_of(error)
            broken = replace(present.grant, broken=error.message, remedy=remedy, access_token=None, expires_at=None)
            self._store(present.name, broken)
            raise _broken_error(present.name, error.message, remedy, error) from error

    def _store(self, name: str, grant: Grant) -> None:
        """Store a grant, read back, where the settings now say: it may have been moved while the provider was asked."""
        settings = self.file.load()
        reference = find_reference(settings, name)
        if reference is None:
            return
        secrets = self._secrets(settings)
        if not secrets.owns(reference):
            raise SecretStoreError(
                f"the grant of {name} is kept at {reference}, which is not mailctl's own to write",
                hint=f"`{authorise_command(name)}` makes one that is",
            )
        secrets.store(stored_name(reference), grant.to_secret(), SecretBackend(reference.kind))


@dataclass(frozen=True)
class _Present:
    """A grant as it is now, and what its token is wanted for."""

    subject: Subject
    grant: Grant
    secrets: Secrets
    graph: bool

    @property
    def name(self) -> str:
        return self.subject.name

    @property
    def asked(self) -> tuple[str, ...]:
        return scopes_for(self.subject.client, self.grant.flow, graph=self.graph)

    @property
    def is_app_only(self) -> bool:
        return self.grant.flow is Flow.CLIENT_CREDENTIALS

    @property
    def kept_token(self) -> AccessToken | None:
        """The token that is kept, if it is for the wanted scopes and lasts."""
        grant = self.grant
        if grant.access_token is None or grant.expires_at is None or grant.asked != self.asked:
            return None
        if grant.expires_at - time.time() < _MARGIN_SECONDS:
            return None
        return AccessToken(
            grant=self.name,
            secret=grant.access_token,
            expires_at=grant.expires_at,
            scopes=grant.scopes,
            renewed=False,
            app_only=self.is_app_only,
        )


def _request(present: _Present, timeout_seconds: float) -> TokenReply:
    """Ask the provider for a new token, in the way of the grant's flow."""
    grant, client = present.grant, present.subject.client
    if grant.flow in WITHOUT_PERSON:
        return request_without_person(
            present.subject, grant.flow, present.secrets, present.asked, grant.username, timeout_seconds
        )
    if grant.refresh_token is None:
        raise _not_granted_error(present.name, "its access token has ended, and the provider gave no refresh token")
    from mailctl.oauth.refresh import refresh_grant

    registration = read_registration(client, present.secrets, grant.flow)
    # Microsoft's refresh tokens are for all resources, of which a request names one; elsewhere the scopes stay.
    scopes = present.asked if client.provider is Provider.MICROSOFT else ()
    reply = refresh_grant(registration, grant.refresh_token, scopes, timeout_seconds=timeout_seconds)
    return reply if reply.scopes else replace(reply, scopes=grant.scopes)


def request_without_person(
    subject: Subject,
    flow: Flow,
    secrets: Secrets,
    scopes: Sequence[str],
    mailbox: str | None,
    timeout_seconds: float = _CALL_SECONDS,
) -> TokenReply:
    """Return a token of a flow in which nobody signs in; `mailbox`: whom a service account acts for."""
    from mailctl.oauth.app_only import request_app_token, request_delegated_token

    registration = read_registration(subject.client, secrets, flow)
    if flow is Flow.CLIENT_CREDENTIALS:
        return request_app_token(registration, scopes, timeout_seconds=timeout_seconds)
    if mailbox is None:
        raise MissingInputError(f"missing: --username, the mailbox that the service account acts for in {subject.name}")
    return request_delegated_token(registration, mailbox, scopes, timeout_seconds=timeout_seconds)


def _renewed(present: _Present, reply: TokenReply) -> Grant:
    grant, asked = present.grant, present.asked
    return replace(
        grant,
        asked=asked,
        scopes=reply.scopes,
        missing_scopes=reply.missing(asked),
        refresh_token=reply.refresh_token or grant.refresh_token,
        access_token=reply.access_token,
        expires_at=reply.expires_at,
        last_refresh=time.time(),
        broken=None,
        remedy=None,
    )


def _not_granted_error(name: str, why: str = "") -> AuthenticationError:
    return AuthenticationError(
        f"{name} is not authorised{why and f': {why}'}",
        reason=OAuthReason.SIGN_IN_NEEDED,
        hint=f"`{authorise_command(name)}` authorises it",
        details={"target": name, "authorise": authorise_command(name)},
    )


def _remedy_of(error: AuthenticationError) -> str | None:
    """Return what there is to do beside authorising again."""
    from mailctl.oauth.explanations.row import AUTHORISE_AGAIN  # few grants end

    return None if error.hint == AUTHORISE_AGAIN else error.hint


def _broken_error(
    name: str, why: str, remedy: str | None, error: AuthenticationError | None = None
) -> AuthenticationError:
    again = f"`{authorise_command(name)}`"
    return AuthenticationError(
        f"the authorisation of {name} is broken: {why}",
        reason=error.reason if error else OAuthReason.GRANT_DEAD,
        reply=error.reply if error else None,
        hint=f"{remedy} ({again})" if remedy else f"authorise again: {again}",
        details={**(error.details if error else {}), "target": name, "authorise": authorise_command(name)},
    )
