"""`mailctl mail list` and `mail folders` of accounts that are read over POP3, on the real Dovecot."""

from __future__ import annotations

import datetime as dt
import poplib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from imapclient import IMAPClient
from tests.cli.mail.conftest import PASSWORD, message
from tests.servers.dovecot import Dovecot

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl
    from tests.cli.mail.conftest import AddMailbox


@pytest.fixture
def listing(dovecot: Dovecot) -> Callable[[str, str], list[list[bytes]]]:
    """Return a function that asks Dovecot itself for a POP3 mailbox's UIDL or LIST."""

    def ask(address: str, command: str) -> list[list[bytes]]:
        client = poplib.POP3("127.0.0.1", dovecot.pop3_port)
        client.user(address)
        client.pass_(PASSWORD)
        found = [line.split() for line in getattr(client, command)()[1]]
        client.quit()
        return found

    return ask


def listed(mailctl: Mailctl, *options: str) -> list[dict[str, Any]]:
    found = mailctl.must("mail", "list", *options, "-o", "json").json
    assert found["failed"] == []
    messages: list[dict[str, Any]] = found["messages"]
    return messages


def subjects(messages: list[dict[str, Any]]) -> list[str]:
    return [("  " * one["depth"]) + one["subject"] for one in messages]


def test_everything_that_is_known_of_a_message_is_told(
    mailctl: Mailctl,
    add_maildrop: AddMailbox,
    deliver: Callable[..., None],
    listing: Callable[[str, str], list[list[bytes]]],
) -> None:
    address = add_maildrop()
    deliver(address, message(1, subject="=?utf-8?B?5Lya6K2w?=", sender="=?utf-8?B?5bGx55Sw?= <yamada@example.org>"))
    [[_, uid]], [[_, size]] = listing(address, "uidl"), listing(address, "list")
    assert listed(mailctl, address) == [
        {
            "account": address,
            "folder": "INBOX",
            "uid": uid.decode(),
            "date": "2026-03-01T13:00:00Z",
            "from": {"name": "山田", "address": "yamada@example.org"},
            "to": [],
            "subject": "会議",
            "flags": None,
            "size": int(size),
            "message_id": "<m1@example.org>",
            "thread": None,
            "depth": 0,
        }
    ]


def test_nothing_is_deleted_and_nothing_is_marked_as_read(
    mailctl: Mailctl, add_maildrop: AddMailbox, deliver: Callable[..., None], dovecot: Dovecot
) -> None:
    address = add_maildrop()
    deliver(address, message(1), message(2, "", 1))
    for options in (["list", address], ["list", "--threads"], ["list", "--owner", "taro"], ["folders", address]):
        mailctl.must("mail", *options)
    with IMAPClient("127.0.0.1", dovecot.imap_port, ssl=False) as client:
        client.login(address, PASSWORD)
        client.select_folder("INBOX", readonly=True)
        flags = client.get_flags(client.search())
    assert [set(found) - {rb"\Recent"} for found in flags.values()] == [set(), set()]


def test_the_newest_are_listed_and_the_newest_first(
    mailctl: Mailctl, add_maildrop: AddMailbox, deliver: Callable[..., None]
) -> None:
    address = add_maildrop()
    assert listed(mailctl, address) == []
    deliver(address, *(message(number) for number in (1, 2, 4, 3, 5)))
    assert subjects(listed(mailctl, address, "--limit", "3")) == ["message 5", "message 4", "message 3"]
    assert subjects(listed(mailctl, address, "--folder", "Inbox")) == [
        f"message {number}" for number in (5, 4, 3, 2, 1)
    ]


def test_of_one_second_the_later_arrival_is_the_newer_one(
    mailctl: Mailctl, add_maildrop: AddMailbox, deliver: Callable[..., None]
) -> None:
    address = add_maildrop()
    deliver(address, *(message(1, subject=subject).replace(b"<m1@", f"<{subject}@".encode()) for subject in "abc"))
    assert subjects(listed(mailctl, address)) == ["c", "b", "a"]


def test_it_is_part_of_the_unified_inbox_and_of_its_threads(
    mailctl: Mailctl,
    add_maildrop: AddMailbox,
    add_mailbox: AddMailbox,
    deliver: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TZ", "UTC")
    maildrop, mailbox = add_maildrop(), add_mailbox()
    deliver(maildrop, message(1), message(3, "", 1), message(5))
    deliver(mailbox, message(2), message(4, "", 1, 3))
    assert [(one["subject"], one["account"]) for one in listed(mailctl, "--owner", "taro")] == [
        ("message 5", maildrop), ("message 4", mailbox), ("message 3", maildrop), ("message 2", mailbox),
        ("message 1", maildrop),
    ]  # fmt: skip
    threads = ["message 5", "message 1", "  message 3", "    message 4", "message 2"]
    assert subjects(listed(mailctl, "--owner", "taro", "--threads")) == threads
    assert subjects(listed(mailctl, maildrop, "--threads")) == threads[:3]
    assert mailctl.must("mail", "list", "--owner", "taro", "--limit", "2").out.splitlines() == [
        "NFA  DATE              FROM             SUBJECT    ACCOUNT",
        f"     2026-03-01 17:00  ann@example.org  message 5  {maildrop}",
        f"N    2026-03-01 16:00  ann@example.org  message 4  {mailbox}",
    ]


def test_a_date_that_cannot_be_is_that_of_its_arrival(
    mailctl: Mailctl, add_maildrop: AddMailbox, deliver: Callable[..., None]
) -> None:
    address = add_maildrop()
    began = dt.datetime.now(dt.UTC).replace(microsecond=0)
    deliver(address, *(b"Subject: x\r\n%b\r\nbody\r\n" % date for date in (b"", b"Date: Fri, 31 Dec 9999 23:59 Z\r\n")))
    ended = dt.datetime.now(dt.UTC)
    dates = [dt.datetime.fromisoformat(one["date"]) for one in listed(mailctl, address)]
    assert len(dates) == 2
    assert all(began <= date <= ended for date in dates)


def test_another_folder_is_one_that_is_not_there(
    mailctl: Mailctl, add_maildrop: AddMailbox, add_mailbox: AddMailbox, dovecot: Dovecot
) -> None:
    address = add_maildrop()
    for folder in ("sent", "Sent", "プロジェクト"):
        result = mailctl("mail", "list", address, "--folder", folder, "-o", "json")
        assert (result.code, result.error["folders"]) == (3, ["INBOX"])
        assert result.error["message"] == (
            f"{address} is read over POP3, which shows no folder but INBOX: it has no '{folder}'"
        )
        assert f"mailctl account edit {address} --incoming-protocol imap" in result.error["hint"]
    mailbox = add_mailbox()
    with IMAPClient("127.0.0.1", dovecot.imap_port, ssl=False) as client:
        client.login(mailbox, PASSWORD)
        client.append("Sent", message(1))
    result = mailctl("mail", "list", "--owner", "taro", "--folder", "sent", "-o", "json")
    assert (result.code, subjects(result.json["messages"])) == (3, ["message 1"])
    assert [failed["account"] for failed in result.json["failed"]] == [address]


def test_its_folder_is_counted(
    mailctl: Mailctl, add_maildrop: AddMailbox, add_mailbox: AddMailbox, deliver: Callable[..., None]
) -> None:
    address = add_maildrop()
    deliver(address, message(1), message(2))
    assert mailctl.must("mail", "folders", address, "-o", "json").json["folders"] == [
        {"account": address, "folder": "INBOX", "role": "inbox", "messages": 2, "unseen": None}
    ]
    assert mailctl.must("mail", "folders", address).out.splitlines() == [
        "FOLDER  ROLE   MESSAGES  UNSEEN",
        "INBOX   inbox         2",
    ]
    mailbox = add_mailbox()
    lines = mailctl.must("mail", "folders", "--owner", "taro").out.splitlines()
    assert [line.split()[-1] for line in lines[1:]] == [address, *[mailbox] * 6]


@pytest.mark.parametrize(
    "header",
    [b"X: " + b"=?utf-8?Q?a?= " * 500_000, b"\r\n".join([b"X: y"] * 500_000), b"Subject: caf\xe9 \x1b]0;x\x07", b""],
    ids=["a long field", "many fields", "octets", "nothing"],
)
def test_what_nobody_should_have_sent_is_listed(
    mailctl: Mailctl, add_maildrop: AddMailbox, deliver: Callable[..., None], header: bytes
) -> None:
    address = add_maildrop()
    deliver(address, message(1), header + b"\r\n\r\nbody\r\n", message(2))
    lines = mailctl.must("mail", "list", address, "--threads").out.splitlines()
    assert len(lines) == 4
    assert all(line.isprintable() for line in lines)


def test_a_login_that_is_refused_is_told(mailctl: Mailctl, add_account: Callable[..., str], dovecot: Dovecot) -> None:
    address = add_account("stranger@example.test", dovecot.pop3_port, "--incoming-protocol", "pop3")
    for command in ("list", "folders"):
        result = mailctl("mail", command, address, "-o", "json")
        assert (result.code, result.error["stage"], result.error["protocol"]) == (12, "auth", "pop3")
