"""IMAP SEARCH keys over messages of the store."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mailctl.sandbox.search import SearchError, matching, parse_query
from mailctl.sandbox.store import Folder

FOLDER = Folder("INBOX")
FOLDER.add(
    b"From: Ann <ann@sandbox.test>\nSubject: =?utf-8?q?Caf=C3=A9?=\nMessage-ID: <1@x>\n"
    b"Date: Mon, 02 Feb 2026 10:00:00 +0000\n\nfirst body",
    {"\\Seen"},
    datetime(2026, 2, 3, tzinfo=UTC),
)
FOLDER.add(b"From: Ben <ben@sandbox.test>\nSubject: second\n\nlonger body " + b"x" * 500)
FOLDER.remove(FOLDER.messages[:0])


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ([b"ALL"], [1, 2]),
        ([b"SEEN"], [1]),
        ([b"unseen"], [2]),
        ([b"NOT", b"SEEN"], [2]),
        ([b"OR", b"FROM", b"ann", b"SUBJECT", b"SECOND"], [1, 2]),
        ([b"FROM", b"ann", b"SUBJECT", b"second"], []),
        ([[b"FROM", b"ann"], b"ALL"], [1]),
        ([b"SUBJECT", "café".encode()], [1]),
        ([b"HEADER", b"Message-ID", b"<1@x>"], [1]),
        ([b"HEADER", b"Message-ID", b""], [1]),
        ([b"BODY", b"FIRST"], [1]),
        ([b"TEXT", b"ben@"], [2]),
        ([b"2"], [2]),
        ([b"1:*"], [1, 2]),
        ([b"*"], [2]),
        ([b"UID", b"2,7:9"], [2]),
        ([b"LARGER", b"400"], [2]),
        ([b"SMALLER", b"400"], [1]),
        ([b"ON", b"3-Feb-2026"], [1]),
        ([b"BEFORE", b"3-Feb-2026"], []),
        ([b"SENTON", b"02-Feb-2026"], [1]),
        ([b"SENTSINCE", b"02-Feb-2026"], [1]),
        ([b"KEYWORD", b"$Junk"], []),
    ],
)
def test_a_query_finds_its_messages(query, numbers):
    assert matching(parse_query(query), FOLDER.messages) == numbers


@pytest.mark.parametrize(
    "query", [[b"NONSENSE"], [b"NOT"], [b"SUBJECT"], [b"SUBJECT", [b"x"]], [b"ON", b"today"], [b"LARGER", b"x"]]
)
def test_a_query_that_makes_no_sense_is_refused(query):
    with pytest.raises(SearchError):
        parse_query(query)


@pytest.mark.parametrize("day", [b"1-3-2026", b"31-Feb-2026", b"1-Mar-2026-1", b"Mar-1-2026"])
def test_what_is_no_day_is_named(day):
    with pytest.raises(SearchError, match=f"{day.decode()} is not a date"):
        parse_query([b"ON", day])
