"""A loopback server that plays a script: what it says, waits for, stalls on and breaks is data.

    script = (Say(b"220 ready\\r\\n"), Expect(b"EHLO "), Say(b"250 mail.example\\r\\n"), Reset())
    with ScriptedServer(script) as server:
        ...  # connect to (server.address, server.port)
    assert b"secret" not in server.received

A script is a tuple of the steps of `steps.py`, played anew for each connection; further scripts are for the second
connection, the third and so on, the last one for all that follow. When a script ends, the server says nothing more
and goes on to record what the client sends until the client leaves: a client that should have stopped shows.

Everything that clients send is recorded, decrypted, before TLS and after it apart. A client that leaves in the
middle of a script is no fault (hostile servers are to be left); one that says what no step foresees, or stays for
ever, is one: leaving the `with` block then raises ScriptError. Leaving it ends all connections at once, whatever
clients and scripts do, after what clients sent until then has been recorded.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from typing import TYPE_CHECKING

from tests.doubles.conversation import BUFFER_BYTES, Conversation
from tests.doubles.steps import Part, Step, as_steps

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

STOP_SECONDS = 10


class ScriptedServer:
    """A server on a loopback address that plays a script for each connection (see the module).

    `address`: `127.0.0.1`, another of 127.0.0.0/8, or `::1`. `port`: 0 takes a free one.
    `tls`: the context of `StartTls` steps that name none. `longest_seconds`: a client that stays longer is at fault,
    so that one without a deadline fails its test and does not hang it.
    """

    def __init__(
        self,
        *scripts: Part,
        address: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        longest_seconds: float = 60,
    ) -> None:
        assert scripts
        self._scripts = [as_steps(script) for script in scripts]
        self._tls = tls
        self._longest_seconds = longest_seconds
        self._faults: list[BaseException] = []
        self._threads: list[threading.Thread] = []
        self.connections: list[Conversation] = []
        self.address = address
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = socket.create_server((address, port), family=family, backlog=16)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._stop, self._stopper = socket.socketpair()
        self._acceptor = threading.Thread(target=self._accept, name=f"scripted server on {self.port}")

    @property
    def received(self) -> bytes:
        """Everything that clients sent, connection after connection."""
        return b"".join(conversation.received for conversation in self.connections)

    @property
    def before_tls(self) -> bytes:
        return b"".join(conversation.before_tls for conversation in self.connections)

    @property
    def after_tls(self) -> bytes:
        return b"".join(conversation.after_tls for conversation in self.connections)

    @property
    def messages(self) -> list[bytes]:
        return [message for conversation in self.connections for message in conversation.messages]

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._stopper.close()
        self._acceptor.join(STOP_SECONDS)
        for thread in self._threads:
            thread.join(STOP_SECONDS)
            assert not thread.is_alive(), f"{thread.name} did not end"
        self._listener.close()
        self._stop.close()
        if self._faults and error is None:
            raise self._faults[0]
        for fault in self._faults:
            error.add_note(f"{type(fault).__name__} of the {self._acceptor.name}: {fault}")

    def _accept(self) -> None:
        stopped = False
        while not stopped:
            ready, _, _ = select.select([self._listener, self._stop], [], [])
            stopped = self._stop in ready
            with contextlib.suppress(BlockingIOError):
                while True:  # a client that came before the stop is recorded, too
                    self._begin(self._listener.accept()[0])

    def _begin(self, connection: socket.socket) -> None:
        conversation = Conversation(connection, self._stop, self._tls, self._longest_seconds)
        script = self._scripts[min(len(self.connections), len(self._scripts) - 1)]
        self.connections.append(conversation)
        name = f"conversation {len(self.connections)} on {self.port}"
        thread = threading.Thread(target=self._converse, args=(conversation, script), name=name)
        self._threads.append(thread)
        thread.start()

    def _converse(self, conversation: Conversation, script: tuple[Step, ...]) -> None:
        try:
            conversation.run(script)
        except BaseException as fault:  # shown to the test when the server is left
            self._faults.append(fault)
