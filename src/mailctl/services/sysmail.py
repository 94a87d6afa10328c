"""Use cases of the system mail account: pure edits of the settings, and what can be said of its state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from msgspec.structs import replace

from mailctl.credentials import Secrets
from mailctl.errors import NotFoundError, Problem, raise_problems
from mailctl.model.decode import MISSING, decode_or_raise
from mailctl.model.resolve import Sending, resolve_system_mail
from mailctl.model.sending import SystemMail, exclusions
from mailctl.model.server import SmtpAuth, connection_warnings
from mailctl.model.settings import Settings
from mailctl.services.fields import clear_fields, merge_fields, to_fields
from mailctl.services.secret_slots import list_slots
from mailctl.services.secret_state import SecretState, describe_secret
from mailctl.services.servers import Edit

_WITHOUT_PASSWORD = (SmtpAuth.NONE, SmtpAuth.EXTERNAL)


class State(StrEnum):
    """Whether anything is sent in the account's name."""

    NEVER_SET = "never-set"
    ACTIVE = "active"
    INACTIVE = "inactive"


def set_sysmail(fields: Mapping[str, Any], *, clear: Sequence[str] = (), oauth_client: str | None = None) -> Edit:
    """Return the edit that lays fields over the account, which is made if there is none.

    `fields`: nested, None for what is taken away. A catalogue server replaces a dedicated one, and the reverse. Fields
    in `clear` go back to their defaults. Raises ExclusiveSettingsError, InvalidValueError, NotFoundError for a server
    or an OAuth client that is not there, UsageError for what cannot be cleared.
    """

    def edit(settings: Settings) -> Settings:
        base = to_fields(settings.sysmail) if settings.sysmail else {}
        base = _without_replaced(settings, clear_fields(SystemMail, base, clear), fields)
        wanted = merge_fields(base, fields)
        _require_compatible(wanted, fields, oauth_client)
        if oauth_client is not None:
            settings.get_oauth_client(oauth_client)
        if wanted.get("server"):
            settings.get_server(str(wanted["server"]))
        _require_whole(wanted)
        changed = replace(settings, sysmail=decode_or_raise(SystemMail, wanted))
        raise_problems(list(changed.conflicts()))
        return changed

    return edit


def _without_replaced(settings: Settings, base: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields without those of a server that is replaced by the given one.

    The login stays, unless the new server wants none.
    """
    smtp = fields.get("smtp", {})
    if fields.get("server") and fields["server"] != base.get("server"):
        server = settings.find_server(str(fields["server"]))
        wants_login = server is not None and server.smtp.auth is not SmtpAuth.NONE
        gone = ["smtp", "tls", "pop_before_smtp", "detached_from"]
    elif "host" in smtp and base.get("server"):
        wants_login = smtp.get("auth", SmtpAuth.NONE) != SmtpAuth.NONE
        gone = ["server"]
    else:
        return merge_fields(base, {"detached_from": None}) if smtp or "tls" in fields else dict(base)
    return merge_fields(base, dict.fromkeys(gone + ["username", "password"] * (not wants_login)))


def _require_compatible(wanted: Mapping[str, Any], given: Mapping[str, Any], oauth_client: str | None) -> None:
    """Raise ExclusiveSettingsError for what excludes each other, before anything that is missing is named."""
    problems = [_placed(problem, given) for problem in exclusions(wanted)]
    if oauth_client is not None and wanted.get("pop_before_smtp") is not None:
        message = "POP before SMTP and OAuth (oauth_client) exclude each other"
        problems.append(Problem("pop_before_smtp", message, conflict=True))
    raise_problems(problems)


def _placed(problem: Problem, given: Mapping[str, Any]) -> Problem:
    """Return the problem of a server's table as that of the first field that was given in it."""
    inner = given.get(problem.where)
    if problem.where not in ("smtp", "tls") or not isinstance(inner, Mapping):
        return problem
    return Problem(f"{problem.where}.{next(iter(inner))}", problem.message, conflict=problem.conflict)


def _require_whole(wanted: Mapping[str, Any]) -> None:
    """Raise InvalidValueError, which names all that an account cannot be without."""
    missing = [name for name in ("address", "server") if not wanted.get(name)]
    if wanted.get("smtp") and "server" in missing:
        missing.remove("server")
    raise_problems(
        [Problem(name, MISSING) for name in missing],
        hint="a server is given by --server CODE or by --smtp-host HOST" if "server" in missing else None,
    )


def list_newly_missing(before: Settings, after: Settings) -> list[str]:
    """Return the fields of the account's logins that it needs, and that a change has left it without.

    What was missing before a change does not hinder it: it is warned of.
    """
    known = missing_login(resolve_system_mail(before)) if before.sysmail else []
    return [field for field in missing_login(resolve_system_mail(after)) if field not in known]


def login_remarks(before: Settings, after: Settings) -> Iterator[str]:
    """Yield what a person should know of the login where a change gave the account another server."""
    if before.sysmail is None or after.sysmail is None or not before.sysmail.username:
        return
    old, new = resolve_system_mail(before), resolve_system_mail(after)
    if new.username is None:
        yield f"the login of {old.username} is gone: the server wants none"
    elif (old.endpoint.host, old.username) != (new.endpoint.host, new.username) and new.password == old.password:
        yield f"{new.endpoint.host} gets the password that is known already"


def missing_login(sending: Sending) -> list[str]:
    """Return the fields that whoever sends needs for its logins and does not have."""
    return list(_missing_login(sending))


def _missing_login(sending: Sending) -> Iterator[str]:
    if sending.endpoint.auth is not SmtpAuth.NONE and not sending.username:
        yield "username"
    if sending.endpoint.auth not in _WITHOUT_PASSWORD and not sending.password:
        yield "password"
    pop = sending.pop_before_smtp
    if pop is not None:
        if not pop.username:
            yield "pop_before_smtp.username"
        if not pop.password:
            yield "pop_before_smtp.password"


def activate(settings: Settings) -> Settings:
    """Let messages be sent in the account's name (an edit); raises NotFoundError if it was never set."""
    return _switched(settings, on=True)


def deactivate(settings: Settings) -> Settings:
    """Let nothing be sent in the account's name, its settings kept (an edit); NotFoundError if it was never set."""
    return _switched(settings, on=False)


def _switched(settings: Settings, *, on: bool) -> Settings:
    return replace(settings, sysmail=replace(get_sysmail(settings), active=on))


def get_sysmail(settings: Settings) -> SystemMail:
    """Return the account; raises NotFoundError if it was never set."""
    if settings.sysmail is None:
        raise NotFoundError(
            "the system mail account was never set",
            hint="`mailctl sysmail set --address ADDRESS --server CODE` sets it",
        )
    return settings.sysmail


def unset_sysmail(settings: Settings) -> Settings:
    """Forget the account (an edit); its stored secrets go with it."""
    return replace(settings, sysmail=None)


@dataclass(frozen=True, kw_only=True)
class SystemMailState:
    """The account as it is shown. `account`, `sending`: None if it was never set. `secrets`: its own, by slot."""

    state: State
    account: SystemMail | None
    sending: Sending | None
    secrets: tuple[SecretState, ...]
    warnings: tuple[str, ...]


def describe_sysmail(settings: Settings, secrets: Secrets) -> SystemMailState:
    """Return the account's state, and where each of its secrets is; no command is run."""
    account = settings.sysmail
    if account is None:
        return SystemMailState(state=State.NEVER_SET, account=None, sending=None, secrets=(), warnings=())
    sending = resolve_system_mail(settings)
    slots = [slot for slot in list_slots(settings) if slot.name.startswith("sysmail/")]
    return SystemMailState(
        state=State.ACTIVE if account.active else State.INACTIVE,
        account=account,
        sending=sending,
        secrets=tuple(describe_secret(slot, secrets) for slot in slots),
        warnings=tuple(list_warnings(account, sending)),
    )


def list_warnings(account: SystemMail, sending: Sending) -> Iterator[str]:
    """Yield what should be said whenever the account is shown or changed."""
    if account.detached_from:
        yield f"the server is a copy of '{account.detached_from}', which was deleted from the catalogue"
    yield from connection_warnings([sending.endpoint], sending.tls)
    if sending.pop_before_smtp:
        yield from connection_warnings([sending.pop_before_smtp.endpoint], sending.pop_before_smtp.tls)
    missing = missing_login(sending)
    if missing:
        yield f"the server wants a login, and the settings lack: {', '.join(missing)}"
