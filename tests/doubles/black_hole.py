"""A loopback port that answers no connection attempt, as behind a firewall that drops packets."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

MOST_WAITING = 32
SETTLE_SECONDS = 0.2


@contextmanager
def open_black_hole(address: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """Yield the port of an address where connecting neither succeeds nor fails.

    A listener that accepts nobody has its queue filled: Linux then drops what comes. Raises OSError where the system
    does otherwise, or has no such address.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with ExitStack() as open_sockets:
        listener = open_sockets.enter_context(socket.create_server((address, port), family=family, backlog=0))
        port = listener.getsockname()[1]
        for _ in range(MOST_WAITING):
            waiting = open_sockets.enter_context(socket.socket(family))
            waiting.setblocking(False)
            waiting.connect_ex((address, port))
            if not select.select([], [waiting], [], SETTLE_SECONDS)[1]:
                break
        else:
            message = f"{address} goes on to accept connections"
            raise OSError(message)
        yield port
