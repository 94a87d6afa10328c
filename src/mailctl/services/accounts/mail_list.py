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
from mailctl.model.folders import INBOX, FolderRole, parse_folder_name
from mailctl.model.server import IncomingProtocol
from mailctl.protocol.folder_names import find_by_name
from mailctl.protocol.message.header_block import HeaderBlock
from mailctl.protocol.message.header_text import Correspondent, list_correspondents, read_correspondent, read_text
from mailctl.protocol.message.mark import find_received_at
from mailctl.protocol.message.received import find_date
from mailctl.protocol.message.threads import Linked, Placed, Thread, build_threads, find_message_id, list_references
from mailctl.protocol.reasons import Reason
from mailctl.services.accounts.folders import describe_folders, require_folder
from mailctl.services.accounts.mailbox import MailboxAccess
from mailctl.transport.imap.folders import ImapFolders
from mailctl.transport.imap.listing import FolderListing, ImapListing
from mailctl.transport.imap.mailbox import ImapSession
from mailctl.transport.network.limits import Deadline
from mailctl.transport.pop3.listing import list_newest
from mailctl.transport.pop3.mailbox import Pop3Session

_CLOCKS_APART = dt.timedelta(days=1)
_BEFORE_ALL = dt.datetime.fromtimestamp(0, dt.UTC)


class Listed(Struct, frozen=True, kw_only=True, rename={"sender": "from"}):
    """A message of a list.

    `uid`: IMAP's, or the unique id (UIDL) of POP3, None where the server gives none. `place`: in the order in which the
    messages of its folder arrived. `date`: when it was sent, by its own word where that can be; in UTC, None for a
    message of POP3 that does not tell. `flags`: as the server has them; None over POP3, which knows of none. `size`:
    octets. `is_own`: whether it stands where the account's own mail does, sent or to be sent. `message_id`: with angle
    brackets. `thread`: which one of the list it belongs to, from 1 on, None outside threads; `depth`: 0 for the one
    that begins the thread. `references`: what it answers, see `list_references`.
    """

    account: str
    folder: str
    uid: int | str | None
    place: int
    date: dt.datetime | None
    sender: Correspondent
    to: tuple[Correspondent, ...]
    subject: str
    flags: tuple[str, ...] | None
    size: int
    is_own: bool
    message_id: str | None
    references: tuple[str, ...]
    thread: int | None = None
    depth: int = 0

    @property
    def sorted_at(self) -> dt.datetime:
        """Its date; one before all others where it has none."""
        return self.date or _BEFORE_ALL

    def has_flag(self, flag: str) -> bool | None:
        """Tell if it has a flag such as `\\Seen`, in any mixture of capitals (RFC 9051, 2.3.2); None: unknown."""
        return None if self.flags is None else flag.lower() in map(str.lower, self.flags)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values, less what lists and threads were made of."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        del fields["references"], fields["place"], fields["is_own"]
        return fields


class FolderMail(Struct, frozen=True):
    """The newest mail of a folder of an account, and the threads of UIDs in which its server has it, if it does."""

    messages: tuple[Listed, ...]
    threads: tuple[Thread, ...] | None = None


def read_folder(
    account: Account, access: MailboxAccess, folder: str, count: int, *, threads: bool, deadline: Deadline
) -> FolderMail:
    """Return the newest mail of a folder, by its name or role; with the server's threads where wanted and offered.

    Raises NotFoundError, which lists what there is, for a folder or the folder of a role that is not there, as all but
    the inbox are over POP3; and SecretError, MailError.
    """
    if access.protocol is IncomingProtocol.POP3:
        _require_inbox(account.address, folder)
        with access.open_pop3(deadline=deadline) as maildrop:
            return _read_maildrop(account.address, maildrop, count)
    with access.open_imap(deadline=deadline) as session:
        return _read_folder(account, session, folder, count, threads=threads)


def _require_inbox(address: str, folder: str) -> None:
    if folder.upper() != INBOX:  # which is the name of its role, too
        raise NotFoundError(
            f"{address} is read over POP3, which shows no folder but {INBOX}: it has no '{folder}'",
            hint=f"if its server speaks IMAP: `mailctl account edit {address} --incoming-protocol imap`",
            details={"account": address, "folder": folder, "folders": [INBOX]},
        )


def _read_maildrop(address: str, session: Pop3Session, count: int) -> FolderMail:
    now = dt.datetime.now(dt.UTC)
    return FolderMail(
        tuple(
            _listed(
                address,
                INBOX,
                summary.header,
                uid=summary.uid,
                place=summary.number,
                received=find_received_at(summary.header, now),
                flags=None,
                size=summary.size,
                is_own=False,
            )
            for summary in list_newest(session, count)
        )
    )


def _read_folder(account: Account, session: ImapSession, folder: str, count: int, *, threads: bool) -> FolderMail:
    folders = ImapFolders(session)
    name = _find_name(account, folders, folder)
    try:
        listing = ImapListing(session, folders).read_newest(name, count, threads=threads)
    except MailError as error:
        if error.reason == Reason.MAILBOX_REFUSED:
            require_folder(folders.list(), name, account.address)
        raise
    return _as_mail(account.address, name, listing, is_own=_holds_own_mail(account, folder, name))


def _holds_own_mail(account: Account, wanted: str, name: str) -> bool:
    """Tell if a folder is for what the account writes itself; `wanted`: the role or the name it was asked for by."""
    return any(
        wanted == role
        or account.folders.find(role) == name
        or any(find_by_name(role, [name], prefix="", separator=separator) for separator in "/.")
        for role in (FolderRole.SENT, FolderRole.DRAFTS)
    )


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


def _as_mail(address: str, folder: str, listing: FolderListing, *, is_own: bool) -> FolderMail:
    messages = (
        _listed(
            address,
            folder,
            summary.header,
            uid=summary.uid,
            place=summary.uid,
            received=summary.received.astimezone(dt.UTC),
            flags=summary.flags,
            size=summary.size,
            is_own=is_own,
        )
        for summary in listing.messages
    )
    return FolderMail(tuple(messages), listing.threads)


def _listed(
    address: str,
    folder: str,
    header: HeaderBlock,
    *,
    uid: int | str | None,
    place: int,
    received: dt.datetime | None,
    flags: tuple[str, ...] | None,
    size: int,
    is_own: bool,
) -> Listed:
    sent = find_date(header.find("date") or "")
    return Listed(
        account=address,
        folder=folder,
        uid=uid,
        place=place,
        # Nothing is sent after it has come: such a date would stand on top of all lists until it is there.
        date=sent if sent and received and sent <= received + _CLOCKS_APART else received,
        sender=read_correspondent(header.find("from") or ""),
        to=tuple(list_correspondents(header.find("to") or "")),
        subject=read_text(header.find("subject") or ""),
        flags=flags,
        size=size,
        is_own=is_own,
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
    newest = sorted(found, key=lambda message: (message.sorted_at, message.place), reverse=True)[:count]
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
        date=message.sorted_at,
    )


def _by_place(threads: Iterable[Thread], messages: Sequence[Listed]) -> list[Thread]:
    """Return a server's threads of UIDs as threads of places in a list; what the server left out stands by itself."""
    places = {message.place: place for place, message in enumerate(messages)}
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
