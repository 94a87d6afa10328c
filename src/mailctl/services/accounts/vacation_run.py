"""Out-of-office answers given from here, over IMAP and SMTP, where a server gives none itself.

A message is answered once, and a sender once in so many days, however often this is run. That somebody is being
answered is in a ledger before the answer goes out: a run that is killed in between answers nobody twice, and may leave
one person without an answer.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from mailctl.errors import CapabilityError, InvalidValueError, MailctlError
from mailctl.model.account import Account, mailbox_key
from mailctl.model.address import parse_address
from mailctl.model.folders import INBOX
from mailctl.protocol.imap_dates import format_day
from mailctl.protocol.message.address_list import Mailbox
from mailctl.protocol.message.header_text import read_text
from mailctl.protocol.rules.vacation import FIELDS, find_sender, why_unanswered
from mailctl.services.accounts.folder_walk import FolderWalk
from mailctl.services.accounts.installations import ServerTimes
from mailctl.services.accounts.vacation_ledger import AnswerAct, AnswerLedger, AnswerRecord
from mailctl.services.accounts.vacations import get_vacation
from mailctl.services.sending.compose import Draft, Field, Message, compose
from mailctl.services.sending.deliveries import Deliveries
from mailctl.services.sending.outbox import Outbox
from mailctl.store.ledger import Ledger
from mailctl.transport.imap.filing import Found, ImapFiling

_REFERENCES_MAX = 20
_ANSWERED_FLAG = "\\answered"
"""As `Found` has it (RFC 9051, 2.3.2)."""
_MESSAGE_ID = re.compile(r"<[!-;=?A-~]+@[!-;=?A-~]+>")


class Answered(Struct, frozen=True, kw_only=True):
    """A message that was looked at. `why_not`: why it got no answer; None where it did.

    `failed`: it was to get one. `is_uncertain`: nobody knows whether it did; `is_temporary`: the next run tries again.
    """

    uid: int
    sender: str | None
    subject: str
    why_not: str | None = None
    failed: bool = False
    is_uncertain: bool = False
    is_temporary: bool = False


class VacationRun(FolderWalk[Answered]):
    """One run over an inbox. `by_server`: when the server gave the answer; mail that came then gets none from here."""

    def __init__(
        self,
        account: Account,
        filing: ImapFiling,
        ledger: Ledger[AnswerRecord],
        outbox: Outbox,
        deliveries: Deliveries,
        *,
        by_server: ServerTimes,
        today: dt.date,
    ) -> None:
        super().__init__()
        self._account = account
        self._vacation = get_vacation(account)
        self._filing = filing
        self._records = ledger
        self._outbox = outbox
        self._deliveries = deliveries
        self._by_server = by_server
        self._today = today
        self._rehearsed: set[str] = set()

    def run(
        self, *, dry_run: bool = False, on_progress: Callable[[int, int], object] | None = None
    ) -> Iterator[Answered]:
        """Yield each new message of the days of the vacation, with what was or would be done about it.

        An answer without a first day begins with its first run: what was there before gets none.
        Raises MailError where no answer can be sent for now, KeyboardInterrupt: those left are taken up by the next
        run.
        """
        state = self._filing.examine(INBOX)
        digest = hashlib.sha256(f"{self._vacation.subject}\n{self._vacation.text}".encode()).hexdigest()[:16]
        self._ledger = AnswerLedger(self._records, state.uid_validity, digest)
        first = self._ledger.looked_up_to + 1
        if self._vacation.from_date is None and not self._ledger.has_begun:
            first = state.uid_next
            if not dry_run:
                self._ledger.append_looked(first - 1)
        uids = self._filing.list_uids(first, *self._days_searched())
        answer = partial(self._answer, dry_run=dry_run)
        yield from self._walk(uids, answer, self._ledger, dry_run=dry_run, on_progress=on_progress)
        if not dry_run:
            self._ledger.forget_old(self._today)

    def _days_searched(self) -> list[str]:
        """Return the days as search keys, one more at each end: the server searches by the days where it is."""
        first, last = self._vacation.from_date, self._vacation.until
        since = ["SINCE", format_day(_days_after(first, -1))] if first else []
        return [*since, *(["BEFORE", format_day(_days_after(last, 2))] if last else [])]

    def _came_in_time(self, found: Found) -> bool:
        """Tell whether a message came on one of the days of the vacation, as they are where this is run."""
        if found.received is None:
            return True
        if self._vacation.since and found.received < self._vacation.since:
            return False
        first, last, day = self._vacation.from_date, self._vacation.until, found.received.astimezone().date()
        return (first is None or first <= day) and (last is None or day <= last)

    def _answer(self, uids: Sequence[int], *, dry_run: bool) -> Iterator[Answered]:
        for found in self._filing.fetch(uids, FIELDS):
            if self._came_in_time(found):
                yield self._answer_one(found, dry_run=dry_run)

    def _answer_one(self, found: Found, *, dry_run: bool) -> Answered:
        sender = find_sender(found.header) or ""
        answered = Answered(
            uid=found.uid,
            sender=read_text(sender) or None,
            subject=read_text(found.header.find("subject") or ""),
            why_not=why_unanswered(found.header, [self._account.address]) or self._why_again(found, sender),
        )
        if answered.why_not is not None:
            return answered
        try:
            to = Mailbox(parse_address(sender))
        except ValueError as error:
            return replace(answered, why_not=f"it has no sender that could be answered: {error}")
        if dry_run:
            self._rehearsed.add(mailbox_key(sender))
            return answered
        return self._send(found, to, sender, answered)

    def _why_again(self, found: Found, sender: str) -> str | None:
        """Return why a sender gets no answer now who would get one otherwise."""
        if self._by_server.cover(found.received):
            return "it came while the answer was the server's to give"
        if _ANSWERED_FLAG in found.flags:
            return "it has been answered already, by somebody who read it"
        if mailbox_key(sender) in self._rehearsed:
            return f"{sender} would have an answer already"
        if self._ledger.is_answered(found.uid):
            return "it has been answered already, or may have been by a run that ended early"
        day = self._ledger.find_day(sender)
        if day is None or (self._today - day).days >= self._vacation.every_days:
            return None
        return f"{sender} has been answered on {day}"

    def _send(self, found: Found, to: Mailbox, sender: str, answered: Answered) -> Answered:
        """Answer a message; return what came of it."""
        try:
            message = replace(self._compose(found, to), sender="")
        except (CapabilityError, InvalidValueError) as error:
            return replace(answered, why_not=f"it cannot be answered: {error.message}", failed=True)
        self._ledger.append_answer(AnswerAct.ANSWERED, found.uid, sender, self._today)
        try:
            # Some servers take nothing without a sender (RFC 3834, 3.3 has the null one, to make no loops).
            undelivered = self._deliveries.deliver(message, sender_if_wanted=self._account.address)
        except MailctlError:
            self._ledger.append_answer(AnswerAct.UNANSWERED, found.uid, sender, self._today)
            raise
        if undelivered is None:
            return answered
        if undelivered.is_uncertain:
            why_not = f"not known whether the answer went out: {undelivered.problem}"
            return replace(answered, why_not=why_not, failed=True, is_uncertain=True)
        self._ledger.append_answer(AnswerAct.UNANSWERED, found.uid, sender, self._today)
        for_now = " for now" if undelivered.is_temporary else ""
        why_not = f"the answer was refused{for_now}: {undelivered.problem}"
        return replace(answered, why_not=why_not, failed=True, is_temporary=undelivered.is_temporary)

    def _compose(self, found: Found, to: Mailbox) -> Message:
        """Return the answer to a message (RFC 3834, 3.1)."""
        fields = [Field("Auto-Submitted", "auto-replied (vacation)")]
        message_id = (found.header.find("message-id") or "").strip()
        if _MESSAGE_ID.fullmatch(message_id):
            known = _MESSAGE_ID.findall(found.header.find("references") or found.header.find("in-reply-to") or "")
            fields += [
                Field("In-Reply-To", message_id),
                Field("References", " ".join([*known[-_REFERENCES_MAX:], message_id])),
            ]
        draft = Draft(to=(to,), subject=self._vacation.subject, text=self._vacation.text, fields=tuple(fields))
        self._outbox.check(draft)
        return compose(draft, self._outbox.roles)


def _days_after(day: dt.date, days: int) -> dt.date:
    """Return the day so many days later, else the calendar's first or last."""
    return dt.date.fromordinal(max(dt.date.min.toordinal(), min(day.toordinal() + days, dt.date.max.toordinal())))
