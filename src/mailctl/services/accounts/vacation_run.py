"""Out-of-office answers given from here, over IMAP and SMTP, where a server gives none itself.

A message is answered once, and a sender once in so many days, however often this is run. That somebody is being
answered is in a ledger before the answer goes out: a run that is killed in between answers nobody twice, and may leave
one person without an answer.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Callable, Iterator
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from mailctl.errors import FateUnknownError, MailctlError, RefusedError
from mailctl.model.account import Account, mailbox_key
from mailctl.model.address import parse_address
from mailctl.model.folders import INBOX
from mailctl.protocol.address_list import Mailbox
from mailctl.protocol.encoded_words import decode_words
from mailctl.protocol.reasons import Reason
from mailctl.protocol.vacation import FIELDS, find_sender, why_unanswered
from mailctl.services.accounts.vacations import get_vacation
from mailctl.services.sending.compose import Draft, Field, Message, compose
from mailctl.services.sending.outbox import Outbox
from mailctl.store.ledger import Ledger
from mailctl.transport.imap_filing import FolderState, Found, ImapFiling

LEDGER_NAME = "vacation"
BATCH = 200
_REFERENCES_MAX = 20
_MESSAGE_ID = re.compile(r"<[^<>@\s]+@[^<>@\s]+>", re.ASCII)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Act(StrEnum):
    """What a record of the ledger tells."""

    LOOKED = "looked"
    """The inbox was looked through up to this UID."""
    ANSWERED = "answered"
    """An answer is on its way, or there."""
    UNANSWERED = "unanswered"
    """It certainly did not go out, and may be tried again."""


class AnswerRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of the ledger. `answer`: which one, by its digest. `sender`: who got it, `day`: when."""

    act: Act
    uid_validity: int
    uid: int
    answer: str = ""
    sender: str = ""
    day: dt.date | None = None


class Answered(Struct, frozen=True, kw_only=True):
    """A message that was looked at. `why_not`: why it got no answer; None where it did."""

    uid: int
    sender: str | None
    subject: str
    why_not: str | None = None
    failed: bool = False


class VacationRun:
    """One run over an inbox. `looked_at`: how many messages were looked at so far."""

    def __init__(
        self, account: Account, filing: ImapFiling, ledger: Ledger[AnswerRecord], outbox: Outbox, *, today: dt.date
    ) -> None:
        self.looked_at = 0
        self._account = account
        self._vacation = get_vacation(account)
        self._filing = filing
        self._ledger = ledger
        self._outbox = outbox
        self._today = today
        self._state = FolderState(0, 0)
        told = f"{self._vacation.subject}\n{self._vacation.text}"
        self._rehearsed: set[str] = set()
        self._answer = hashlib.sha256(told.encode()).hexdigest()[:16]

    def run(
        self, *, dry_run: bool = False, on_progress: Callable[[int, int], object] | None = None
    ) -> Iterator[Answered]:
        """Yield each new message of the days of the vacation, with what was or would be done about it.

        Raises MailError where no answer can be sent for now: those left are taken up by the next run.
        """
        self._state = self._filing.examine(INBOX)
        looked = [record.uid for record in self._records() if record.act is Act.LOOKED]
        uids = self._filing.list_uids(max(looked, default=0) + 1, *self._days())
        for start in range(0, len(uids), BATCH):
            batch = uids[start : start + BATCH]
            for found in self._filing.fetch(batch, FIELDS):
                yield self._answer_one(found, dry_run=dry_run)
            self.looked_at += len(batch)
            if not dry_run:
                self._ledger.append(self._record(Act.LOOKED, batch[-1]))
            if on_progress:
                on_progress(self.looked_at, len(uids))

    def _days(self) -> list[str]:
        first, last = self._vacation.from_date, self._vacation.until
        since = ["SINCE", _imap_date(first)] if first else []
        return [*since, *(["BEFORE", _imap_date(last + dt.timedelta(days=1))] if last else [])]

    def _answer_one(self, found: Found, *, dry_run: bool) -> Answered:
        sender = find_sender(found.header) or ""
        answered = Answered(
            uid=found.uid,
            sender=sender or None,
            subject=decode_words(found.header.find("subject") or ""),
            why_not=why_unanswered(found.header, [self._account.address]) or self._why_again(sender),
        )
        if answered.why_not is not None:
            return answered
        if dry_run:
            self._rehearsed.add(mailbox_key(sender))
            return answered
        problem = self._send(found, sender)
        return answered if problem is None else replace(answered, why_not=problem, failed=True)

    def _why_again(self, sender: str) -> str | None:
        """Return why a sender gets no answer now who would get one otherwise."""
        last: AnswerRecord | None = None
        for record in self._ledger.records:
            if (record.answer, record.sender) == (self._answer, mailbox_key(sender)):
                last = record if record.act is Act.ANSWERED else None
        if mailbox_key(sender) in self._rehearsed:
            return f"{sender} would have an answer already"
        if last is None or last.day is None or (self._today - last.day).days >= self._vacation.every_days:
            return None
        return f"{sender} has been answered on {last.day}"

    def _send(self, found: Found, sender: str) -> str | None:
        """Answer a message; return why not, if the answer was refused or its fate is not known."""
        try:
            to = Mailbox(parse_address(sender))
        except ValueError as error:
            return str(error)
        message = replace(self._compose(found, to), sender="")
        record = self._record(Act.ANSWERED, found.uid, mailbox_key(sender))
        self._ledger.append(record)
        try:
            try:
                sent = self._outbox.deliver(message)
            except RefusedError as error:
                if error.reason != Reason.SENDER_REFUSED:
                    raise
                # Some servers take nothing without a sender (RFC 3834, 3.3 has the null one, to make no loops).
                sent = self._outbox.deliver(replace(message, sender=self._account.address))
        except FateUnknownError as error:
            return f"not known whether the answer went out: {error.message}"
        except MailctlError as error:
            self._ledger.append(replace(record, act=Act.UNANSWERED))
            if isinstance(error, RefusedError):
                return f"the answer was refused: {error.message}"
            raise
        for refusal in sent.refused.values():
            self._ledger.append(replace(record, act=Act.UNANSWERED))
            return f"the answer was refused: {refusal.reply}"
        return None

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

    def _records(self) -> Iterator[AnswerRecord]:
        """Yield what the ledger tells of the inbox as the server numbers it now."""
        return (record for record in self._ledger.records if record.uid_validity == self._state.uid_validity)

    def _record(self, act: Act, uid: int, sender: str = "") -> AnswerRecord:
        return AnswerRecord(
            act=act,
            uid_validity=self._state.uid_validity,
            uid=uid,
            answer=self._answer if sender else "",
            sender=sender,
            day=self._today if sender else None,
        )


def _imap_date(day: dt.date) -> str:
    """Return a day as IMAP's SEARCH has it, whatever the language of this machine (RFC 9051, 9)."""
    return f"{day.day}-{_MONTHS[day.month - 1]}-{day.year}"
