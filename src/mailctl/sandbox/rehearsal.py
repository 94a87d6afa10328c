"""The main job, rehearsed against a sandbox: the commands as a person would type them, and a look at the result."""

from __future__ import annotations

import email
import email.policy
import imaplib
import shlex
import ssl
from collections.abc import Sequence
from email.message import EmailMessage

from mailctl.sandbox.server import Login, Sandbox

CODE = "sandbox"
"""The code under which a sandbox is registered."""

WIDTH = 76
"""Columns of a quoted command, before the backslash."""


def add_command(sandbox: Sandbox) -> list[str]:
    """Return the arguments of mailctl that register a sandbox: SMTP with STARTTLS, IMAP under TLS."""
    ports = sandbox.ports
    return [
        *("server", "add", CODE, "--name", "Sandbox"),
        *("--smtp-host", sandbox.host, "--smtp-port", str(ports["smtp"])),
        *("--smtp-security", "starttls", "--smtp-auth", "auto"),
        *("--incoming-protocol", "imap", "--incoming-host", sandbox.host),
        *("--incoming-port", str(ports["imaps"]), "--incoming-security", "tls"),
        *("--ca-file", str(sandbox.ca_file)),
    ]


def send_command(sender: Login, recipient: Login) -> list[str]:
    """Return the arguments of mailctl that send a test message through the registered sandbox."""
    return ["test", "send", CODE, "--to", recipient.username, *_login_options(sender)]


def receive_command(login: Login) -> list[str]:
    """Return the arguments of mailctl that open a mailbox of the registered sandbox."""
    return ["test", "receive", CODE, *_login_options(login)]


def _login_options(login: Login) -> list[str]:
    return ["--username", login.username, "--password-from", f"file:{login.password_file}"]


def quote_command(arguments: Sequence[str]) -> str:
    """Return a call of mailctl as a shell takes it, broken into lines before options where it is long."""
    words = ["mailctl", *(shlex.quote(argument) for argument in arguments)]
    lines = [words[0]]
    for word, following in zip(words[1:], [*words[2:], ""], strict=True):
        if word.startswith("--") and len(f"{lines[-1]} {word} {following}") > WIDTH:
            lines.append(f"   {word}")
        else:
            lines[-1] += f" {word}"
    return " \\\n".join(lines)


def read_inbox(sandbox: Sandbox, login: Login) -> list[EmailMessage]:
    """Return the messages in a user's INBOX, read over IMAP under TLS, without marking them as seen."""
    context = ssl.create_default_context(cafile=sandbox.ca_file)
    with imaplib.IMAP4_SSL(sandbox.host, sandbox.ports["imaps"], ssl_context=context) as client:
        client.login(login.username, login.password.reveal())
        client.select(readonly=True)
        fetched = [part for part in client.fetch("1:*", "(BODY.PEEK[])")[1] if isinstance(part, tuple)]
    return [email.message_from_bytes(octets, policy=email.policy.default) for _, octets in fetched]
