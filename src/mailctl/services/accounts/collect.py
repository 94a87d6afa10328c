"""The mail of a POP3 mailbox, collected into a folder of an account over IMAP: each message once, whatever happens.

What makes it safe against being killed at any moment:

1. Before a batch of messages is sent to the folder, the ledger says which, and the folder's UIDNEXT.
2. When the server has acknowledged the batch, the ledger says of each message that it is stored.
3. A message is deleted on the POP3 server only if the ledger says that it is stored; what was marked takes effect at
   the end of that session (QUIT), or not at all.

A run that finds a batch begun and not acknowledged looks into the folder, from that UIDNEXT on, for messages with the
header fields of these (`protocol.message.mark`), each found one standing for one message of the batch. Those that are
there are recorded as stored. A message that is missing is looked for again for some seconds, since the server may
still be working on what it received from the process that was killed; then it is stored anew. Messages themselves are
never altered. If somebody moves a message out of the folder between the kill and the next run, it comes twice.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from mailctl.errors import MailError, RefusedError, SecretMissingError
from mailctl.model.collection import CollectionSource
from mailctl.model.folders import INBOX
from mailctl.model.secret import Secret
from mailctl.protocol.message.header_text import read_text
from mailctl.protocol.message.mark import find_received_at, mark_of, read_header
from mailctl.protocol.replies import tell_with_reply
from mailctl.protocol.sasl import Login
from mailctl.services.accounts.collection_ledger import (
    CollectionAct,
    CollectionLedger,
    CollectionRecord,
)
from mailctl.services.accounts.collection_recognition import recognise
from mailctl.services.accounts.collection_sources import lacks_password
from mailctl.services.accounts.collection_storing import Item, Storing
from mailctl.services.accounts.folders import create_folders
from mailctl.services.sending.delivery import as_password
from mailctl.transport.imap.appending import Deposit, ImapAppending
from mailctl.transport.imap.filing import ImapFiling
from mailctl.transport.imap.folders import ImapFolders
from mailctl.transport.imap.mailbox import ImapSession
from mailctl.transport.network.limits import Deadline
from mailctl.transport.pop3.mailbox import Pop3Session
from mailctl.transport.pop3.maildrop import Listed, Pop3Maildrop
from mailctl.transport.pop3.session import open_pop3
from mailctl.transport.route import Route
from mailctl.transport.watch import Watch

MESSAGE_OCTETS_MAX = 128 * 1024 * 1024
"""A message is held in memory once, and a larger one is left where it is."""

_BATCH_OCTETS = 1024 * 1024
_BATCH_MESSAGES = 100
_ALONE_OCTETS = 4 * 1024 * 1024
"""A batch of that size is settled before the next one is read."""

_DAY_SECONDS = 86_400

ReadSecret = Callable[[str], Secret]
OpenTarget = Callable[[], AbstractContextManager[ImapSession]]


@contextmanager
def open_source(
    account: str, source: CollectionSource, read_secret: ReadSecret, settings_folder: Path
) -> Iterator[Pop3Session]:
    """Open a session with an account's source that is logged in.

    Raises SecretMissingError before anything is contacted where the settings have no password, SecretError, MailError.
    """
    if lacks_password(source):
        raise SecretMissingError(
            f"'{source.name}' of {account} has the user name {source.username}, but no password",
            hint=f"`mailctl account pop3 edit {account} '{source.name}' --password-stdin` gives it one",
        )
    passphrase = source.tls.client_key_passphrase
    route = Route(
        endpoint=source.endpoint,
        tls=source.tls.located(settings_folder),
        login=Login(source.username, as_password(read_secret(source.password)) if source.password else None),
        client_key_passphrase=read_secret(passphrase) if passphrase else None,
        deadline=Deadline.never(),
    )
    with open_pop3(route, Watch()) as session:
        yield session


class Left(Struct, frozen=True, kw_only=True):
    """A message that was not collected, and why. `sender`, `subject`: empty where its header was not read."""

    uid: str
    size: int
    sender: str = ""
    subject: str = ""
    problem: str


class Collected(Struct, kw_only=True):
    """What a run did, or (dry run) would do, with the source of that name.

    `listed`: messages in the POP3 mailbox. `collected`: stored now, of `octets` in all. `recognised`: stored by a run
    that was interrupted. `deleted`: on the POP3 server, after that many days. `undeleted`: those that the server still
    lists after it was told before to delete them.
    """

    source: str
    listed: int = 0
    collected: int = 0
    octets: int = 0
    recognised: int = 0
    deleted: int = 0
    undeleted: int = 0
    left: list[Left] = []

    @property
    def changed(self) -> bool:
        """Whether anything was stored or deleted."""
        return bool(self.collected or self.deleted)


class _Plan(Struct):
    """What is to be done. `resized`: what is stored and has another size now, recorded anew."""

    new: list[Listed] = []
    uncertain: list[Listed] = []
    resized: list[CollectionRecord] = []


class CollectionRun:
    """One run over a source. `collected` tells, at any moment, what was done so far."""

    def __init__(
        self,
        source: CollectionSource,
        maildrop: Pop3Maildrop,
        open_target: OpenTarget,
        ledger: CollectionLedger,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.collected = Collected(source=source.name)
        self._source = source
        self._maildrop = maildrop
        self._open_target = open_target
        self._ledger = ledger
        self._clock = clock

    def run(self, *, dry_run: bool = False, on_progress: Callable[[int, int], object] | None = None) -> None:
        """Collect what is new, and delete what is due; with `dry_run` only find out how much.

        `on_progress`: is told how many of how many were stored. Raises MailError, SettingsWriteError; what was done
        until then stays done, and is known.
        """
        listed = self._maildrop.list()
        self.collected.listed = len(listed)
        plan = self._plan(listed)
        if dry_run:
            self.collected.collected = len(plan.new)
            self.collected.octets = sum(message.size for message in plan.new)
            self.collected.recognised = len(plan.uncertain)
        else:
            self._ledger.append(*plan.resized)
            if plan.new or plan.uncertain:
                with self._open_target() as session:
                    self._store(session, plan, on_progress or _tell_nobody)
        due = self._list_due(listed)
        deleted_before = self._ledger.deleted.copy()
        if due and not dry_run:
            self._maildrop.delete(due)
            self._ledger.append(CollectionRecord(act=CollectionAct.DELETED, uids=tuple(message.uid for message in due)))
            self._ledger.forget_gone({message.uid for message in listed})
        self.collected.undeleted = sum(message.uid in deleted_before for message in due)
        self.collected.deleted = len(due) - self.collected.undeleted

    def _plan(self, listed: Sequence[Listed]) -> _Plan:
        plan = _Plan()
        copies: set[str] = set()
        for message in listed:
            stored = self._ledger.stored.get(message.uid)
            if message.uid in copies:
                continue
            copies.add(message.uid)
            if stored is None and message.size > MESSAGE_OCTETS_MAX:
                limit = MESSAGE_OCTETS_MAX // 1024**2
                self._leave(message, f"it is larger than the {limit} MiB that are collected")
            elif message.uid in self._ledger.begun:
                plan.uncertain.append(message)
            elif stored is None:
                plan.new.append(message)
            elif stored.size != message.size and self._is_same(message, stored):
                plan.resized.append(replace(stored, size=message.size))
        return plan

    def _is_same(self, message: Listed, stored: CollectionRecord) -> bool:
        """Tell a message whose size varies, as at some servers, from another of its unique id, and leave that."""
        if mark_of(read_header(self._maildrop.read_header(message))) == stored.digest:
            return True
        day = dt.datetime.fromtimestamp(stored.at, dt.UTC).date()
        self._leave(message, f"the server has given it the unique id of another message, collected on {day}")
        return False

    def _leave(self, message: Listed, problem: str, item: Item | None = None) -> None:
        header = read_header(item.deposit.text) if item else None
        self.collected.left.append(
            Left(
                uid=message.uid,
                size=message.size,
                sender=read_text((header and header.find("from")) or ""),
                subject=read_text((header and header.find("subject")) or ""),
                problem=problem,
            )
        )

    def _store(self, session: ImapSession, plan: _Plan, on_progress: Callable[[int, int], object]) -> None:
        folders = ImapFolders(session)
        filing = ImapFiling(session, folders)
        missing = self._recognise(filing, plan.uncertain)
        messages = sorted([*plan.new, *missing], key=lambda message: message.number)
        if not messages:
            return
        folder = self._source.into
        if folder != INBOX:
            create_folders(folders, folders.list(), [folder])
        storing = Storing(ImapAppending(session, folders, folder), folder, filing.state(folder), self._ledger)
        done = 0
        try:
            for batch in self._read_batches(messages, storing.octets_max):
                self._take_in(storing.settle(self._clock()))
                on_progress(done, len(messages))
                storing.send(batch)
                done += len(batch)
                if sum(len(item.deposit.text) for item in batch) > _ALONE_OCTETS:
                    self._take_in(storing.settle(self._clock()))
                del batch
            self._take_in(storing.settle(self._clock()))
        except MailError:
            # What was under way before one of the servers failed is often stored all the same.
            self._take_in(storing.settle(self._clock()))
            raise
        on_progress(len(messages), len(messages))

    def _take_in(self, outcomes: Sequence[tuple[Item, MailError | None]]) -> None:
        """Count what became of messages; raise what ends the run: that the server takes nothing more."""
        for item, error in outcomes:
            if error is None:
                self.collected.collected += 1
                self.collected.octets += len(item.deposit.text)
            elif not _ends_the_run(error):
                self._leave(item.message, tell_with_reply(error), item)
        for _, error in outcomes:
            if error and _ends_the_run(error):
                raise error

    def _read_batches(self, messages: Sequence[Listed], octets_max: int | None) -> Iterator[list[Item]]:
        batch: list[Item] = []
        octets = 0
        now = dt.datetime.fromtimestamp(self._clock(), dt.UTC)
        for message, text in self._maildrop.retrieve(messages):
            if isinstance(text, RefusedError):
                self._leave(message, tell_with_reply(text))
                continue
            header = read_header(text)
            item = Item(message, Deposit(text, find_received_at(header, now)), mark_of(header))
            if octets_max is not None and len(text) > octets_max:
                self._leave(message, f"the IMAP server takes no message of more than {octets_max} bytes", item)
                continue
            batch.append(item)
            octets += len(text)
            del text, item
            if octets >= _BATCH_OCTETS or len(batch) >= _BATCH_MESSAGES:
                yield batch
                batch, octets = [], 0
        if batch:
            yield batch

    def _recognise(self, filing: ImapFiling, uncertain: Sequence[Listed]) -> list[Listed]:
        """Record which messages of interrupted batches are stored; return those that are not."""
        if not uncertain:
            return []
        marks = {message.uid: mark_of(read_header(self._maildrop.read_header(message))) for message in uncertain}
        missing = recognise(filing, self._ledger, uncertain, marks, self._clock)
        self.collected.recognised = len(uncertain) - len(missing)
        return missing

    def _list_due(self, listed: Sequence[Listed]) -> list[Listed]:
        """Return the stored messages whose days on the POP3 server are over."""
        days = self._source.delete_after_days
        if days is None:
            return []
        until = self._clock() - days * _DAY_SECONDS
        left = {one.uid for one in self.collected.left}
        stored = self._ledger.stored
        return [one for one in listed if one.uid in stored and one.uid not in left and stored[one.uid].at <= until]


def _ends_the_run(error: MailError) -> bool:
    """Tell whether the server takes nothing more: for now, or because the mailbox is full (RFC 9208)."""
    return not isinstance(error, RefusedError) or error.details.get("response_code") == "OVERQUOTA"


def _tell_nobody(_done: int, _total: int) -> None:
    """Take the place of a progress display."""
