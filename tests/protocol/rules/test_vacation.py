"""Who gets an out-of-office answer, and who never does."""

from __future__ import annotations

import pytest

from mailctl.protocol.message.header_block import parse_header_block
from mailctl.protocol.rules.vacation import find_sender, why_unanswered

OWN = "taro@example.org"


def reason(*fields: str, sender: str = "a@example.net", to: str = f"To: {OWN}") -> str | None:
    header = parse_header_block("\r\n".join([f"From: A <{sender}>", to, *fields]).encode())
    return why_unanswered(header, [OWN])


@pytest.mark.parametrize(
    "fields",
    [
        (),
        ("Auto-Submitted: no",),
        ("Precedence: normal",),
        ("X-Spam-Flag: NO",),
        ("X-Auto-Response-Suppress: DR, RN",),
        ("Return-Path: <b@example.net>",),
    ],
)
def test_people_get_an_answer(fields: tuple[str, ...]) -> None:
    assert reason(*fields) is None


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("Auto-Submitted: auto-replied (vacation)", "automatic"),
        ("Auto-Submitted: auto-generated; x=y", "automatic"),
        ("Precedence: Bulk", "bulk"),
        ("Precedence: list", "bulk"),
        ("Precedence: junk", "bulk"),
        ("List-Id: <x.lists.example.net>", "mailing list"),
        ("List-Unsubscribe: <mailto:x@example.net>", "mailing list"),
        ("Mailing-List: x", "mailing list"),
        ("X-Auto-Response-Suppress: OOF, AutoReply", "no automatic answer"),
        ("X-Auto-Response-Suppress: All", "no automatic answer"),
        ("X-Autoreply: yes", "automatic answer"),
        ("X-Spam-Flag: YES", "spam"),
        ("Return-Path: <>", "notice of the mail system"),
        ("Return-Path: <owner-x@example.net>", "program"),
    ],
)
def test_lists_and_programs_get_none(field: str, said: str) -> None:
    assert said in str(reason(field))


@pytest.mark.parametrize(
    "local",
    [
        "MAILER-DAEMON", "no-reply", "noreply", "NoReply+x", "do_not_reply", "donotreply", "owner-list", "list-owner",
        "list-request", "bounces+123", "bounce-9", "majordomo", "listserv", "postmaster", "root", "notifications",
    ],
)  # fmt: skip
def test_addresses_of_programs_get_none(local: str) -> None:
    assert "program" in str(reason(sender=f"{local}@example.net"))


@pytest.mark.parametrize("local", ["request", "listen", "rootbeer", "ownership", "anna-bounce.smith", "replying"])
def test_addresses_that_only_look_so_get_one(local: str) -> None:
    assert reason(sender=f"{local}@example.net") is None


def test_what_comes_from_the_account_itself_gets_none() -> None:
    assert "itself" in str(reason(sender="Taro@EXAMPLE.org"))


@pytest.mark.parametrize(
    ("to", "answered"),
    [
        (f"Cc: x@example.net, Taro <{OWN.upper()}>", True),
        (f"Resent-To: {OWN}", True),
        (f"Bcc: {OWN}", True),
        ("To: undisclosed-recipients:;", False),
        ("To: all@example.org", False),
        ("X-To: taro@example.org", False),
    ],
)
def test_only_what_names_the_account_gets_one(to: str, answered: bool) -> None:
    assert (reason(to=to) is None) is answered


def test_the_answer_goes_to_the_envelopes_sender() -> None:
    header = parse_header_block(b"Return-Path: <b@example.net>\r\nFrom: a@example.net\r\nReply-To: c@example.net\r\n")
    assert find_sender(header) == "b@example.net"
    assert find_sender(parse_header_block(b"From: A <a@example.net>\r\n")) == "a@example.net"


@pytest.mark.parametrize(
    "field",
    [
        "Content-Type: multipart/report; report-type=delivery-status; boundary=x",
        "Content-Type: multipart/report; report-type=disposition-notification; boundary=x",
        "X-Failed-Recipients: a@example.net",
    ],
)
def test_reports_get_none_though_they_name_a_sender(field: str) -> None:
    assert "report" in str(reason(field))
