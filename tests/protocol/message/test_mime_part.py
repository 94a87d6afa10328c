"""Parts arrive as they were, in lines that any server takes."""

from __future__ import annotations

import email
import re
from email.message import EmailMessage
from email.policy import default

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailctl.protocol.message.mime_part import Part, make_attachment, make_multipart, make_text


def read(part: Part) -> EmailMessage:
    whole = b"".join(part.pieces())
    assert whole.isascii()
    assert all(len(line) <= 998 for line in whole.split(b"\r\n"))
    assert not re.search(rb"[^\r]\n|\r[^\n]|\x00", whole)
    message = email.message_from_bytes(b"MIME-Version: 1.0\r\n" + whole, policy=default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


@given(st.text(st.characters(codec="utf-8"), max_size=400))
@example("plain\n")
@example("Grüße\n" * 20)
@example("山田太郎" * 200)
@example("long " * 400)
@example(".\n..\nFrom me\n")
@example("trailing \t\nblank \n")
@example("\x00\x1b\x0c")
@example("a\rb\r\nc\nd")
def test_a_text_arrives_with_its_line_ends_as_they_are_in_mail(text: str) -> None:
    sent = re.sub(r"\r\n|\r", "\n", text)
    sent += "\n" if sent and not sent.endswith("\n") else ""
    received = read(make_text(text, "plain")).get_payload(decode=True)
    assert received.decode().replace("\r\n", "\n") == sent


def test_a_plain_text_is_sent_as_it_is() -> None:
    assert make_text("hello\n.dot", "plain").body == (b"hello\r\n.dot\r\n",)


@given(st.binary(max_size=400))
@example(bytes(range(256)) * 1000)
def test_a_file_arrives_octet_by_octet(content: bytes) -> None:
    part = read(make_attachment("data.bin", content))
    assert part.get_payload(decode=True) == content
    assert (part.get_content_disposition(), part.get_filename()) == ("attachment", "data.bin")


@pytest.mark.parametrize(
    ("name", "content", "content_type", "charset"),
    [
        ("report.pdf", b"%PDF", "application/pdf", None),
        ("notes.txt", "Grüße\n".encode(), "text/plain", "utf-8"),
        ("notes.txt", "Grüße\n".encode("latin-1"), "application/octet-stream", None),
        ("page.html", b"<p>hi", "text/html", "utf-8"),
        ("backup.tar.gz", b"\x1f\x8b", "application/gzip", None),
        ("backup.tar.Z", b"\x1f\x9d", "application/octet-stream", None),
        ("no-extension", b"x", "application/octet-stream", None),
        ("mail.eml", b"Subject: x\n\nbody\n", "message/rfc822", None),
        ("mail.eml", "Subject: x\n\ngrün\n".encode(), "application/octet-stream", None),
        ("mail.eml", b"From alice Sat Nov 21\nSubject: x\n\nbody\n", "application/octet-stream", None),
        ("mail.eml", b"Subject: x\n\n" + b"y" * 2000, "application/octet-stream", None),
        ("mail.eml", b"", "application/octet-stream", None),
    ],
)
def test_the_type_is_that_of_the_name_where_the_content_can_be_it(
    name: str, content: bytes, content_type: str, charset: str | None
) -> None:
    part = read(make_attachment(name, content))
    assert (part.get_content_type(), part.get_content_charset()) == (content_type, charset)
    if content_type == "message/rfc822":
        assert b"".join(make_attachment(name, content).body) == content.replace(b"\n", b"\r\n")
    else:
        assert part.get_payload(decode=True) == content


def test_parts_are_told_apart_whatever_they_hold() -> None:
    texts = ["--=_\n", "", "--\n", "no line end"]
    message = read(make_multipart("mixed", [make_text(text, "plain") for text in texts]))
    received = [part.get_content().replace("\r\n", "\n") for part in message.iter_parts()]
    assert received == ["--=_\n", "", "--\n", "no line end\n"]
