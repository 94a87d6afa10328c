"""An account's rules run from here, over IMAP, for servers that run none themselves.

A message is looked at once: how far a folder was looked through is in a ledger, by UIDs. Acts that must not be done
twice (a copy, a redirect, a move in two steps) are written down before and after, so that a run which was killed at
any moment is taken up where it ended: a copy is looked for before it is made again, and a redirect of which nobody
knows whether it was sent is not sent again: the message stays where it is, and is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from email.utils import formatdate, make_msgid
from enum import StrEnum

from msgspec import Struct

from mailctl.errors import FateUnknownError, MailctlError
from mailctl.model.account import Account
from mailctl.model.address import parse_address
from mailctl.model.folders import INBOX, FolderRole
from mailctl.model.rule_text import Action, ActionKind
from mailctl.protocol.encoded_words import decode_words
from mailctl.protocol.filtering import Filing, Mail, Outcome, decide, find_needs
from mailctl.protocol.text_parts import read_text_parts
from mailctl.services.accounts.filters import find_trash
from mailctl.services.sending.compose import Message
from mailctl.services.sending.outbox import Outbox
from mailctl.store.ledger import Ledger
from mailctl.transport.imap_filing import FolderState, Found, ImapFiling
from mailctl.transport.imap_folders import ImapFolders

LEDGER_NAME = "filters"
BATCH = 200
_SHOWN_FIELDS = ("from", "subject", "date")
_REDIRECT_FIELDS = ("resent-from",)
_BODY_OCTETS_MAX = 1024 * 1024


class Act(StrEnum):
    """What a record of the ledger tells."""

    LOOKED = "looked"
    """The folder was looked through up to this UID."""
    BEGUN = "begun"
    """A message is being put into a folder, or redirected."""
    DONE = "done"
    UNDONE = "undone"
    """It was certainly not done, and may be tried again."""


class FilterRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of the ledger. `target`: a folder or an address. `uid_next`: of the target folder, before the act."""

    act: Act
    folder: str
    uid_validity: int
    uid: int
    target: str = ""
    uid_next: int = 0


class Handled(Struct, frozen=True, kw_only=True):
    """A message that rules apply to, and what became of it.

    `problem`: why a part of that was not done; `is_uncertain`: nobody knows whether it was.
    """

    uid: int
    sender: str
    subject: str
    filters: tuple[str, ...]
    filings: tuple[Filing, ...]
    redirects: tuple[str, ...]
    problem: str | None = None
    is_uncertain: bool = False


class Left(Struct, frozen=True):
    """Why a message stays as it is. `is_uncertain`: something may have been done all the same."""

    problem: str
    is_uncertain: bool = False


class FilterRun:
    """One run over a folder. `looked_at`: how many messages were looked at so far."""

    def __init__(
        self,
        account: Account,
        folders: ImapFolders,
        filing: ImapFiling,
        ledger: Ledger[FilterRecord],
        outbox: Outbox,
        *,
        folder: str = INBOX,
    ) -> None:
        self.looked_at = 0
        self._account = account
        self._folders = folders
        self._filing = filing
        self._ledger = ledger
        self._outbox = outbox
        self._folder = folder
        self._trash = find_trash(account)
        self._needs = find_needs(account.filters)
        self._state = FolderState(0, 0)

    def run(
        self, *, again: bool = False, dry_run: bool = False, on_progress: Callable[[int, int], object] | None = None
    ) -> Iterator[Handled]:
        """Yield each message that a rule applies to, when that is done; with `dry_run` nothing is.

        `again`: also those that were looked at before. `on_progress`: is told how many of how many were looked at.
        Raises CapabilityError before anything is done where the server cannot take single messages out of a folder,
        MailError; what was done until then stays done, and is known.
        """
        if any(action.kind in (ActionKind.MOVE, ActionKind.DELETE) for action in self._actions()):
            self._filing.require_removal(self._folder)
        if not dry_run:
            self._make_folders()
        self._state = self._filing.open(self._folder)
        uids = self._filing.list_uids(1 if again else self._looked_up_to() + 1)
        for start in range(0, len(uids), BATCH):
            batch = uids[start : start + BATCH]
            yield from self._handle(batch, dry_run=dry_run)
            self.looked_at += len(batch)
            if not dry_run:
                self._ledger.append(self._record(Act.LOOKED, batch[-1]))
            if on_progress:
                on_progress(self.looked_at, len(uids))

    def _handle(self, uids: Sequence[int], *, dry_run: bool) -> Iterator[Handled]:
        fields = {*self._needs.fields, *_SHOWN_FIELDS, *_REDIRECT_FIELDS}
        octets = _BODY_OCTETS_MAX if self._needs.body else 0
        for found in self._filing.fetch(uids, fields, body_octets=octets):
            mail = Mail(found.header, found.size, read_text_parts(found.body) if found.body else ())
            outcome = decide(self._account.filters, mail, trash=self._trash)
            if outcome.applied:
                left = None if dry_run else self._carry_out(found, outcome)
                yield Handled(
                    uid=found.uid,
                    sender=decode_words(found.header.find("from") or ""),
                    subject=decode_words(found.header.find("subject") or ""),
                    filters=outcome.applied,
                    filings=outcome.filings,
                    redirects=outcome.redirects,
                    problem=left.problem if left else None,
                    is_uncertain=left is not None and left.is_uncertain,
                )

    def _carry_out(self, found: Found, outcome: Outcome) -> Left | None:
        """Do what rules say of a message; return why it was not done whole, if so."""
        for address in outcome.redirects:
            if left := self._redirect(found, address):
                return left
        filings = outcome.filings
        if not filings and self._account.folders.find(FolderRole.TRASH):
            # What is only redirected is not kept; nothing is destroyed, either.
            filings = (Filing(str(self._account.folders.find(FolderRole.TRASH))),)
        here = next((filing for filing in filings if filing.folder.upper() == self._folder.upper()), None)
        elsewhere = [filing for filing in filings if filing is not here]
        moved = elsewhere.pop() if here is None and elsewhere and self._filing.moves_at_once else None
        for filing in elsewhere:
            self._copy(found, filing)
        if here is not None:
            foreign = {flag for filing in elsewhere for flag in filing.flags} - set(here.flags)
            self._filing.remove_flags([found.uid], [flag for flag in foreign if flag.lower() not in found.flags])
            self._filing.add_flags([found.uid], here.flags)
        elif moved:
            self._filing.add_flags([found.uid], moved.flags)
            self._filing.move([found.uid], moved.folder)
        elif elsewhere:
            self._filing.remove([found.uid])
        return None

    def _copy(self, found: Found, filing: Filing) -> None:
        begun = self._find(Act.BEGUN, found.uid, filing.folder)
        if self._find(Act.DONE, found.uid, filing.folder):
            return
        if begun is None or not self._arrived(found, begun):
            uid_next = self._filing.uid_next(filing.folder)
            self._ledger.append(self._record(Act.BEGUN, found.uid, filing.folder, uid_next))
            self._filing.add_flags([found.uid], filing.flags)
            self._filing.copy([found.uid], filing.folder)
        self._ledger.append(self._record(Act.DONE, found.uid, filing.folder))

    def _arrived(self, found: Found, begun: FilterRecord) -> bool:
        """Tell whether a copy that a killed run had begun was made."""
        message_id = found.header.find("message-id")
        arrived = self._filing.holds(begun.target, begun.uid_next, message_id, found.size)
        self._state = self._filing.open(self._folder)
        return arrived

    def _redirect(self, found: Found, address: str) -> Left | None:
        own = parse_address(self._account.address)
        if self._find(Act.DONE, found.uid, address):
            return None
        if self._find(Act.BEGUN, found.uid, address):
            return _unknown(address)
        if own.with_ascii_domain.casefold() in " ".join(found.header.find_all("resent-from")).casefold():
            return Left(f"not redirected to {address}: it has been redirected from here before")
        to = parse_address(address)
        message_id = make_msgid(domain=own.with_ascii_domain.rpartition("@")[2])
        resent = (
            f"Resent-Date: {formatdate(localtime=True)}\r\n"
            f"Resent-From: {own.with_ascii_domain}\r\nResent-To: {to.with_ascii_domain}\r\n"
            f"Resent-Message-ID: {message_id}\r\n"
        )
        message = Message(
            message_id=message_id,
            content=resent.encode() + self._filing.read(found.uid),
            sender=str(own),
            recipients=(str(to),),
        )
        self._ledger.append(self._record(Act.BEGUN, found.uid, address))
        try:
            sent = self._outbox.deliver(message)
        except FateUnknownError:
            return _unknown(address)
        except MailctlError:
            self._ledger.append(self._record(Act.UNDONE, found.uid, address))
            raise
        for refused in sent.refused.values():
            self._ledger.append(self._record(Act.UNDONE, found.uid, address))
            return Left(f"not redirected to {address}: {refused.reply}")
        self._ledger.append(self._record(Act.DONE, found.uid, address))
        return None

    def _actions(self) -> list[Action]:
        return [action for rule in self._account.filters for action in rule.parsed_actions]

    def _make_folders(self) -> None:
        """Create the folders that rules name and the server does not have."""
        named = [action.argument for action in self._actions() if action.kind in (ActionKind.MOVE, ActionKind.COPY)]
        present = self._folders.list().names
        for name in dict.fromkeys(named):
            if name not in present and name != INBOX:
                self._folders.create(name)

    def _looked_up_to(self) -> int:
        return max((record.uid for record in self._records() if record.act is Act.LOOKED), default=0)

    def _find(self, act: Act, uid: int, target: str) -> FilterRecord | None:
        """Return the record of an act, unless a later one says that it was not done after all."""
        found = None
        for record in self._records():
            if (record.uid, record.target) == (uid, target):
                found = record if record.act is act else None if record.act is Act.UNDONE else found
        return found

    def _records(self) -> Iterator[FilterRecord]:
        """Yield what the ledger tells of the folder as the server numbers it now."""
        here = (self._folder, self._state.uid_validity)
        return (record for record in self._ledger.records if (record.folder, record.uid_validity) == here)

    def _record(self, act: Act, uid: int, target: str = "", uid_next: int = 0) -> FilterRecord:
        return FilterRecord(
            act=act,
            folder=self._folder,
            uid_validity=self._state.uid_validity,
            uid=uid,
            target=target,
            uid_next=uid_next,
        )


def _unknown(address: str) -> Left:
    problem = f"not known whether it was redirected to {address}: ask there, before it is sent again by hand"
    return Left(problem, is_uncertain=True)
