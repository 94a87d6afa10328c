"""A person's account from what is said of it: whose servers, which OAuth client, and what follows from these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from mailctl.errors import MissingInputError, NotFoundError, Problem, raise_problems
from mailctl.model.account import Account, exclusions
from mailctl.model.decode import MISSING, decode_or_raise
from mailctl.model.oauth import OAuthClient, Provider, registration_command
from mailctl.model.oauth_use import (
    find_client_preset,
    incoming_fields,
    require_client_preset,
    sides_problems,
    smtp_fields,
)
from mailctl.model.preset import CUSTOM, PRESETS, Preset, get_preset, preset_fields
from mailctl.model.server import SendingCredentials, Server
from mailctl.model.settings import Settings
from mailctl.services.catalogue.servers import protocol_of
from mailctl.services.fields import clear_fields, merge_fields, place_problem, to_fields, without_none

WITHOUT_CLIENT = "leave out what an OAuth client decides, or take --auth password"
_SIDES = ("incoming", "smtp")


class LoginMethod(StrEnum):
    """How an account logs in."""

    PASSWORD = "password"  # noqa: S105 - a word
    OAUTH2 = "oauth2"


class Choice(NamedTuple):
    """What is said of an account and not kept as such: the presets of both sides, of the outgoing one, and the login.

    A preset `custom` stands for none. None: nothing is said.
    """

    preset: str | None = None
    smtp_preset: str | None = None
    login: LoginMethod | None = None


def build_account(
    settings: Settings,
    choice: Choice,
    given: Mapping[str, Any],
    *,
    present: Account | None = None,
    clear: Sequence[str] = (),
) -> Account:
    """Return the account that given fields describe, laid over those of its OAuth client, of presets and of itself.

    `given`: nested, None for what is taken away. Fields in `clear` go back to their defaults. Raises
    InvalidValueError or ExclusiveSettingsError with all problems; NotFoundError for a preset, a server or an OAuth
    client that is not there; MissingInputError where several OAuth clients could be meant; UsageError for what cannot
    be cleared.
    """
    base = clear_fields(Account, to_fields(present) if present else {}, clear, fixed=("address",))
    base = _without_replaced(settings, base, choice, given)
    fields = merge_fields(base, given)
    if fields.get("server"):
        _check_catalogue(settings.get_server(str(fields["server"])), choice, given)
    else:
        preset, smtp_preset = _presets(choice)
        client = _choose_client(settings, choice, fields, preset)
        if client:
            _require_preset(client, choice, preset, given)
        fields = merge_fields(fields, _server_fields(fields, given, client, preset, smtp_preset), without_none(given))
        fields["oauth_client"] = client.name if client else None
    raise_problems([place_problem(problem, given, (*_SIDES, "tls")) for problem in exclusions(fields)])
    _require_whole(fields)
    account = decode_or_raise(Account, without_none(fields))
    if account.oauth_client and account.smtp and account.incoming:
        client = settings.get_oauth_client(account.oauth_client)
        raise_problems(list(sides_problems(client, account.smtp, account.incoming)), hint=WITHOUT_CLIENT)
    return account


def _without_replaced(
    settings: Settings, base: Mapping[str, Any], choice: Choice, given: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the fields without those of servers, and of a kind of login, that are replaced by what is given."""
    gone: dict[str, Any] = {}
    own_servers = choice.preset or choice.smtp_preset or any(given.get(name) for name in (*_SIDES, "tls"))
    if given.get("server"):
        if given["server"] != base.get("server"):
            gone = dict.fromkeys((*_SIDES, "tls", "oauth_client", "detached_from"))
    elif own_servers or given.get("oauth_client"):
        gone = dict.fromkeys(("detached_from", "server") if _names_servers(choice, given) else ("detached_from",))
    leaves_oauth = choice.login is LoginMethod.PASSWORD or ("oauth_client" in given and not given["oauth_client"])
    if base.get("oauth_client") and leaves_oauth:
        gone |= {"oauth_client": None, **{side: {"auth": None} for side in _SIDES if side in base}}
    if username := given.get("username"):
        follows = base.get("description") == base.get("username") != username
        gone |= {"description": None} if follows else {}
    kept = merge_fields(base, gone)
    by_token = _logs_in_by_token(settings, merge_fields(kept, given)) or choice.login is LoginMethod.OAUTH2
    return merge_fields(kept, dict.fromkeys(("password", "smtp_username", "smtp_password"))) if by_token else kept


def _names_servers(choice: Choice, given: Mapping[str, Any]) -> bool:
    """Tell whether servers of the account's own are named, rather than details of those that it has."""
    names_host = any("host" in (given.get(side) or {}) for side in _SIDES)
    return bool(choice.preset or choice.smtp_preset or given.get("oauth_client") or names_host)


def _logs_in_by_token(settings: Settings, fields: Mapping[str, Any]) -> bool:
    server = settings.find_server(str(fields["server"])) if fields.get("server") else None
    return bool(fields.get("oauth_client") or (server and server.oauth_client))


def _check_catalogue(server: Server, choice: Choice, given: Mapping[str, Any]) -> None:
    """Raise ExclusiveSettingsError for what a catalogue server decides otherwise."""
    problems = [
        Problem(
            name, f"belongs to servers of the account's own; '{server.code}' is one of the catalogue", conflict=True
        )
        for name, said in (("preset", choice.preset), ("smtp_preset", choice.smtp_preset))
        if said
    ]
    edit = f"`mailctl server edit {server.code}"
    hint = None
    if choice.login is LoginMethod.OAUTH2 and not server.oauth_client:
        problems.append(
            Problem("auth", f"cannot be oauth2: the server '{server.code}' has no OAuth client", conflict=True)
        )
        hint = f"{edit} --oauth-client NAME` gives it one, for all its accounts"
    elif choice.login is LoginMethod.PASSWORD and server.oauth_client:
        message = f"cannot be password: the server '{server.code}' logs in by its OAuth client '{server.oauth_client}'"
        problems.append(Problem("auth", message, conflict=True))
    if server.oauth_client and given.get("password"):
        message = f"and the OAuth client '{server.oauth_client}' of '{server.code}' exclude each other"
        problems.append(Problem("password", message, conflict=True))
    elif server.smtp.credentials is SendingCredentials.INCOMING:
        for name in ("smtp_username", "smtp_password"):
            if given.get(name):
                message = f"is not used: people send with their incoming login at '{server.code}'"
                problems.append(Problem(name, message, conflict=True))
                hint = f"{edit} --smtp-credentials own` lets them send with a login of their own"
    raise_problems(problems, hint=hint)


def _presets(choice: Choice) -> tuple[Preset | None, Preset | None]:
    """Return the presets of both sides and of the outgoing one; raises NotFoundError for unknown names."""
    preset = get_preset(choice.preset) if choice.preset else None
    return preset, get_preset(choice.smtp_preset) if choice.smtp_preset else preset


def _choose_client(
    settings: Settings, choice: Choice, fields: Mapping[str, Any], preset: Preset | None
) -> OAuthClient | None:
    """Return the OAuth client that an account logs in through: the named one, or the only one of the provider."""
    if fields.get("oauth_client"):
        if choice.login is LoginMethod.PASSWORD:
            raise_problems([Problem("oauth_client", "and --auth password exclude each other", conflict=True)])
        return settings.get_oauth_client(str(fields["oauth_client"]))
    if choice.login is not LoginMethod.OAUTH2:
        return None
    provider = preset.oauth if preset else _provider_of(fields)
    if preset and provider is None:
        named = ", ".join(known.name for known in PRESETS if known.oauth)
        message = f"cannot be oauth2 with {preset.name}, which takes: {preset.login}; the presets with OAuth: {named}"
        raise_problems([Problem("auth", message, conflict=True)])
    if choice.preset == CUSTOM and provider is not None:
        raise_problems([Problem("preset", _needs_preset(provider), conflict=True)])
    wanted = provider or Provider.CUSTOM
    names_hosts = any("host" in (fields.get(side) or {}) for side in _SIDES)
    clients = [
        client for client in settings.oauth_clients if client.provider is wanted or not (provider or names_hosts)
    ]
    if len(clients) == 1:
        return clients[0]
    whose = f" of the provider {wanted}" if provider or names_hosts else ""
    if clients:
        named = ", ".join(client.name for client in clients)
        raise MissingInputError(
            f"missing: --oauth-client; there are several{whose}: {named}", details={"missing": ["--oauth-client"]}
        )
    command = registration_command(provider=wanted if whose else None)
    raise NotFoundError(f"no OAuth client{whose} is registered", hint=f"`{command}` adds one")


def _provider_of(fields: Mapping[str, Any]) -> Provider | None:
    """Return the provider whose hosts are named; None where they are nobody's that is known."""
    hosts = {(fields.get(side) or {}).get("host") for side in _SIDES}
    known = (preset for preset in PRESETS if preset.oauth and hosts & {preset.imap.host, preset.smtp.host})
    return next((preset.oauth for preset in known), None)


def _needs_preset(provider: Provider) -> str:
    named = " or ".join(preset.name for preset in PRESETS if preset.oauth is provider)
    return f"cannot be custom with OAuth at {provider}: take --preset {named}"


def _require_preset(client: OAuthClient, choice: Choice, preset: Preset | None, given: Mapping[str, Any]) -> None:
    """Raise ExclusiveSettingsError for hosts of somebody's own where the OAuth client's provider fixes them."""
    if not client.fixes_hosts:
        return
    if choice.preset:
        require_client_preset(client, preset)
        return
    problems = [
        Problem(f"{side}.host", _needs_preset(client.provider), conflict=True)
        for side in _SIDES
        if "host" in (given.get(side) or {})
    ]
    raise_problems(problems[:1], hint=WITHOUT_CLIENT)


def _server_fields(
    fields: Mapping[str, Any],
    given: Mapping[str, Any],
    client: OAuthClient | None,
    preset: Preset | None,
    smtp_preset: Preset | None,
) -> dict[str, Any]:
    """Return what presets and an OAuth client make of both sides; a host that is named takes nothing from a preset."""
    sides: dict[str, Any] = {}
    protocol = protocol_of(fields)
    if preset and "host" not in (given.get("incoming") or {}):
        sides["incoming"] = preset_fields(preset, protocol)["incoming"]
    if smtp_preset and "host" not in (given.get("smtp") or {}):
        sides["smtp"] = preset_fields(smtp_preset, protocol)["smtp"]
    if client is None:
        return sides
    merged = merge_fields(fields, sides)
    smtp, incoming = merged.get("smtp") or {}, merged.get("incoming") or {}
    fixed = find_client_preset(client, preset.smtp.host if preset else smtp.get("host"))
    if not fixed and not (smtp and incoming):
        return sides
    return {"smtp": smtp_fields(smtp, fixed), "incoming": incoming_fields(incoming, fixed)}


def _require_whole(fields: Mapping[str, Any]) -> None:
    """Raise InvalidValueError, which names all that an account cannot be without."""
    full = Account.complete(fields)
    missing = [name for name in ("username", "address") if not full.get(name)][:1]
    hint = None
    if not fields.get("server"):
        hosts = [f"{side}.host" for side in _SIDES if not (fields.get(side) or {}).get("host")]
        if len(hosts) == len(_SIDES):
            hosts = ["server"]
            hint = "the servers are given by --preset, by --server CODE, or by --incoming-host and --smtp-host"
        missing += hosts
    raise_problems([Problem(name, MISSING) for name in missing], hint=hint)
