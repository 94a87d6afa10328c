"""Catalogue servers on the real Dovecot and Postfix, as an administrator would add them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Postfix

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl

Add = Callable[..., str]


@pytest.fixture
def add_smtp(mailctl: Mailctl, postfix: Postfix) -> Add:
    """Add a server whose outgoing side is Postfix, secured by `security`, and return its code."""

    def add(security: str, auth: str, *options: str) -> str:
        port = {"none": postfix.smtp_port, "starttls": postfix.submission_port, "tls": postfix.smtps_port}[security]
        mailctl.must(
            "server", "add", "out", "--name", "Out", "--smtp-host", "localhost", "--smtp-port", str(port),
            "--smtp-security", security, "--smtp-auth", auth, "--incoming-protocol", "imap",
            "--incoming-host", "unused.example.org", "--ca-file", str(postfix.ca_file), *options,
        )  # fmt: skip
        return "out"

    return add


@pytest.fixture
def add_incoming(mailctl: Mailctl, dovecot: Dovecot) -> Add:
    """Add a server whose incoming side is Dovecot, and return its code."""

    def add(protocol: str, security: str, auth: str, *options: str, server: Dovecot = dovecot) -> str:
        ports = {
            "imap": {"none": server.imap_port, "starttls": server.imap_port, "tls": server.imaps_port},
            "pop3": {"none": server.pop3_port, "starttls": server.pop3_port, "tls": server.pop3s_port},
        }
        login = ["--apop"] if auth == "apop" else ["--incoming-auth", auth]
        mailctl.must(
            "server", "add", "in", "--name", "In", "--smtp-host", "unused.example.org",
            "--incoming-protocol", protocol, "--incoming-host", "localhost",
            "--incoming-port", str(ports[protocol][security]), "--incoming-security", security, *login,
            "--ca-file", str(server.ca_file), *options,
        )  # fmt: skip
        return "in"

    return add
