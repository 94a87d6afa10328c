"""How many messages each folder of a mailbox holds: in one round trip where the server can, else in two.

RFC 9051, 6.3.11 (STATUS); RFC 5819 (LIST-STATUS).
"""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct

from mailctl.transport.faults import translated
from mailctl.transport.imap.folders import FolderTree, ImapFolders
from mailctl.transport.imap.mailbox import ImapSession, parsing

_WANTED = "(MESSAGES UNSEEN)"
_AT_ONCE = 200
"""Commands that are under way together: a server may not read on while nobody takes its answers."""
_STATUS = re.compile(rb'(?P<name>"(?:[^"\\]|\\.)*"|[^"( ][^ ]*) *\((?P<values>[^()]*)\)')


class FolderCounts(Struct, frozen=True):
    """How many messages a folder holds, and how many of them nobody has seen; None where the server does not tell."""

    messages: int | None = None
    unseen: int | None = None


def list_with_counts(session: ImapSession, folders: ImapFolders) -> tuple[FolderTree, dict[str, FolderCounts]]:
    """Return a mailbox's folders, and what those that can hold messages hold, by their names.

    Raises RefusedError or TemporaryError; a folder that may not be looked at has no counts.
    """
    session.transport.forget()
    at_once = session.capabilities.offers("LIST-EXTENDED") and session.capabilities.offers("LIST-STATUS")
    tree = folders.list(*([f"STATUS {_WANTED}"] if at_once else []))
    arguments = {name: folders.argument(name) for name in tree.names}
    if not at_once:
        _ask_each(session, list(arguments.values()))
    with translated(session.transport.wire.peer), parsing():
        told = _read(session.transport.take("STATUS"))
    # Names are compared as they are on the wire, where all are written in one way.
    return tree, {name: told.get(_bare(argument.encode()), FolderCounts()) for name, argument in arguments.items()}


def _ask_each(session: ImapSession, arguments: list[str]) -> None:
    for start in range(0, len(arguments), _AT_ONCE):
        commands = [("STATUS", argument, _WANTED) for argument in arguments[start : start + _AT_ONCE]]
        for tag in session.transport.issue_all(commands):
            session.transport.wire.begin_reply()
            session.transport.complete(tag)


def _read(lines: list[Any]) -> dict[bytes, FolderCounts]:
    """Return what STATUS responses tell, by names as they are on the wire."""
    told: dict[bytes, FolderCounts] = {}
    literal: bytes | None = None
    for line in lines:
        if isinstance(line, tuple):  # a name that came as a literal, and goes on in the next line
            literal = line[1]
            continue
        found = _STATUS.fullmatch((b'"" ' if literal is not None else b"") + line.strip())
        if found:
            words = found["values"].upper().split()
            values = dict(zip(words[::2], map(int, words[1::2]), strict=False))
            name = _bare(found["name"]) if literal is None else literal
            told[_canonical(name)] = FolderCounts(values.get(b"MESSAGES"), values.get(b"UNSEEN"))
        literal = None
    return told


def _bare(name: bytes) -> bytes:
    if name.startswith(b'"'):
        name = re.sub(rb"\\(.)", rb"\1", name[1:-1])
    return _canonical(name)


def _canonical(name: bytes) -> bytes:
    return b"INBOX" if name.upper() == b"INBOX" else name
