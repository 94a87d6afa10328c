"""Bounces: those after RFC 3464, those that systems write in their own way, and messages that are neither."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailctl.protocol.message.delivery_status import find_delivery_report, may_be_report
from mailctl.protocol.message.header_block import parse_header_block

MESSAGE_ID = "<4711.mailctl@example.test>"
TOKEN = "0123456789abcdef0123456789abcdef"
ORIGINAL = f"Message-ID: {MESSAGE_ID}\r\nX-Mailctl-Probe: {TOKEN}\r\nSubject: probe\r\n\r\ntext\r\n"
STATUS = (
    "Reporting-MTA: dns; mx.example.test\r\n\r\n"
    "Final-Recipient: rfc822; ghost@example.org\r\nOriginal-Recipient: rfc822;ghost@example.test\r\n"
    "Action: failed\r\nStatus: 5.1.1\r\nRemote-MTA: dns; mail.example.org\r\n"
    "Diagnostic-Code: smtp; 550 5.1.1 <ghost@example.org>\r\n    no such user\r\n"
)


def report(status: str = STATUS, original: str = ORIGINAL, *, kind: str = "message/delivery-status") -> bytes:
    return (
        "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example.test\r\n"
        'Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary="B.1/x"\r\n\r\n'
        "preamble\r\n--B.1/x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nI am sorry.\r\n\r\n"
        f"--B.1/x\r\nContent-Type: {kind}\r\n\r\n{status}\r\n"
        f"--B.1/x\r\nContent-Type: message/rfc822\r\n\r\n{original}\r\n--B.1/x--\r\n"
    ).encode()


def find(message: bytes) -> object:
    return find_delivery_report(message, mentions=(MESSAGE_ID, TOKEN))


def test_a_report_names_the_recipient_and_the_remote_words() -> None:
    found = find_delivery_report(report(), mentions=(MESSAGE_ID, TOKEN))
    assert found
    assert found.gives_up
    assert found.reporting_mta == "mx.example.test"
    assert found.explanation == "I am sorry."
    status = found.find_failure()
    assert status
    assert (status.recipient, status.status, status.remote_mta) == ("ghost@example.test", "5.1.1", "mail.example.org")
    assert status.diagnostic == "550 5.1.1 <ghost@example.org> no such user"


def test_a_delay_is_not_the_end() -> None:
    found = find_delivery_report(report(STATUS.replace("failed", "Delayed")), mentions=(MESSAGE_ID,))
    assert found
    assert not found.gives_up
    assert found.recipients[0].action == "delayed"


def test_one_of_several_recipients_is_enough_to_have_failed() -> None:
    delivered = "\r\nFinal-Recipient: rfc822; b@example.org\r\nAction: relayed\r\nStatus: 2.0.0\r\n"
    head, _, failed = STATUS.partition("\r\n\r\n")
    found = find_delivery_report(report(f"{head}\r\n{delivered}\r\n{failed}"), mentions=(MESSAGE_ID,))
    assert found
    assert [status.action for status in found.recipients] == ["relayed", "failed"]
    assert found.find_failure() is found.recipients[1]


def test_the_internationalised_form_in_base64() -> None:
    status = STATUS.replace("rfc822;ghost@example.test", "utf-8; 山田太郎@株式.会社")
    encoded = base64.encodebytes(status.encode()).decode().replace("\n", "\r\n")
    kind = "message/global-delivery-status\r\nContent-Transfer-Encoding: base64"
    found = find_delivery_report(report(encoded, kind=kind), mentions=(MESSAGE_ID,))
    assert found
    assert found.recipients[0].recipient == "山田太郎@株式.会社"


def test_the_report_on_another_message_is_none() -> None:
    assert find(report(original=ORIGINAL.replace("4711", "4712").replace(TOKEN, "f" * 32))) is None


def test_the_token_alone_is_enough_where_the_message_id_was_changed() -> None:
    assert find(report(original=ORIGINAL.replace("4711", "changed on the way"))) is not None


def test_a_bounce_of_its_own_form_is_shown_as_it_stands() -> None:
    message = (
        "Return-Path: <>\r\nFrom: MAILER-DAEMON@qmail.example\r\nSubject: failure notice\r\n\r\n"
        "Hi. This is the qmail-send program.\r\n<ghost@example.org>:\r\n550 no such user\r\n\r\n"
        f"--- Below this line is a copy of the message.\r\n\r\n{ORIGINAL}"
    )
    found = find_delivery_report(message.encode(), mentions=(MESSAGE_ID, TOKEN))
    assert found
    assert found.gives_up
    assert found.recipients == ()
    assert "550 no such user" in found.explanation


@pytest.mark.parametrize(
    "header",
    ["Return-Path: < >", "From: Postmaster <postmaster@example.org>", "X-Failed-Recipients: a@example.org",
     "Content-Type: Multipart/Report; boundary=x"],
)  # fmt: skip
def test_what_may_be_a_report_is_told_by_the_header(header: str) -> None:
    assert may_be_report(parse_header_block(f"{header}\r\n\r\n".encode()))


def test_an_answer_that_quotes_the_message_is_no_bounce() -> None:
    assert find(f"From: bob@example.test\r\nIn-Reply-To: {MESSAGE_ID}\r\n\r\n> {ORIGINAL}".encode()) is None


def test_parts_nested_by_the_thousand_cost_no_more_than_their_octets() -> None:
    nested = "".join(
        f"--b{depth}\r\nContent-Type: multipart/mixed; boundary=b{depth + 1}\r\n\r\n" for depth in range(5000)
    )
    message = f"Return-Path: <>\r\nContent-Type: multipart/report; boundary=b0\r\n\r\n{nested}{ORIGINAL}"
    assert find(message.encode()) is None  # the message that is returned begins too late to be believed


@pytest.mark.parametrize(
    "kind",
    [
        "((((" * 5000,
        'multipart/report; boundary="' + "\\" * 20_000,
        ";" * 60_000,
        "multipart/report; boundary*=utf-7''+2AA-",
    ],
)
def test_a_content_type_that_cannot_be_read_is_none(kind: str) -> None:
    find(f"Return-Path: <>\r\nContent-Type: {kind}\r\n\r\n{ORIGINAL}".encode())


@given(st.binary(max_size=400))
def test_anything_is_taken(octets: bytes) -> None:
    find(b"Return-Path: <>\r\n" + octets + MESSAGE_ID.encode())
