"""Use cases of the catalogue: pure edits of the settings, carried out by the settings file in one transaction each."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from mailctl.errors import (
    AlreadyExistsError,
    ExclusiveSettingsError,
    InvalidValueError,
    NotFoundError,
    Problem,
    raise_problems,
)
from mailctl.model.decode import decode_or_raise
from mailctl.model.oauth import OAuthClient
from mailctl.model.oauth_use import (
    apop_problem,
    find_client_preset,
    incoming_fields,
    require_client_preset,
    server_problems,
    smtp_fields,
)
from mailctl.model.preset import Preset, get_preset, preset_fields
from mailctl.model.server import IncomingProtocol, Server
from mailctl.model.settings import Edit, Settings
from mailctl.services.catalogue.server_use import detach, follow_rename, require_unused
from mailctl.services.fields import changed_fields, clear_fields, merge_fields, to_fields, without_none
from mailctl.services.order import Placement, at_place, in_order

WITHOUT_CLIENT = "leave out what an OAuth client decides, or go without it (`--clear oauth_client`)"


def build_server(
    settings: Settings, given: Mapping[str, Any], *, base: Mapping[str, Any] | None = None, preset: str | None = None
) -> Server:
    """Return the server that given fields describe, laid over those of its OAuth client, of a preset and of a base.

    A None takes a field of the base away. Raises InvalidValueError or ExclusiveSettingsError with all problems,
    NotFoundError for a preset or an OAuth client that is not there.
    """
    fields = merge_fields(base or {}, given)
    chosen = get_preset(preset) if preset else None
    name = fields.get("oauth_client")
    client = settings.get_oauth_client(name) if isinstance(name, str) else None
    if client and preset:
        require_client_preset(client, chosen)
    if client and _table(given, "incoming").get("apop") in (True, "true"):
        raise_problems([apop_problem(client)], hint=WITHOUT_CLIENT)
    if chosen:
        fields = merge_fields(fields, preset_fields(chosen, protocol_of(fields)))
    if client:
        fields = merge_fields(fields, _client_fields(client, fields, given, chosen))
    server = decode_or_raise(Server, merge_fields(fields, without_none(given)))
    if client:
        raise_problems(list(server_problems(client, server)), hint=WITHOUT_CLIENT)
    return server


def _client_fields(
    client: OAuthClient, fields: Mapping[str, Any], given: Mapping[str, Any], preset: Preset | None
) -> dict[str, Any]:
    """Return what a client makes of a server. `preset`: None for the one that the SMTP host tells, or the usual one."""
    smtp, incoming = (_table(fields, side) for side in ("smtp", "incoming"))
    host = _table(given, "smtp").get("host") or (preset.smtp.host if preset else smtp.get("host"))
    fixed = find_client_preset(client, host)
    return {"smtp": smtp_fields(smtp, fixed), "incoming": incoming_fields(incoming, fixed)}


def _table(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = fields.get(name)
    return table if isinstance(table, Mapping) else {}


def protocol_of(fields: Mapping[str, Any]) -> IncomingProtocol:
    """Return the incoming protocol that a server's fields name, imap where they name none (or a wrong one)."""
    is_pop3 = _table(fields, "incoming").get("protocol") == IncomingProtocol.POP3
    return IncomingProtocol.POP3 if is_pop3 else IncomingProtocol.IMAP


def add_server(fields: Mapping[str, Any], *, preset: str | None = None, if_not_exists: bool = False) -> Edit:
    """Return the edit that appends a server; `preset` gives what the fields leave out.

    Raises AlreadyExistsError where the code is taken; with `if_not_exists` only if the fields differ, naming them.
    """

    def edit(settings: Settings) -> Settings:
        server = build_server(settings, fields, preset=preset)
        present = settings.find_server(server.code)
        if present is None:
            return msgspec.structs.replace(settings, servers=(*settings.servers, server))
        if not if_not_exists:
            raise AlreadyExistsError(
                f"a server with the code '{server.code}' exists already ({present.name})",
                hint=f"`mailctl server edit {server.code}` changes it; --if-not-exists accepts an equal one",
                details={"server": server.code},
            )
        if present != server:
            differing = changed_fields(present, server)
            raise AlreadyExistsError(
                f"the server '{server.code}' exists with other values: {', '.join(differing)}",
                hint=f"`mailctl server edit {server.code}` changes it",
                details={"server": server.code, "fields": differing},
            )
        return settings

    return edit


def edit_server(code: str, fields: Mapping[str, Any], *, clear: Sequence[str] = (), preset: str | None = None) -> Edit:
    """Return the edit that lays fields, and a preset's below them, over a server; `clear`ed ones get their defaults.

    Without its OAuth client a server keeps the hosts that this fixed.
    """

    def edit(settings: Settings) -> Settings:
        present = settings.get_server(code)
        base = clear_fields(Server, to_fields(present), clear)
        changed = build_server(settings, fields, base=base, preset=preset)
        taken = changed.code != present.code and settings.find_server(changed.code)
        if taken:
            raise AlreadyExistsError(
                f"a server with the code '{changed.code}' exists already ({taken.name})", details={"server": taken.code}
            )
        settings = msgspec.structs.replace(
            settings, servers=tuple(changed if server is present else server for server in settings.servers)
        )
        return follow_rename(settings, present.code, changed.code)

    return edit


def order_servers(codes: Sequence[str]) -> Edit:
    """Return the edit that puts the whole catalogue into the order of the codes, each named exactly once."""

    def edit(settings: Settings) -> Settings:
        present = {server.code: server for server in settings.servers}

        def get(code: str) -> Server:
            return present.get(code) or settings.get_server(code)

        wanted = in_order(settings.servers, codes, get, lambda server: server.code, what="server")
        return msgspec.structs.replace(settings, servers=tuple(wanted))

    return edit


def move_server(code: str, placement: Placement) -> Edit:
    """Return the edit that moves one server to a place."""

    def edit(settings: Settings) -> Settings:
        servers = at_place(settings.servers, code, placement, settings.get_server)
        return msgspec.structs.replace(settings, servers=tuple(servers))

    return edit


def delete_servers(codes: Sequence[str], *, force: bool = False) -> Edit:
    """Return the edit that takes servers out of the catalogue, all or none.

    Raises ConflictError, which names the users, for those in use; with `force` their users take a copy.
    """

    def edit(settings: Settings) -> Settings:
        gone = [settings.get_server(code) for code in codes]
        if not force:
            require_unused(settings, [server.code for server in gone])
        settings = detach(settings, gone)
        return msgspec.structs.replace(
            settings, servers=tuple(server for server in settings.servers if server not in gone)
        )

    return edit


class Row(NamedTuple):
    """An imported entry: its fields, None for what it clears, and its place: a 1-based line, or such as `servers[2]`.

    `problem`: why it could not be read.
    """

    place: int | str
    fields: Mapping[str, Any]
    problem: str | None = None

    def __str__(self) -> str:
        return f"line {self.place}" if isinstance(self.place, int) else self.place

    def placed(self, problem: Problem) -> Problem:
        """Return a problem of the entry with the entry's place."""
        if isinstance(self.place, int):
            return msgspec.structs.replace(problem, line=self.place)
        where = f"{self.place}, {problem.where}" if problem.where else self.place
        return msgspec.structs.replace(problem, where=where)


class Imported(NamedTuple):
    """What an import does, by code."""

    added: list[str]
    updated: list[str]
    unchanged: list[str]


def import_servers(rows: Sequence[Row], outcome: Imported, *, source: str, new_only: bool = False) -> Edit:
    """Return the edit that adds new codes and updates present ones, all or nothing; it fills in `outcome`.

    Raises InvalidValueError with the problems of all rows, AlreadyExistsError under `new_only` for present codes.
    `source`: what the rows were read from.
    """

    def edit(settings: Settings) -> Settings:
        servers = {server.code: server for server in settings.servers}
        problems: list[Problem] = []
        seen: dict[str, str] = {}
        clashes: list[str] = []
        for codes in outcome:
            codes.clear()
        for row in rows:
            code = unicodedata.normalize("NFC", str(row.fields.get("code") or ""))
            if code and code in seen:
                problems.append(row.placed(Problem("code", f"'{code}' stands in {seen[code]} already")))
                continue
            seen[code] = str(row)
            present = servers.get(code)
            base = to_fields(present) if present else {}
            try:
                server = _build_row(settings, row, base)
            except (InvalidValueError, ExclusiveSettingsError) as error:
                problems += [row.placed(problem) for problem in error.problems]
                continue
            if present and new_only:
                clashes.append(code)
            servers[server.code] = server
            fate = outcome.added if present is None else outcome.unchanged if present == server else outcome.updated
            fate.append(server.code)
        if problems:
            raise InvalidValueError(problems, source=source, hint="nothing was imported")
        if clashes:
            raise AlreadyExistsError(
                f"these codes exist already: {', '.join(clashes)}",
                hint="without --new-only they are updated; nothing was imported",
                details={"servers": clashes},
            )
        return msgspec.structs.replace(settings, servers=tuple(servers.values()))

    return edit


def _build_row(settings: Settings, row: Row, base: Mapping[str, Any]) -> Server:
    if row.problem:
        raise InvalidValueError([Problem("", row.problem)])
    try:
        return build_server(settings, row.fields, base=base)
    except NotFoundError as error:
        raise InvalidValueError([Problem("oauth_client", error.message)]) from None
