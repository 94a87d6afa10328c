"""Ledgers that have grown long: what nobody will ask for is let go of, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from imapclient import IMAPClient
from tests.servers.dovecot import Dovecot
from tests.servers.people import ALICE, Person

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl

LedgerOf = Callable[[str], Path]
MANY = 3000
FEW = 30


def message(subject: str, *, to: str = "me@example.test") -> bytes:
    return f"From: {ALICE.address}\r\nTo: {to}\r\nSubject: {subject}\r\n\r\nHi.\r\n".encode()


@pytest.fixture
def ledger_of(mailctl: Mailctl, person: Person) -> LedgerOf:
    """Return a function that returns where a ledger of the new person's is."""
    owner = mailctl.config.with_suffix(".ledgers") / f"{person.address}@localhost"
    return lambda name: next(owner.glob(f"{name}*.jsonl"))


def read(ledger: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ledger.read_text().splitlines()]


def add(ledger: Path, records: Iterable[dict[str, Any]]) -> None:
    with ledger.open("a") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)


def test_rules_forget_messages_that_are_gone_and_remember_those_that_are_there(
    mailctl: Mailctl, account: str, dovecot: Dovecot, imap: IMAPClient, ledger_of: LedgerOf
) -> None:
    imap.create_folder("Archive")
    for condition, action in (("subject is copied", "copy Copies"), ("subject is redirected", "redirect z@x.example")):
        mailctl.must(
            "account", "filter", "add", account, condition, "--if", condition, "--then", action, "--then", "keep"
        )
    dovecot.deliver(account, message("copied"))
    for folder in ("INBOX", "Archive"):
        mailctl.must("account", "filter", "run", account, "--folder", folder)
    dovecot.deliver(account, message("redirected"))
    ledger = ledger_of("filters")
    here = {"folder": "INBOX", "uid_validity": read(ledger)[0]["uid_validity"]}
    add(ledger, ({"act": "done", **here, "uid": 10_000 + uid, "target": "Copies"} for uid in range(MANY)))
    add(ledger, [{"act": "done", "folder": "INBOX", "uid_validity": 1, "uid": 1, "target": "Copies"}])
    add(ledger, [{"act": "looked", "folder": "Archive", "uid_validity": 1, "uid": 77}])
    add(ledger, [{"act": "begun", **here, "uid": 2, "target": "z@x.example"}])
    assert mailctl("account", "filter", "run", account).code == 17
    assert len(kept := read(ledger)) < FEW
    assert {"act": "looked", "folder": "Archive", "uid_validity": 1, "uid": 77} in kept
    assert {record["uid_validity"] for record in kept if record["folder"] == "INBOX"} == {here["uid_validity"]}
    assert "no message" in mailctl.must("account", "filter", "run", account).err
    again = mailctl("account", "filter", "run", account, "--all")
    assert (again.code, dovecot.subjects(account, "Copies")) == (17, ["copied"])
    assert "not known whether it was redirected" in again.err


def test_answers_of_long_ago_are_forgotten_and_those_that_count_are_not(
    mailctl: Mailctl, sender: str, dovecot: Dovecot, ledger_of: LedgerOf, tmp_path: Path
) -> None:
    body = tmp_path / "away.txt"
    body.write_text("Away.\n", encoding="utf-8")
    mailctl.must("account", "vacation", "set", sender, "--subject", "Away", "--body-file", body)
    dovecot.deliver(sender, message("one", to=sender), sender=ALICE.address)
    assert "answered: 1" in mailctl.must("account", "vacation", "run", sender).err
    ledger = ledger_of("vacation")
    inbox = read(ledger)[0]["uid_validity"]
    long_ago = {"act": "answered", "uid_validity": 1, "answer": "former", "day": "2001-01-01"}
    add(ledger, ({**long_ago, "uid": uid, "sender": f"{uid}@x.example"} for uid in range(MANY)))
    for subject in ("two", "three"):
        dovecot.deliver(sender, message(subject, to=sender), sender=ALICE.address)
        [told] = mailctl.must("account", "vacation", "run", sender, "-o", "json").json["messages"]
        assert f"{ALICE.address} has been answered on" in told["why_not"]
        assert len(kept := read(ledger)) < FEW
        assert {record["uid_validity"] for record in kept} == {inbox}


def test_messages_that_were_deleted_on_their_server_are_forgotten_once_it_lists_them_no_more(
    mailctl: Mailctl, account: str, person: Person, dovecot: Dovecot, ledger_of: LedgerOf
) -> None:
    old = f"old-{person.address}"
    dovecot.add_user(old, person.password)
    mailctl.must(
        "account", "pop3", "add", account, "old", "--host", "localhost", "--port", str(dovecot.pop3_port),
        "--security", "starttls", "--ca-file", str(dovecot.ca_file), "--username", old,
        "--password-from", f"env:PASSWORD_OF_{person.address}", "--into", "INBOX", "--keep",
    )  # fmt: skip
    dovecot.deliver(old, message("kept"))
    mailctl.must("account", "pop3", "collect", account)
    ledger = ledger_of("pop3")
    kept = read(ledger)[-1]
    gone = [f"gone-{number}" for number in range(MANY)]
    add(ledger, ({"act": "stored", "uids": [uid], "size": 9, "digest": "x", "at": 1} for uid in gone))
    add(ledger, ({"act": "deleted", "uids": [uid]} for uid in gone))
    add(ledger, [{"act": "stored", "uids": ["hidden"], "size": 9, "digest": "x", "at": 1}])
    mailctl.must("account", "pop3", "edit", account, "old", "--delete-after", "5")
    add(ledger, [{**kept, "at": 1}])
    dovecot.deliver(old, message("new"))
    assert mailctl.must("account", "pop3", "collect", account, "-o", "json").json["pop3"][0]["deleted"] == 1
    assert len(read(ledger)) < FEW
    assert ["hidden"] in [record["uids"] for record in read(ledger)]
    mailctl.must("account", "pop3", "collect", account)
    assert dovecot.subjects(account) == ["kept", "new"]
    [source] = mailctl.must("account", "pop3", "list", account, "-o", "json").json["pop3"]
    assert source["collected"] == MANY + 3


@pytest.fixture
def second(mailctl: Mailctl, account: str, person: Person, dovecot: Dovecot) -> str:
    """The address of another account of the new person's mailbox, whose rule copies what it sees."""
    address = f"info-{account}"
    mailctl.must(
        "account", "add", address, "--username", person.address, "--password-from",
        f"env:PASSWORD_OF_{person.address}", "--incoming-protocol", "imap", "--incoming-host", "localhost",
        "--incoming-port", str(dovecot.imap_port), "--incoming-security", "starttls", "--smtp-host", "localhost",
        "--smtp-security", "starttls", "--ca-file", str(dovecot.ca_file),
    )  # fmt: skip
    mailctl.must(
        "account", "filter", "add", address, "copies", "--if", "subject contains o", "--then", "copy Copies",
        "--then", "keep",
    )  # fmt: skip
    dovecot.deliver(account, message("one"))
    mailctl.must("account", "filter", "run", address)
    assert dovecot.subjects(account, "Copies") == ["one"]
    return address


def test_an_account_keeps_its_ledgers_when_another_of_its_mailbox_goes(
    mailctl: Mailctl, account: str, second: str, dovecot: Dovecot
) -> None:
    mailctl.must("account", "delete", account, "--yes")
    mailctl.must("account", "filter", "run", second)
    assert dovecot.subjects(account, "Copies") == ["one"]
    mailctl.must("config", "undo")
    mailctl.must("account", "filter", "run", second)
    assert dovecot.subjects(account, "Copies") == ["one"]


def test_an_account_that_an_undo_brings_back_has_its_ledgers_again(
    mailctl: Mailctl, account: str, second: str, dovecot: Dovecot
) -> None:
    mailctl.must("account", "delete", second, "--yes")
    mailctl.must("config", "undo")
    mailctl.must("account", "filter", "run", second)
    assert dovecot.subjects(account, "Copies") == ["one"]


def test_an_account_keeps_its_ledgers_at_another_address(
    mailctl: Mailctl, account: str, second: str, dovecot: Dovecot
) -> None:
    mailctl.must("account", "edit", second, "--address", "new@example.org")
    mailctl.must("account", "filter", "run", "new@example.org")
    assert dovecot.subjects(account, "Copies") == ["one"]
