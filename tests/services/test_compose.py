"""Messages from drafts: what a reader of the message finds, and whom the envelope names."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailctl.errors import BugError, InvalidValueError
from mailctl.model.address import parse_address
from mailctl.protocol.message.address_list import Mailbox, parse_mailboxes
from mailctl.services.sending.compose import (
    Attachment,
    Draft,
    Field,
    Message,
    Roles,
    compose,
    find_international,
    parse_field,
)
from mailctl.services.testing.probe import PROBE_HEADER, make_probe

ROLES = Roles(
    sender=Mailbox(parse_address("system@example.org"), "The System"),
    envelope_sender=parse_address("bounces@example.org"),
    reply_to=parse_mailboxes("help@example.org"),
)
ANN = parse_mailboxes("Ann <ann@example.org>")


def read(message: Message) -> EmailMessage:
    parsed = email.message_from_bytes(message.content, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def draft(**fields: object) -> Draft:
    return Draft(**{"to": ANN, "text": "hello", **fields})


def test_the_header_says_who_and_what_and_the_envelope_goes_its_own_way() -> None:
    message = compose(
        draft(cc=parse_mailboxes("Bob <bob@example.org>"), bcc=parse_mailboxes("cho@example.org"), subject="Grüße"),
        ROLES,
    )
    parsed = read(message)
    assert {name: parsed[name] for name in ("From", "To", "Cc", "Reply-To", "Subject", "Bcc")} == {
        "From": "The System <system@example.org>",
        "To": "Ann <ann@example.org>",
        "Cc": "Bob <bob@example.org>",
        "Reply-To": "help@example.org",
        "Subject": "Grüße",
        "Bcc": None,
    }
    assert parsed["Message-ID"] == message.message_id
    assert message.message_id.endswith("@example.org>")
    assert parsedate_to_datetime(parsed["Date"]).tzinfo is not None
    assert message.sender == "bounces@example.org"
    assert message.recipients == ("ann@example.org", "bob@example.org", "cho@example.org")
    assert b"cho@" not in message.content


def test_each_recipient_is_served_once() -> None:
    twice = parse_mailboxes("ann@EXAMPLE.org, Ann <ann@example.org>, Ann@example.org, taro@株式.会社")
    in_ascii = parse_mailboxes(twice[-1].address.with_ascii_domain)
    message = compose(draft(to=twice, cc=ANN, bcc=in_ascii), ROLES)
    assert message.recipients == ("ann@example.org", "Ann@example.org", "taro@株式.会社")
    assert [str(address) for address in read(message)["To"].addresses][:2] == ["ann@example.org", "Ann@example.org"]


def test_where_nobody_is_seen_the_message_says_so() -> None:
    message = compose(draft(to=(), bcc=ANN), ROLES)
    assert read(message)["To"] == "undisclosed-recipients:;"
    assert message.recipients == ("ann@example.org",)


def test_text_and_html_are_alternatives_beside_the_files() -> None:
    message = compose(
        draft(html="<p>hällo", attachments=(Attachment("Grüße.txt", b"1\n"), Attachment("b.bin", bytes(range(256))))),
        ROLES,
    )
    parsed = read(message)
    assert [part.get_content_type() for part in parsed.walk()] == [
        "multipart/mixed", "multipart/alternative", "text/plain", "text/html", "text/plain", "application/octet-stream",
    ]  # fmt: skip
    assert parsed.get_body(("plain",)).get_content().strip() == "hello"
    assert parsed.get_body(("html",)).get_content().strip() == "<p>hällo"
    assert [(part.get_filename(), part.get_payload(decode=True)) for part in parsed.iter_attachments()] == [
        ("Grüße.txt", b"1\n"),
        ("b.bin", bytes(range(256))),
    ]


@pytest.mark.parametrize(
    ("parts", "content_type"),
    [
        ({}, "text/plain"),
        ({"text": None, "html": "<p>"}, "text/html"),
        ({"html": "<p>"}, "multipart/alternative"),
        ({"attachments": (Attachment("a", b""),)}, "multipart/mixed"),
        ({"text": None, "attachments": (Attachment("a", b""),)}, "multipart/mixed"),
    ],
)
def test_a_message_is_no_deeper_than_it_has_to_be(parts: dict[str, object], content_type: str) -> None:
    assert read(compose(draft(**parts), ROLES)).get_content_type() == content_type


def test_a_file_that_has_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="gone"):
        compose(draft(attachments=(Attachment("gone", tmp_path / "gone"),)), ROLES)


@given(
    subject=st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=200),
    name=st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=100),
    text=st.text(st.characters(codec="utf-8"), max_size=200),
)
def test_whatever_is_said_is_in_ascii_and_short_lines(subject: str, name: str, text: str) -> None:
    message = compose(draft(to=(Mailbox(parse_address("taro@株式.会社"), name),), subject=subject, text=text), ROLES)
    assert message.content.isascii()
    assert all(len(line) <= 998 for line in message.content.split(b"\r\n"))
    assert email.message_from_bytes(message.content).keys() == [
        "Date", "From", "Reply-To", "To", "Subject", "Message-ID", "MIME-Version", "Content-Type",
        "Content-Transfer-Encoding",
    ]  # fmt: skip


def test_an_address_beyond_ascii_makes_the_header_international() -> None:
    taro = parse_mailboxes("山田 <山田太郎@株式.会社>, taro@株式.会社")
    message = compose(draft(to=taro, subject="Grüße"), ROLES)
    header = message.content.partition(b"\r\n\r\n")[0].decode()
    assert "<山田太郎@株式.会社>, taro@株式.会社" in header
    assert "Subject: =?utf-8?b?R3LDvMOfZQ==?=" in header
    assert str(find_international(draft(to=taro), ROLES)) == "山田太郎@株式.会社"


@pytest.mark.parametrize("place", ["to", "cc", "bcc"])
def test_an_address_that_needs_smtputf8_is_found_wherever_it_stands(place: str) -> None:
    found = find_international(draft(**{place: parse_mailboxes("山田太郎@example.org")}), ROLES)
    assert found is not None
    assert find_international(draft(cc=parse_mailboxes("Grün <a@株式.会社>")), ROLES) is None


def test_only_who_is_seen_makes_the_header_international() -> None:
    message = compose(draft(bcc=parse_mailboxes("山田太郎@example.org"), cc=parse_mailboxes("taro@株式.会社")), ROLES)
    assert message.content.isascii()


def test_own_fields_are_added_and_replace_ours_where_they_may() -> None:
    own = [
        "X-Ticket: 4711",
        "Message-ID: <mine@example.org>",
        "Date: Fri, 01 May 2026 12:00:00 +0200",
        "Reply-To: Müller, Anna <anna@example.org>".replace("Müller, Anna", '"Müller, Anna"'),
        "X-Ticket: 4712",
    ]
    message = compose(draft(fields=tuple(map(parse_field, own))), ROLES)
    parsed = read(message)
    assert parsed.get_all("X-Ticket") == ["4711", "4712"]
    assert message.message_id == parsed["Message-ID"] == "<mine@example.org>"
    assert parsed["Date"] == "Fri, 01 May 2026 12:00:00 +0200"
    [answer] = parsed["Reply-To"].addresses
    assert (answer.display_name, answer.addr_spec) == ("Müller, Anna", "anna@example.org")
    for name in ("Date", "Message-ID", "Reply-To"):
        assert len(parsed.get_all(name)) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no colon", "not a header field"),
        ("Bad Name: x", "not a header field"),
        (": x", "not a header field"),
        ("X-Grün: x", "not a header field"),
        ("to: a@x.org", "option of its own"),
        ("BCC: a@x.org", "option of its own"),
        ("Subject: x", "option of its own"),
        ("From: a@x.org", "mailctl sysmail set"),
        ("Sender: a@x.org", "mailctl sysmail set"),
        ("Content-Type: text/html", "made by mailctl"),
        ("MIME-Version: 2.0", "made by mailctl"),
        ("Resent-Bcc: a@x.org", "made by mailctl"),
        ("Message-ID: mine", "Message-ID is written"),
        ("Date: tomorrow", "Date is written"),
        ("Reply-To: nobody", "not an address"),
        ("X-A: b\r\nBcc: c@x.org", "X-A contains a carriage return"),
        ("X-A: =?utf-8?q?b=0D=0ABcc:_c?=", "X-A contains an encoded word"),
    ],
)
def test_a_field_that_is_not_a_drafts_to_set_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_field(text)


def test_a_field_that_never_was_checked_becomes_no_other_one() -> None:
    with pytest.raises(BugError, match="not the one that was meant"):
        compose(draft(fields=(Field("X-A", "b\r\nBcc: c@example.org"),)), ROLES)


def test_the_identifier_has_the_senders_domain_in_ascii() -> None:
    for sender, domain in (("a@株式.会社", "@xn--"), ("a@[192.0.2.1]", "@[192.0.2.1]>")):
        roles = Roles(sender=Mailbox(parse_address(sender)), envelope_sender=parse_address(sender))
        assert domain in compose(draft(), roles).message_id


def test_the_probe_is_marked_as_automatic_and_as_ours() -> None:
    probe = make_probe("system@株式.会社", "ann@example.org")
    parsed = email.message_from_bytes(probe.content)
    assert (parsed["Message-ID"], parsed[PROBE_HEADER]) == (probe.message_id, probe.token)
    assert parsed["Auto-Submitted"] == "auto-generated"
    assert probe.content.isascii()
    assert "山田太郎@株式.会社".encode() in make_probe("a@example.org", "山田太郎@株式.会社").content
