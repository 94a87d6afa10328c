"""Days and times in IMAP's commands."""

from __future__ import annotations

import datetime as dt

import pytest

from mailctl.protocol.imap_dates import format_day, format_moment, parse_day


def test_days_and_times_are_written_in_english() -> None:
    moment = dt.datetime(2026, 3, 1, 9, 5, 7, tzinfo=dt.UTC)
    assert format_day(moment.date()) == "1-Mar-2026"
    assert format_moment(moment) == '"01-Mar-2026 09:05:07 +0000"'


def test_a_day_is_read_as_it_is_written_in_any_case() -> None:
    assert parse_day("1-mar-2026") == parse_day("01-MAR-2026") == dt.date(2026, 3, 1)


@pytest.mark.parametrize("text", ["", "1-3-2026", "31-Feb-2026", "1-Mar-2026-1", "Mar-1-2026"])
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=""):
        parse_day(text)
