"""What a message is recognised by in another place, and when it was received."""

from __future__ import annotations

import datetime as dt

import pytest

from mailctl.protocol.message.mark import find_received_at, mark_of, read_header

NOW = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
RECEIVED = "Received: from a by b with ESMTP id 1;\r\n Mon, 02 Mar 2026 10:11:12 +0900\r\n"
DATE = "Date: Sun, 01 Mar 2026 09:00:00 +0000\r\n"


def mark(text: str) -> str:
    return mark_of(read_header(bytearray(text.encode())))


def test_a_message_is_known_however_its_header_is_folded_and_ordered() -> None:
    one = "Subject: a\r\n b\r\nMessage-ID: <1@x.test>\r\nX-Other: 1\r\n\r\nbody"
    other = "Message-ID:  <1@x.test>\r\nSubject: a b\r\n\r\n"
    assert mark(one) == mark(other)


@pytest.mark.parametrize("change", ["Subject: c", "Message-ID: <2@x.test>", "Received: from c; 1 Jan 2026 00:00 +0000"])
def test_another_delivery_or_message_is_another(change: str) -> None:
    text = "Subject: a\r\nMessage-ID: <1@x.test>\r\n\r\n"
    assert mark(text) != mark(f"{change}\r\n{text}")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (RECEIVED + DATE, dt.datetime(2026, 3, 2, 1, 11, 12, tzinfo=dt.UTC)),
        (DATE, dt.datetime(2026, 3, 1, 9, tzinfo=dt.UTC)),
        ("Received: from a by b\r\n" + DATE, dt.datetime(2026, 3, 1, 9, tzinfo=dt.UTC)),
        ("Date: Sun, 01 Mar 2099 09:00:00 +0000\r\n", None),
        ("Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n", None),
        ("Date: yesterday\r\n", None),
        ("", None),
    ],
)
def test_the_time_of_reception_is_the_topmost_ones_unless_it_is_absurd(
    header: str, expected: dt.datetime | None
) -> None:
    assert find_received_at(read_header(bytearray(header.encode() + b"\r\n")), NOW) == expected
