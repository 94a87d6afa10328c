"""The connections that are open at a sandbox, so that it can end them all."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Protocol


class Connection(Protocol):
    def abort(self) -> None:
        """Drop the connection at once; `Connections.discard` follows when it is gone."""


class Connections:
    def __init__(self) -> None:
        self._open: set[Connection] = set()
        self._none_open = asyncio.Event()
        self._none_open.set()

    def add(self, connection: Connection) -> None:
        self._open.add(connection)
        self._none_open.clear()

    def discard(self, connection: Connection) -> None:
        self._open.discard(connection)
        if not self._open:
            self._none_open.set()

    async def abort_all(self) -> None:
        """Drop every connection and return when all are gone."""
        for connection in tuple(self._open):
            connection.abort()
        # asyncio tells no protocol of a connection that ends in the middle of its TLS handshake.
        with suppress(TimeoutError):
            await asyncio.wait_for(self._none_open.wait(), timeout=0.5)
