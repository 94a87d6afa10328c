"""Text parts of messages as they come in."""

from __future__ import annotations

import pytest

from mailctl.protocol.text_parts import read_text_parts

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
    assert all(isinstance(text, str) for text in read_text_parts(bomb))


def test_very_many_parts_are_not_all_read() -> None:
    parts = b"--b\r\n\r\nx\r\n" * 20_000
    assert len(read_text_parts(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + parts)) <= 50
