"""An account's rules run from here, over IMAP, for servers that run none themselves.

A message is looked at once: how far a folder was looked through is in a ledger, by UIDs. Acts that must not be done
twice (a copy, a redirect, a move in two steps) are written down before and after, so that a run which was killed at
any moment is taken up where it ended: a copy is looked for before it is made again, and a redirect of which nobody
knows whether it was sent is not sent again: the message stays where it is, and is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from email.utils import make_msgid
from functools import partial

from msgspec import Struct

from mailctl.errors import MailctlError
from mailctl.model.account import Account
from mailctl.model.address import parse_address
from mailctl.model.folders import INBOX, FolderRole
from mailctl.model.rule_text import ActionKind
from mailctl.protocol.message.header_text import read_text
from mailctl.protocol.message.mark import MARK_FIELDS, mark_of
from mailctl.protocol.message.resent import resend
from mailctl.protocol.message.text_parts import read_text_parts
from mailctl.protocol.rules.filtering import Disposition, Filing, Mail, decide, find_needs
from mailctl.services.accounts.filter_ledger import FilterAct, FilterLedger, FilterRecord
from mailctl.services.accounts.filters import list_filed_into, require_trash
from mailctl.services.accounts.folder_walk import FolderWalk
from mailctl.services.accounts.folders import create_folders, find_role, list_missing, require_folder
from mailctl.services.accounts.installations import ServerTimes
from mailctl.services.sending.compose import Message
from mailctl.services.sending.deliveries import Deliveries
from mailctl.store.ledger import Ledger
from mailctl.transport.imap.filing import Found, ImapFiling
from mailctl.transport.imap.folders import ImapFolders

_SHOWN_FIELDS = ("from", "subject", "date")
_REDIRECT_FIELDS = ("resent-from",)
_BODY_OCTETS_MAX = 1024 * 1024


class Handled(Struct, frozen=True, kw_only=True):
    """A message that rules apply to, and what became of it.

    `problem`: why a part of that was not done; `is_uncertain`: nobody knows whether it was; `is_temporary`: the next
    run tries again.
    """

    uid: int
    sender: str
    subject: str
    filters: tuple[str, ...]
    filings: tuple[Filing, ...]
    redirects: tuple[str, ...]
    problem: str | None = None
    is_uncertain: bool = False
    is_temporary: bool = False


class Left(Struct, frozen=True):
    """Why a message stays as it is.

    `is_uncertain`: something may have been done all the same. `is_temporary`: it may be done by a later run.
    """

    problem: str
    is_uncertain: bool = False
    is_temporary: bool = False


class FilterRun(FolderWalk[Handled]):
    """One run over a folder.

    `by_server`: when the server ran the rules; mail that came then is left to it, and counted as `left_to_server`.
    `missing`: folders that rules name and the server did not have.
    """

    def __init__(
        self,
        account: Account,
        folders: ImapFolders,
        filing: ImapFiling,
        ledger: Ledger[FilterRecord],
        deliveries: Deliveries,
        *,
        by_server: ServerTimes,
        folder: str = INBOX,
    ) -> None:
        super().__init__()
        self.left_to_server = 0
        self.missing: list[str] = []
        self._by_server = by_server
        self._account = account
        self._folders = folders
        self._filing = filing
        self._records = ledger
        self._deliveries = deliveries
        self._folder = folder
        self._trash: str | None = None
        self._needs = find_needs(account.filters)

    def run(
        self, *, again: bool = False, dry_run: bool = False, on_progress: Callable[[int, int], object] | None = None
    ) -> Iterator[Handled]:
        """Yield each message that a rule applies to, when that is done; with `dry_run` nothing is.

        `again`: also those that were looked at before. `on_progress`: is told how many of how many were looked at.
        Raises, before anything is done, NotFoundError for a folder that is not there, and CapabilityError where the
        server cannot take single messages out of a folder; MailError, KeyboardInterrupt: what was done until then
        stays done, and is known.
        """
        self._prepare_folders(dry_run=dry_run)
        state = self._filing.open(self._folder)
        self._ledger = FilterLedger(self._records, self._folder, state.uid_validity)
        uids = self._filing.list_uids(1 if again else self._ledger.looked_up_to + 1)
        handle = partial(self._handle, dry_run=dry_run)
        yield from self._walk(uids, handle, self._ledger, dry_run=dry_run, on_progress=on_progress)
        if not dry_run:
            self._ledger.forget_gone(lambda: self._filing.list_uids(1))

    def _handle(self, uids: Sequence[int], *, dry_run: bool) -> Iterator[Handled]:
        fields = {*self._needs.fields, *_SHOWN_FIELDS, *_REDIRECT_FIELDS, *MARK_FIELDS}
        octets = _BODY_OCTETS_MAX if self._needs.body else 0
        for found in self._filing.fetch(uids, fields, body_octets=octets):
            if self._by_server.cover(found.received):
                self.left_to_server += 1
                continue
            mail = Mail(found.header, found.size, read_text_parts(found.body) if found.body else ())
            disposition = decide(self._account.filters, mail, trash=self._trash, here=self._folder)
            if disposition.applied:
                left = None if dry_run else self._carry_out(found, disposition)
                yield Handled(
                    uid=found.uid,
                    sender=read_text(found.header.find("from") or ""),
                    subject=read_text(found.header.find("subject") or ""),
                    filters=disposition.applied,
                    filings=disposition.filings,
                    redirects=disposition.redirects,
                    problem=left.problem if left else None,
                    is_uncertain=left is not None and left.is_uncertain,
                    is_temporary=left is not None and left.is_temporary,
                )

    def _carry_out(self, found: Found, disposition: Disposition) -> Left | None:
        """Do what rules say of a message; return why it was not done whole, if so."""
        for address in disposition.redirects:
            if left := self._redirect(found, address):
                return left
        filings = disposition.filings
        if not filings and self._trash:
            # What is only redirected is not kept; nothing is destroyed, either.
            filings = (Filing(self._trash),)
        here = next((filing for filing in filings if filing.folder == self._folder), None)
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
        begun = self._ledger.find(found.uid, filing.folder)
        if begun and begun.act is FilterAct.DONE:
            return
        if begun is None or not self._arrived(found, begun):
            uid_next = self._filing.uid_next(filing.folder)
            self._ledger.append(FilterAct.BEGUN, found.uid, filing.folder, uid_next)
            self._filing.add_flags([found.uid], filing.flags)
            self._filing.copy([found.uid], filing.folder)
        self._ledger.append(FilterAct.DONE, found.uid, filing.folder)

    def _arrived(self, found: Found, begun: FilterRecord) -> bool:
        """Tell whether a copy that a killed run had begun was made."""
        arrived = self._filing.holds(begun.target, begun.uid_next, mark_of(found.header), found.size)
        self._filing.open(self._folder)
        return arrived

    def _redirect(self, found: Found, address: str) -> Left | None:
        """Send a message on; return why that was not done, for a reason that is the message's own."""
        known = self._ledger.find(found.uid, address)
        if known:
            return None if known.act is FilterAct.DONE else _unknown(address)
        own, to = parse_address(self._account.address), parse_address(address)
        if own.with_ascii_domain.casefold() in " ".join(found.header.find_all("resent-from")).casefold():
            return Left(f"not redirected to {address}: it has been redirected from here before")
        content = self._filing.read(found.uid)
        if not content:
            return Left(f"not redirected to {address}: the server does not give its text")
        message_id = make_msgid(domain=own.with_ascii_domain.rpartition("@")[2])
        message = Message(
            message_id=message_id,
            content=resend(content, own, to, message_id),
            sender=str(own),
            recipients=(str(to),),
        )
        self._ledger.append(FilterAct.BEGUN, found.uid, address)
        try:
            undelivered = self._deliveries.deliver(message)
        except MailctlError:
            self._ledger.append(FilterAct.UNDONE, found.uid, address)
            raise
        if undelivered is None:
            self._ledger.append(FilterAct.DONE, found.uid, address)
            return None
        if undelivered.is_uncertain:
            return _unknown(address)
        self._ledger.append(FilterAct.UNDONE, found.uid, address)
        return Left(f"not redirected to {address}: {undelivered.problem}", is_temporary=undelivered.is_temporary)

    def _prepare_folders(self, *, dry_run: bool) -> None:
        """Find the folders that are needed, and create those that rules name and the server does not have."""
        tree = self._folders.list()
        self._folder = require_folder(tree, self._folder, self._account.address)
        kinds = [{action.kind for action in rule.parsed_actions} for rule in self._account.filters]
        if any(of_rule & {ActionKind.DELETE, ActionKind.REDIRECT} for of_rule in kinds):
            self._trash = find_role(self._account, tree, FolderRole.TRASH)
        require_trash(self._account, self._trash)
        removing = {ActionKind.MOVE, ActionKind.DELETE, *([ActionKind.REDIRECT] if self._trash else ())}
        if any(of_rule & removing and ActionKind.KEEP not in of_rule for of_rule in kinds):
            self._filing.require_removal(self._folder)
        self.missing = list_missing(tree, list_filed_into(self._account))
        if not dry_run:
            create_folders(self._folders, tree, self.missing)


def _unknown(address: str) -> Left:
    problem = f"not known whether it was redirected to {address}: ask there, before it is sent again by hand"
    return Left(problem, is_uncertain=True)
