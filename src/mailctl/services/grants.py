"""Grants: the authorisation of one mailbox through one OAuth client, what it is for, and where it is kept.

A grant is one secret, `oauth/TARGET`; the settings hold its reference (`secrets.grants`) and nothing else of it. So it
is listed, moved to another backend and deleted with its entry as every secret is, whatever a keyring can list.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from mailctl.credentials import Secrets
from mailctl.errors import AuthenticationError, InvalidValueError, MissingInputError, NotFoundError, Problem, UsageError
from mailctl.model.oauth import Flow, OAuthClient
from mailctl.model.resolve import Sending, resolve_server, resolve_system_mail, resolve_tenant
from mailctl.model.resolve_account import resolve_account
from mailctl.model.secret import Secret, SecretRef, parse_secret_ref
from mailctl.model.settings import Settings
from mailctl.model.target_name import SYSTEM_MAIL, edit_command, find_tenant_code
from mailctl.model.values import shown
from mailctl.oauth.reasons import OAuthReason

PENDING_PREFIX = "oauth-pending/"

WITHOUT_PERSON = (Flow.CLIENT_CREDENTIALS, Flow.SERVICE_ACCOUNT)
"""Flows in which nobody signs in: a new token is had by the flow itself."""


class Grant(Struct, frozen=True, kw_only=True):
    """What is kept of an authorisation, as one secret.

    `client`, `client_id`: of the OAuth client that it came through. `username`: who signed in, or the mailbox that a
    service account acts for. `asked`: the scopes that the access token was asked for with; `scopes`: those granted;
    `missing_scopes`: those that were not. Times are Unix times; `expires_at`: the access token's end. `broken`: why a
    person has to authorise again.
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


class Subject(Struct, frozen=True, kw_only=True):
    """What a grant is, or would be, for: a target of the settings.

    `name`: the grant's, as TARGET names it. `username`: the mailbox, None where the settings name none.
    `sending`: how the target sends.
    """

    name: str
    client: OAuthClient
    username: str | None
    sending: Sending

    @property
    def authorise_command(self) -> str:
        return authorise_command(self.name)


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

    server, username = _split(name)
    if server is None:
        return f"mailctl oauth {verb} {quote(name)}"
    return f"mailctl oauth {verb} {quote(server)} --username {quote(username)}"


def grant_name(target: str, username: str | None = None) -> str:
    """Return the name of a target's grant: `server:CODE/USERNAME` for a server's code, else the target itself.

    Raises MissingInputError for a server without a user name, InvalidValueError for one that cannot be one.
    """
    if ":" in target or "@" in target or target == SYSTEM_MAIL:
        return target
    if not username:
        raise MissingInputError(
            f"missing: --username; the server '{target}' has no login of its own",
            hint="name the mailbox",
            details={"missing": ["--username"]},
        )
    if not username.isprintable():
        raise InvalidValueError([Problem("--username", f"{shown(username)} has control characters")])
    return f"server:{target}/{username}"


def _split(name: str) -> tuple[str | None, str]:
    """Return the code and the user name of a server's grant; no code for that of another target."""
    kind, _, rest = name.partition(":")
    code, _, username = rest.partition("/")
    return (code, username) if kind == "server" and code and username else (None, "")


def secret_name(name: str) -> str:
    """Return the name of the secret that a grant is kept as."""
    return f"oauth/{name}"


def pending_name(name: str) -> str:
    """Return the name of the secret that an attempt to authorise waits as, for some minutes."""
    return f"{PENDING_PREFIX}{name}"


def get_subject(settings: Settings, name: str) -> Subject:
    """Return what a grant of that name is for.

    Raises NotFoundError where there is no such target or OAuth client, UsageError where the target has none.
    """
    code, username = _split(name)
    if code is not None:
        server = settings.get_server(code)
        client = settings.get_oauth_client(server.oauth_client) if server.oauth_client else None
        sending = resolve_server(server, client)
        mailbox: str | None = username
    elif name == SYSTEM_MAIL:
        sending = resolve_system_mail(settings)
        mailbox = sending.username or sending.address or None
    elif (tenant_code := find_tenant_code(name)) is not None:
        sending = resolve_tenant(settings, settings.get_tenant(tenant_code))
        if sending.lent_by:
            raise UsageError(
                f"{shown(name)} has no server of its own: it sends with the authorisation of {sending.lent_by}",
                hint=f"authorise that: `{authorise_command(sending.lent_by)}`",
                details={"target": name},
            )
        mailbox = sending.username
    elif "@" in name:
        sending = resolve_account(settings, settings.get_account(name))
        mailbox = sending.username
    else:
        raise NotFoundError(
            f"there is nothing named {shown(name)} that OAuth could authorise",
            hint="name sysmail, tenant:CODE, an account's address, or a server's code with --username",
            details={"target": name},
        )
    if sending.oauth_client is None:
        edit = edit_command(sending.server or name)
        raise UsageError(
            f"{shown(name)} has no OAuth client to be authorised through",
            hint=f"`{edit} --oauth-client NAME` gives it one; `mailctl oauth client list` shows the names",
            details={"target": name},
        )
    return Subject(name=name, client=sending.oauth_client, username=mailbox, sending=sending)


def list_names(settings: Settings) -> list[str]:
    """Return the names of all grants that there are or should be: targets with an OAuth client first."""
    by_client = {server.code for server in settings.servers if server.oauth_client}
    names = [target for target, sender in settings.list_senders() if sender.oauth_client or sender.server in by_client]
    names += [one.address for one in settings.accounts if one.oauth_client or one.server in by_client]
    return [*dict.fromkeys([*names, *settings.secrets.grants])]


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
    gone = [name for name in settings.secrets.grants if not _has_entry(settings, name)]
    for name in gone:
        settings = put_reference(settings, name, None)
    return settings


def _has_entry(settings: Settings, name: str) -> bool:
    server, _ = _split(name)
    if server is not None:
        return settings.find_server(server) is not None
    tenant_code = find_tenant_code(name)
    if tenant_code is not None:
        return settings.find_tenant(tenant_code) is not None
    if "@" in name:
        return settings.find_account(name) is not None
    return name != SYSTEM_MAIL or settings.sysmail is not None


def rename_grants(settings: Settings, old: str, new: str) -> Settings:
    """Return the settings in which a server's grants bear its new code; what is kept stays where it is."""
    grants = {
        f"server:{new}/{username}" if server == old else name: text
        for name, text in settings.secrets.grants.items()
        for server, username in [_split(name)]
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


def why_unusable(grant: Grant, client: OAuthClient) -> str | None:
    """Say why a grant is not one through this OAuth client; None if it is."""
    if grant.client != client.name:
        return f"it was authorised through the OAuth client '{grant.client}', and the settings name '{client.name}'"
    if grant.client_id != client.client_id:
        return f"it was authorised with another client id than '{client.name}' has now"
    return None
