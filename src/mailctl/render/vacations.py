"""Out-of-office answers, for people."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from mailctl.model.vacation import Vacation
from mailctl.render.style import Style, visible

if TYPE_CHECKING:
    from mailctl.services.accounts.vacation_run import Answered

ANSWERED_HEADERS = ("FROM", "SUBJECT", "ANSWER")


def render_vacation(vacation: Vacation, silent: str | None, installed: dt.datetime | None, style: Style) -> str:
    """Return an answer as text.

    `silent`: why it is not given today, None where it is. `installed`: since when the server gives it by itself.
    """
    first = f"{vacation.since.astimezone():%Y-%m-%d %H:%M}" if vacation.since else str(vacation.from_date or "open")
    last = str(vacation.until or "open")
    server = f"answers by itself since {installed.astimezone():%Y-%m-%d %H:%M}" if installed else "not installed"
    days = "day" if vacation.every_days == 1 else f"{vacation.every_days} days"
    rows = [
        ("answers", "yes, today" if silent is None else f"not today: {silent}"),
        ("server", server),
        ("days", f"{first} to {last}, each sender once in {'a ' if vacation.every_days == 1 else ''}{days}"),
        ("subject", vacation.subject),
    ]
    lines = [f"{style.dim(f'{name:8}')} {visible(value)}" for name, value in rows]
    return "\n".join([*lines, "", *(visible(line) for line in vacation.text.split("\n"))])


def answered_rows(answered: Iterable[Answered], *, dry_run: bool) -> Iterator[tuple[str, ...]]:
    """Yield a row for each message that was looked at."""
    given = "would be answered" if dry_run else "answered"
    for one in answered:
        yield one.sender or "", one.subject, given if one.why_not is None else f"none: {one.why_not}"
