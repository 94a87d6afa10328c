"""The newest mail of a folder, or of the same folder of several accounts as one list; in threads where wanted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from mailctl.errors import MailError, NotFoundError
from mailctl.model.account import Account
from mailctl.model.folders import FolderRole, parse_folder_name
from mailctl.protocol.message.header_block import HeaderBlock
from mailctl.protocol.message.header_text import Correspondent, read_correspondent, read_text
from mailctl.protocol.message.received import find_date
from mailctl.protocol.message.threads import Linked, Placed, Thread, build_threads, find_message_id, list_references
from mailctl.protocol.reasons import Reason
from mailctl.services.accounts.folders import describe_folders, require_folder
from mailctl.transport.imap.folders import ImapFolders
from mailctl.transport.imap.listing import FolderListing, ImapListing, Summary
from mailctl.transport.imap.mailbox import ImapSession

_CLOCKS_APART = dt.timedelta(days=1)


class Listed(Struct, frozen=True, kw_only=True, rename={"sender": "from"}):
    """A message of a list.

    `date`: when it was sent, by its own word where that can be; in UTC. `flags`: as the server has them. `size`:
    octets. `message_id`: with angle brackets. `thread`: which one of the list it belongs to, from 1 on, None outside
    threads; `depth`: 0 for the one that begins the thread. `references`: what it answers, see `list_references`.
    """

    account: str
    folder: str
    uid: int
    date: dt.datetime
    sender: Correspondent
    subject: str
    flags: tuple[str, ...]
    size: int
    message_id: str | None
    references: tuple[str, ...]
    thread: int | None = None
    depth: int = 0

    def has_flag(self, flag: str) -> bool:
        """Tell whether it has a flag such as `\\Seen`, in any mixture of capitals (RFC 9051, 2.3.2)."""
        return flag.lower() in map(str.lower, self.flags)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values, less what threads were made of."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        del fields["references"]
        return fields


class FolderMail(Struct, frozen=True):
    """The newest mail of a folder of an account, and the threads of UIDs in which its server has it, if it does."""

    messages: tuple[Listed, ...]
    threads: tuple[Thread, ...] | None = None


def read_folder(account: Account, session: ImapSession, folder: str, count: int, *, threads: bool) -> FolderMail:
    """Return the newest mail of a folder, by its name or role; with the server's threads where wanted and offered.

    Raises NotFoundError, which lists what there is, for a folder or the folder of a role that is not there; and
    RefusedError, TemporaryError.
    """
    folders = ImapFolders(session)
    name = _find_name(account, folders, folder)
    try:
        listing = ImapListing(session, folders).read_newest(name, count, threads=threads)
    except MailError as error:
        if error.reason == Reason.MAILBOX_REFUSED:
            require_folder(folders.list(), name, account.address)
        raise
    return _as_mail(account.address, name, listing)


def _find_name(account: Account, folders: ImapFolders, folder: str) -> str:
    role = FolderRole.aliases().get(folder, folder)
    if role not in set(FolderRole):
        return parse_folder_name(folder)
    if name := account.folders.find(FolderRole(role)):
        return name
    tree = folders.list()
    found = next(choice.folder for choice in describe_folders(account, tree) if choice.role == role)
    if found is None:
        # A folder may be called like a role without having it.
        if folder in tree.names:
            return folder
        raise NotFoundError(
            f"{account.address} has no folder for {role}",
            hint=f"`mailctl account folders set {account.address} {role} FOLDER` says which one it is; "
            f"it has: {', '.join(tree.names)}",
            details={"account": account.address, "role": role, "folders": tree.names},
        )
    return found


def _as_mail(address: str, folder: str, listing: FolderListing) -> FolderMail:
    messages = (_listed(address, folder, summary) for summary in listing.messages)
    return FolderMail(tuple(messages), listing.threads)


def _listed(address: str, folder: str, summary: Summary) -> Listed:
    header = summary.header
    received = summary.received.astimezone(dt.UTC)
    sent = find_date(header.find("date") or "")
    return Listed(
        account=address,
        folder=folder,
        uid=summary.uid,
        # Nothing is sent after it has come: such a date would stand on top of all lists until it is there.
        date=sent if sent and sent <= received + _CLOCKS_APART else received,
        sender=read_correspondent(header.find("from") or ""),
        subject=read_text(header.find("subject") or ""),
        flags=summary.flags,
        size=summary.size,
        message_id=_find_message_id(header),
        references=list_references(header.find("references"), header.find("in-reply-to")),
    )


def _find_message_id(header: HeaderBlock) -> str | None:
    found = find_message_id(header.find("message-id"))
    return f"<{found}>" if found else None


def merge(mails: Iterable[FolderMail], count: int, *, threads: bool) -> list[Listed]:
    """Return the newest messages of folders as one list, newest first; or in threads, the one with the newest first.

    The threads are those of the server, where there is but one folder and its server has told them.
    """
    mails = list(mails)
    found = [message for mail in mails for message in mail.messages]
    # Of one second, the later arrival is the newer one.
    newest = sorted(found, key=lambda message: (message.date, message.uid), reverse=True)[:count]
    if not threads:
        return newest
    told = mails[0].threads if len(mails) == 1 else None
    in_order = newest[::-1]
    built = build_threads([_linked(message) for message in in_order]) if told is None else _by_place(told, in_order)
    return _in_threads(in_order, built)


def merge_each(mails: Iterable[FolderMail], count: int, *, threads: bool) -> list[Listed]:
    """Return the newest messages of each of several folders, one folder after the other; as `merge` does it."""
    messages: list[Listed] = []
    for mail in mails:
        before = max((message.thread or 0 for message in messages), default=0)
        merged = merge([mail], count, threads=threads)
        messages += [replace(one, thread=one.thread + before) if one.thread else one for one in merged]
    return messages


def _linked(message: Listed) -> Linked:
    return Linked(
        message_id=find_message_id(message.message_id),
        references=message.references,
        subject=message.subject,
        date=message.date,
    )


def _by_place(threads: Iterable[Thread], messages: Sequence[Listed]) -> list[Thread]:
    """Return a server's threads of UIDs as threads of places in a list; what the server left out stands by itself."""
    places = {message.uid: place for place, message in enumerate(messages)}
    found: list[Thread] = []
    for thread in threads:
        known = [replace(placed, number=places.pop(placed.number)) for placed in thread if placed.number in places]
        if known:
            found.append([replace(known[0], depth=0), *known[1:]])
    return [*found, *([Placed(place, 0)] for place in places.values())]


def _in_threads(messages: Sequence[Listed], threads: Iterable[Thread]) -> list[Listed]:
    """Return messages, the oldest first, in threads, the one with the newest first."""
    newest_first = sorted(threads, key=lambda thread: max(placed.number for placed in thread), reverse=True)
    return [
        replace(messages[placed.number], thread=number, depth=placed.depth)
        for number, thread in enumerate(newest_first, start=1)
        for placed in thread
    ]
