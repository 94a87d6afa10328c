"""What arrives in a POP3 mailbox. RFC 1939.

A session sees the mailbox as it was at its login, and may lock it against deliveries, so each look is a session of its
own, ended before the next pause. In a large mailbox, the number of messages and their size (STAT) tell whether anything
is new; only then the unique ids are listed (UIDL), and the headers of new ones read (TOP). What is deleted is what that
session has read, under its number, which nobody else can change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager

from mailctl.errors import CapabilityError, MailError, ProtocolError, RefusedError
from mailctl.protocol.message.header_block import parse_header_block
from mailctl.protocol.reasons import Reason
from mailctl.transport.arrivals import Arrival, Arrivals, CleanUp, IsLeftover
from mailctl.transport.pop3.mailbox import Pop3Session
from mailctl.transport.watch import Watch

_FOLDER = "INBOX"
"""What POP3 shows; it has no folders."""

_LINE_OCTETS = 76
_SOON_LISTED = 1000
_NEWEST = 20
"""Among so many messages leftovers are looked for: POP3 cannot search, so that each has to be looked at."""


class Pop3Arrivals(Arrivals[Pop3Session]):
    """What arrives in the one mailbox that POP3 shows."""

    protocol = "pop3"

    def __init__(
        self, open_session: Callable[[Watch], AbstractContextManager[Pop3Session]], field_names: Sequence[str]
    ) -> None:
        super().__init__(open_session, field_names)
        self._seen: set[str] = set()
        self._size = (0, 0)
        self._numbers: dict[str, int] = {}

    @property
    def folders(self) -> tuple[str, ...]:
        return (_FOLDER,)

    @property
    def junk_folder(self) -> None:
        return None

    def begin(self, watch: Watch, *, newest: int = 0) -> None:
        session = self._open(watch)
        _require(session)
        count, _ = self._size = session.stat()
        self._seen = {uid for number, uid in session.uidl().items() if number <= count - newest}
        if newest:
            self._size = (0, 0)  # so that the next look lists them
        self.close()

    def look(self) -> list[Arrival]:
        self.close()
        session = self._open()
        size = session.stat()
        # Of a mailbox that is soon listed, more is asked: one message may have gone as one of its size came.
        if size == self._size and size[0] > _SOON_LISTED:
            self.close()
            return []
        self._numbers = {uid: number for number, uid in session.uidl().items()}
        arrivals = []
        for uid in [uid for uid in self._numbers if uid not in self._seen]:
            try:
                arrivals.append(self._read_header(session, uid))
            except RefusedError:  # deleted in between
                self._seen.add(uid)
            except ProtocolError as error:
                if error.reason != Reason.REPLY_TOO_LONG:
                    raise
                self._seen.add(uid)  # a header without an end, of somebody else's message
                return self.look()
        self._seen.update(str(arrival.key) for arrival in arrivals)
        self._size = size
        if not arrivals:
            self.close()
        return arrivals

    def read(self, arrival: Arrival, octets_max: int) -> bytes:
        return self._open().top(self._numbers[str(arrival.key)], octets_max // _LINE_OCTETS)[:octets_max]

    def clean_up(self, arrival: Arrival, *, marked_by: str, is_leftover: IsLeftover) -> CleanUp:
        session = self._open()
        uid = str(arrival.key)
        try:
            try:
                leftovers = list(self._find_leftovers(session, uid, marked_by, is_leftover))
            except ProtocolError as error:
                if error.reason != Reason.REPLY_TOO_LONG:
                    raise
                # Somebody else's header without an end: this time nothing is swept.
                leftovers = []
                self.close()
                session = self._open()
                self._numbers = {uid: number for number, uid in session.uidl().items()}
            if uid not in self._numbers:
                return CleanUp(deleted=False, problem="somebody else has deleted it meanwhile")
            for number in (self._numbers[uid], *leftovers):
                session.delete(number)
            session.quit()
        except RefusedError as error:
            said = f": {error.reply.decode('utf-8', 'replace')}" if error.reply else ""
            return CleanUp(deleted=False, problem=f"{error.message}{said}")
        finally:
            self.close()
        return CleanUp(deleted=True, swept=len(leftovers))

    def _read_header(self, session: Pop3Session, uid: str) -> Arrival:
        header = parse_header_block(session.top(self._numbers[uid]))
        return Arrival(folder=_FOLDER, is_junk=False, key=uid, header=header)

    def _find_leftovers(self, session: Pop3Session, but: str, marked_by: str, is_leftover: IsLeftover) -> Iterator[int]:
        """Yield the numbers of leftovers among the newest messages."""
        newest = sorted((number for uid, number in self._numbers.items() if uid != but), reverse=True)[:_NEWEST]
        for number, octets in zip(newest, session.headers(newest), strict=True):
            header = parse_header_block(b"" if isinstance(octets, MailError) else octets)
            if header.find(marked_by.lower()) is not None and is_leftover(header, None):
                yield number


def _require(session: Pop3Session) -> None:
    """Raise CapabilityError where new messages cannot be told from old ones, or not be looked at by their headers."""
    missing = [keyword for keyword in ("UIDL", "TOP") if not session.may_have(keyword)]
    if missing:
        raise CapabilityError(
            f"the POP3 server does not offer {' and '.join(missing)}, by which a message is found",
            reason=Reason.NOT_OFFERED,
            hint="read the mailbox over IMAP, if the server has it",
        )
