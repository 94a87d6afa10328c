"""`mailctl mail list` on the real Dovecot: one folder, the unified inbox, threads; and nothing is changed by it."""

from __future__ import annotations

import datetime as dt
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
def opened(dovecot: Dovecot) -> Callable[[str], IMAPClient]:
    """Return a function that opens a mailbox with another program."""

    def open_mailbox(address: str) -> IMAPClient:
        client = IMAPClient("127.0.0.1", dovecot.imap_port, ssl=False)
        client.login(address, PASSWORD)
        return client

    return open_mailbox


def listed(mailctl: Mailctl, *options: str) -> list[dict[str, Any]]:
    found = mailctl.must("mail", "list", *options, "-o", "json").json
    assert found["failed"] == []
    messages: list[dict[str, Any]] = found["messages"]
    return messages


def subjects(messages: list[dict[str, Any]]) -> list[str]:
    return [("  " * one["depth"]) + one["subject"] for one in messages]


def test_everything_that_is_known_of_a_message_is_told(
    mailctl: Mailctl, add_mailbox: AddMailbox, deliver: Callable[..., None], opened: Callable[[str], IMAPClient]
) -> None:
    address = add_mailbox()
    deliver(address, message(1, "=?utf-8?B?5Lya6K2w?=", sender="=?utf-8?B?5bGx55Sw?= <yamada@example.org>"))
    with opened(address) as client:
        client.select_folder("INBOX")
        client.add_flags(client.search(), [rb"\Flagged", rb"\Answered", rb"\Seen"])
        size = client.fetch(client.search(), ["RFC822.SIZE"]).popitem()[1][b"RFC822.SIZE"]
    [one] = listed(mailctl, address)
    one["flags"] = [flag for flag in one["flags"] if flag != "\\Recent"]
    assert one == {
        "account": address,
        "folder": "INBOX",
        "uid": 1,
        "date": "2026-03-01T13:00:00Z",
        "from": {"name": "山田", "address": "yamada@example.org"},
        "to": [],
        "subject": "会議",
        "flags": ["\\Answered", "\\Flagged", "\\Seen"],
        "size": size,
        "message_id": "<m1@example.org>",
        "thread": None,
        "depth": 0,
    }


def test_the_table_is_aligned_in_any_script(
    mailctl: Mailctl, add_mailbox: AddMailbox, deliver: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "UTC")
    address = add_mailbox()
    deliver(
        address,
        message(1, "=?utf-8?B?5Lya6K2w?=", sender="=?utf-8?B?5bGx55Sw?= <yamada@example.org>"),
        message(2, "=?utf-8?Q?=1B[2J=E2=80=AE?=", sender="x@example.org"),
    )
    assert mailctl.must("mail", "list", address).out.splitlines() == [
        "NFA  DATE              FROM           SUBJECT",
        "N    2026-03-01 14:00  x@example.org  \\x1b[2J\\u{202e}",
        "N    2026-03-01 13:00  山田           会議",
    ]


@pytest.mark.parametrize("folder", ["sent", "Sent", "drafts", "Gesendetes"])
def test_of_ones_own_mail_it_is_told_whom_it_goes_to(
    mailctl: Mailctl, add_mailbox: AddMailbox, opened: Callable[[str], IMAPClient], folder: str
) -> None:
    address = add_mailbox()
    to = 'To: =?utf-8?B?5bGx55Sw?= <yamada@example.org>, "Müller, Jan" <jan@example.org>,\r\n b@example.org\r\n'
    with opened(address) as client:
        name = folder.capitalize()
        if not client.folder_exists(name):
            client.create_folder(name)
        client.append(name, to.encode() + message(1, "Hello", sender=address))
    if folder == "Gesendetes":
        mailctl.must("account", "folders", "set", address, "sent", folder)
    table = mailctl.must("mail", "list", address, "--folder", folder).out.splitlines()
    assert table[0].split() == ["NFA", "DATE", "TO", "SUBJECT"]
    assert "  山田, Müller, Jan, b@example.org  Hello" in table[1]
    [one] = listed(mailctl, address, "--folder", folder)
    assert one["to"] == [
        {"name": "山田", "address": "yamada@example.org"},
        {"name": "Müller, Jan", "address": "jan@example.org"},
        {"name": "", "address": "b@example.org"},
    ]


def test_nothing_is_marked_as_read(
    mailctl: Mailctl, add_mailbox: AddMailbox, deliver: Callable[..., None], dovecot: Dovecot
) -> None:
    address = add_mailbox()
    deliver(address, message(1), message(2, "", 1))
    new = dovecot.maildir(address) / "new"
    before = sorted(new.iterdir())
    for options in (
        ["list", address],
        ["list", address, "--threads"],
        ["list", "--owner", "taro"],
        ["folders", address],
    ):
        mailctl.must("mail", *options)
    assert sorted(new.iterdir()) == before
    assert len(before) == 2


def test_the_newest_are_listed_and_the_newest_first(
    mailctl: Mailctl, add_mailbox: AddMailbox, deliver: Callable[..., None]
) -> None:
    address = add_mailbox()
    deliver(address, *(message(number) for number in (1, 2, 4, 3, 5)))
    assert subjects(listed(mailctl, address, "--limit", "3")) == ["message 5", "message 4", "message 3"]


@pytest.mark.parametrize("threads", [(), ("--threads",)], ids=["list", "threads"])
def test_of_one_second_the_later_arrival_is_the_newer_one(
    mailctl: Mailctl, add_mailbox: AddMailbox, deliver: Callable[..., None], threads: tuple[str, ...]
) -> None:
    address = add_mailbox()
    deliver(address, *(message(1, subject).replace(b"<m1@", f"<{subject}@".encode()) for subject in "abc"))
    assert subjects(listed(mailctl, address, *threads)) == ["c", "b", "a"]


@pytest.mark.parametrize(
    "dates", [[], ["Date: soon"], ["Date: Fri, 31 Dec 9999 23:59:59 -1200"], ["Date: " + "(" * 900]]
)
def test_a_date_that_cannot_be_is_that_of_its_arrival(
    mailctl: Mailctl, add_mailbox: AddMailbox, deliver: Callable[..., None], dates: list[str]
) -> None:
    address = add_mailbox()
    began = dt.datetime.now(dt.UTC).replace(microsecond=0)
    deliver(address, "\r\n".join(["Subject: x", *dates, "", "body"]).encode())
    [one] = listed(mailctl, address)
    assert began <= dt.datetime.fromisoformat(one["date"]) <= dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2)


@pytest.mark.parametrize(
    "header",
    [
        b"Subject: " + b"=?utf-8?Q?a?= " * 16_000,
        b"From: " + b"(" * 200_000,
        b"References: " + b"<a@b> " * 10_000 + b"\r\nSubject: x",
        b"Subject: caf\xe9 \x1b]0;x\x07\x9b31m \xff\xfe",
        b"\r\n".join(b"X-%d: y" % number for number in range(5_000)),
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
        + b"--x\r\nContent-Type: multipart/mixed; boundary=x\r\n" * 5_000,
        b"",
    ],
    ids=["words", "comments", "references", "octets", "fields", "parts", "nothing"],
)
def test_what_nobody_should_have_sent_is_listed(
    mailctl: Mailctl, add_mailbox: AddMailbox, deliver: Callable[..., None], header: bytes
) -> None:
    address = add_mailbox()
    deliver(address, header + b"\r\n\r\nbody\r\n", message(1))
    result = mailctl.must("mail", "list", address, "--threads")
    assert len(result.out.splitlines()) == 3
    assert all(line.isprintable() for line in result.out.splitlines())
    assert len(listed(mailctl, address)) == 2


def test_answers_stand_below_what_they_answer_and_the_newest_thread_first(
    mailctl: Mailctl, add_mailbox: AddMailbox, deliver: Callable[..., None]
) -> None:
    address = add_mailbox()
    deliver(address, message(1, "one"), message(2, "two"), message(3, "three", 1), message(4, "four", 1, 3))
    messages = listed(mailctl, address, "--threads")
    assert subjects(messages) == ["one", "  three", "    four", "two"]
    assert [one["thread"] for one in messages] == [1, 1, 1, 2]
    assert subjects(listed(mailctl, address)) == ["four", "three", "two", "one"]
    table = mailctl.must("mail", "list", address, "--threads").out.splitlines()
    assert [line.partition("ann@example.org  ")[2] for line in table[1:]] == ["one", "└ three", "  └ four", "two"]


def test_the_inboxes_of_all_accounts_are_one_list(
    mailctl: Mailctl, add_mailbox: AddMailbox, deliver: Callable[..., None]
) -> None:
    first, second = add_mailbox(), add_mailbox()
    deliver(first, message(1, "one"), message(4, "four", 1, 3))
    deliver(second, message(3, "three", 1), message(2, "two"))
    messages = listed(mailctl, "--owner", "taro")
    assert [(one["account"], one["subject"]) for one in messages] == [
        (first, "four"), (second, "three"), (second, "two"), (first, "one"),
    ]  # fmt: skip
    assert subjects(listed(mailctl, "--owner", "taro", "--threads")) == ["one", "  three", "    four", "two"]
    assert subjects(listed(mailctl, "--owner", "taro", "--limit", "2")) == ["four", "three"]
    table = mailctl.must("mail", "list", "--owner", "taro").out.splitlines()
    assert table[0].split() == ["NFA", "DATE", "FROM", "SUBJECT", "ACCOUNT"]
    assert table[1].endswith(first)


def test_the_owners_layout_is_followed(mailctl: Mailctl, add_mailbox: AddMailbox, deliver: Callable[..., None]) -> None:
    first, second = add_mailbox(), add_mailbox()
    deliver(first, message(1, "one"), message(3, "three", 1))
    deliver(second, message(2, "two"), message(4, "four", 2))
    mailctl.must("account", "layout", "taro", "--threads", "--no-merge")
    messages = listed(mailctl, "--owner", "taro")
    assert subjects(messages) == ["one", "  three", "two", "  four"]
    assert [one["thread"] for one in messages] == [1, 1, 2, 2]
    assert subjects(listed(mailctl, first)) == ["one", "  three"]
    assert subjects(listed(mailctl, "--owner", "taro", "--no-threads", "--merge")) == ["four", "three", "two", "one"]


def test_a_lone_owner_need_not_be_named(mailctl: Mailctl, add_mailbox: AddMailbox) -> None:
    add_mailbox()
    assert listed(mailctl) == []
    add_mailbox(owner="hanako")
    result = mailctl("mail", "list", "-o", "json")
    assert (result.code, result.error["missing"]) == (2, ["ADDRESS or --owner"])


def test_an_account_and_an_owner_exclude_each_other(mailctl: Mailctl, add_mailbox: AddMailbox) -> None:
    assert mailctl("mail", "list", add_mailbox(), "--owner", "taro").code == 2
    assert mailctl("mail", "folders", "--owner", "nobody").code == 3


def test_a_shared_sender_is_nobodys_mail_but_its_owners(
    mailctl: Mailctl, add_mailbox: AddMailbox, deliver: Callable[..., None]
) -> None:
    own, shared = add_mailbox(), add_mailbox("--share-sender", owner="office")
    deliver(own, message(1, "mine"))
    deliver(shared, message(2, "the office's"))
    assert subjects(listed(mailctl, "--owner", "taro")) == ["mine"]
    assert subjects(listed(mailctl, "--owner", "office")) == ["the office's"]
    folders = mailctl.must("mail", "folders", "--owner", "taro", "-o", "json").json["folders"]
    assert {folder["account"] for folder in folders} == {own}


@pytest.mark.parametrize("command", [("mail", "list"), ("mail", "folders"), ("account", "folders", "detect")])
def test_a_mailbox_that_cannot_be_read_is_named_with_the_next_command(
    mailctl: Mailctl,
    add_mailbox: AddMailbox,
    add_account: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
) -> None:
    gone = add_account("gone@example.test", 1)
    result = mailctl(*command, gone)
    assert f"error: {gone}: IMAP at 127.0.0.1, port 1: the connection was refused" in result.err
    assert result.err.endswith(f"next: mailctl account edit {gone} --incoming-port PORT\n")
    locked = add_mailbox()
    monkeypatch.setenv("MAILBOX_PASSWORD", "wrong-canary-4711")
    result = mailctl(*command, locked)
    assert f"error: {locked}: IMAP at 127.0.0.1, port " in result.err
    assert f"next: mailctl test receive {locked}" in result.err
    assert mailctl(*command, locked, "-o", "json").error["account"] == locked


def test_one_account_that_fails_is_named_and_the_others_are_shown(
    mailctl: Mailctl, add_mailbox: AddMailbox, add_account: Callable[..., str], deliver: Callable[..., None]
) -> None:
    address = add_mailbox()
    deliver(address, message(1, "one"))
    gone = add_account("gone@example.test", 1)
    result = mailctl("mail", "list", "--owner", "taro")
    assert result.code == 10
    assert result.out.splitlines()[1].endswith(f"one      {address}")
    assert f"error: {gone}: IMAP at 127.0.0.1, port 1: the connection was refused" in result.err
    assert f"next: mailctl account edit {gone} --incoming-port PORT" in result.err
    result = mailctl("mail", "list", "--owner", "taro", "-o", "json")
    assert (result.code, result.err) == (10, "")
    assert [one["subject"] for one in result.json["messages"]] == ["one"]
    [failed] = result.json["failed"]
    assert (failed["account"], failed["error"]["exit_code"], failed["error"]["stage"]) == (gone, 10, "tcp")


def test_the_exit_code_is_that_of_the_earliest_failure(
    mailctl: Mailctl, add_mailbox: AddMailbox, add_account: Callable[..., str], dovecot: Dovecot
) -> None:
    add_mailbox()
    add_account("stranger@example.test", dovecot.imap_port)
    assert mailctl("mail", "list", "--owner", "taro").code == 12
    add_account("gone@example.test", 1)
    assert mailctl("mail", "list", "--owner", "taro").code == 10


@pytest.mark.parametrize("folder", ["Sent", "sent"])
def test_a_folder_is_found_by_its_name_or_role(
    mailctl: Mailctl, add_mailbox: AddMailbox, opened: Callable[[str], IMAPClient], folder: str
) -> None:
    address = add_mailbox()
    with opened(address) as client:
        client.append("Sent", message(1, "sent"))
    [one] = listed(mailctl, address, "--folder", folder)
    assert (one["folder"], one["subject"]) == ("Sent", "sent")


def test_a_folder_in_any_script_is_opened(
    mailctl: Mailctl, add_mailbox: AddMailbox, opened: Callable[[str], IMAPClient]
) -> None:
    address = add_mailbox()
    with opened(address) as client:
        client.create_folder('会議 & "mehr"')
        client.append('会議 & "mehr"', message(1, "x"))
    assert [one["folder"] for one in listed(mailctl, address, "--folder", '会議 & "mehr"')] == ['会議 & "mehr"']
    mailctl.must("account", "folders", "set", address, "archive", '会議 & "mehr"')
    assert len(listed(mailctl, address, "--folder", "archive")) == 1


def test_a_folder_that_is_not_there_is_told_with_those_that_are(mailctl: Mailctl, add_mailbox: AddMailbox) -> None:
    address = add_mailbox()
    result = mailctl("mail", "list", address, "--folder", "Snet", "-o", "json")
    assert (result.code, set(result.error["folders"])) == (3, {"INBOX", "Drafts", "Sent", "Junk", "Trash", "Archive"})
    assert mailctl("mail", "list", address, "--folder", "a\nb").code == 2
