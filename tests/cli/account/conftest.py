"""Accounts on a catalogue with a vault, and one in the mailbox of somebody new on the real servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from imapclient import IMAPClient
from tests.servers.dovecot import Dovecot
from tests.servers.people import Person
from tests.servers.postfix import Postfix

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl

AddPerson = Callable[..., str]


@pytest.fixture
def site(mailctl: Mailctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mailctl:
    """A vault, a server whose people send with their incoming login, and one where they send with another."""
    monkeypatch.setenv("PASSWORD", "env-canary-4711")
    monkeypatch.setenv("OTHER", "env-canary-4712")
    mailctl.must("secret", "backend", "vault", "--key-file", tmp_path / "vault.key")
    mailctl.add_server("hq", "--smtp-auth", "plain")
    mailctl.add_server("split", "--smtp-host", "out.example.org", "--smtp-auth", "plain", "--smtp-credentials", "own")
    return mailctl


@pytest.fixture
def show(mailctl: Mailctl) -> Callable[[str], dict[str, Any]]:
    """Return what `account show -o json` says of an account."""
    return lambda address: mailctl.must("account", "show", address, "-o", "json").json["account"]


@pytest.fixture
def add_person(mailctl: Mailctl, dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch) -> AddPerson:
    """Return a function that adds somebody's account on the real Dovecot and Postfix, and returns the address."""

    def add(person: Person, *options: str, smtp_port: int = 1, imap: Dovecot = dovecot) -> str:
        variable = f"PASSWORD_OF_{person.address}"
        monkeypatch.setenv(variable, person.password)
        mailctl.must(
            "account", "add", person.address, "--username", person.address, "--password-from", f"env:{variable}",
            "--incoming-protocol", "imap", "--incoming-host", "localhost", "--incoming-port", str(imap.imap_port),
            "--incoming-security", "starttls", "--smtp-host", "localhost", "--smtp-port", str(smtp_port),
            "--smtp-security", "starttls", "--ca-file", str(imap.ca_file), *options,
        )  # fmt: skip
        return person.address

    return add


@pytest.fixture
def account(add_person: AddPerson, person: Person) -> str:
    """The address of somebody new, who has an account in Dovecot and no server for sending."""
    return add_person(person)


@pytest.fixture
def sender(add_person: AddPerson, person: Person, postfix: Postfix) -> str:
    """The address of somebody new, who has an account in Dovecot and sends through Postfix."""
    return add_person(person, "--owner", "newcomer", smtp_port=postfix.submission_port)


@pytest.fixture
def imap(dovecot: Dovecot, person: Person) -> Iterator[IMAPClient]:
    """The new person's mailbox, opened by another program."""
    with IMAPClient("127.0.0.1", dovecot.imap_port, ssl=False) as client:
        client.login(person.address, person.password)
        yield client
