"""Days and times in IMAP's commands."""

from __future__ import annotations

import datetime as dt

from mailctl.protocol.imap_dates import format_day, format_moment, parse_day


def test_days_and_times_are_written_in_english() -> None:
    moment = dt.datetime(2026, 3, 1, 9, 5, 7, tzinfo=dt.UTC)
    assert format_day(moment.date()) == "1-Mar-2026"
    assert format_moment(moment) == '"01-Mar-2026 09:05:07 +0000"'


def test_a_day_is_read_as_it_is_written_in_any_case() -> None:
    assert parse_day("1-mar-2026") == parse_day("01-MAR-2026") == dt.date(2026, 3, 1)
