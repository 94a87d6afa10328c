"""Messages as they are, sent on or in answer to others: one after the other over as few connections as possible."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from msgspec import Struct
from msgspec.structs import replace

from mailctl.errors import CapabilityError, FateUnknownError, RefusedError, TemporaryError
from mailctl.protocol.reasons import Reason
from mailctl.protocol.replies import tell_with_reply
from mailctl.services.sending.compose import Message
from mailctl.services.sending.outbox import Outbox, Sent, Sessions


class Undelivered(Struct, frozen=True):
    """Why a message did not go out, for a reason that is its own.

    `is_uncertain`: it may have gone out all the same. `is_temporary`: it may be taken later.
    """

    problem: str
    is_uncertain: bool = False
    is_temporary: bool = False


@contextmanager
def open_deliveries(outbox: Outbox) -> Iterator[Deliveries]:
    """Open a way for messages as they are, of which no copy is filed; nothing is contacted before the first."""
    with ExitStack() as stack:
        yield Deliveries(lambda: stack.enter_context(outbox.open_sessions()))


class Deliveries:
    """Messages to one recipient each."""

    def __init__(self, open_sessions: Callable[[], Sessions]) -> None:
        self._open_sessions = open_sessions
        self._sessions: Sessions | None = None

    def deliver(self, message: Message, *, sender_if_wanted: str | None = None) -> Undelivered | None:
        """Send a message; return why it was not sent, if it was not.

        `sender_if_wanted`: who is named as its sender where the server takes it from nobody else. Raises what would
        keep every other message, too: SecretError before anything is contacted, MailError. Raises KeyboardInterrupt
        where the message may have gone out.
        """
        try:
            sent = self._submit(message, sender_if_wanted)
        except FateUnknownError as error:
            if error.reason == Reason.INTERRUPTED:
                raise KeyboardInterrupt from error
            return Undelivered(error.message, is_uncertain=True)
        except (RefusedError, CapabilityError, TemporaryError) as error:
            if not self._is_possible:
                raise
            return Undelivered(tell_with_reply(error), is_temporary=isinstance(error, TemporaryError))
        for refusal in sent.refused.values():
            return Undelivered(refusal.reply, is_temporary=refusal.is_temporary)
        return None

    def _submit(self, message: Message, sender_if_wanted: str | None) -> Sent:
        if self._sessions is None:
            self._sessions = self._open_sessions()
        try:
            return self._sessions.submit(message)
        except RefusedError as error:
            if error.reason != Reason.SENDER_REFUSED or not sender_if_wanted or not self._is_possible:
                raise
            return self._sessions.submit(replace(message, sender=sender_if_wanted))

    @property
    def _is_possible(self) -> bool:
        """Whether another message may be sent: the server could be reached, and did not hang up again and again."""
        return self._sessions is not None and self._sessions.unavailable is None
