"""A TCP proxy on loopback that makes a near server far: it delays, it can be narrow, and it counts.

Delay is that of a line: each byte arrives `delay_seconds` after it was sent, however many follow it. A connection
costs one round trip before the first byte, as TCP's handshake does (RFC 9293, 3.5): the kernel accepts at once, but
what the client sends first leaves one round trip later, and the server is reached when the handshake would have
ended. What a client measures is therefore right from its first reply on.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import NamedTuple, Self

CHUNK_BYTES = 16 * 1024
CHUNKS_UNDER_WAY = 1024


@dataclass
class Traffic:
    """What went through a proxy."""

    connections: int = 0
    bytes_to_server: int = 0
    bytes_to_client: int = 0
    turns: int = 0
    """How often a client spoke first, or after it had heard something: the round trips, TCP's handshakes aside."""


class DelayProxy:
    """A proxy to `target_port` of `target_host`, running inside `with`; clients connect to `host` and `port`.

    `delay_seconds` is for each direction: a round trip takes twice as long. `bytes_per_second` is what the line
    carries in each direction (None: all). `source` is the address that the server sees as its client's:
    Dovecot treats a client from `127.0.0.9` as one from elsewhere.
    """

    def __init__(
        self,
        target_port: int,
        *,
        target_host: str = "127.0.0.1",
        delay_seconds: float = 0.0,
        bytes_per_second: float | None = None,
        host: str = "127.0.0.1",
        source: str | None = None,
    ) -> None:
        self.host = host
        self.port = 0
        self.traffic = Traffic()
        self._target = (target_host, target_port)
        self._delay_seconds = delay_seconds
        self._bytes_per_second = bytes_per_second
        self._source = None if source is None else (source, 0)
        self._tasks: set[asyncio.Task[None]] = set()
        self._started: Future[int] = Future()
        self._thread = threading.Thread(target=self._run, name=f"proxy to port {target_port}")

    def __enter__(self) -> Self:
        self._thread.start()
        self.port = self._started.result()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    def reset(self) -> Traffic:
        """Return what was counted since the last reset, and count from nothing."""
        counted, self.traffic = self.traffic, Traffic()
        return counted

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except OSError as error:
            self._started.set_exception(error)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        server = await asyncio.start_server(self._accept, self.host, 0)
        self._started.set_result(server.sockets[0].getsockname()[1])
        await self._ended.wait()
        # The connections that are left are cancelled as the loop ends.
        server.close()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.traffic.connections += 1
        # A task of asyncio's own would print it as a fault that it was cancelled at the end (Python 3.11).
        task = asyncio.create_task(self._carry(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with _aborted_at_the_end(writer):
            try:
                await self._join(reader, writer)
            except* OSError:
                pass  # One side refused or hung up; the end of the connection tells the other.

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry both directions until both have ended."""
        established = self._loop.time() + 2 * self._delay_seconds
        client = _ClientEnd(self)
        there = _Direction(self._delay_seconds, self._bytes_per_second, established)
        back = _Direction(self._delay_seconds, self._bytes_per_second, established)
        async with asyncio.TaskGroup() as group, contextlib.AsyncExitStack() as ends:
            group.create_task(there.send(reader, client.spoke))
            await _sleep_until(established + self._delay_seconds)
            target_reader, target_writer = await asyncio.open_connection(*self._target, local_addr=self._source)
            ends.enter_context(_aborted_at_the_end(target_writer))
            group.create_task(back.send(target_reader, _ignore))
            arriving = group.create_task(there.arrive(target_writer, _ignore))
            await back.arrive(writer, client.heard)
            await arriving


class _Flight(NamedTuple):
    """Bytes under way, and when they are due; none are the end of the stream."""

    due: float
    content: bytes


class _Direction:
    """One direction of a line."""

    def __init__(self, delay_seconds: float, bytes_per_second: float | None, established: float) -> None:
        self._delay_seconds = delay_seconds
        self._bytes_per_second = bytes_per_second
        self._established = established
        self._under_way: asyncio.Queue[_Flight] = asyncio.Queue(CHUNKS_UNDER_WAY)

    async def send(self, reader: asyncio.StreamReader, seen: Callable[[bytes], None]) -> None:
        """Take what arrives at this end, no faster than the line carries it."""
        content = None
        while content != b"":
            content = await reader.read(CHUNK_BYTES)
            seen(content)
            if self._bytes_per_second is not None:
                await asyncio.sleep(len(content) / self._bytes_per_second)
            sent = max(_now(), self._established)
            await self._under_way.put(_Flight(sent + self._delay_seconds, content))

    async def arrive(self, writer: asyncio.StreamWriter, seen: Callable[[bytes], None]) -> None:
        """Give out at the other end what is due."""
        while True:
            flight = await self._under_way.get()
            await _sleep_until(flight.due)
            if not flight.content:
                writer.write_eof()
                return
            seen(flight.content)
            writer.write(flight.content)
            await writer.drain()


class _ClientEnd:
    """Counts, where the client is, what passes and who speaks in turn."""

    def __init__(self, proxy: DelayProxy) -> None:
        self._proxy = proxy
        self._its_turn = True

    def spoke(self, content: bytes) -> None:
        self._proxy.traffic.bytes_to_server += len(content)
        if content and self._its_turn:
            self._proxy.traffic.turns += 1
            self._its_turn = False

    def heard(self, content: bytes) -> None:
        self._proxy.traffic.bytes_to_client += len(content)
        self._its_turn = True


def _ignore(_: bytes) -> None:
    """See nothing: the far end of the line is not counted."""


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _sleep_until(due: float) -> None:
    if due > _now():
        await asyncio.sleep(due - _now())


@contextlib.contextmanager
def _aborted_at_the_end(writer: asyncio.StreamWriter) -> Iterator[None]:
    """Close the connection at the end, without waiting for what was not sent."""
    try:
        yield
    finally:
        writer.transport.abort()
