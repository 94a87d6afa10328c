"""Messages made fit for Graph, which knows no envelope: the header names the recipients, no more and no fewer."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailctl.model.address import parse_address
from mailctl.protocol.graph_message import address_message, can_be_draft, draft_of

ANNA, BOSS = parse_address("anna@example.org"), parse_address("boss@example.org")


def recipients_in(content: bytes) -> set[str]:
    message = message_from_bytes(content, policy=policy.default)
    return {
        address.addr_spec.lower()
        for name in ("To", "Cc", "Bcc")
        for value in message.get_all(name, [])
        for address in value.addresses
    }


def test_a_header_that_names_the_recipients_stays_as_it_is():
    content = b"TO : Anna\r\n <anna@EXAMPLE.org>\r\nCC:boss@example.org\r\nX-A:  b \r\n\r\nbody\r\n"
    assert address_message(content, [ANNA, BOSS]).content == content


def test_line_ends_become_those_of_mail():
    assert address_message(b"To: anna@example.org\n\na\rb\r\n\nc", [ANNA]).content == (
        b"To: anna@example.org\r\n\r\na\r\nb\r\n\r\nc\r\n"
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"body without a header",
        b"Subject: x",
        b"Subject: x\n",
        b"\nTo: x@y.example\n",
        b"To\n\n",
        b"To: <\n\n",
    ],
)
def test_whatever_is_sent_goes_to_the_recipients_alone(content):
    assert recipients_in(address_message(content, [ANNA]).content) == {"anna@example.org"}


def test_addresses_in_any_script_are_compared_as_hosts_are():
    recipient = parse_address("x@bücher.example")
    content = b"To: x@xn--bcher-kva.example\r\n\r\n"
    assert address_message(content, [recipient]).content == content
    taro = parse_address("太郎@example.org")
    assert "Bcc: 太郎@example.org\r\n".encode() in address_message(b"\n", [taro]).content


@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"To", b"Cc", b"Bcc", b"to", b"Subject", b"From", b"X-To"]),
            st.sampled_from([b"anna@example.org", b"Boss <boss@example.org>, anna@example.org", b"g: a@b.example;"])
            | st.binary(max_size=30).map(lambda value: value.replace(b"\r", b"").replace(b"\n", b"")),
        ),
        max_size=5,
    ),
    st.binary(max_size=20),
)
def test_no_header_adds_a_recipient_or_loses_one(fields, body):
    content = b"".join(b"%b: %b\n" % field for field in fields) + b"\n" + body
    addressed = address_message(content, [ANNA]).content
    assert recipients_in(addressed) == {"anna@example.org"}
    draft_of(addressed)


def test_a_draft_holds_texts_pictures_and_messages():
    message = EmailMessage(policy=policy.SMTP)
    message["Subject"] = "x"
    message.set_content("plain")
    message.add_alternative('<img src="cid:pic@x">', subtype="html")
    message.get_payload()[1].add_related(b"PNG", "image", "png", cid="<pic@x>")
    inner = EmailMessage()
    inner["Subject"] = "forwarded"
    inner.set_content("inner")
    message.add_attachment(inner)
    message.add_attachment("notes", filename="notes.txt")
    draft = draft_of(message.as_bytes())
    assert draft.fields == {"subject": "x", "body": {"contentType": "html", "content": '<img src="cid:pic@x">\r\n'}}
    picture, forwarded, notes = draft.attachments
    assert (picture.name, picture.content_type, picture.content, picture.content_id) == (
        "part-1",
        "image/png",
        b"PNG",
        "pic@x",
    )
    assert (forwarded.name, forwarded.content_type) == ("message-2.eml", "message/rfc822")
    assert b"Subject: forwarded" in forwarded.content
    assert (notes.name, notes.content.strip(), notes.content_id) == ("notes.txt", b"notes", None)


def test_a_draft_of_text_alone_is_text():
    draft = draft_of("Content-Type: text/plain; charset=utf-8\r\n\r\nGrüße".encode())
    assert draft.fields["body"] == {"contentType": "text", "content": "Grüße"}
    assert draft.attachments == ()


def test_a_text_in_a_charset_that_nobody_knows_is_kept():
    draft = draft_of(b"Content-Type: text/plain; charset=klingon\r\n\r\nqapla")
    assert draft.fields["body"]["content"] == "qapla"


def test_a_draft_keeps_five_fields_of_ones_own():
    draft = draft_of(b"".join(b"X-%d: v\r\n" % number for number in range(9)) + b"Auto-Submitted: auto\r\n\r\n")
    assert [field["name"] for field in draft.fields["internetMessageHeaders"]] == ["X-0", "X-1", "X-2", "X-3", "X-4"]


@pytest.mark.parametrize(
    ("content_type", "divisible"),
    [
        (b"text/plain", True),
        (b"multipart/mixed; boundary=x", True),
        (b"multipart/signed; boundary=x", False),
        (b"multipart/encrypted; boundary=x", False),
        (b"application/pkcs7-mime; smime-type=enveloped-data", False),
    ],
)
def test_what_is_signed_or_encrypted_is_no_draft(content_type, divisible):
    assert can_be_draft(b"Content-Type: " + content_type + b"\r\n\r\n") is divisible


def test_comments_in_comments_without_an_end_name_nobody():
    message = b"To: " + b"(" * 3000 + b"\r\nSubject: x\r\n\r\nHi.\r\n"
    addressed = address_message(message, [ANNA])
    assert recipients_in(addressed.content) == {"anna@example.org"}
