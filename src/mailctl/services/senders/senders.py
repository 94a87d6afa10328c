"""What every sender of the organisation has in common: how its settings are changed, and what its logins lack.

The system mail account and tenants are changed by the same rules: a server of the catalogue, a dedicated one and
Microsoft Graph replace each other, and an OAuth client gives the dedicated server that it fixes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from mailctl.credentials import Secrets
from mailctl.errors import NotFoundError, Problem, SecretError, raise_problems
from mailctl.model.decode import MISSING, decode_or_raise
from mailctl.model.oauth import OAuthClient, Provider, registration_command
from mailctl.model.oauth_use import find_client_preset, smtp_fields, smtp_problems
from mailctl.model.resolve import Sending
from mailctl.model.sending import OF_A_SERVER, Sender, exclusions
from mailctl.model.server import Server, SmtpAuth, connection_warnings
from mailctl.model.settings import Settings
from mailctl.model.target_name import edit_command
from mailctl.services.catalogue.servers import WITHOUT_CLIENT
from mailctl.services.fields import clear_fields, merge_fields, place_problem, to_fields, without_none
from mailctl.services.logins import missing_login, newly
from mailctl.services.oauth.grant_state import GrantState, describe_grant
from mailctl.services.oauth.grants import authorise_command, find_reference
from mailctl.services.secrets.slots import list_slots
from mailctl.services.secrets.state import SecretState, describe_secret

S = TypeVar("S", bound=Sender)


def build_sender(
    kind: type[S],
    settings: Settings,
    present: S | None,
    fields: Mapping[str, Any],
    *,
    needs: Sequence[str],
    clear: Sequence[str] = (),
) -> S:
    """Return the sender that given fields describe, laid over those of the present one.

    `fields`: nested, None for what is taken away. `needs`: what it cannot be without; `server` stands for a way to
    send. Fields in `clear` go back to their defaults. Raises ExclusiveSettingsError and InvalidValueError with all
    problems, NotFoundError for a server or an OAuth client that is not there, UsageError for what cannot be cleared.
    """
    base = clear_fields(kind, to_fields(present) if present else {}, clear)
    base = _without_replaced(settings, _without_lost(base, fields), fields)
    wanted = merge_fields(base, fields)
    raise_problems(
        [place_problem(problem, fields, ("smtp", "tls")) for problem in exclusions(wanted)],
        hint=_way_out(wanted, fields),
    )
    if wanted.get("server"):
        _require_no_password(settings.get_server(str(wanted["server"])), fields)
    client = _find_client(settings, wanted)
    if client and not (wanted.get("server") or wanted.get("graph")):
        wanted = merge_fields(wanted, _client_fields(client, wanted), without_none(fields))
    _require_whole(wanted, needs)
    sender = decode_or_raise(kind, wanted)
    if client and sender.smtp:
        raise_problems(list(smtp_problems(client, sender.smtp)), hint=WITHOUT_CLIENT)
    return sender


def _without_lost(base: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields without those that say how a server is used, where that has been cleared and no other is given.

    Some senders can do without a server.
    """
    wanted = merge_fields(base, fields)
    client_alone = fields.get("oauth_client") or (fields.get("graph") is False and wanted.get("oauth_client"))
    if client_alone or any(wanted.get(name) for name in ("server", "smtp", "graph")):
        return dict(base)
    return merge_fields(base, dict.fromkeys(OF_A_SERVER))


def _without_replaced(settings: Settings, base: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields without those of a way to send that is replaced by the given one.

    The login stays, unless the new way wants none, or another kind of it: a password or a token.
    """
    smtp = fields.get("smtp", {})
    gone: list[str] = []
    if fields.get("server") and fields["server"] != base.get("server"):
        gone = ["smtp", "tls", "pop_before_smtp", "detached_from", "oauth_client", "graph"]
    elif fields.get("graph") and not base.get("graph"):
        gone = ["server", "smtp", "tls", "pop_before_smtp", "detached_from"]
    elif "host" in smtp and base.get("server"):
        gone = ["server"]
    elif "host" in smtp and base.get("graph"):
        gone = ["graph", "oauth_client", "tls"]
    elif fields.get("graph") is False and base.get("graph"):
        gone = ["tls"]
    elif smtp or "tls" in fields or "oauth_client" in fields:
        gone = ["detached_from"]
    kept = merge_fields(base, dict.fromkeys(gone))
    wanted, had = _wanted_login(settings, merge_fields(kept, fields)), _wanted_login(settings, base)
    if wanted is not had and (wanted is _LoginKind.NONE or _LoginKind.TOKEN in (wanted, had)):
        return merge_fields(kept, {"username": None, "password": None}) if gone else kept
    return kept


class _LoginKind(StrEnum):
    """What a way to send wants of who sends."""

    NONE = "none"
    PASSWORD = "password"  # noqa: S105 - a word
    TOKEN = "token"  # noqa: S105 - a word


def _wanted_login(settings: Settings, account: Mapping[str, Any]) -> _LoginKind:
    code = account.get("server")
    server = settings.find_server(str(code)) if code else None
    if account.get("oauth_client") or (server and server.oauth_client):
        return _LoginKind.TOKEN
    auth = server.smtp.auth if server else (account.get("smtp") or {}).get("auth", SmtpAuth.NONE)
    return _LoginKind.NONE if auth == SmtpAuth.NONE else _LoginKind.PASSWORD


def _way_out(wanted: Mapping[str, Any], given: Mapping[str, Any]) -> str | None:
    """Return what to do where an OAuth client is given for an account that has a server of the catalogue."""
    if wanted.get("server") and "oauth_client" in given and "server" not in given:
        return "`--clear server` leaves the catalogue; or let the server itself use the client"
    return None


def _require_no_password(server: Server, given: Mapping[str, Any]) -> None:
    """Raise ExclusiveSettingsError for a password that is given for a server which logs in by OAuth."""
    if server.oauth_client and given.get("password"):
        message = f"a password and the OAuth client '{server.oauth_client}' of '{server.code}' exclude each other"
        raise_problems([Problem("password", message, conflict=True)])


def _find_client(settings: Settings, wanted: Mapping[str, Any]) -> OAuthClient | None:
    """Return the account's own OAuth client; raises NotFoundError for one that is not registered."""
    if wanted.get("oauth_client"):
        return settings.get_oauth_client(str(wanted["oauth_client"]))
    if wanted.get("graph") and not settings.oauth_clients:
        raise NotFoundError(
            "Microsoft Graph sends with an OAuth client, and none is registered",
            hint=f"`{registration_command(provider=Provider.MICROSOFT)}` adds one",
        )
    return None


def _client_fields(client: OAuthClient, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the outgoing side that a client makes of the wanted one; none where it fixes no hosts and has none."""
    smtp = wanted.get("smtp") or {}
    preset = find_client_preset(client, smtp.get("host"))
    return {"smtp": smtp_fields(smtp, preset)} if preset or smtp else {}


def _require_whole(wanted: Mapping[str, Any], needs: Sequence[str]) -> None:
    """Raise InvalidValueError, which names all that a sender cannot be without."""
    missing = [name for name in needs if not wanted.get(name)]
    if "server" in missing and (wanted.get("smtp") or wanted.get("graph")):
        missing.remove("server")
    if wanted.get("graph") and not wanted.get("oauth_client"):
        missing.append("oauth_client")
    raise_problems(
        [Problem(name, MISSING) for name in missing],
        hint="a server is given by --server CODE or by --smtp-host HOST" if "server" in missing else None,
    )


def list_newly_missing(before: Sending | None, after: Sending) -> list[str]:
    """Return the fields of a sender's logins that it needs, and that a change has left it without."""
    return newly(list_missing(before) if before else (), list_missing(after))


def login_remarks(before: tuple[Sender, Sending], after: tuple[Sender, Sending]) -> Iterator[str]:
    """Yield what a person should know of the login where a change gave a sender another server."""
    (old_sender, old), (new_sender, new) = before, after
    if not old_sender.username:
        return
    if new.oauth_client:
        if old_sender.password and not new_sender.password:
            yield f"the password of {old.username} is gone: the login is by OAuth"
    elif new_sender.username is None:
        yield f"the login of {old.username} is gone{': the server wants none' * (new.lent_by is None)}"
    elif _hosts(old) != _hosts(new) and new.password and new.password == old.password:
        yield f"{new.endpoint.host} gets the password that is known already"


def authorisation_remarks(after: Settings, old: Sending, new: Sending) -> Iterator[str]:
    """Yield what a person should know where an authorisation is to open another mailbox than it was given for."""
    clients = [sending.oauth_client.name if sending.oauth_client else None for sending in (old, new)]
    if clients[0] and clients[0] == clients[1] and old.username != new.username and find_reference(after, new.owner):
        yield (
            f"the authorisation was given for {old.username}; unless it opens {new.username} as well, authorise again: "
            f"`{authorise_command(new.owner)}`"
        )


def _hosts(sending: Sending) -> tuple[str | None, str | None]:
    return sending.smtp.host if sending.smtp else None, sending.username


def list_missing(sending: Sending) -> list[str]:
    """Return the fields that whoever sends needs for its logins and does not have."""
    pop = sending.pop_before_smtp
    of_pop = [name for name in ("username", "password") if pop and not getattr(pop, name)]
    return [*missing_login(sending), *(f"pop_before_smtp.{name}" for name in of_pop)]


@dataclass(frozen=True, kw_only=True)
class LoginState:
    """Whether a sender can log in. `grant`: None unless it does so by OAuth. `secrets`: its own, by slot.

    `warnings`: what should be said whenever the sender is shown or changed.
    """

    grant: GrantState | None = None
    secrets: tuple[SecretState, ...] = ()
    warnings: tuple[str, ...] = ()


def describe_login(settings: Settings, secrets: Secrets, sender: Sender, sending: Sending) -> LoginState:
    """Return the state of a sender's login, and where each of its own secrets is; no command is run."""
    warnings = list(_list_warnings(sender, sending))
    grant = None
    if sending.oauth_client:
        try:
            grant = describe_grant(settings, secrets, sending.owner)
        except SecretError as error:
            warnings.append(f"whether it is authorised cannot be told: {error.message}")
    slots = [slot for slot in list_slots(settings) if slot.name.startswith(f"{sending.origin}/")]
    return LoginState(
        grant=grant,
        secrets=tuple(describe_secret(slot, secrets) for slot in slots),
        warnings=tuple(warnings),
    )


def _list_warnings(sender: Sender, sending: Sending) -> Iterator[str]:
    if sender.detached_from:
        yield f"the server is a copy of '{sender.detached_from}', which was deleted from the catalogue"
    edit, gate = edit_command(sending.server or sending.owner), sending.pop_before_smtp
    yield from connection_warnings({"smtp": sending.smtp} if sending.smtp else {}, sending.tls, edit=edit)
    if gate:
        yield from connection_warnings({"pop": gate.endpoint}, gate.tls, edit=edit)
    if sending.oauth_client and sender.password:
        yield f"the password is not used: '{sender.server}' logs in by OAuth (`--clear password` forgets it)"
    missing = list_missing(sending)
    if missing:
        yield f"the server wants a login, and the settings lack: {', '.join(missing)}"
