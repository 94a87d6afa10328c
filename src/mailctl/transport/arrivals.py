"""What arrives in a mailbox from a moment on: found by its header, read, and deleted, over IMAP or POP3.

The moment is taken before the message is sent that is waited for, so that none is missed however fast it comes. From
then on a look costs the same in a mailbox of any size. Nothing is changed by looking: no message gets \\Seen, and no
folder stays open.

IDLE (RFC 2177) is not used: it watches one folder where two are watched, and would save a fraction of the pause
between two looks.
"""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import ClassVar, Generic, TypeVar

from msgspec import Struct

from mailctl.protocol.message.header_block import HeaderBlock
from mailctl.transport.imap.mailbox import ImapSession
from mailctl.transport.pop3.mailbox import Pop3Session
from mailctl.transport.watch import Watch

SessionT = TypeVar("SessionT", ImapSession, Pop3Session)

IsLeftover = Callable[[HeaderBlock, dt.datetime | None], bool]
"""Tells by a message's header, and the time when it came in (None over POP3), whether it may be swept."""


class Arrival(Struct, frozen=True, kw_only=True):
    """A message that came in. `folder`: its name. `key`: its UID there, or its unique id over POP3.

    `header`: the fields that were asked for at least.
    """

    folder: str
    is_junk: bool
    key: int | str
    header: HeaderBlock


class CleanUp(Struct, frozen=True, kw_only=True):
    """What was deleted: the message itself, and so many leftovers. `problem`: why the message stays, if it does."""

    deleted: bool
    swept: int = 0
    problem: str | None = None


class Arrivals(ABC, Generic[SessionT]):
    """The messages that come in after `begin`, each told once. A context manager, which ends the session.

    `open_session` opens one as far as the login, telling a watch; another one is opened by the next look after `close`.
    `field_names`: the header fields that an arrival is to have.
    """

    protocol: ClassVar[str]

    def __init__(
        self, open_session: Callable[[Watch], AbstractContextManager[SessionT]], field_names: Sequence[str]
    ) -> None:
        self._open_session: Callable[[Watch], AbstractContextManager[SessionT]] = open_session
        self._field_names = tuple(field_names)
        self._stack = ExitStack()
        self._session: SessionT | None = None

    def __enter__(self) -> Arrivals[SessionT]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the session."""
        self._session = None
        self._stack.close()

    def _open(self, watch: Watch | None = None) -> SessionT:
        """Return the session, opened if there is none."""
        if self._session is None:
            self._session = self._stack.enter_context(self._open_session(watch or Watch()))
        return self._session

    @property
    @abstractmethod
    def folders(self) -> tuple[str, ...]:
        """The names of the folders that are looked at."""

    @property
    @abstractmethod
    def junk_folder(self) -> str | None:
        """The one among them that spam is filed into; None if none is known, or shown."""

    @abstractmethod
    def begin(self, watch: Watch, *, newest: int = 0) -> None:
        """Open a session, told to a watch, and remember what is there, but for so many of the newest messages.

        Raises MailError of the stage that fails.
        """

    @abstractmethod
    def look(self) -> list[Arrival]:
        """Return what came in since the last look, the inbox first; raises MailError if that cannot be told.

        After an error of the network or one that passes, `close` and look again.
        """

    @abstractmethod
    def read(self, arrival: Arrival, octets_max: int) -> bytes:
        """Return the beginning of a message of the last look, at most about that much of it."""

    @abstractmethod
    def clean_up(self, arrival: Arrival, *, marked_by: str, is_leftover: IsLeftover) -> CleanUp:
        """Delete a message of the last look, and leftovers among the newest messages, and nothing else.

        `marked_by`: the header field that every leftover has.
        """
