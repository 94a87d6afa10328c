"""Text parts of messages as they come in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailctl.protocol.message.text_parts import read_text_parts

MIXED = (
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
    b"Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nJ=FCrgen\r\n"
    b"--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n"
    b"--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n5bGx\r\n--b--\r\n"
)


@pytest.mark.parametrize(
    ("message", "texts"),
    [
        (b"Subject: x\r\n\r\nHello\r\n", ["Hello\r\n"]),
        (MIXED, ["Jürgen", "山"]),
        (MIXED[: MIXED.index(b"--b--")], ["Jürgen", "山"]),
        (b"Content-Type: text/plain; charset=nowhere\r\n\r\nx", ["x"]),
        (b"Content-Type: image/png\r\n\r\nx", []),
        (b"", [""]),
    ],
)
def test_texts_are_decoded_and_the_rest_is_left_out(message: bytes, texts: list[str]) -> None:
    assert [text.rstrip() for text in read_text_parts(message)] == [text.rstrip() for text in texts]


def test_parts_in_parts_without_an_end_are_survived() -> None:
    bomb = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (number, number) for number in range(5000)
    )
    assert read_text_parts(bomb) == []


def test_very_many_parts_are_not_all_read() -> None:
    parts = b"--b\r\n\r\nx\r\n" * 20_000
    assert len(read_text_parts(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + parts)) <= 50


def test_a_part_that_cannot_be_read_hides_no_other() -> None:
    parts = (b"plain", b"plain; charset=idna", b"plain; charset*=utf-7''+2AA-", b"html; charset=utf-7")
    bodies = b"".join(b"--b\r\nContent-Type: text/%s\r\n\r\n+2AA-%s\r\n" % (part, b"\xff" * 80) for part in parts)
    texts = read_text_parts(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + bodies + b"--b--\r\nno part")
    assert [text.rstrip("\ufffd") for text in texts] == ["+2AA-", "+2AA-", "+2AA-", ""]
    assert all(text.encode() for text in texts)


def test_a_message_in_a_message_is_read_as_one() -> None:
    inner = MIXED.replace(b"boundary=b", b"boundary=c").replace(b"--b", b"--c")
    message = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n" + inner
    assert [text.rstrip() for text in read_text_parts(message + b"\r\n--b\r\n\r\nlast\r\n--b--\r\n")] == [
        "Jürgen", "山", "last",
    ]  # fmt: skip


@pytest.mark.parametrize(("depth", "texts"), [(10, ["x"]), (11, [])])
def test_parts_in_parts_are_looked_at_so_deep_and_no_deeper(depth: int, texts: list[str]) -> None:
    beginning = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (at, at) for at in range(depth)
    )
    assert read_text_parts(beginning + b"\r\nx") == texts


def test_what_names_no_charset_is_read_as_utf_8() -> None:
    assert read_text_parts(b"Content-Type: text/plain; charset=punycode\r\n\r\nx-80a") == ["x-80a"]


@given(
    st.lists(
        st.sampled_from(
            [
                b"Content-Type: multipart/mixed; boundary=b",
                b"Content-Transfer-Encoding: base64",
                b"Content-Type: message/rfc822",
                b"--b",
                b"--b--",
                b"\n",
                b"\r\n",
                b"x",
                b"\xff",
            ]
        )
    )
)
def test_anything_is_taken(pieces: list[bytes]) -> None:
    assert all(text.encode() or not text for text in read_text_parts(b"".join(pieces)))
