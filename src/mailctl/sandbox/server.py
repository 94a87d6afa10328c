"""The sandbox as a whole: what it listens on, and how it is opened and ended."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mailctl.errors import MailctlError
from mailctl.model.secret import Secret
from mailctl.sandbox.port_file import announced, remove_stale
from mailctl.sandbox.store import DOMAIN, Mailbox, MessageStore

HOST = "127.0.0.1"

USERS = {"alice": "alice", "bob": "bob", "zoë": "zoe"}
"""The users' names before the `@`, and the plain names of their password files."""


class Login(NamedTuple):
    """A user of the sandbox. `password_file` is what `--password-from file:PATH` reads; it has no line end."""

    username: str
    password: Secret
    password_file: Path


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox.

    `ports`: by `smtp`, `imap`, `pop3` (STARTTLS) and `smtps`, `imaps`, `pop3s` (TLS from the first byte).
    `ca_file`: PEM, to be trusted for it. `folder`: everything that it has written; gone when it ends.
    """

    host: str
    ports: Mapping[str, int]
    ca_file: Path
    logins: tuple[Login, ...]
    folder: Path


@contextmanager
def open_sandbox(port_file: Path | None = None) -> Iterator[Sandbox]:
    """Run a sandbox in a thread of this process until the context ends.

    `port_file`: where to write, once everything listens, how it is reached; removed at the end.
    Raises MailctlError where the extra `sandbox` is not installed or nothing can be listened on, ConflictError where
    `port_file` is a file of something else.
    """
    _require_extra()
    from mailctl.sandbox.certificates import write_certificates
    from mailctl.sandbox.listeners import serve

    if port_file:
        remove_stale(port_file)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mailctl-sandbox-"))).resolve()
        ca_file, tls_context = write_certificates(folder)
        logins = tuple(_make_login(user, stem, folder) for user, stem in USERS.items())
        store = MessageStore(Mailbox(login.username, login.password) for login in logins)
        ports = stack.enter_context(serve(HOST, store, tls_context))
        sandbox = Sandbox(HOST, ports, ca_file, logins, folder)
        if port_file:
            stack.enter_context(announced(port_file, describe(sandbox)))
        yield sandbox


def describe(sandbox: Sandbox) -> dict[str, object]:
    """Return how a sandbox is reached, as plain JSON values; passwords are named by their files."""
    return {
        "schema_version": 1,
        "host": sandbox.host,
        "ports": dict(sandbox.ports),
        "ca_file": str(sandbox.ca_file),
        "logins": [{"username": login.username, "password_file": str(login.password_file)} for login in sandbox.logins],
    }


def _require_extra() -> None:
    try:
        import aiosmtpd  # noqa: F401 - only whether it is there
        import twisted  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise MailctlError(
            f"the sandbox needs the package {error.name}, which is not installed",
            hint="pip install 'mailctl[sandbox]'",
        ) from error


def _make_login(user: str, stem: str, folder: Path) -> Login:
    password = secrets.token_urlsafe(18)
    password_file = folder / f"{stem}.password"
    password_file.touch(0o600)
    password_file.write_text(password, encoding="ascii")
    return Login(f"{user}@{DOMAIN}", Secret(password), password_file)
