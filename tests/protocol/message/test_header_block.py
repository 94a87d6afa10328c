"""Headers as they come: the order of their fields, folding, and what is no field."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mailctl.protocol.message.header_block import parse_header_block, split_value


def test_fields_keep_their_order_and_are_unfolded() -> None:
    header = parse_header_block(b"B: 1\r\nA: one\r\n\ttwo\r\n  three\r\nB: 2\r\n\r\nC: of the body\r\n")
    assert [(field.name, field.value) for field in header.fields] == [("b", "1"), ("a", "one\ttwo  three"), ("b", "2")]
    assert header.find("b") == "1"
    assert header.find_all("b") == ["1", "2"]
    assert header.find("c") is None


def test_bare_line_feeds_and_a_missing_end_are_taken() -> None:
    assert parse_header_block(b"Subject: a\nTo: b").find("to") == "b"


def test_a_line_that_is_no_field_is_passed_over() -> None:
    header = parse_header_block(b"From alice Fri Nov 20\r\nno colon\r\nTo : b@example.test\r\n\r\n")
    assert [field.name for field in header.fields] == ["to"]


def test_octets_that_are_no_utf_8_stay_visible() -> None:
    assert parse_header_block(b"Subject: caf\xe9 \xe5\xb1\xb1\r\n\r\n").find("subject") == "caf� 山"


def test_the_address_of_a_mailbox() -> None:
    header = parse_header_block('From: "山田, 太郎" <山田太郎@株式.会社>\r\nTo: \r\n\r\n'.encode())
    assert header.find_address("from") == "山田太郎@株式.会社"
    assert header.find_address("to") is None


def test_comments_without_an_end_are_no_address() -> None:
    assert parse_header_block(b"From: " + b"(" * 60_000).find_address("from") is None


def test_comments_go_and_quoted_semicolons_stay() -> None:
    assert split_value('a(b;c(d)"e);f "g;h" (x") ; i)j') == ["a", 'f "g;h"', "i j"]


def test_an_open_comment_or_quote_reaches_to_the_end() -> None:
    assert split_value("a; b (c; d") == ["a", "b"]
    assert split_value('a; "b; c') == ["a", '"b; c']


def test_a_header_of_many_lines_is_cheap() -> None:
    parse_header_block(b"X: y\r\n" * 200_000)
    parse_header_block(b"X: y\r\n" + b" z\r\n" * 200_000)
    split_value("(" * 200_000 + ")" * 200_000)


@given(st.binary(max_size=400))
def test_anything_is_taken(octets: bytes) -> None:
    for field in parse_header_block(octets).fields:
        assert "\n" not in field.value
        split_value(field.value)
