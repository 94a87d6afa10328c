"""The sandbox as a whole: what it listens on, and how it is opened and ended."""

from __future__ import annotations

import asyncio
import secrets
import ssl
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple

from mailctl.errors import MailctlError
from mailctl.model.secret import Secret
from mailctl.sandbox.port_file import announced, remove_stale
from mailctl.sandbox.store import DOMAIN, Mailbox, MessageStore

if TYPE_CHECKING:
    from mailctl.sandbox.connections import Connections

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
    from mailctl.sandbox.certificates import write_certificates

    _require_extra()
    if port_file:
        remove_stale(port_file)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mailctl-sandbox-"))).resolve()
        ca_file, tls_context = write_certificates(folder)
        logins = tuple(_make_login(user, stem, folder) for user, stem in USERS.items())
        store = MessageStore(Mailbox(login.username, login.password) for login in logins)
        ports = stack.enter_context(_serve(store, tls_context))
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


@contextmanager
def _serve(store: MessageStore, tls_context: ssl.SSLContext) -> Iterator[Mapping[str, int]]:
    """Run the event loop in a thread; give the ports, by name, when all listen."""
    listening: Future[_Listening] = Future()

    def run() -> None:
        try:
            asyncio.run(_listen(store, tls_context, listening))
        except BaseException as error:
            if listening.done():
                raise
            listening.set_exception(error)

    thread = Thread(target=run, name="mailctl-sandbox", daemon=True)
    thread.start()
    try:
        ports, stop = listening.result()
    except OSError as error:
        raise MailctlError(f"the sandbox cannot listen on {HOST}: {error}") from error
    try:
        yield ports
    finally:
        stop()
        thread.join()


class _Listening(NamedTuple):
    ports: Mapping[str, int]
    stop: Callable[[], object]


async def _listen(store: MessageStore, tls_context: ssl.SSLContext, listening: Future[_Listening]) -> None:
    from mailctl.sandbox.connections import Connections

    connections = Connections()
    loop = asyncio.get_running_loop()
    servers: dict[str, asyncio.Server] = {}
    for protocol, make in _protocols(store, connections).items():
        servers[protocol] = await loop.create_server(partial(make, tls_context), HOST, 0)
        servers[f"{protocol}s"] = await loop.create_server(partial(make, None), HOST, 0, ssl=tls_context)
    ended = asyncio.Event()
    ports = {name: server.sockets[0].getsockname()[1] for name, server in servers.items()}
    listening.set_result(_Listening(ports, lambda: loop.call_soon_threadsafe(ended.set)))
    await ended.wait()
    for server in servers.values():
        server.close()
    await connections.abort_all()


def _protocols(
    store: MessageStore, connections: Connections
) -> Mapping[str, Callable[[ssl.SSLContext | None], asyncio.BaseProtocol]]:
    """Return what serves a connection, by protocol; it is given what STARTTLS starts, or None under TLS."""
    # Twisted and aiosmtpd take a quarter of a second to import: they are, when a sandbox runs.
    from mailctl.sandbox.imap_server import IMAPServer
    from mailctl.sandbox.pop3_server import POP3Server
    from mailctl.sandbox.submission_server import SubmissionServer
    from mailctl.sandbox.twisted_bridge import Wire, route_log

    route_log()
    return {
        "smtp": lambda tls_context: SubmissionServer(store, tls_context, connections),
        "imap": lambda tls_context: Wire(IMAPServer(store, tls_context), connections),
        "pop3": lambda tls_context: Wire(POP3Server(store, tls_context), connections),
    }
