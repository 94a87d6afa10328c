"""What a message's header becomes on its way out."""

from __future__ import annotations

import re
import time
from email import message_from_bytes
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import default
from email.utils import parsedate_to_datetime

import pytest
from tests.sendmail.conftest import Sendmail
from tests.servers.postfix import INTERNATIONAL_A_LABELS, INTERNATIONAL_DOMAIN


@pytest.fixture
def sent(sendmail: Sendmail):
    """Return a function that sends a message, and returns it as the server got it."""

    def send(message: str | bytes, *arguments: str, account: str = "") -> EmailMessage:
        with sendmail.server(account=account) as server:
            result = sendmail(message, *arguments)
        assert (result.code, result.err) == (0, "")
        (got,) = server.messages
        assert got.isascii()
        return message_from_bytes(got, policy=default)

    return send


def test_what_is_missing_is_added(sent) -> None:
    got = sent("Subject: hi\n\nbody\n", "a@example.org", account='sender_name = "The System"')
    assert got["From"].addresses == (Address("The System", addr_spec="system@example.org"),)
    assert parsedate_to_datetime(got["Date"]).tzinfo is not None
    assert re.fullmatch(r"<[0-9a-f.]+@example\.org>", got["Message-ID"])
    assert got.get_content() == "body\r\n"


def test_what_is_there_stays_as_it_is(sent) -> None:
    text = (
        "Date: Thu, 1 Jan 2026 00:00:00 +0000\nFrom: a@example.com\nMessage-ID: <x@y>\nX-Long: a\n  b\nSubject: hi\n\n"
    )
    got = sent(text, "a@example.org", "-F", "Not used")
    assert got.as_string() == text
    assert got["Reply-To"] is None


def test_two_messages_have_different_ids(sent) -> None:
    assert len({sent("\n", "a@example.org")["Message-ID"] for _ in range(3)}) == 3


@pytest.mark.parametrize(
    ("field", "arguments", "name"),
    [
        ("From: root (Cron Daemon)", [], "Cron Daemon"),
        ('From: "root"', [], "The System"),
        ("From: Backup <backup>", ["-FCronDaemon"], "Backup"),
        ("From: ", [], "The System"),
        ("X-None: 1", ["-F", 'Ann "A", ops'], 'Ann "A", ops'),
        ("X-None: 1", ["-F", "a\nBcc: spy@example.org"], "a Bcc: spy@example.org"),
    ],
)
def test_a_sender_without_a_domain_becomes_the_accounts_address_under_its_name(sent, field, arguments, name) -> None:
    got = sent(f"{field}\n\n", "a@example.org", *arguments, account='sender_name = "The System"')
    (address,) = got["From"].addresses
    assert address.addr_spec == "system@example.org"
    assert address.display_name == name


def test_a_long_name_beyond_ascii_is_encoded_in_words_that_fit(sent) -> None:
    name = "システム管理 with a name that fills more than one encoded word: 監視"
    got = sent("Subject: x\n\n", "a@example.org", "-F", name)
    # Not by the parser of email.policy: Python before 3.11.9 sees a blank between adjacent encoded words.
    (written,) = (value for field, value in got.raw_items() if field == "From")
    assert all(len(line) <= 76 for line in f"From: {written}".splitlines())
    assert str(make_header(decode_header(written))) == f"{name} <system@example.org>"


def test_the_accounts_reply_address_goes_with_the_accounts_sender_alone(sent) -> None:
    account = 'reply_to = "desk@example.org"'
    assert sent("Subject: x\n\n", "a@example.org", account=account)["Reply-To"] == "desk@example.org"
    assert sent("Reply-To: r@example.org\n\n", "a@example.org", account=account)["Reply-To"] == "r@example.org"
    assert sent("From: b@example.org\n\n", "a@example.org", account=account)["Reply-To"] is None


def test_hidden_recipients_and_marks_of_a_mailbox_do_not_leave(sent) -> None:
    got = sent(
        "Return-Path: <x@y>\nBcc: spy@example.org,\n spy2@example.org\nBCC : spy3@example.org\n"
        "Resent-Bcc: spy@example.org\n"
        "Content-Length: 5\nTo: a@example.org\n\nbody\n",
        "-t",
    )
    assert "spy" not in got.as_string()
    assert {name.lower() for name in got.keys()} == {"resent-date", "resent-from", "resent-message-id", "to"}  # noqa: SIM118


def test_text_beyond_ascii_is_encoded(sent) -> None:
    got = sent(
        "Subject: テスト, ein längerer Betreff, der in ein einziges encodiertes Wort nicht mehr hineinpasst\n"
        f"From: Jörg <j@example.org>\nTo: 山田 <a@example.org>, b@{INTERNATIONAL_DOMAIN}\nX-Host: büro\n\n",
        "a@example.org",
    )
    assert str(got["Subject"]).startswith("テスト, ein längerer Betreff, der in ein einziges encodiertes Wort")
    assert got["From"].addresses[0] == Address("Jörg", addr_spec="j@example.org")
    first, second = got["To"].addresses
    assert first == Address("山田", addr_spec="a@example.org")
    assert second == Address(addr_spec=f"b@{INTERNATIONAL_A_LABELS}")
    assert got["X-Host"] == "büro"


def test_bytes_that_are_not_utf8_are_taken_for_latin1(sent) -> None:
    assert sent(b"Subject: gr\xfc\xdfe\n\n", "a@example.org")["Subject"] == "grüße"


def test_a_resent_message_keeps_its_author_and_gets_what_the_resending_lacks(sent) -> None:
    got = sent(
        "Resent-To: b@example.org\nReceived: x\nFrom: root\nDate: yesterday\nMessage-ID: <x@y>\n"
        "To: lost@example.org\n\n",
        "-t",
    )
    text = got.as_string()
    assert got["Resent-From"].addresses[0].addr_spec == "system@example.org"
    assert got["Resent-Date"]
    assert got["Resent-Message-ID"]
    assert "From: root\n" in text
    assert "Date: yesterday\n" in text
    assert text.index("Resent-Date") < text.index("Received")


def test_a_header_added_in_any_zone_and_language_is_a_date(sent, monkeypatch) -> None:
    try:
        for zone, written in (("UTC0", "+0000"), ("XYZ3:30", "-0330"), ("XYZ-5:45", "+0545")):
            monkeypatch.setenv("TZ", zone)
            time.tzset()
            date = str(sent("\n", "a@example.org")["Date"])
            assert date.endswith(written)
            assert abs(parsedate_to_datetime(date).timestamp() - time.time()) < 60
    finally:
        monkeypatch.undo()
        time.tzset()
