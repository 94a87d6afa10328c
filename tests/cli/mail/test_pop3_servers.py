"""`mailctl mail list` on POP3 servers that can do less, or do wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from tests.doubles.pop3 import capa_reply
from tests.doubles.steps import Close, Endless
from tests.servers.dovecot import Dovecot

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl
    from tests.cli.mail.conftest import AddMailbox

ADDRESS = "ann@example.org"
NO_CAPA = b"-ERR what\r\n"
THREE = {
    "list": b"+OK\r\n1 10\r\n2 20\r\n3 30\r\n.\r\n",
    "uidl": b"+OK\r\n1 one\r\n2 two\r\n3 three\r\n.\r\n",
    "tops": {
        number: b"+OK\r\nSubject: message %d\r\nDate: Sun, 1 Mar 2026 12:00:0%d +0000\r\n\r\n.\r\n" % (number, number)
        for number in (1, 2, 3)
    },
}
"""What a server with three messages says."""
REFUSED = b"-ERR it is being scanned\r\n"


def capable(*lacking: bytes) -> bytes:
    capabilities = (b"TOP", b"UIDL", b"PIPELINING", b"USER")
    return capa_reply(*(name for name in capabilities if name not in lacking))


def listed(mailctl: Mailctl, *options: str) -> list[tuple[str | None, str]]:
    messages = mailctl.must("mail", "list", ADDRESS, *options, "-o", "json").json["messages"]
    return [(message["uid"], message["subject"]) for message in messages]


def test_only_what_is_shown_is_asked_for(mailctl: Mailctl, scripted_pop3: Callable[..., Any]) -> None:
    with scripted_pop3(**THREE, capa=capable()) as double:
        assert listed(mailctl, "--limit", "2") == [("three", "message 3"), ("two", "message 2")]
    assert double.before_tls.endswith(b"LIST\r\nUIDL\r\nTOP 2 0\r\nTOP 3 0\r\nQUIT\r\n")


@pytest.mark.parametrize("capa", [capable(b"PIPELINING"), NO_CAPA])
def test_a_server_is_asked_one_by_one_where_it_must(
    mailctl: Mailctl, scripted_pop3: Callable[..., Any], capa: bytes
) -> None:
    with scripted_pop3(**THREE, capa=capa):
        assert listed(mailctl) == [("three", "message 3"), ("two", "message 2"), ("one", "message 1")]


@pytest.mark.parametrize(
    "points", [{"capa": capable(b"UIDL")}, {"capa": NO_CAPA, "uidl": NO_CAPA}, {"capa": capable(), "uidl": NO_CAPA}]
)
def test_without_unique_ids_it_is_listed_all_the_same(
    mailctl: Mailctl, scripted_pop3: Callable[..., Any], points: dict[str, bytes]
) -> None:
    with scripted_pop3(**THREE | points):
        assert listed(mailctl) == [(None, "message 3"), (None, "message 2"), (None, "message 1")]


@pytest.mark.parametrize("points", [{"capa": capable(b"TOP")}, {"capa": NO_CAPA, "tops": {}, "top": NO_CAPA}])
def test_without_top_nothing_is_fetched(
    mailctl: Mailctl, scripted_pop3: Callable[..., Any], points: dict[str, Any]
) -> None:
    with scripted_pop3(**THREE | points) as double:
        result = mailctl("mail", "list", ADDRESS, "-o", "json")
        assert (result.code, result.error["reason"], result.error["lacking"]) == (18, "not-offered", ["TOP"])
        assert "does not offer TOP" in result.error["message"]
        assert "IMAP" in result.error["hint"]
    assert b"RETR" not in double.before_tls


def test_without_top_the_folder_is_counted(mailctl: Mailctl, scripted_pop3: Callable[..., Any]) -> None:
    with scripted_pop3(capa=capable(b"TOP"), stat=b"+OK 7 1000\r\n"):
        [folder] = mailctl.must("mail", "folders", ADDRESS, "-o", "json").json["folders"]
        assert folder["messages"] == 7


@pytest.mark.parametrize("capa", [capable(), capable(b"PIPELINING")])
def test_a_message_whose_header_is_refused_keeps_its_line(
    mailctl: Mailctl, scripted_pop3: Callable[..., Any], capa: bytes
) -> None:
    with scripted_pop3(**THREE | {"tops": THREE["tops"] | {2: REFUSED}}, capa=capa):
        messages = mailctl.must("mail", "list", ADDRESS, "-o", "json").json["messages"]
        assert [one["subject"] for one in messages] == ["message 3", "message 1", ""]
        assert (messages[2]["uid"], messages[2]["size"], messages[2]["date"]) == ("two", 20, None)
        lines = mailctl.must("mail", "list", ADDRESS, "--threads").out.splitlines()
        assert lines[-1].split() == ["(none)"]


@pytest.mark.parametrize(("reply", "code"), [(REFUSED, 13), (b"-ERR [SYS/TEMP] later\r\n", 14)])
def test_a_server_that_gives_out_nothing_says_why(
    mailctl: Mailctl, scripted_pop3: Callable[..., Any], reply: bytes, code: int
) -> None:
    with scripted_pop3(**THREE | {"tops": {}, "top": reply}, capa=capable()):
        result = mailctl("mail", "list", ADDRESS, "-o", "json")
        assert (result.code, result.error["reply"]) == (code, reply.decode().strip())


@pytest.mark.parametrize("header", [b"Subject: x\r\n", b"Subject: x\r\nDate: Sat, 1 Jan 9999 00:00:00 +0000\r\n", b""])
def test_a_message_without_any_date_has_none(
    mailctl: Mailctl, scripted_pop3: Callable[..., Any], header: bytes
) -> None:
    with scripted_pop3(top=b"+OK\r\n" + header + b"\r\n.\r\n"):
        [message] = mailctl.must("mail", "list", ADDRESS, "-o", "json").json["messages"]
        assert message["date"] is None


@pytest.mark.parametrize(
    "points",
    [
        {"list": b"+OK\r\none\r\n.\r\n"},
        {"uidl": b"+OK\r\n1\r\n.\r\n"},
        {"uidl": b"+ \r\n"},
        {"list": b"* OK\r\n"},
        {"top": b"+ \r\n"},
    ],
)
def test_malformed_answers_are_told_as_such(
    mailctl: Mailctl, scripted_pop3: Callable[..., Any], points: dict[str, bytes]
) -> None:
    with scripted_pop3(**points):
        result = mailctl("mail", "list", ADDRESS, "-o", "json")
        assert (result.code, result.error["code"]) == (18, "protocol")


def test_a_listing_without_an_end_is_not_followed(mailctl: Mailctl, scripted_pop3: Callable[..., Any]) -> None:
    with scripted_pop3(list=(b"+OK\r\n", Endless(b"1 1 " + b"x" * 4096 + b"\r\n"))):
        result = mailctl("mail", "list", ADDRESS, "-o", "json")
        assert (result.code, result.error["reason"]) == (18, "reply-too-long")


def test_a_mailbox_in_use_says_so(mailctl: Mailctl, scripted_pop3: Callable[..., Any]) -> None:
    with scripted_pop3(password=b"-ERR [IN-USE] somebody else reads it\r\n"):
        result = mailctl("mail", "list", ADDRESS, "-o", "json")
        assert (result.code, result.error["reply"]) == (14, "-ERR [IN-USE] somebody else reads it")


def test_a_connection_that_is_lost_midway_is_named_and_the_others_are_shown(
    mailctl: Mailctl, scripted_pop3: Callable[..., Any], add_mailbox: AddMailbox, dovecot: Dovecot
) -> None:
    address = add_mailbox(owner="ann")
    dovecot.deliver(address, b"Subject: here\r\n\r\n")
    with scripted_pop3(top=(b"+OK\r\nSubj", Close())):
        result = mailctl("mail", "list", "--owner", "ann", "-o", "json")
    assert [message["subject"] for message in result.json["messages"]] == ["here"]
    assert [(failed["account"], failed["error"]["reason"]) for failed in result.json["failed"]] == [(ADDRESS, "closed")]
