"""A sandbox for the tests of this folder, and the standard library's clients logged in to it."""

from __future__ import annotations

import imaplib
import poplib
import smtplib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from mailctl.sandbox import Login, Sandbox, open_sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox() as running:
        yield running


@pytest.fixture
def alice(sandbox: Sandbox) -> Login:
    return sandbox.logins[0]


@pytest.fixture
def bob(sandbox: Sandbox) -> Login:
    return sandbox.logins[1]


@dataclass(frozen=True)
class Clients:
    """Opens clients of the standard library, verified against the sandbox's CA."""

    sandbox: Sandbox

    @property
    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.sandbox.ca_file)

    def smtp(self, security: str = "tls", login: Login | None = None) -> smtplib.SMTP:
        host, ports = self.sandbox.host, self.sandbox.ports
        if security == "tls":
            client: smtplib.SMTP = smtplib.SMTP_SSL(host, ports["smtps"], context=self.tls)
        else:
            client = smtplib.SMTP(host, ports["smtp"])
            if security == "starttls":
                client.starttls(context=self.tls)
        if login:
            client.login(login.username, login.password.reveal())
        return client

    def imap(self, security: str = "tls", login: Login | None = None) -> imaplib.IMAP4:
        host, ports = self.sandbox.host, self.sandbox.ports
        if security == "tls":
            client: imaplib.IMAP4 = imaplib.IMAP4_SSL(host, ports["imaps"], ssl_context=self.tls)
        else:
            client = imaplib.IMAP4(host, ports["imap"])
            if security == "starttls":
                client.starttls(self.tls)
        if login:
            client.login(login.username, login.password.reveal())
        return client

    def pop3(self, security: str = "tls", login: Login | None = None) -> poplib.POP3:
        host, ports = self.sandbox.host, self.sandbox.ports
        if security == "tls":
            client: poplib.POP3 = poplib.POP3_SSL(host, ports["pop3s"], context=self.tls)
        else:
            client = poplib.POP3(host, ports["pop3"])
            if security == "starttls":
                client.stls(self.tls)
        if login:
            client.user(login.username)
            client.pass_(login.password.reveal())
        return client


@pytest.fixture
def clients(sandbox: Sandbox) -> Clients:
    return Clients(sandbox)
