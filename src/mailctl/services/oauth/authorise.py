"""Authorising a mailbox: which flow, the person's part in it, and the grant that is kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from shlex import quote

from mailctl.credentials import Secrets
from mailctl.errors import AuthenticationError, MissingInputError, SecretError, SettingsError, UsageError
from mailctl.model.oauth import Flow, OAuthClient, Provider, scopes_for
from mailctl.model.oauth_flows import can_do, require_flow
from mailctl.model.secret import Secret, SecretRef
from mailctl.model.target_name import SYSTEM_MAIL
from mailctl.oauth.authorisation import (
    PendingAuthorisation,
    begin_authorisation,
    parse_redirect,
    paste_redirect_uri,
    redeem_code,
)
from mailctl.oauth.device import DevicePrompt
from mailctl.oauth.tokens import TokenReply
from mailctl.services.oauth.expiry import GOOGLE_TESTING_DAYS, NO_REFRESH_TOKEN
from mailctl.services.oauth.grant_state import GrantState
from mailctl.services.oauth.grants import (
    WITHOUT_PERSON,
    Grant,
    find_grant,
    pending_name,
    put_reference,
    secret_name,
    split_name,
)
from mailctl.services.oauth.registrations import read_registration
from mailctl.services.oauth.subjects import Subject
from mailctl.services.oauth.tokens import Tokens, request_without_person
from mailctl.services.secrets.transactions import SecretsChange, bind_namespace, change_with_secrets
from mailctl.store import SettingsFile

_WITH_PERSON = (Flow.BROWSER, Flow.DEVICE, Flow.PASTE)


@dataclass(frozen=True, kw_only=True)
class Person:
    """Who signs in, as far as there is anybody: what they are told, and what is asked of them.

    `show_url`: of the sign-in page, in the browser flow. `tell_code`: of the device flow. `ask_redirect`: of the paste
    flow, shows the URL and returns what the person pastes.
    """

    show_url: Callable[[str], None]
    tell_code: Callable[[DevicePrompt], None]
    ask_redirect: Callable[[str], Secret]
    timeout_seconds: float | None = None


def choose_flow(
    client: OAuthClient, wanted: Flow | None, *, mailbox: str | None = None, has_person: bool, has_browser: bool
) -> Flow:
    """Return the flow to take for a mailbox: the wanted one, else the first that the client and this machine can do.

    Raises UsageError where the client cannot do the wanted one, MissingInputError where a person is needed and there
    is none.
    """
    if wanted is not None:
        require_flow(client, wanted, mailbox)
        if wanted in _WITH_PERSON and not has_person:
            raise _no_person_error(client, wanted, mailbox)
        return wanted
    possible = [flow for flow in Flow if can_do(client, flow, mailbox)]
    for flow in _WITH_PERSON:
        if has_person and flow in possible and (has_browser or flow is not Flow.BROWSER):
            return flow
    alone = [flow for flow in possible if flow in WITHOUT_PERSON]
    if alone and (has_person or len(alone) == len(possible)):
        return alone[0]
    if not possible:
        require_flow(client, Flow.BROWSER, mailbox)
    raise _no_person_error(client, None, mailbox)


def _no_person_error(client: OAuthClient, wanted: Flow | None, mailbox: str | None) -> MissingInputError:
    alone = [f"--flow {flow}" for flow in WITHOUT_PERSON if can_do(client, flow, mailbox)]
    what = (
        f"--flow {wanted} waits for a person" if wanted else "missing: --flow or --print-url; a person has to sign in"
    )
    choices = [*alone, "--print-url and then --resume", "a terminal"]
    return MissingInputError(
        f"{what}, and nobody can be asked here",
        hint=f"take {', or '.join(choices)}",
        details={"missing": ["--flow", "--print-url"]},
    )


@dataclass(frozen=True)
class Authoriser:
    """Authorises the targets of one settings file, and ends that."""

    file: SettingsFile
    secrets: Secrets

    def authorise(self, subject: Subject, flow: Flow, person: Person | None) -> SecretsChange:
        """Go through a flow and keep the grant.

        The secret store is tried out before anybody is asked for anything. Raises SecretError, and MailError of what
        the provider or the person refuses.
        """
        self.secrets.probe()
        scopes = scopes_for(subject.client, flow, graph=subject.sending.graph)
        if flow in WITHOUT_PERSON:
            reply = request_without_person(subject, flow, self.secrets, scopes, subject.username)
        elif person is None:
            raise _no_person_error(subject.client, flow, subject.username)
        else:
            reply = self._ask_person(subject, flow, person, scopes)
        return self._keep(subject, flow, scopes, reply)

    def begin(self, subject: Subject) -> PendingAuthorisation:
        """Begin the paste flow, to be ended by `resume` in another call within some minutes.

        Raises SecretError where the attempt, or later the grant, could not be kept.
        """
        require_flow(subject.client, Flow.PASTE)
        self.secrets.probe()
        pending = self._begin(subject)
        secrets = bind_namespace(self.file, self.secrets)
        secrets.store(pending_name(subject.name), pending.to_secret())
        return pending

    def resume(self, subject: Subject, redirect: Secret) -> SecretsChange:
        """End the paste flow that `begin` began, with the address that the browser was sent to.

        Raises UsageError where none was begun, InvalidValueError where that is no such address; after either, and
        after an address of another attempt, it can be tried again.
        """
        reference = self._pending_reference(subject)
        kept = self.secrets.find(reference)
        if kept is None:
            raise UsageError(
                f"nobody has begun to authorise {subject.name}, so there is nothing to resume",
                hint=f"`{subject.authorise_command} --print-url` begins",
            )
        try:
            pending = PendingAuthorisation.from_secret(kept)
            pending.require_current()
        except AuthenticationError:
            self.secrets.delete(reference)
            raise
        if pending.client_name != subject.client.name:
            raise UsageError(
                f"the attempt was begun through the OAuth client '{pending.client_name}', not '{subject.client.name}'",
                hint=f"`{subject.authorise_command} --print-url` begins anew",
            )
        code = parse_redirect(redirect.reveal(), pending, subject.client)
        try:
            reply = self._redeem(subject, pending, code)
        finally:
            self.secrets.delete(reference)  # a code is good for one try
        return self._keep(subject, Flow.PASTE, pending.scopes, reply)

    def revoke(self, name: str, *, dry_run: bool = False) -> tuple[SecretsChange, bool]:
        """End a grant at the provider, then delete it here; the second value tells whether the provider could.

        Raises what the provider refuses for, or why it cannot be asked: then nothing is deleted.
        """
        with nullcontext() if dry_run else Tokens(self.file, self.secrets).locked(name):
            ended = not dry_run and self._revoke_at_provider(name)
            change = change_with_secrets(
                self.file, self.secrets, lambda settings, _new: put_reference(settings, name, None), dry_run=dry_run
            )
        return change, ended

    def _revoke_at_provider(self, name: str) -> bool:
        from mailctl.oauth.revoke import revoke_token

        settings = self.file.load()
        try:
            grant = find_grant(settings, self.secrets, name)
        except AuthenticationError:  # whatever is kept there, it ends nothing at a provider
            return False
        client = settings.find_oauth_client(grant.client) if grant else None
        if grant is None or client is None or client.client_id != grant.client_id:
            return False
        token = grant.refresh_token or grant.access_token
        if token is None:
            return False
        return revoke_token(read_registration(client, self.secrets, grant.flow), token)

    def _ask_person(self, subject: Subject, flow: Flow, person: Person, scopes: Sequence[str]) -> TokenReply:
        registration = read_registration(subject.client, self.secrets, flow)
        if flow is Flow.BROWSER:
            from mailctl.oauth.browser import SIGN_IN_SECONDS, authorise_in_browser

            return authorise_in_browser(
                registration,
                scopes,
                username=subject.username,
                timeout_seconds=person.timeout_seconds or SIGN_IN_SECONDS,
                show_url=person.show_url,
            )
        if flow is Flow.DEVICE:
            from mailctl.oauth.device import authorise_by_device

            return authorise_by_device(
                registration, scopes, tell=person.tell_code, timeout_seconds=person.timeout_seconds
            )
        pending = self._begin(subject)
        redirect = person.ask_redirect(pending.url)
        pending.require_current()
        return self._redeem(subject, pending, parse_redirect(redirect.reveal(), pending, subject.client))

    def _begin(self, subject: Subject) -> PendingAuthorisation:
        scopes = scopes_for(subject.client, Flow.PASTE, graph=subject.sending.graph)
        uri = paste_redirect_uri(subject.client)
        return begin_authorisation(subject.client, scopes, uri, username=subject.username)

    def _redeem(self, subject: Subject, pending: PendingAuthorisation, code: Secret) -> TokenReply:
        return redeem_code(read_registration(subject.client, self.secrets, Flow.PASTE), pending, code)

    def _pending_reference(self, subject: Subject) -> SecretRef:
        return self.secrets.reference(pending_name(subject.name))

    def _keep(self, subject: Subject, flow: Flow, asked: Sequence[str], reply: TokenReply) -> SecretsChange:
        grant = Grant(
            client=subject.client.name,
            client_id=subject.client.client_id,
            username=subject.username,
            flow=flow,
            asked=tuple(asked),
            scopes=reply.scopes,
            missing_scopes=reply.missing(asked),
            granted_at=time.time(),
            refresh_token=reply.refresh_token,
            access_token=reply.access_token,
            expires_at=reply.expires_at,
        )
        name = secret_name(subject.name)
        try:
            with Tokens(self.file, self.secrets).locked(subject.name):
                return change_with_secrets(
                    self.file,
                    self.secrets,
                    lambda settings, references: put_reference(settings, subject.name, references[name]),
                    {name: grant.to_secret()},
                )
        except (SecretError, SettingsError) as error:
            # The secret store was there before the provider was asked.
            lost = "what the provider granted could not be kept, and is lost"
            error.hint = "; ".join(filter(None, (error.hint, f"{lost}: then `{subject.authorise_command}` once more")))
            raise


def list_remarks(state: GrantState) -> Iterator[str]:
    """Yield what a person should know of a grant right after it was given."""
    yield from state.warnings
    if state.missing_scopes:
        yield f"asked for and not granted: {' '.join(state.missing_scopes)}; what needs them will be refused"
    if state.ends_because == NO_REFRESH_TOKEN:
        yield "the provider gave no refresh token, so this ends with the access token"
    if state.provider is Provider.GOOGLE and state.flow is not Flow.SERVICE_ACCOUNT:
        yield (
            'if the app is External and its publishing status is "Testing", Google ends this after '
            f"{GOOGLE_TESTING_DAYS} days; publish the app, or make it Internal (Google Auth Platform, Audience)"
        )


def test_command(subject: Subject) -> str:
    """Return the command that proves a grant, by a login."""
    code, username = split_name(subject.name)
    if code is not None:
        return f"mailctl test receive {quote(code)} --username {quote(username or '')}"
    if "@" in subject.name:
        return f"mailctl test receive {quote(subject.name)}"
    return f"mailctl test send{'' if subject.name == SYSTEM_MAIL else ' ' + quote(subject.name)} --to ADDRESS"
