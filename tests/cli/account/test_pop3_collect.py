"""`mailctl account pop3 collect`: from one mailbox of a real Dovecot over POP3 into another's folder over IMAP."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from imapclient import IMAPClient
from tests.servers.dovecot import Dovecot
from tests.servers.people import Person

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl

AddSource = Callable[..., None]
RECEIVED = "Received: from a by b with ESMTP id 1; Mon, 02 Mar 2026 10:11:12 +0900\r\n"


def message(number: int, *, body: str = "Hello.\r\n", extra: str = "") -> bytes:
    return (
        f"{extra}From: Shop <shop@example.test>\r\nSubject: n{number}\r\nDate: Sun, 01 Mar 2026 09:00:00 +0000\r\n"
        f"Message-ID: <{number}@example.test>\r\n\r\n{body}"
    ).encode()


@pytest.fixture
def old(dovecot: Dovecot, person: Person) -> str:
    """The address of another mailbox of the same person's."""
    address = f"old-{person.address}"
    dovecot.add_user(address, person.password)
    return address


@pytest.fixture
def add_source(mailctl: Mailctl, account: str, old: str, person: Person, dovecot: Dovecot) -> AddSource:
    """Return a function that lets the account collect from the other mailbox."""

    def add(*options: str, name: str = "old", into: str = "旧 mail") -> None:
        mailctl.must(
            "account", "pop3", "add", account, name, "--host", "localhost", "--port", str(dovecot.pop3_port),
            "--security", "starttls", "--ca-file", str(dovecot.ca_file), "--username", old,
            "--password-from", f"env:PASSWORD_OF_{person.address}", "--into", into, *options,
        )  # fmt: skip

    return add


def subjects(dovecot: Dovecot, address: str, folder: str = "INBOX") -> list[str]:
    lines = [line for text in dovecot.messages(address, folder) for line in text.decode("latin-1").splitlines()]
    return [line.removeprefix("Subject: ") for line in lines if line.startswith("Subject: ")]


def fill(dovecot: Dovecot, address: str, numbers: range) -> list[str]:
    for number in numbers:
        dovecot.deliver(address, message(number))
    return [f"n{number}" for number in numbers]


def as_delivered(text: bytes) -> bytes:
    """Return a message as the disk has it, with the line ends of the network."""
    return text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def test_mail_is_collected_unaltered_unread_and_with_its_date(
    mailctl: Mailctl, account: str, old: str, add_source: AddSource, dovecot: Dovecot, imap: IMAPClient
) -> None:
    add_source()
    hard = "..\r\n.\r\n.a\r\n" + "x" * 70_000 + "\r\n\r\nüñ\r\n..."
    dovecot.deliver(old, message(1, body=hard))
    dovecot.deliver(old, message(2))
    result = mailctl.must("account", "pop3", "collect", account)
    assert result.out.splitlines()[1].split()[:3] == ["old", "2", "2"]
    assert "2 messages collected for" in result.err
    before, after = dovecot.messages(old), dovecot.messages(account, "旧 mail")
    assert [as_delivered(text) for text in before] == [as_delivered(text) for text in after]
    imap.select_folder("旧 mail", readonly=True)
    assert imap.search("UNSEEN") == [1, 2]
    assert len(dovecot.messages(old)) == 2


def test_a_message_is_collected_once_however_often_it_is_run(
    mailctl: Mailctl, account: str, old: str, add_source: AddSource, dovecot: Dovecot
) -> None:
    add_source(into="INBOX")
    fill(dovecot, old, range(3))
    assert mailctl.must("account", "pop3", "collect", account, "-o", "json").json == {
        "schema_version": 1, "changed": True, "account": account,
        "pop3": [
            {
                "source": "old", "listed": 3, "collected": 3,
                "octets": sum(len(as_delivered(text)) for text in dovecot.messages(old)),
                "recognised": 0, "deleted": 0, "undeleted": 0, "left": [], "error": None,
            }
        ],
    }  # fmt: skip
    fill(dovecot, old, range(3, 5))
    assert mailctl.must("account", "pop3", "collect", account, "--dry-run").err.startswith("2 messages to be collected")
    assert subjects(dovecot, account) == ["n0", "n1", "n2"]
    mailctl.must("account", "pop3", "collect", account, "old")
    again = mailctl.must("account", "pop3", "collect", account, "-o", "json").json
    assert again["changed"] is False
    assert subjects(dovecot, account) == ["n0", "n1", "n2", "n3", "n4"]
    listed = mailctl.must("account", "pop3", "list", account, "-o", "json").json["pop3"][0]
    assert listed["collected"] == 5
    assert listed["last_collected_at"]


def test_a_mailbox_that_is_added_again_is_not_collected_again(
    mailctl: Mailctl, account: str, old: str, add_source: AddSource, dovecot: Dovecot
) -> None:
    add_source(into="INBOX")
    fill(dovecot, old, range(2))
    mailctl.must("account", "pop3", "collect", account)
    mailctl.must("account", "pop3", "delete", account, "old", "--yes")
    add_source(name="another", into="INBOX")
    mailctl.must("account", "pop3", "collect", account)
    assert subjects(dovecot, account) == ["n0", "n1"]


def test_mail_is_deleted_at_once_where_that_is_wanted(
    mailctl: Mailctl, account: str, old: str, add_source: AddSource, dovecot: Dovecot
) -> None:
    add_source("--delete-after", "0", into="INBOX")
    fill(dovecot, old, range(3))
    result = mailctl.must("account", "pop3", "collect", account, "-o", "json").json
    assert result["pop3"][0]["deleted"] == 3
    assert subjects(dovecot, old) == []
    assert subjects(dovecot, account) == ["n0", "n1", "n2"]


def test_mail_stays_for_the_days_that_are_said_and_goes_then(
    mailctl: Mailctl, account: str, old: str, add_source: AddSource, dovecot: Dovecot
) -> None:
    add_source("--delete-after", "30", into="INBOX")
    fill(dovecot, old, range(2))
    mailctl.must("account", "pop3", "collect", account)
    assert subjects(dovecot, old) == ["n0", "n1"]
    mailctl.must("account", "pop3", "edit", account, "old", "--delete-after", "0")
    result = mailctl.must("account", "pop3", "collect", account, "-o", "json").json
    assert (result["changed"], result["pop3"][0]["deleted"]) == (True, 2)
    assert subjects(dovecot, old) == []


def test_a_wrong_password_is_told_of_the_right_server(
    mailctl: Mailctl, account: str, add_source: AddSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_source()
    monkeypatch.setenv("WRONG", "wrong")
    mailctl.must("account", "pop3", "edit", account, "old", "--password-from", "env:WRONG")
    result = mailctl("account", "pop3", "collect", account)
    assert result.code == 12
    assert "old: " in result.err
    assert "-ERR" in result.err
    error = mailctl("account", "pop3", "collect", account, "-o", "json").json["pop3"][0]["error"]
    assert (error["exit_code"], error["stage"]) == (12, "auth")


def test_a_mailbox_that_fails_does_not_keep_the_others_back(
    mailctl: Mailctl, account: str, old: str, add_source: AddSource, dovecot: Dovecot
) -> None:
    mailctl.must(
        "account", "pop3", "add", account, "gone", "--host", "localhost", "--port", "1", "--security", "tls",
        "--username", "x", "--password-from", "env:HOME", "--into", "INBOX",
    )  # fmt: skip
    add_source(into="INBOX")
    fill(dovecot, old, range(1))
    result = mailctl("account", "pop3", "collect", account)
    assert result.code == 10
    assert "gone: " in result.err
    assert subjects(dovecot, account) == ["n0"]


def test_a_collection_that_is_killed_ten_times_is_complete_and_holds_nothing_twice(
    mailctl: Mailctl, account: str, old: str, add_source: AddSource, dovecot: Dovecot
) -> None:
    add_source("--delete-after", "0", into="INBOX")
    names = fill(dovecot, old, range(400))
    command = [sys.executable, "-m", "mailctl", "--config", str(mailctl.config), "account", "pop3", "collect", account]
    for wait in (0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8, 0.9, 1.0):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
            try:
                running.wait(wait)
            except subprocess.TimeoutExpired:
                running.kill()
    mailctl.must("account", "pop3", "collect", account)
    assert sorted(subjects(dovecot, account)) == sorted(names)
    assert subjects(dovecot, old) == []
