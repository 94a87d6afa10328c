"""People with accounts on a real Dovecot, and mail in their mailboxes."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest
from tests.doubles.imap import ImapServer
from tests.doubles.pop3 import Pop3Server
from tests.doubles.scripted import ScriptedServer
from tests.servers.dovecot import Dovecot

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl

PASSWORD = "correct horse"
NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
AddMailbox = Callable[..., str]


def message(number: int, subject: str = "", *references: int, sender: str = "ann@example.org") -> bytes:
    """Return a message sent `number` hours after noon, which refers to others by their numbers."""
    listed = " ".join(f"<m{one}@example.org>" for one in references)
    return (
        f"From: {sender}\r\nSubject: {subject or f'message {number}'}\r\nMessage-ID: <m{number}@example.org>\r\n"
        f"Date: {format_datetime(NOON + dt.timedelta(hours=number))}\r\nReferences: {listed}\r\n\r\nbody\r\n"
    ).encode()


@pytest.fixture
def deliver(dovecot: Dovecot) -> Callable[..., None]:
    """Return a function that delivers messages to somebody, one after the other."""

    def deliver(address: str, *messages: bytes) -> None:
        for one in messages:
            dovecot.deliver(address, one)

    return deliver


@pytest.fixture
def add_account(mailctl: Mailctl, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return a function that registers an account on an IMAP server, and returns the address."""

    def add(address: str, port: int, *options: str, owner: str = "taro", security: str = "none") -> str:
        monkeypatch.setenv("MAILBOX_PASSWORD", PASSWORD)
        mailctl.must(
            "account", "add", address, "--username", address, "--owner", owner,
            "--password-from", "env:MAILBOX_PASSWORD", "--incoming-protocol", "imap", "--incoming-host", "127.0.0.1",
            "--incoming-port", str(port), "--incoming-security", security, "--smtp-host", "127.0.0.1",
            "--smtp-security", "none", *options,
        )  # fmt: skip
        return address

    return add


@pytest.fixture
def add_mailbox(dovecot: Dovecot, add_account: Callable[..., str]) -> AddMailbox:
    """Return a function that gives somebody a new, empty mailbox on the real Dovecot, and returns its address."""

    def add(*options: str, owner: str = "taro", port: int | None = None, server: Dovecot = dovecot) -> str:
        address = f"{secrets.token_hex(4)}@example.test"
        server.add_user(address, PASSWORD)
        return add_account(address, port or server.imap_port, *options, owner=owner)

    return add


@pytest.fixture
def add_maildrop(dovecot: Dovecot, add_mailbox: AddMailbox) -> AddMailbox:
    """Return a function like that of `add_mailbox`; the account is read over POP3."""

    def add(*options: str, owner: str = "taro") -> str:
        return add_mailbox("--incoming-protocol", "pop3", *options, owner=owner, port=dovecot.pop3_port)

    return add


@pytest.fixture
def scripted(add_account: Callable[..., str]) -> Callable[..., Any]:
    """Return what opens a scripted IMAP server and registers ann@example.org on it; the double is yielded."""

    @contextmanager
    def serve(**points: Any) -> Iterator[ScriptedServer]:
        with ScriptedServer(ImapServer(security="none", **points).script) as double:
            add_account("ann@example.org", double.port, "--incoming-auth", "plain", owner="ann")
            yield double

    return serve


@pytest.fixture
def scripted_pop3(add_account: Callable[..., str]) -> Callable[..., Any]:
    """Return what opens a scripted POP3 server and registers ann@example.org on it; the double is yielded."""

    @contextmanager
    def serve(**points: Any) -> Iterator[ScriptedServer]:
        with ScriptedServer(Pop3Server(security="none", **points).script) as double:
            options = ("--incoming-protocol", "pop3", "--incoming-auth", "login-command")
            add_account("ann@example.org", double.port, *options, owner="ann")
            yield double

    return serve
