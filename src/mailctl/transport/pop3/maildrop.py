"""A whole POP3 mailbox: what is in it, its messages in bulk, and their deletion. RFC 1939, 2449 (PIPELINING).

The next messages are asked for before the last one is done with, many ahead where the server offers PIPELINING: while
one is being stored elsewhere, they are on their way.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice

from msgspec import Struct

from mailctl.errors import CapabilityError, MailError, ProtocolError, RefusedError
from mailctl.protocol.reasons import Reason
from mailctl.transport.pop3.library import Answer
from mailctl.transport.pop3.mailbox import Pop3Session
from mailctl.transport.pop3.replies import LONE_DOT, read_sizes, read_uids

_COMMANDS_AHEAD = 64
_LONE_DOT_FIRST = re.compile(rb"\.\r\n(?:(?<=\r\n\.\r\n)|(?<=\A\.\r\n))")
_LONE_DOT_LATER = re.compile(rb"\.\r\n(?<=\r\n\.\r\n)")
"""Where LF alone ends no line (`Pop3Transport.read_text_lines`), in a block that begins with a line, and in others."""
_STUFFED = re.compile(rb"^\.", re.MULTILINE)
_BARE_LINE_FEED = re.compile(rb"(?<!\r)\n")
_SIZE_SLACK_OCTETS = 1024 * 1024


class Listed(Struct, frozen=True):
    """A message of the mailbox. `number`: in this session. `size`: octets, as the server says."""

    number: int
    uid: str
    size: int


class Pop3Maildrop:
    """The messages of a session that is logged in."""

    def __init__(self, session: Pop3Session) -> None:
        self._session = session
        self._transport = session.transport
        self._wire = session.transport.wire
        self._ahead = _COMMANDS_AHEAD if session.capabilities.offers("PIPELINING") else 1

    def list(self) -> list[Listed]:
        """Return the messages in their order.

        Raises CapabilityError where they bear no unique ids, ProtocolError where two different ones bear the same.
        """
        if not self._session.may_have("UIDL"):
            raise _without_ids()
        answers = self._session.ask(["UIDL", "LIST"])
        uids = self._read_uids(next(answers))
        sizes = read_sizes(self._transport, next(answers))
        listed = [Listed(number, uid, sizes[number]) for number, uid in sorted(uids.items()) if number in sizes]
        _require_distinct(listed)
        return listed

    def read_header(self, message: Listed) -> bytes:
        """Return a message's header; the whole message where the server has no TOP. Raises RefusedError."""
        if not self._session.may_have("TOP"):
            return self._session.retrieve(message.number)
        return self._session.top(message.number)

    def retrieve(self, messages: Sequence[Listed]) -> Iterator[tuple[Listed, bytearray | RefusedError]]:
        """Yield messages with their text, or with why the server does not give one out."""
        waiting = iter(messages)
        asked: deque[Listed] = deque()
        self._ask(waiting, asked)
        while asked:
            message = asked.popleft()
            text = self._read(message)
            self._ask(waiting, asked)
            yield message, text
            del text  # or two are held while the next one is read

    def delete(self, messages: Sequence[Listed]) -> None:
        """Delete messages and end the session, which is when the server deletes them (RFC 1939, 6).

        One that somebody else has deleted meanwhile is passed over. Raises RefusedError where the server did not
        delete them.
        """
        for start in range(0, len(messages), self._ahead):
            batch = messages[start : start + self._ahead]
            self._wire.send(b"".join(b"DELE %d\r\n" % message.number for message in batch))
            for _ in batch:
                self._wire.begin_reply()
                answer = self._transport.read_answer()
                if answer.reply is None:
                    raise self._transport.refusal(answer, "does not delete the message", Reason.MESSAGE_REFUSED)
        self._session.quit()

    def _ask(self, waiting: Iterator[Listed], asked: deque[Listed]) -> None:
        if len(asked) <= self._ahead // 2:
            more = list(islice(waiting, self._ahead - len(asked)))
            if more:
                self._wire.send(b"".join(b"RETR %d\r\n" % message.number for message in more))
                asked += more

    def _read(self, message: Listed) -> bytearray | RefusedError:
        self._wire.begin_reply()
        answer = self._transport.read_answer()
        if not answer.ok:
            error = self._transport.refusal(answer, "does not give out the message", Reason.MESSAGE_REFUSED)
            if isinstance(error, RefusedError):
                return error
            raise error
        text = bytearray(message.size)  # at once: one that grows is copied again and again
        end = 0
        # Sizes are not always those of what is sent: some servers count a line end as one octet.
        with self._wire.bulk(2 * message.size + _SIZE_SLACK_OCTETS):
            is_last, starts_line = False, True
            while not is_last:
                strict = _LONE_DOT_FIRST if starts_line else _LONE_DOT_LATER
                block, is_last = self._wire.read_block(LONE_DOT if answer.ends_bare else strict)
                lines = _with_line_ends(
                    _STUFFED.sub(b"", block) if answer.ends_bare else _unstuffed(block, starts_line=starts_line)
                )
                starts_line = block.endswith(b"\r\n")
                text[end : end + len(lines)] = lines
                end += len(lines)
        del text[end:]
        return text

    def _read_uids(self, answer: Answer) -> dict[int, str]:
        if not answer.ok and not self._session.capabilities.keywords:
            raise _without_ids(self._transport.said(answer))
        return read_uids(self._transport, answer)


def _unstuffed(block: bytes, *, starts_line: bool) -> bytes:
    """Return lines without the dots that were put before their own (RFC 1939, 3)."""
    return (block.removeprefix(b".") if starts_line else block).replace(b"\r\n.", b"\r\n")


def _with_line_ends(block: bytes) -> bytes:
    """Return lines all ended by CRLF."""
    if block.count(b"\n") != block.count(b"\r\n"):
        block = _BARE_LINE_FEED.sub(b"\r\n", block)
    return block


def _require_distinct(listed: Sequence[Listed]) -> None:
    """Raise ProtocolError for a unique id of two messages, unless they may be copies of one (RFC 1939, 7)."""
    sizes: dict[str, int] = {}
    for message in listed:
        if sizes.setdefault(message.uid, message.size) != message.size:
            raise ProtocolError(
                f"the server gives two different messages the same unique id, {message.uid}",
                reason=Reason.PROTOCOL,
                hint="what was collected could not be told from what was not; read that mailbox over IMAP, "
                "if the server has it",
                details={"uid": message.uid},
            )


def _without_ids(reply: bytes | None = None) -> MailError:
    return CapabilityError(
        "the POP3 server gives messages no unique ids (UIDL), by which those already collected are known",
        reason=Reason.NOT_OFFERED,
        reply=reply,
        hint="read that mailbox over IMAP, if the server has it",
        details={"lacking": ["UIDL"]},
    )
