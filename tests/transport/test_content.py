"""Messages go into DATA with CRLF line ends and doubled dots, and come out of it as they were."""

from __future__ import annotations

import io
import re
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailctl.transport.content import Content


def taken_by_server(wire: bytes) -> bytes:
    """What a server makes of the lines up to the lone dot (RFC 5321, 4.5.2)."""
    assert wire == b".\r\n" or wire.endswith(b"\r\n.\r\n")
    lines = wire.removesuffix(b".\r\n").split(b"\r\n")
    assert b"." not in lines, "the message would end early"
    return b"\r\n".join(line.removeprefix(b".") for line in lines)


def canonical(message: bytes) -> bytes:
    whole = re.sub(rb"\r\n|\r|\n", b"\r\n", message)
    return whole if not whole or whole.endswith(b"\r\n") else whole + b"\r\n"


@given(st.binary(max_size=300) | st.text("\r\n.a", max_size=300).map(str.encode))
def test_what_the_server_takes_is_the_message(message):
    content = Content(message)
    wire = b"".join(content.chunks())
    assert taken_by_server(wire) == canonical(message)
    assert content.size == len(re.sub(rb"\r\n|\r|\n", b"\r\n", message))


@pytest.mark.parametrize("at", range(65_530, 65_541))
@pytest.mark.parametrize("marks", [b"\r\n.\r\n", b"\r\r\n.", b"\n..\n", b".\r"])
def test_pieces_may_end_anywhere(at, marks):
    message = b"x" * at + marks + b"y"
    assert taken_by_server(b"".join(Content(io.BytesIO(message)).chunks())) == canonical(message)


def test_a_short_message_and_its_dot_are_one_piece():
    assert list(Content(b"Subject: x\r\n\r\n").chunks()) == [b"Subject: x\r\n\r\n.\r\n"]


@pytest.mark.parametrize(
    ("message", "eight_bit", "eight_bit_header"),
    [
        (b"Subject: x\n\nplain", False, False),
        (b"Subject: x\n\n\xc3\xa4", True, False),
        (b"Subject: \xc3\xa4\r\n\r\nplain", True, True),
        (b"\r\n\xc3\xa4", True, False),
        (b"Subject: \xc3\xa4", True, True),
    ],
)
def test_what_is_beyond_ascii_is_found_in_header_and_body(message, eight_bit, eight_bit_header):
    content = Content(message)
    assert (content.is_eight_bit, content.has_eight_bit_header) == (eight_bit, eight_bit_header)


@pytest.mark.parametrize(
    ("message", "message_id"),
    [
        (b"Message-ID: <1@example.org>\r\n\r\n", "<1@example.org>"),
        (b"subject: x\nmessage-id:\n <1@example.org>\n\n", "<1@example.org>"),
        (b"Subject: x\r\n\r\nMessage-ID: <body@example.org>\r\n", None),
    ],
)
def test_the_message_id_is_that_of_the_header(message, message_id):
    assert Content(message).message_id == message_id


def test_a_file_is_read_from_where_it_stands():
    file = io.BytesIO(b"From envelope\nSubject: x\n\n")
    file.readline()
    assert b"".join(Content(file).chunks()) == b"Subject: x\r\n\r\n.\r\n"


def test_a_big_file_is_never_held_as_a_whole(tmp_path):
    path = tmp_path / "big.eml"
    line = b".23456789 " * 7 + b"\n"
    path.write_bytes(line * (8 * 1024 * 1024 // len(line)))
    with path.open("rb") as file:
        tracemalloc.start()
        sent = sum(len(chunk) for chunk in Content(file).chunks())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert sent > path.stat().st_size
    assert peak < 2 * 1024 * 1024
