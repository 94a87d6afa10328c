"""Out of office: what is answered to those who write meanwhile, and from when until when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct

from mailctl.errors import Problem
from mailctl.model.values import Name, parse_lines, shown

TEXT_CHARACTERS_MAX = 20_000
DAYS_MAX = 365


def parse_answer_text(text: str) -> str:
    """Parse an answer: lines in any script, at most 20,000 characters, line ends made LF."""
    return parse_lines(text, "an answer", TEXT_CHARACTERS_MAX)


def parse_days(value: int | str) -> int:
    """Parse a number of whole days, 1 to 365."""
    if isinstance(value, bool) or not str(value).isascii() or not str(value).isdigit():
        raise ValueError(f"{shown(value)} is no whole number of days")
    if not 1 <= int(value) <= DAYS_MAX:
        raise ValueError(f"{value} is not between 1 and {DAYS_MAX} days")
    return int(value)


AnswerText = Annotated[
    str, Meta(description="plain text, lines in any script", extra={"parse": parse_answer_text}, min_length=1)
]
Days = Annotated[
    int,
    Meta(
        description="whole days, 1 to 365",
        extra={"parse": parse_days},
        extra_json_schema={"minimum": 1, "maximum": DAYS_MAX},
    ),
]


class Vacation(Struct, frozen=True, kw_only=True):
    """An out-of-office answer. `from_date`, `until`: the first and the last day, None where open.

    `since`: when it was switched on, where that was in the course of the first day: what had come before gets none from
    here. `every_days`: so long nobody gets it a second time. `active`: whether it is given at all.
    """

    active: bool = True
    subject: Name
    text: AnswerText
    from_date: dt.date | None = None
    until: dt.date | None = None
    since: dt.datetime | None = None
    every_days: Days = 7

    def conflicts(self) -> Iterator[Problem]:
        if self.from_date and self.until and self.until < self.from_date:
            yield Problem("until", f"{self.until} is before the first day, {self.from_date}")

    def why_silent(self, today: dt.date) -> str | None:
        """Return why nothing is answered on a day; None where it is."""
        if not self.active:
            return "it is off"
        if self.from_date and today < self.from_date:
            return f"it begins on {self.from_date}"
        if self.until and today > self.until:
            return f"it ended on {self.until}"
        return None
