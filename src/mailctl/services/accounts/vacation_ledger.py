"""What is known of an inbox whose mail is answered: how far it was looked through, and who was answered when."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum

from msgspec import Struct

from mailctl.model.account import mailbox_key
from mailctl.model.vacation import DAYS_MAX
from mailctl.store.ledger import Ledger

LEDGER_NAME = "vacation"
_SPARE_RECORDS = 2000


class AnswerAct(StrEnum):
    """What a record of the ledger tells."""

    LOOKED = "looked"
    """The inbox was looked through up to this UID."""
    ANSWERED = "answered"
    """An answer is on its way, or there."""
    UNANSWERED = "unanswered"
    """It certainly did not go out, and may be tried again."""


class AnswerRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of the ledger. `answer`: which one, by its digest. `sender`: who got it, `day`: when."""

    act: AnswerAct
    uid_validity: int
    uid: int
    answer: str = ""
    sender: str = ""
    day: dt.date | None = None


class AnswerLedger:
    """The records of an inbox as the server numbers it now, and of all that got one answer, by its digest.

    `looked_up_to`: a UID. `has_begun`: whether the inbox was looked through for this answer before.
    """

    def __init__(self, ledger: Ledger[AnswerRecord], uid_validity: int, answer: str) -> None:
        self.looked_up_to = 0
        self.has_begun = False
        self._ledger = ledger
        self._uid_validity = uid_validity
        self._answer = answer
        self._by_uid: dict[int, AnswerRecord] = {}
        self._by_sender: dict[str, AnswerRecord] = {}
        for record in ledger.records:
            self._take_in(record)

    def is_answered(self, uid: int) -> bool:
        """Tell whether a message was answered, or may have been."""
        return uid in self._by_uid

    def find_day(self, sender: str) -> dt.date | None:
        """Return when somebody got this answer last."""
        record = self._by_sender.get(mailbox_key(sender))
        return record.day if record else None

    def append_looked(self, uid: int) -> None:
        """Write down how far the inbox was looked through; raises SettingsWriteError."""
        self._append(AnswerRecord(act=AnswerAct.LOOKED, uid_validity=self._uid_validity, uid=uid, answer=self._answer))

    def append_answer(self, act: AnswerAct, uid: int, sender: str, day: dt.date) -> None:
        """Write down that somebody is being answered, or is not after all; raises SettingsWriteError."""
        self._append(
            AnswerRecord(
                act=act,
                uid_validity=self._uid_validity,
                uid=uid,
                answer=self._answer,
                sender=mailbox_key(sender),
                day=day,
            )
        )

    def forget_old(self, today: dt.date) -> None:
        """Let go of what nobody will ask for, where that is much: answers so old that they keep nobody from another."""
        if len(self._ledger.records) <= _SPARE_RECORDS:
            return
        oldest = today - dt.timedelta(days=DAYS_MAX)
        answered = {
            (one.uid_validity, one.uid, one.answer, one.sender): one
            for one in self._ledger.records
            if one.act is not AnswerAct.LOOKED
        }
        kept = [
            one
            for one in answered.values()
            if one.act is AnswerAct.ANSWERED
            and ((one.day and one.day > oldest) or (one.uid_validity == self._uid_validity and one.uid in self._by_uid))
        ]
        looked = {
            one.answer: one
            for one in self._ledger.records
            if one.act is AnswerAct.LOOKED and one.uid_validity == self._uid_validity
        }
        if 2 * (len(kept) + len(looked)) < len(self._ledger.records):
            self._ledger.rewrite([*looked.values(), *kept])

    def _append(self, record: AnswerRecord) -> None:
        self._ledger.append(record)
        self._take_in(record)

    def _take_in(self, record: AnswerRecord) -> None:
        is_of_inbox, is_of_answer = record.uid_validity == self._uid_validity, record.answer == self._answer
        match record.act:
            case AnswerAct.LOOKED if is_of_inbox:
                self.looked_up_to = max(self.looked_up_to, record.uid)
                self.has_begun |= is_of_answer
            case AnswerAct.ANSWERED:
                if is_of_inbox:
                    self._by_uid[record.uid] = record
                if is_of_answer:
                    self._by_sender[record.sender] = record
            case AnswerAct.UNANSWERED:
                if is_of_inbox:
                    self._by_uid.pop(record.uid, None)
                if is_of_answer:
                    self._by_sender.pop(record.sender, None)
