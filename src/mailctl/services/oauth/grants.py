"""Grants: the authorisation of one mailbox through one OAuth client, and where it is kept.

A grant is one secret, `oauth/TARGET`; the settings hold its reference (`secrets.grants`) and nothing else of it. So it
is listed, moved to another backend and deleted with its entry as every secret is, whatever a keyring can list.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from mailctl.credentials import Secrets
from mailctl.errors import AuthenticationError, InvalidValueError, MissingInputError, Problem
from mailctl.model.oauth import Flow, OAuthClient
from mailctl.model.secret import Secret, SecretRef, parse_secret_ref
from mailctl.model.settings import Settings
from mailctl.model.target_name import SYSTEM_MAIL
from mailctl.model.values import shown
from mailctl.oauth.reasons import OAuthReason

PENDING_PREFIX = "oauth-pending/"
_SERVER = "server:"

WITHOUT_PERSON = (Flow.CLIENT_CREDENTIALS, Flow.SERVICE_ACCOUNT)
"""Flows in which nobody signs in: a new token is had by the flow itself."""


class Grant(Struct, frozen=True, kw_only=True):
    """What is kept of an authorisation, as one secret.

    `client`, `client_id`: of the OAuth client that it came through. `username`: who signed in, or the mailbox that a
    service account acts for. `asked`: the scopes that the access token was asked for with; `scopes`: those granted;
    `missing_scopes`: those that were not. Times are Unix times; `expires_at`: the access token's end. `broken`: why a
    person has to authorise again; `remedy`: what else there is to do about that.
    """

    client: str
    client_id: str
    username: str | None
    flow: Flow
    asked: tuple[str, ...]
    scopes: tuple[str, ...]
    missing_scopes: tuple[str, ...] = ()
    granted_at: float
    refresh_token: Secret | None = None
    access_token: Secret | None = None
    expires_at: float | None = None
    last_refresh: float | None = None
    broken: str | None = None
    remedy: str | None = None

    def to_secret(self) -> Secret:
        return Secret(msgspec.json.encode(self, enc_hook=_reveal).decode())

    @classmethod
    def from_secret(cls, text: Secret) -> Grant | None:
        """Return what `to_secret` was made of; None for anything else."""
        try:
            return msgspec.json.decode(text.reveal(), type=cls, dec_hook=_conceal)
        except msgspec.DecodeError:
            return None

    @property
    def used_at(self) -> float:
        return self.last_refresh or self.granted_at


def _reveal(value: Any) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    raise NotImplementedError(type(value).__name__)


def _conceal(kind: type, value: Any) -> Secret:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise NotImplementedError(kind.__name__)


def authorise_command(name: str) -> str:
    """Return the command that authorises a target."""
    return oauth_command("authorize", name)


def oauth_command(verb: str, name: str) -> str:
    """Return a command of `mailctl oauth` for a grant."""
    from shlex import quote

    server, username = split_name(name)
    if server is None or username is None:
        return f"mailctl oauth {verb} {quote(name)}"
    return f"mailctl oauth {verb} {quote(server)} --username {quote(username)}"


def is_server_code(target: str) -> bool:
    """Tell whether a target can be nothing but a server of the catalogue."""
    return ":" not in target and "@" not in target and target != SYSTEM_MAIL


def grant_name(target: str, username: str | None = None) -> str:
    """Return the name of a target's grant: `server:CODE/USERNAME` for a server's code, else the target itself.

    Raises MissingInputError for a server without a user name, InvalidValueError for one that cannot be one.
    """
    if not is_server_code(target):
        return target
    if not username:
        raise MissingInputError(
            f"missing: --username; the server '{target}' has no login of its own",
            hint="name the mailbox",
            details={"missing": ["--username"]},
        )
    if not username.isprintable():
        raise InvalidValueError([Problem("--username", f"{shown(username)} has control characters")])
    return f"{_SERVER}{target}/{username}"


def split_name(name: str) -> tuple[str | None, str | None]:
    """Return the code and the user name of a server's grant; neither for that of another target."""
    code, _, username = name.removeprefix(_SERVER).partition("/")
    return (code, username) if name.startswith(_SERVER) and code and username else (None, None)


def secret_name(name: str) -> str:
    """Return the name of the secret that a grant is kept as."""
    return f"oauth/{name}"


def pending_name(name: str) -> str:
    """Return the name of the secret that an attempt to authorise waits as, for some minutes."""
    return f"{PENDING_PREFIX}{name}"


def find_server_grants(settings: Settings, code: str) -> list[tuple[str, str]]:
    """Return the grants of a server of the catalogue, each with its user name."""
    named = ((name, *split_name(name)) for name in settings.secrets.grants)
    return [(name, username) for name, server, username in named if server == code and username is not None]


def find_reference(settings: Settings, name: str) -> SecretRef | None:
    """Return where the grant of that name is kept."""
    text = settings.secrets.grants.get(name)
    return parse_secret_ref(text, f"secrets.grants.{name}") if text else None


def put_reference(settings: Settings, name: str, reference: SecretRef | None) -> Settings:
    """Return the settings with another reference for a grant, or with none."""
    grants = {other: text for other, text in settings.secrets.grants.items() if other != name or reference}
    if reference:
        grants[name] = str(reference)
    return replace(settings, secrets=replace(settings.secrets, grants=grants))


def prune_grants(settings: Settings) -> Settings:
    """Return the settings without the grants of entries that are no longer there."""
    if not settings.secrets.grants:
        return settings
    entries = list_entries(settings)
    kept = {name: text for name, text in settings.secrets.grants.items() if entry_of(name) in entries}
    return replace(settings, secrets=replace(settings.secrets, grants=kept))


def list_entries(settings: Settings) -> set[str]:
    """Return what there is in the settings that a grant could be for, as `entry_of` names it."""
    return {
        *(target for target, _ in settings.list_senders()),
        *(account.address for account in settings.accounts),
        *(f"{_SERVER}{server.code}" for server in settings.servers),
    }


def entry_of(name: str) -> str:
    """Return the entry of the settings that a grant of that name is for."""
    code, _ = split_name(name)
    return name if code is None else f"{_SERVER}{code}"


def rename_grants(settings: Settings, old: str, new: str) -> Settings:
    """Return the settings in which a server's grants bear its new code; what is kept stays where it is."""
    grants = {
        f"{_SERVER}{new}/{username}" if server == old else name: text
        for name, text in settings.secrets.grants.items()
        for server, username in [split_name(name)]
    }
    return replace(settings, secrets=replace(settings.secrets, grants=grants))


def find_grant(settings: Settings, secrets: Secrets, name: str) -> Grant | None:
    """Return the grant of that name; None if there is none.

    Raises AuthenticationError for what is no grant, SecretStoreError where its place cannot be used.
    """
    reference = find_reference(settings, name)
    kept = secrets.find(reference) if reference else None
    if kept is None:
        return None
    grant = Grant.from_secret(kept)
    if grant is None:
        raise AuthenticationError(
            f"what is kept at {reference} is no grant of this version of mailctl",
            reason=OAuthReason.GRANT_DEAD,
            hint=f"`{authorise_command(name)}` replaces it",
            details={"target": name, "authorise": authorise_command(name)},
        )
    return grant


def why_unusable(grant: Grant, client: OAuthClient, mailbox: str | None) -> str | None:
    """Say why a grant is not one through this OAuth client for that mailbox; None if it is.

    Who signed in may open the mailboxes of others; a service account acts for the one mailbox that it was asked for.
    """
    if grant.client != client.name:
        return f"it was authorised through the OAuth client '{grant.client}', and the settings name '{client.name}'"
    if grant.client_id != client.client_id:
        return f"it was authorised with another client id than '{client.name}' has now"
    if grant.flow is Flow.SERVICE_ACCOUNT and grant.username != mailbox:
        return f"it was authorised for the mailbox {grant.username}, and the settings name {mailbox}"
    return None
