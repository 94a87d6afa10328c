"""Use cases of the catalogue: pure edits of the settings, carried out by the settings file in one transaction each."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from mailctl.errors import (
    AlreadyExistsError,
    ExclusiveSettingsError,
    InvalidValueError,
    Problem,
    UsageError,
)
from mailctl.model.decode import decode_or_raise
from mailctl.model.server import Server
from mailctl.model.settings import Settings
from mailctl.services.fields import changed_fields, clear_fields, merge_fields, to_fields
from mailctl.services.server_use import detach, follow_rename, require_unused

Edit = Callable[[Settings], Settings]


class Placement(NamedTuple):
    """Where an entry goes: `first`, `last`, `before` or `after` another."""

    where: str
    anchor: str | None = None


def build_server(settings: Settings, fields: Mapping[str, Any]) -> Server:
    """Return the server that fields describe; raises InvalidValueError or ExclusiveSettingsError with all problems."""
    server = decode_or_raise(Server, fields)
    if server.oauth_client is not None:
        settings.get_oauth_client(server.oauth_client)
    return server


def add_server(fields: Mapping[str, Any], *, if_not_exists: bool = False) -> Edit:
    """Return the edit that appends a server.

    Raises AlreadyExistsError where the code is taken; with `if_not_exists` only if the fields differ, naming them.
    """

    def edit(settings: Settings) -> Settings:
        server = build_server(settings, fields)
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


def edit_server(code: str, fields: Mapping[str, Any], *, clear: Sequence[str] = ()) -> Edit:
    """Return the edit that lays fields over a server; those named in `clear` go back to their defaults."""

    def edit(settings: Settings) -> Settings:
        present = settings.get_server(code)
        changed = build_server(settings, merge_fields(clear_fields(Server, to_fields(present), clear), fields))
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
        wanted = [present.get(code) or settings.get_server(code) for code in codes]
        counts = Counter(server.code for server in wanted)
        missing = [code for code in present if code not in counts]
        doubled = [code for code, count in counts.items() if count > 1]
        if missing or doubled:
            said = [f"missing: {', '.join(missing)}"] * bool(missing) + [f"twice: {', '.join(doubled)}"] * bool(doubled)
            raise UsageError(
                f"a new order names each server once ({'; '.join(said)})",
                hint="to move one server: --first, --last, --before CODE or --after CODE",
            )
        return msgspec.structs.replace(settings, servers=tuple(wanted))

    return edit


def move_server(code: str, placement: Placement) -> Edit:
    """Return the edit that moves one server to a place."""

    def edit(settings: Settings) -> Settings:
        moved = settings.get_server(code)
        rest = [server for server in settings.servers if server is not moved]
        if placement.anchor is not None:
            anchor = settings.get_server(placement.anchor)
            if anchor is moved:
                raise UsageError(f"'{code}' cannot be placed {placement.where} itself")
            index = rest.index(anchor) + (placement.where == "after")
        else:
            index = 0 if placement.where == "first" else len(rest)
        return msgspec.structs.replace(settings, servers=(*rest[:index], moved, *rest[index:]))

    return edit


def delete_servers(codes: Sequence[str], *, force: bool = False) -> Edit:
    """Return the edit that takes servers out of the catalogue, all or none.

    Raises ConflictError, which names the users, for those in use; with `force` their users take a copy.
    """

    def edit(settings: Settings) -> Settings:
        gone = [settings.get_server(code) for code in codes]
        if not force:
            require_unused(settings, [server.code for server in gone])
        for server in gone:
            settings = detach(settings, server)
        return msgspec.structs.replace(
            settings, servers=tuple(server for server in settings.servers if server not in gone)
        )

    return edit


class Row(NamedTuple):
    """An imported entry: its fields, None for what it clears, and its place (`row 4`, `servers[2]`)."""

    place: str
    fields: Mapping[str, Any]


class Imported(NamedTuple):
    """What an import does, by code."""

    added: list[str]
    updated: list[str]
    unchanged: list[str]


def import_servers(rows: Sequence[Row], outcome: Imported, *, new_only: bool = False) -> Edit:
    """Return the edit that adds new codes and updates present ones, all or nothing; it fills in `outcome`.

    Raises InvalidValueError with the problems of all rows, AlreadyExistsError under `new_only` for present codes.
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
                problems.append(Problem(f"{row.place}, code", f"'{code}' stands in {seen[code]} already"))
                continue
            seen[code] = row.place
            present = servers.get(code)
            base = to_fields(present) if present else {}
            try:
                server = build_server(settings, merge_fields(base, row.fields))
            except (InvalidValueError, ExclusiveSettingsError) as error:
                problems += [_placed(row.place, problem) for problem in error.problems]
                continue
            if present and new_only:
                clashes.append(code)
            servers[server.code] = server
            fate = outcome.added if present is None else outcome.unchanged if present == server else outcome.updated
            fate.append(server.code)
        if problems:
            raise InvalidValueError(problems, source="import", hint="nothing was imported")
        if clashes:
            raise AlreadyExistsError(
                f"these codes exist already: {', '.join(clashes)}",
                hint="without --new-only they are updated; nothing was imported",
                details={"servers": clashes},
            )
        return msgspec.structs.replace(settings, servers=tuple(servers.values()))

    return edit


def _placed(place: str, problem: Problem) -> Problem:
    return Problem(f"{place}, {problem.where}", problem.message, conflict=problem.conflict)
