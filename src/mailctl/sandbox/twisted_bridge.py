"""Twisted's protocols on asyncio's transports, so that one event loop and one TLS library serve the whole sandbox.

A Twisted protocol needs of its transport only what is here; Twisted's reactor never runs. (Its TLS would need
pyOpenSSL, and a reactor lives once in a process, while sandboxes may be opened one after the other.)
"""

# ruff: noqa: N802 - names and signatures are Twisted's

from __future__ import annotations

import asyncio
import logging
import ssl
import warnings
from collections.abc import Generator, Iterable
from functools import cache
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Protocol
from twisted.logger import STDLibLogObserver, globalLogBeginner
from twisted.python.failure import Failure

from mailctl.sandbox.connections import Connections

log = logging.getLogger("twisted")


@inlineCallbacks
def exhaust(steps: Iterable[object]) -> Generator[Deferred[Any], Any, None]:
    """Run an iterator to its end, waiting for each Deferred that it yields: a scheduler for Twisted's servers."""
    for step in steps:
        if isinstance(step, Deferred):
            yield step


class Untimed:
    """Mixed in before a Twisted server: sessions do not time out, and no reactor is asked to count seconds."""

    def setTimeout(self, period: float | None) -> None:
        """Do nothing, where `TimeoutMixin` would start a clock."""

    def resetTimeout(self) -> None:
        """Do nothing, where `TimeoutMixin` would start its clock again."""


class Wire(asyncio.Protocol):
    """One connection: an asyncio protocol below, the transport of a Twisted protocol above."""

    disconnecting = False

    def __init__(self, server: Protocol, connections: Connections) -> None:
        self._server: Any = server  # whose methods are not annotated
        self._connections = connections
        self._transport: asyncio.Transport
        self._upgrade: asyncio.Task[None] | None = None
        self._early = bytearray()
        self._producer: Any = None  # an IPullProducer
        self._writable = True

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections.add(self)
        self._server.makeConnection(self)

    def data_received(self, data: bytes) -> None:
        if self._upgrade is not None:
            # It came in one segment with the end of the handshake, of which `_start_tls` learns a moment later.
            self._early += data
            return
        try:
            self._server.dataReceived(data)
        except Exception:
            log.exception("a client's input was not survived: connection closed")
            self._transport.abort()

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._produce()

    def connection_lost(self, error: Exception | None) -> None:
        self._connections.discard(self)
        self.disconnecting = True
        if self._producer:
            producer, self._producer = self._producer, None
            producer.stopProducing()
        self._server.connectionLost(Failure(error or ConnectionDone()))  # type: ignore[no-untyped-call]  # of Twisted

    def abort(self) -> None:
        """Drop the connection without a word."""
        self._transport.abort()

    # What Twisted calls (ITLSTransport, IConsumer).

    def write(self, octets: bytes) -> None:
        if not self._transport.is_closing():  # to a client that has gone: asyncio would warn
            self._transport.write(octets)

    def writeSequence(self, pieces: Iterable[bytes]) -> None:
        self.write(b"".join(pieces))

    def loseConnection(self) -> None:
        self.disconnecting = True
        if self._producer is None:
            self._transport.close()

    def getPeer(self) -> object:
        return self._transport.get_extra_info("peername")

    def getHost(self) -> object:
        return self._transport.get_extra_info("sockname")

    def startTLS(self, context: ssl.SSLContext) -> None:
        # What came in the clear after the command must not count under TLS (RFC 9051, 11.1; CVE-2011-0411).
        # A line receiver stops where it sees `disconnecting`, and keeps the rest in `_buffer`.
        self._transport.pause_reading()
        self.disconnecting = True
        self._server._buffer = b""
        self._upgrade = asyncio.get_running_loop().create_task(self._start_tls(context))

    def registerProducer(self, producer: object, streaming: bool) -> None:
        assert not streaming, "Twisted's mail servers register pull producers only"
        self._producer = producer
        self._produce()

    def unregisterProducer(self) -> None:
        self._producer = None
        if self.disconnecting:
            self._transport.close()

    def _produce(self) -> None:
        if self._producer and self._writable:
            self._producer.resumeProducing()
            asyncio.get_running_loop().call_soon(self._produce)

    async def _start_tls(self, context: ssl.SSLContext) -> None:
        loop = asyncio.get_running_loop()
        try:
            transport = await loop.start_tls(self._transport, self, context, server_side=True)
        except OSError as error:  # ssl.SSLError too: the client did not like the certificate, or went away
            self.connection_lost(error)  # asyncio does not say so during a handshake
            return
        assert transport is not None
        self._transport = transport
        self.disconnecting = False
        self._upgrade = None
        if self._early:
            self.data_received(bytes(self._early))


@cache
def route_log() -> None:
    """Let `twisted`, `mail.log` (aiosmtpd) and `asyncio` log where logging is configured, and print nothing otherwise.

    Without this, the mistakes of clients, and that they went away, are printed to standard error. Beginning a log also
    takes over `warnings.showwarning` of the whole process, which is not the sandbox's to take.
    """
    show = warnings.showwarning
    observers: Any = [STDLibLogObserver()]  # ILogObserver, a zope interface, which mypy does not see
    globalLogBeginner.beginLoggingTo(observers, discardBuffer=True, redirectStandardIO=False)
    warnings.showwarning = show
    for name in ("twisted", "mail.log", "asyncio"):
        logging.getLogger(name).addHandler(logging.NullHandler())
