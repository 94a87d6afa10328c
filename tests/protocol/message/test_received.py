"""The way of a message by its Received fields, as servers of several makes write them."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailctl.protocol.message.header_block import parse_header_block
from mailctl.protocol.message.received import find_date, parse_received, trace_hops

NOON = dt.datetime(2026, 11, 20, 12, 0, 0, tzinfo=dt.UTC)

RECEIVED = {
    "postfix": (
        "from mx.example.org (mx.example.org [192.0.2.1])\r\n\tby mail.example.test (Postfix) with ESMTPS id 4F00B"
        "\r\n\tfor <a@example.test>; Fri, 20 Nov 2026 12:00:05 +0000 (UTC)",
        ("mx.example.org", "mail.example.test", "ESMTPS"),
    ),
    "gmail, inside": (
        "by 2002:a05:6402:1234:b0:5f0 with SMTP id n1csp;\r\n        Fri, 20 Nov 2026 04:00:05 -0800 (PST)",
        (None, "2002:a05:6402:1234:b0:5f0", "SMTP"),
    ),
    "semicolons in a comment": (
        "from a.example (version=TLS1_3; bits=256/256; by=nobody) by b.example with ESMTPS; "
        "Fri, 20 Nov 2026 13:00:05 +0100",
        ("a.example", "b.example", "ESMTPS"),
    ),
    "exim": (
        "from [192.0.2.7] (helo=client) by mx.example.org with esmtpsa (TLS1.3) (Exim 4.96) id 1r; "
        "Fri, 20 Nov 2026 12:00:05 +0000",
        ("[192.0.2.7]", "mx.example.org", "esmtpsa"),
    ),
    "by alone": ("by mx.example.org; Fri, 20 Nov 2026 12:00:05 -0000", (None, "mx.example.org", None)),
}


@pytest.mark.parametrize(("value", "expected"), RECEIVED.values(), ids=RECEIVED)
def test_what_servers_write_is_read(value: str, expected: tuple[str | None, ...]) -> None:
    hop = parse_received(parse_header_block(f"Received: {value}\r\n\r\n".encode()).find("received") or "")
    assert (hop.from_host, hop.by_host, hop.protocol) == expected
    assert hop.at == NOON + dt.timedelta(seconds=5)


def test_delays_are_counted_from_the_first_hop_on_and_those_below_nothing_are_told() -> None:
    header = parse_header_block(
        b"Received: by c.example; Fri, 20 Nov 2026 12:01:00 +0000\r\n"
        b"Received: by b.example; no date at all\r\n"
        b"Received: by a.example; Fri, 20 Nov 2026 11:59:58 +0000\r\n"
        b"Received: by submission.example; Fri, 20 Nov 2026 12:00:01 +0000\r\n\r\n"
    )
    hops = trace_hops(header, NOON.replace(microsecond=900_000))
    assert [(hop.by_host, hop.delay_seconds) for hop in hops] == [
        ("submission.example", 1),
        ("a.example", -3),
        ("b.example", None),
        ("c.example", 62),
    ]


def test_the_moment_of_sending_counts_from_the_beginning_of_its_second() -> None:
    header = parse_header_block(b"Received: by a.example; Fri, 20 Nov 2026 12:00:00 +0000\r\n\r\n")
    assert trace_hops(header, NOON.replace(microsecond=999_999))[0].delay_seconds == 0


@pytest.mark.parametrize("text", ["", "yesterday", "Fri, 99 Nov 2026 12:00:00 +0000", "Fri, 20 Nov 99999 12:00 +9999"])
def test_what_is_no_date_is_none(text: str) -> None:
    assert find_date(text) is None


@pytest.mark.parametrize("value", ["(" * 100_000, '"' * 100_001, "\\" * 100_000, "from " * 50_000, ";" * 100_000, ""])
def test_what_is_made_to_be_expensive_is_cheap(value: str) -> None:
    parse_received(value)


@given(st.text(max_size=300))
def test_anything_is_taken(value: str) -> None:
    parse_received(value)
