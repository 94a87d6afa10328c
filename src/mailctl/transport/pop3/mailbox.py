"""A POP3 mailbox: how many messages, which, and their text. RFC 1939. `survey` deletes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from mailctl.errors import MailError, ProtocolError, RefusedError, TemporaryError
from mailctl.model.report import Stage
from mailctl.protocol.capabilities import PopCapabilities
from mailctl.protocol.reasons import Reason
from mailctl.transport.pop3.library import Answer, Pop3Transport
from mailctl.transport.pop3.replies import read_uids
from mailctl.transport.watch import StageRecord, Watch

_STAT = re.compile(rb"(\d{1,12}) (\d{1,18})(?: .*)?")
_COMMANDS_AHEAD = 256
"""So many short commands fit any buffer on the way: what is sent must not wait for what is to be read."""
_HEADER_BYTES_KEPT = 64 * 1024


class Pop3Session:
    """An open session; `capabilities` are those of the last CAPA."""

    def __init__(self, transport: Pop3Transport, watch: Watch, capabilities: PopCapabilities) -> None:
        self.capabilities = capabilities
        self._transport = transport
        self._watch = watch

    @property
    def turns(self) -> int:
        """Round trips so far."""
        return self._transport.wire.turns

    @property
    def transport(self) -> Pop3Transport:
        """The commands themselves, for what is sent many at a time."""
        return self._transport

    def may_have(self, keyword: str) -> bool:
        """Tell whether the server has a command by its CAPA; one that does not know CAPA may have any."""
        return self.capabilities.offers(keyword) or not self.capabilities.keywords

    def ask(self, commands: Sequence[str]) -> Iterator[Answer]:
        """Yield the answers to commands, which are sent ahead where the server takes that (RFC 2449, 6.6).

        What follows an answer has to be read before the next one is taken.
        """
        ahead = _COMMANDS_AHEAD if self.capabilities.offers("PIPELINING") else 1
        wire = self._transport.wire
        asked = 0
        for answered in range(len(commands)):
            if asked - answered <= ahead // 2 and asked < len(commands):
                more = commands[asked : answered + ahead]
                wire.send("".join(f"{command}\r\n" for command in more).encode())
                asked += len(more)
            wire.begin_reply()
            yield self._transport.read_answer()

    def stat(self) -> tuple[int, int]:
        """Return the number of messages and their bytes."""
        return self._read_stat(self._transport.command("STAT"))

    def uidl(self) -> dict[int, str]:
        """Return the unique id of each message by its number; they stay the same over sessions."""
        return self._read_uidl(self._transport.command("UIDL"))

    def top(self, number: int, lines: int = 0) -> bytes:
        """Return a message's header, and so many lines of its body."""
        return self._read_top(self._transport.command(f"TOP {number} {lines}"))

    def headers(self, numbers: Sequence[int]) -> Iterator[bytes | MailError]:
        """Yield the beginnings of messages' headers, or why the server does not give one out; to be read to the end."""
        for answer in self.ask([f"TOP {number} 0" for number in numbers]):
            try:
                header = self._read_message(answer, bytes_kept=_HEADER_BYTES_KEPT)
            except (RefusedError, TemporaryError) as error:
                yield error
            else:
                yield header

    def retrieve(self, number: int) -> bytes:
        """Return a message."""
        return self._read_message(self._transport.command(f"RETR {number}"))

    def delete(self, number: int) -> None:
        """Mark a message to be deleted, which `quit` does."""
        answer = self._transport.command(f"DELE {number}")
        if not answer.ok:
            raise self._transport.refusal(answer, "does not delete the message", Reason.MESSAGE_REFUSED)

    def quit(self) -> None:
        """End the session, and have what was marked deleted; raises RefusedError where that failed (RFC 1939, 6)."""
        answer = self._transport.command("QUIT")
        self._transport.wire.is_broken = True  # there is nothing more to be said
        if not answer.ok:
            raise self._transport.refusal(answer, "did not delete what was marked", Reason.MESSAGE_REFUSED)

    def survey(self) -> int:
        """Look at the mailbox (stage mailbox): STAT, UIDL and TOP of one message; return the number of messages."""
        with self._watch.stage(Stage.MAILBOX, protocol="pop3") as record:
            has_uidl = self.may_have("UIDL")
            if self.capabilities.offers("PIPELINING"):
                return self._survey_at_once(record, has_uidl=has_uidl)
            count = self._note_stat(self._transport.command("STAT"), record)
            if has_uidl:
                record.evidence["unique_ids"] = len(self.uidl())
            if count and self.may_have("TOP"):
                record.evidence["top_bytes"] = len(self.top(1))
            return count

    def _survey_at_once(self, record: StageRecord, *, has_uidl: bool) -> int:
        """The same in one round trip. TOP of an empty mailbox is refused, which is no fault then."""
        has_top = self.may_have("TOP")
        commands = ["STAT", *(["UIDL"] if has_uidl else []), *(["TOP 1 0"] if has_top else [])]
        self._transport.wire.send("".join(f"{command}\r\n" for command in commands).encode())
        count = self._note_stat(self._transport.read_answer(), record)
        if has_uidl:
            record.evidence["unique_ids"] = len(self._read_uidl(self._transport.read_answer()))
        if has_top:
            answer = self._transport.read_answer()
            if count or answer.ok:
                record.evidence["top_bytes"] = len(self._read_top(answer))
        return count

    def _note_stat(self, answer: Answer, record: StageRecord) -> int:
        count, size = self._read_stat(answer)
        record.evidence |= {"messages": count, "size": size}
        record.reply = self._transport.said(answer)
        return count

    def _read_stat(self, answer: Answer) -> tuple[int, int]:
        if not answer.ok:
            raise self._transport.refusal(answer, "does not open the mailbox", Reason.MAILBOX_REFUSED)
        assert answer.reply
        found = _STAT.fullmatch(answer.reply.text)
        if not found:
            raise ProtocolError(
                "the server's answer to STAT is malformed",
                reason=Reason.MALFORMED_REPLY,
                reply=self._transport.said(answer),
            )
        return int(found[1]), int(found[2])

    def _read_uidl(self, answer: Answer) -> dict[int, str]:
        return read_uids(self._transport, answer, self._transport.wire.limits.reply_bytes)

    def _read_message(self, answer: Answer, bytes_max: int | None = None, *, bytes_kept: int | None = None) -> bytes:
        if not answer.ok:
            raise self._transport.refusal(answer, "does not give out the message", Reason.MESSAGE_REFUSED)
        message = bytearray()
        with self._transport.wire.bulk(bytes_max):
            for line in self._transport.read_text_lines(answer):
                if bytes_kept is None or len(message) < bytes_kept:
                    message += line + b"\r\n"
        return bytes(message[:bytes_kept])

    def _read_top(self, answer: Answer) -> bytes:
        return self._read_message(answer, self._transport.wire.limits.reply_bytes)
