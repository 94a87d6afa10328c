"""`mailctl mail list` on servers that can do less, or do wrong."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from tests.doubles.imap import capability_reply
from tests.doubles.steps import Announce, Close, Stall
from tests.servers.dovecot import Dovecot

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl
    from tests.cli.mail.conftest import AddMailbox

ADDRESS = "ann@example.org"
THREADING = capability_reply(b"AUTH=PLAIN", b"SASL-IR", b"THREAD=REFERENCES")
HEADER = b"Message-ID: <a@x>\r\nSubject: a\r\nDate: Sun, 1 Mar 2026 12:00:00 +0000\r\n\r\n"
ITEMS = b'FLAGS () INTERNALDATE "01-Mar-2026 12:00:00 +0000" RFC822.SIZE 10'


def fetched(*messages: tuple[int, bytes]) -> bytes:
    """Return the answer to FETCH with messages' UIDs and headers."""
    lines = [
        b"* %d FETCH (UID %d %b BODY[HEADER.FIELDS (DATE FROM)]<0> {%d}\r\n%b)\r\n"
        % (number, uid, ITEMS, len(header), header)
        for number, (uid, header) in enumerate(messages, start=1)
    ]
    return b"".join(lines) + b"<tag> OK done\r\n"


def listed(mailctl: Mailctl, *options: str) -> list[tuple[int, int]]:
    messages = mailctl.must("mail", "list", ADDRESS, *options, "-o", "json").json["messages"]
    return [(message["uid"], message["depth"]) for message in messages]


def test_without_thread_the_threads_are_found_from_here(
    mailctl: Mailctl, add_mailbox: AddMailbox, bare_dovecot: Dovecot
) -> None:
    address = add_mailbox(server=bare_dovecot)
    bare_dovecot.deliver(address, b"Message-ID: <a@x>\r\nSubject: a\r\n\r\n")
    bare_dovecot.deliver(address, b"Message-ID: <b@x>\r\nSubject: b\r\nIn-Reply-To: <a@x>\r\n\r\n")
    messages = mailctl.must("mail", "list", address, "--threads", "-o", "json").json["messages"]
    assert [(message["uid"], message["depth"], message["thread"]) for message in messages] == [(1, 0, 1), (2, 1, 1)]


@pytest.mark.parametrize("thread", [b"<tag> NO not now\r\n", b"<tag> BAD what\r\n"])
def test_a_server_that_refuses_thread_is_not_needed_for_it(
    mailctl: Mailctl, scripted: Callable[..., Any], thread: bytes
) -> None:
    answer = HEADER.replace(b"<a@x>", b"<b@x>\r\nReferences: <a@x>")
    with scripted(capability=THREADING, fetch=fetched((4, HEADER), (7, answer)), thread=thread):
        assert listed(mailctl, "--threads") == [(4, 0), (7, 1)]


@pytest.mark.parametrize(
    ("thread", "expected"),
    [
        (b"* THREAD (7 4)\r\n", [(7, 0), (4, 1)]),
        (b"* THREAD ((4)(7))\r\n", [(4, 0), (7, 1)]),
        (b"* THREAD (99 7)(7)\r\n", [(7, 0), (4, 0)]),
        (b"* THREAD\r\n", [(7, 0), (4, 0)]),
        (b"", [(7, 0), (4, 0)]),
        (b"* THREAD " + b"(" * 5000 + b"4" + b"\r\n", [(7, 0), (4, 0)]),
    ],
    ids=["chain", "siblings", "unknown", "none", "silence", "nested"],
)
def test_the_servers_threads_are_followed_and_no_message_is_lost(
    mailctl: Mailctl, scripted: Callable[..., Any], thread: bytes, expected: list[tuple[int, int]]
) -> None:
    with scripted(
        capability=THREADING, fetch=fetched((4, HEADER), (7, HEADER)), thread=thread + b"<tag> OK done\r\n"
    ) as double:
        assert listed(mailctl, "--threads") == expected
        assert b"UID THREAD REFERENCES UTF-8 1:1\r\n" in double.before_tls


def test_what_others_do_meanwhile_does_no_harm(mailctl: Mailctl, scripted: Callable[..., Any]) -> None:
    others = b"* 2 EXISTS\r\n* 1 FETCH (FLAGS (\\Seen))\r\n* OK [ALERT] backup at noon\r\n"
    with scripted(fetch=others + fetched((4, HEADER))):
        assert listed(mailctl) == [(4, 0)]


def test_an_empty_folder_asks_for_nothing_more(mailctl: Mailctl, scripted: Callable[..., Any]) -> None:
    with scripted(examine=b"* 0 EXISTS\r\n<tag> OK opened\r\n") as double:
        assert listed(mailctl, "--threads") == []
        assert b"FETCH" not in double.before_tls


@pytest.mark.parametrize(
    "points",
    [
        {"examine": b"<tag> OK opened\r\n"},
        {"examine": b"* many EXISTS\r\n<tag> OK opened\r\n"},
        {"fetch": b"* 1 FETCH (UID 1 RFC822.SIZE\r\n<tag> OK done\r\n"},
        {"fetch": b"* 1 FETCH (UID 1 RFC822.SIZE x)\r\n<tag> OK done\r\n"},
        {"fetch": b"* 1 FETCH (UID 1 %b BODY[HEADER] {9999999999}\r\n" % ITEMS},
    ],
)
def test_malformed_answers_are_told_as_such(
    mailctl: Mailctl, scripted: Callable[..., Any], points: dict[str, bytes]
) -> None:
    with scripted(**points):
        result = mailctl("mail", "list", ADDRESS, "-o", "json")
        assert (result.code, result.error["code"]) == (18, "protocol")


def test_a_message_that_gives_nothing_but_its_size_is_listed(mailctl: Mailctl, scripted: Callable[..., Any]) -> None:
    with scripted(fetch=b"* 1 FETCH (UID 5 RFC822.SIZE 3)\r\n<tag> OK done\r\n"):
        assert listed(mailctl) == [(5, 0)]


def test_a_role_without_a_folder_is_told_with_what_there_is(mailctl: Mailctl, scripted: Callable[..., Any]) -> None:
    with scripted():
        result = mailctl("mail", "list", ADDRESS, "--folder", "archive", "-o", "json")
        assert (result.code, result.error["folders"]) == (3, ["INBOX", "Junk"])
        assert result.error["message"] == f"{ADDRESS} has no folder for archive"
        assert f"mailctl account folders set {ADDRESS} archive FOLDER" in result.error["hint"]


def test_a_folder_that_may_not_be_opened_says_why(mailctl: Mailctl, scripted: Callable[..., Any]) -> None:
    with scripted(examine=b"<tag> NO [NOPERM] not for you\r\n"):
        result = mailctl("mail", "list", ADDRESS, "-o", "json")
        assert (result.code, result.error["reply"]) == (13, "NO [NOPERM] not for you")


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_it_ends_at_once_when_it_is_interrupted(mailctl: Mailctl, scripted: Callable[..., Any]) -> None:
    reached = threading.Event()
    with scripted(examine=(Announce(reached), Stall())):
        words = [sys.executable, "-m", "mailctl", "--config", str(mailctl.config), "mail", "list", ADDRESS]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
            assert reached.wait(20)
            running.send_signal(signal.SIGINT)
            out, err = running.communicate(timeout=20)
    assert (running.returncode, out, err) == (130, "", "interrupted\n")


def test_a_connection_that_is_lost_midway_is_named_and_the_others_are_shown(
    mailctl: Mailctl, scripted: Callable[..., Any], add_mailbox: AddMailbox, dovecot: Dovecot
) -> None:
    address = add_mailbox(owner="ann")
    dovecot.deliver(address, b"Subject: here\r\n\r\n")
    with scripted(fetch=(b"* 1 FETCH (UID 1 %b BODY[HEADER] {9}\r\nSubj" % ITEMS, Close())):
        result = mailctl("mail", "list", "--owner", "ann", "-o", "json")
    assert [message["subject"] for message in result.json["messages"]] == ["here"]
    assert [(failed["account"], failed["error"]["reason"]) for failed in result.json["failed"]] == [(ADDRESS, "closed")]
