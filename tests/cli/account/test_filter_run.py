"""`mailctl account filter run`: rules over IMAP on a real Dovecot, each message once, whatever happens in between."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from imapclient import IMAPClient
from tests.servers.dovecot import Dovecot
from tests.servers.people import ALICE, Person
from tests.servers.processes import wait_for

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl


def message(subject: str, number: int = 0) -> bytes:
    return (
        f"From: Shop <shop@example.test>\r\nTo: me@example.test\r\nSubject: {subject}\r\n"
        f"Message-ID: <{number}.{subject}@example.test>\r\n\r\nPay {number}.\r\n"
    ).encode()


def add(mailctl: Mailctl, address: str, condition: str, *actions: str) -> None:
    thens = [word for action in actions for word in ("--then", action)]
    mailctl.must("account", "filter", "add", address, condition, "--if", condition, *thens)


def fill(dovecot: Dovecot, address: str, *subjects: str) -> None:
    for number, subject in enumerate(subjects):
        dovecot.deliver(address, message(subject, number))


def test_messages_go_where_the_rules_say_and_stay_unread(
    mailctl: Mailctl, account: str, dovecot: Dovecot, imap: IMAPClient
) -> None:
    add(mailctl, account, "subject contains invoice", "move 請求書", "flag $Work")
    add(mailctl, account, "subject is keep", "copy Kept")
    fill(dovecot, account, "invoice 1", "other", "keep", "invoice 2")
    result = mailctl.must("account", "filter", "run", account)
    assert "looked at 4 messages" in result.err
    assert "rules apply to 3" in result.err
    assert [line.split()[-1] for line in result.out.splitlines()[1:]] == ["($Work)", "INBOX", "($Work)"]
    assert dovecot.subjects(account) == ["other", "keep"]
    assert dovecot.subjects(account, "請求書") == ["invoice 1", "invoice 2"]
    assert dovecot.subjects(account, "Kept") == ["keep"]
    imap.select_folder("INBOX", readonly=True)
    assert imap.search("UNSEEN") == [2, 3]
    imap.select_folder("請求書", readonly=True)
    assert imap.search(["UNSEEN", "KEYWORD", "$Work"]) == [1, 2]


def test_a_folder_may_have_any_name(mailctl: Mailctl, account: str, dovecot: Dovecot) -> None:
    folders = ["007", "-dash", " space", 'quo"te', "100%", "a*b", "back\\slash", "A & B", "NIL", "😀"]
    for number, folder in enumerate(folders):
        add(mailctl, account, f"subject is {number}", f'move "{folder}"')
    fill(dovecot, account, *map(str, range(len(folders))))
    mailctl.must("account", "filter", "run", account)
    assert [dovecot.subjects(account, folder) for folder in folders] == [[str(at)] for at in range(len(folders))]


def test_a_dry_run_shows_what_would_move_where_and_does_nothing(
    mailctl: Mailctl, account: str, dovecot: Dovecot
) -> None:
    add(mailctl, account, "subject contains invoice", "move Invoices")
    fill(dovecot, account, "invoice", "other")
    shown = mailctl.must("account", "filter", "run", account, "--dry-run", "-o", "json").json
    assert shown["changed"] is False
    assert shown["looked_at"] == 2
    assert shown["messages"] == [
        {
            "uid": 1, "sender": "Shop <shop@example.test>", "subject": "invoice",
            "filters": ["subject contains invoice"], "filings": [{"folder": "Invoices", "flags": []}],
            "redirects": [], "problem": None, "is_uncertain": False,
            "is_temporary": False,
        }
    ]  # fmt: skip
    assert dovecot.subjects(account) == ["invoice", "other"]
    assert mailctl.must("account", "filter", "run", account, "-o", "json").json["changed"] is True


def test_a_message_is_looked_at_once_until_all_are_asked_for(mailctl: Mailctl, account: str, dovecot: Dovecot) -> None:
    add(mailctl, account, "subject is x", "copy Copies")
    fill(dovecot, account, "x")
    for _ in range(2):
        mailctl.must("account", "filter", "run", account)
    assert dovecot.subjects(account, "Copies") == ["x"]
    assert "no message" in mailctl.must("account", "filter", "run", account).err
    add(mailctl, account, "subject contains x", "flag")
    again = mailctl.must("account", "filter", "run", account, "--all", "-o", "json").json
    assert again["looked_at"] == 1
    assert dovecot.subjects(account, "Copies") == ["x"]


def test_a_run_without_rules_leaves_the_messages_to_rules_to_come(
    mailctl: Mailctl, account: str, dovecot: Dovecot
) -> None:
    fill(dovecot, account, "x")
    assert f"{account} has no filters" in mailctl.must("account", "filter", "run", account).err
    assert mailctl.must("account", "filter", "run", account, "-o", "json").json["looked_at"] == 0
    add(mailctl, account, "subject is x", "move X")
    mailctl.must("account", "filter", "run", account)
    assert dovecot.subjects(account, "X") == ["x"]


def test_what_is_deleted_is_in_the_trash_and_others_marks_are_left_alone(
    mailctl: Mailctl, account: str, dovecot: Dovecot, imap: IMAPClient
) -> None:
    mailctl.must("account", "folders", "detect", account, "--save")
    add(mailctl, account, "size over 1", "delete", "stop")
    fill(dovecot, account, "old")
    imap.select_folder("INBOX")
    imap.delete_messages([1], silent=True)
    imap.logout()
    mailctl.must("account", "filter", "run", account)
    assert dovecot.subjects(account, "Trash") == ["old"]


def test_the_body_is_read_only_for_rules_that_ask(mailctl: Mailctl, account: str, dovecot: Dovecot) -> None:
    add(mailctl, account, "body contains pay 1", "move Second")
    fill(dovecot, account, "a", "b")
    mailctl.must("account", "filter", "run", account)
    assert dovecot.subjects(account, "Second") == ["b"]


def test_a_redirected_message_arrives_elsewhere_and_is_kept_in_the_trash(
    mailctl: Mailctl, sender: str, dovecot: Dovecot
) -> None:
    mailctl.must("account", "folders", "detect", sender, "--save")
    add(mailctl, sender, "subject contains forward-me", f"redirect {ALICE.address}")
    subject = f"forward-me {sender}"
    fill(dovecot, sender, subject)
    mailctl.must("account", "filter", "run", sender)
    arrived = dovecot.await_message(ALICE, subject)
    assert f"Resent-From: {sender}".encode() in arrived
    assert b"From: Shop <shop@example.test>" in arrived
    assert dovecot.subjects(sender) == []
    assert dovecot.subjects(sender, "Trash") == [subject]


def test_a_redirect_that_is_refused_leaves_the_message_where_it_is(
    mailctl: Mailctl, sender: str, dovecot: Dovecot
) -> None:
    add(mailctl, sender, "subject is x", "redirect nobody@example.test")
    fill(dovecot, sender, "x")
    result = mailctl("account", "filter", "run", sender)
    assert result.code == 13
    assert "not redirected to nobody@example.test" in result.err
    assert dovecot.subjects(sender) == ["x"]


@pytest.fixture
def many(mailctl: Mailctl, account: str, dovecot: Dovecot) -> list[str]:
    """Messages that one rule copies and moves."""
    add(mailctl, account, "subject contains n", "copy Copies", "move Moved")
    names = [f"n{number}" for number in range(60)]
    fill(dovecot, account, *names)
    return names


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_a_run_that_is_killed_again_and_again_loses_and_doubles_nothing(
    mailctl: Mailctl, account: str, dovecot: Dovecot, many: list[str]
) -> None:
    command = [sys.executable, "-m", "mailctl", "--config", str(mailctl.config), "account", "filter", "run", account]
    ledger = mailctl.config.with_suffix(".ledgers") / f"{account}@localhost/filters.jsonl"

    def lines() -> int:
        return ledger.read_bytes().count(b"\n") if ledger.exists() else 0

    for further in range(7, 13):
        enough = lines() + further
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
            wait_for(lambda: lines() >= enough or running.poll() is not None, "the run does nothing")  # noqa: B023 - at once
            running.kill()
        assert running.returncode == -signal.SIGKILL
    mailctl.must("account", "filter", "run", account)
    assert dovecot.subjects(account) == []
    assert sorted(dovecot.subjects(account, "Copies")) == sorted(many)
    assert sorted(dovecot.subjects(account, "Moved")) == sorted(many)


def test_a_removed_account_takes_its_ledger_along(mailctl: Mailctl, account: str, person: Person) -> None:
    add(mailctl, account, "subject is x", "flag")
    mailctl.must("account", "filter", "run", account)
    ledger = mailctl.config.with_suffix(".ledgers") / f"{person.address}@localhost"
    assert ledger.is_dir()
    mailctl.must("account", "delete", account, "--yes")
    assert not ledger.exists()
