"""The six listening sockets of a sandbox, on an event loop in a thread."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from threading import Thread
from typing import NamedTuple

from mailctl.durable import cause_of
from mailctl.errors import MailctlError
from mailctl.sandbox.connections import Connections
from mailctl.sandbox.imap_server import IMAPServer
from mailctl.sandbox.pop3_server import POP3Server
from mailctl.sandbox.store import MessageStore
from mailctl.sandbox.submission_server import SubmissionServer
from mailctl.sandbox.twisted_bridge import Wire, route_log


@contextmanager
def serve(host: str, store: MessageStore, tls_context: ssl.SSLContext) -> Iterator[Mapping[str, int]]:
    """Serve a store from a thread with an event loop of its own; give the ports, by name, when all listen.

    Raises MailctlError where the host cannot be listened on.
    """
    listening: Future[_Listening] = Future()

    def run() -> None:
        try:
            asyncio.run(_listen(host, store, tls_context, listening))
        except BaseException as error:
            if listening.done():
                raise
            listening.set_exception(error)

    thread = Thread(target=run, name="mailctl-sandbox", daemon=True)
    thread.start()
    try:
        ports, stop = listening.result()
    except OSError as error:
        raise MailctlError(f"the sandbox cannot listen on {host}: {cause_of(error)}") from error
    try:
        yield ports
    finally:
        stop()
        thread.join()


class _Listening(NamedTuple):
    ports: Mapping[str, int]
    stop: Callable[[], object]


async def _listen(host: str, store: MessageStore, tls_context: ssl.SSLContext, listening: Future[_Listening]) -> None:
    connections = Connections()
    loop = asyncio.get_running_loop()
    servers: dict[str, asyncio.Server] = {}
    for protocol, make in _protocols(store, connections).items():
        servers[protocol] = await loop.create_server(partial(make, tls_context), host, 0)
        servers[f"{protocol}s"] = await loop.create_server(partial(make, None), host, 0, ssl=tls_context)
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
    route_log()
    return {
        "smtp": lambda tls_context: SubmissionServer(store, tls_context, connections),
        "imap": lambda tls_context: Wire(IMAPServer(store, tls_context), connections),
        "pop3": lambda tls_context: Wire(POP3Server(store, tls_context), connections),
    }
