"""The steps that a scripted server plays, as data.

In what a step says, `<name>` stands for what the group `name` of an `Expect` or `Answer` matched last (an IMAP tag,
say), and `<name+1>` for the same with the number at its end raised by one (the tag that will probably be next).
Other text in angle brackets is said as it stands.
"""

from __future__ import annotations

import re
import ssl
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from tests.doubles.conversation import Conversation

ENDLESS_CHUNK_BYTES = 16 * 1024


class Step(Protocol):
    """One thing that a scripted server does."""

    def play(self, conversation: Conversation) -> None: ...


Part: TypeAlias = bytes | Step | tuple["Part", ...]
"""A piece of a script: one step, several, or bytes to be said."""


def as_steps(part: Part) -> tuple[Step, ...]:
    """Return a part as a flat tuple of steps."""
    if isinstance(part, bytes):
        return (Say(part),)
    if isinstance(part, tuple):
        return tuple(step for inner in part for step in as_steps(inner))
    return (part,)


class ScriptError(AssertionError):
    """The client did something that no step of the script foresees."""


@dataclass(frozen=True, slots=True)
class Say:
    """Say something, in one segment where its size allows."""

    text: bytes

    def play(self, conversation: Conversation) -> None:
        conversation.write(conversation.fill_in(self.text))


@dataclass(frozen=True, slots=True)
class Drip:
    """Say something in pieces of `size` bytes, waiting after each."""

    text: bytes
    interval_seconds: float
    size: int = 1

    def play(self, conversation: Conversation) -> None:
        text = conversation.fill_in(self.text)
        for start in range(0, len(text), self.size):
            conversation.write(text[start : start + self.size])
            conversation.wait(self.interval_seconds)


@dataclass(frozen=True, slots=True)
class Endless:
    """Say the same thing again and again until the client leaves, as fast as it takes it or at an interval."""

    text: bytes
    interval_seconds: float = 0

    def play(self, conversation: Conversation) -> None:
        text = conversation.fill_in(self.text)
        if not self.interval_seconds:
            text *= max(1, ENDLESS_CHUNK_BYTES // len(text))
        while True:
            conversation.write(text)
            if self.interval_seconds:
                conversation.wait(self.interval_seconds)


@dataclass(frozen=True, slots=True)
class Expect:
    """Read a line that matches a regular expression from its start, whatever its case; named groups are kept."""

    pattern: bytes

    def play(self, conversation: Conversation) -> None:
        line = conversation.read_line()
        found = re.match(self.pattern, line, re.IGNORECASE)
        if not found:
            message = f"expected {self.pattern!r}, but the client said {line!r}"
            raise ScriptError(message)
        conversation.captures.update(found.groupdict())


@dataclass(frozen=True, slots=True)
class AwaitBytes:
    """Wait until the client has sent anything that no step has read; it stays to be read."""

    def play(self, conversation: Conversation) -> None:
        conversation.await_bytes()


@dataclass(frozen=True, slots=True)
class ReadMessage:
    """Read lines up to the lone dot and keep them, verbatim and without the dot, in `Conversation.messages`."""

    def play(self, conversation: Conversation) -> None:
        lines = iter(conversation.read_line, b".\r\n")
        conversation.messages.append(b"".join(lines))


@dataclass(frozen=True, slots=True)
class ReadOctets:
    """Read as many bytes as the group `octets` of the last `Expect` or `Answer` says; keep them like a message."""

    def play(self, conversation: Conversation) -> None:
        conversation.messages.append(conversation.read_exactly(int(conversation.captures["octets"])))


@dataclass(frozen=True, slots=True)
class Delay:
    """Do nothing for a time."""

    seconds: float

    def play(self, conversation: Conversation) -> None:
        conversation.wait(self.seconds)


@dataclass(frozen=True, slots=True)
class Stall:
    """Say nothing more, and record what the client sends until it leaves."""

    def play(self, conversation: Conversation) -> None:
        conversation.listen()


@dataclass(frozen=True, slots=True)
class NeverRead:
    """Neither say nor read anything until the server is stopped: the client's sending comes to a halt."""

    def play(self, conversation: Conversation) -> None:
        conversation.wait(None)


@dataclass(frozen=True, slots=True)
class Close:
    """End the connection in good order (FIN), and record what the client sends until it leaves too.

    Inside TLS what arrives in the very moment of the end can be lost: OpenSSL looks for the client's own end there.
    """

    def play(self, conversation: Conversation) -> None:
        conversation.close()


@dataclass(frozen=True, slots=True)
class Reset:
    """Break the connection off (RST)."""

    def play(self, conversation: Conversation) -> None:
        conversation.reset()


@dataclass(frozen=True, slots=True)
class BreakTls:
    """Send what is no TLS record into a TLS session, as somebody in between can."""

    def play(self, conversation: Conversation) -> None:
        conversation.write_unencrypted(b"no record of TLS\r\n")


@dataclass(frozen=True, slots=True)
class StartTls:
    """Take the server's part in a TLS handshake, with this context or the one that the server was given.

    As the first step it makes the connection one of implicit TLS.
    """

    context: ssl.SSLContext | None = None

    def play(self, conversation: Conversation) -> None:
        conversation.start_tls(self.context)


HANDSHAKE = StartTls()


@dataclass(frozen=True, slots=True)
class Announce:
    """Tell the test that the script has come this far."""

    event: threading.Event

    def play(self, conversation: Conversation) -> None:
        self.event.set()


@dataclass(frozen=True, slots=True)
class Repeat:
    """Play a part several times."""

    times: int
    part: Part

    def play(self, conversation: Conversation) -> None:
        for _ in range(self.times):
            conversation.play(as_steps(self.part))


@dataclass(frozen=True, slots=True)
class Answer:
    """What `Serve` plays when a command matches a regular expression from its start, whatever its case."""

    pattern: bytes
    part: Part


@dataclass(frozen=True)
class Serve:
    """Read commands and play the first answer that matches each, until the connection ends.

    `after_tls`: the answers that take the place of `answers` once there is a TLS session; None for the same ones.
    """

    answers: tuple[Answer, ...]
    after_tls: tuple[Answer, ...] | None = None

    def play(self, conversation: Conversation) -> None:
        while True:
            command = self.read_command(conversation)
            conversation.play(self._find_answer(command, conversation))

    def read_command(self, conversation: Conversation) -> bytes:
        """Read one command with its line end."""
        return conversation.read_line()

    def _find_answer(self, command: bytes, conversation: Conversation) -> tuple[Step, ...]:
        secured = conversation.tls_version is not None
        answers = self.after_tls if secured and self.after_tls is not None else self.answers
        for answer in answers:
            found = re.match(answer.pattern, command, re.IGNORECASE)
            if found:
                conversation.captures.update(found.groupdict())
                return as_steps(answer.part)
        message = f"no answer is foreseen to the client's {command!r}"
        raise ScriptError(message)
