"""Days and times as IMAP has them in commands, whatever the language of this machine. RFC 9051, 9."""

from __future__ import annotations

import datetime as dt

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def format_day(day: dt.date) -> str:
    """Return a day as SEARCH has it: `1-Mar-2026`."""
    return f"{day.day}-{_MONTHS[day.month - 1]}-{day.year:04}"


def parse_day(text: str) -> dt.date:
    """Return the day that SEARCH was given, whatever the case of its month; raises ValueError for what is none."""
    day, month, year = text.split("-")
    return dt.date(int(year), _MONTHS.index(month.capitalize()) + 1, int(day))


def format_moment(moment: dt.datetime) -> str:
    """Return a time in UTC as APPEND has it: `"01-Mar-2026 09:00:00 +0000"`, quotes included."""
    return f'"{moment.day:02}-{_MONTHS[moment.month - 1]}-{moment.year:04} {moment:%H:%M:%S} +0000"'
