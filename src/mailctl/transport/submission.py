"""Sending in an SMTP session: the envelope, and messages. RFC 5321, 1870 (SIZE), 2920 (PIPELINING), 6531 (SMTPUTF8)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

from msgspec import Struct
from msgspec.structs import asdict

from mailctl.errors import (
    CapabilityError,
    FateUnknownError,
    InvalidValueError,
    MailError,
    NetworkError,
    Problem,
    RefusedError,
)
from mailctl.model.address import Address
from mailctl.model.report import Stage
from mailctl.protocol.capabilities import SmtpCapabilities
from mailctl.protocol.envelope import command_text, parse_address
from mailctl.protocol.reasons import Reason
from mailctl.protocol.replies import SmtpReply
from mailctl.transport.content import Content
from mailctl.transport.esmtp import SmtpTransport
from mailctl.transport.watch import Watch

_PIPELINE_COMMANDS_MAX = 100
"""So many answers fit into any receive buffer: the server is never kept from reading by its own writing."""
_JUDGED_BYTES_PER_SECOND, _JUDGING_SECONDS_MAX = 64 * 1024, 600
"""After the final dot a message may still be in buffers on the way, and then be searched for what is evil: giving up
too early makes duplicates, and RFC 5321 (4.5.3.2.6) allows ten minutes."""
_QUEUE_ID = re.compile(rb"queued as <?([\w.-]+)|\bid=([\w-]+)|Ok:? queued,? id ([\w-]+)", re.IGNORECASE)
_LOOK_FOR_IT = "look for the message before you send it again: it may have been delivered"


class Refusal(Struct, frozen=True):
    """The `code` that refused a recipient, and the whole `reply`, verbatim but for secrets."""

    code: int
    reply: str

    @property
    def is_temporary(self) -> bool:
        return self.code // 100 == 4


class EnvelopeOutcome(Struct, frozen=True):
    """`accepted` recipients as they were given, and those `refused`, with what the server said to each."""

    accepted: tuple[str, ...]
    refused: dict[str, Refusal] = {}


class SendOutcome(EnvelopeOutcome, frozen=True):
    """`reply`: the server's words on taking the message, verbatim. `queue_id`: its name for it, if it tells."""

    reply: bytes = b""
    queue_id: str | None = None


class SmtpSession:
    """An open session; `capabilities` are those of the last EHLO."""

    def __init__(self, transport: SmtpTransport, watch: Watch, capabilities: SmtpCapabilities) -> None:
        self.capabilities = capabilities
        self._transport = transport
        self._watch = watch
        self._has_open_envelope = False
        self._is_closing = False

    @property
    def turns(self) -> int:
        """Round trips so far."""
        return self._transport.wire.turns

    @property
    def is_usable(self) -> bool:
        """Whether another message can be sent: the connection stands, and the server has not said that it closes it."""
        return not (self._transport.wire.is_broken or self._is_closing)

    def envelope(self, sender: str, recipients: Sequence[str]) -> EnvelopeOutcome:
        """Try sender and recipients, and take them back (stage envelope): no message is sent.

        Raises InvalidValueError on what is no address, MailError if the sender or all recipients are refused.
        """
        addresses = _parse(sender, recipients)
        with self._watch.stage(Stage.ENVELOPE, protocol="smtp") as record:
            envelope = _Envelope(self._transport, self.capabilities, *addresses)
            record.evidence["sender"] = sender
            with self._transaction():
                try:
                    envelope.offer(finish="RSET")
                finally:
                    record.evidence |= envelope.evidence
                    record.reply = envelope.last_said
            envelope.raise_if_none_accepted()
        return EnvelopeOutcome(tuple(envelope.accepted), envelope.refusals)

    def send(self, sender: str, recipients: Sequence[str], message: bytes | BinaryIO) -> SendOutcome:
        """Send a message (stage message).

        `message`: as bytes or a seekable binary file; line ends are made CRLF, leading dots doubled. An empty
        `sender` is that of a bounce. Raises InvalidValueError on what is no address; before anything of the message
        is sent CapabilityError (`size-exceeded` is a RefusedError), RefusedError or TemporaryError; if the connection
        is lost after the final dot, or Ctrl-C comes then, FateUnknownError, and the message must then not be sent
        again.
        """
        addresses = _parse(sender, recipients)
        content = Content(message)
        with self._watch.stage(Stage.MESSAGE, protocol="smtp") as record:
            record.evidence |= {"message_id": content.message_id, "size": content.size}
            envelope = _Envelope(self._transport, self.capabilities, *addresses, content)
            with self._transaction():
                try:
                    go_ahead = envelope.offer(finish="DATA")
                    if not envelope.accepted:
                        envelope.withdraw(go_ahead)
                    envelope.raise_if_none_accepted()
                    if go_ahead.code != 354:
                        raise self._transport.refusal(go_ahead, "takes no message", Reason.MESSAGE_REFUSED)
                    reply = self._deliver(content)
                except FateUnknownError as error:
                    error.name_message(content.message_id)
                    raise
                finally:
                    record.evidence |= envelope.evidence
            record.reply = self._transport.said(reply)
            found = _QUEUE_ID.search(record.reply)
            queue_id = next(group for group in found.groups() if group).decode() if found else None
            record.evidence["queue_id"] = queue_id
        return SendOutcome(tuple(envelope.accepted), envelope.refusals, record.reply, queue_id)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Give way to one envelope and its message, after what is left of one that failed has been taken back."""
        if self._has_open_envelope:
            self._transport.command("RSET")
        self._has_open_envelope = True
        try:
            yield
        except MailError as error:
            self._is_closing = (error.reply or b"").startswith(b"421")  # RFC 5321, 3.8
            raise
        self._has_open_envelope = False

    def _deliver(self, content: Content) -> SmtpReply:
        try:
            return self._exchange(content)
        except KeyboardInterrupt:
            self._transport.wire.is_broken = True
            if content.has_ended:
                raise _interrupted() from None
            raise

    def _exchange(self, content: Content) -> SmtpReply:
        wire = self._transport.wire
        try:
            wire.send_bulk(content.chunks())
        except NetworkError as error:
            # The last piece, with the dot, was not handed over whole: the server cannot have taken the message.
            early = self._find_early_refusal()
            if early:
                raise self._transport.refusal(early, "broke the message off", Reason.MESSAGE_REFUSED) from error
            raise
        wire.begin_reply(extra_seconds=min(content.size / _JUDGED_BYTES_PER_SECOND, _JUDGING_SECONDS_MAX))
        try:
            reply = self._transport.read_reply()
        except MailError as error:
            raise _fate_unknown(error) from error
        if not reply.succeeded:
            if reply.code // 100 == 3:
                raise _fate_unknown(self._transport.refusal(reply, "answers the message", Reason.MESSAGE_REFUSED))
            raise self._transport.refusal(reply, "refused the message", Reason.MESSAGE_REFUSED)
        return reply

    def _find_early_refusal(self) -> SmtpReply | None:
        """Return what the server said before it closed the connection in the middle of a message, if anything."""
        try:
            return self._transport.read_reply()
        except MailError:
            return None


def _fate_unknown(error: MailError) -> FateUnknownError:
    return FateUnknownError(
        f"the server got the whole message, and then did not say whether it took it: {error.message}",
        reason=error.reason,
        reply=error.reply,
        hint=_LOOK_FOR_IT,
    )


def _interrupted() -> FateUnknownError:
    return FateUnknownError(
        "interrupted when the server may have had the whole message, and had not said whether it took it",
        reason=Reason.INTERRUPTED,
        hint=_LOOK_FOR_IT,
    )


def _parse(sender: str, recipients: Sequence[str]) -> tuple[Address | None, dict[str, Address]]:
    if not recipients:
        raise InvalidValueError([Problem("recipient", "there is none")])
    parsed = {text: parse_address(text, "recipient") for text in recipients}
    return (parse_address(sender, "sender") if sender else None), parsed


class _Envelope:
    """One sender and its recipients, offered to the server."""

    def __init__(
        self,
        transport: SmtpTransport,
        capabilities: SmtpCapabilities,
        sender: Address | None,
        recipients: dict[str, Address],
        content: Content | None = None,
    ) -> None:
        self._transport = transport
        self._capabilities = capabilities
        self._sender = sender
        self._recipients = recipients
        self._content = content
        self._smtputf8 = self._needs_smtputf8()
        self.accepted: list[str] = []
        self.refused: dict[str, SmtpReply] = {}
        self.last_said: bytes | None = None

    @property
    def refusals(self) -> dict[str, Refusal]:
        return {
            address: Refusal(reply.code, self._transport.said(reply).decode("utf-8", "replace"))
            for address, reply in self.refused.items()
        }

    @property
    def evidence(self) -> dict[str, object]:
        refused = {address: refusal.reply for address, refusal in self.refusals.items()}
        return {"accepted": list(self.accepted), "refused": refused}

    def offer(self, *, finish: str) -> SmtpReply:
        """Send MAIL, RCPT and a last command, in one go where the server takes that; return the last reply.

        Without pipelining nothing more is sent once the sender or all recipients are refused, and that is raised.
        """
        commands = [self._mail_command(), *self._rcpt_commands(), finish]
        if self._capabilities.offers("PIPELINING"):
            return self._pipeline(commands)
        sender = self._transport.command(commands[0])
        self._judge_sender(sender)
        for recipient, command in zip(self._recipients, commands[1:-1], strict=True):
            self._judge_recipient(recipient, self._transport.command(command))
        self.raise_if_none_accepted()
        return self._transport.command(finish)

    def withdraw(self, go_ahead: SmtpReply) -> None:
        """End a message that was asked for though sender or recipients were refused (RFC 2920, 3.1)."""
        if go_ahead.code == 354:
            self._transport.command(".")

    def raise_if_none_accepted(self) -> None:
        """Raise TemporaryError if a recipient was refused for now and none accepted, RefusedError if all for good."""
        if self.accepted or not self.refused:
            return
        replies = list(self.refused.values())
        first = next((reply for reply in replies if reply.is_temporary), replies[0])
        error = self._transport.refusal(first, "refused all recipients", Reason.RECIPIENT_REFUSED)
        error.details["refused"] = {address: asdict(refusal) for address, refusal in self.refusals.items()}
        raise error

    def _pipeline(self, commands: list[str]) -> SmtpReply:
        replies: list[SmtpReply] = []
        for start in range(0, len(commands), _PIPELINE_COMMANDS_MAX):
            group = commands[start : start + _PIPELINE_COMMANDS_MAX]
            self._transport.wire.send("".join(f"{command}\r\n" for command in group).encode())
            for _ in group:
                try:
                    replies.append(self._transport.read_reply())
                except NetworkError:
                    if replies:
                        self._judge_sender(replies[0])
                    raise
                self._transport.wire.begin_reply()
            if not replies[0].succeeded and len(replies) == len(commands):
                self.withdraw(replies[-1])
            self._judge_sender(replies[0])
        for recipient, reply in zip(self._recipients, replies[1:-1], strict=True):
            self._judge_recipient(recipient, reply)
        return replies[-1]

    def _judge_sender(self, reply: SmtpReply) -> None:
        self.last_said = self._transport.said(reply)
        if not reply.succeeded:
            raise self._transport.refusal(reply, "refused the sender", Reason.SENDER_REFUSED)

    def _judge_recipient(self, recipient: str, reply: SmtpReply) -> None:
        self.last_said = self._transport.said(reply)
        if reply.succeeded:
            self.accepted.append(recipient)
        else:
            self.refused[recipient] = reply

    def _mail_command(self) -> str:
        sender = command_text(self._sender, smtputf8=self._smtputf8) if self._sender else ""
        return f"MAIL FROM:<{sender}>" + "".join(f" {parameter}" for parameter in self._mail_parameters())

    def _rcpt_commands(self) -> list[str]:
        return [f"RCPT TO:<{command_text(address, smtputf8=self._smtputf8)}>" for address in self._recipients.values()]

    def _mail_parameters(self) -> Iterator[str]:
        content, limit = self._content, self._capabilities.size_max
        if content and limit is not None:
            if limit and content.size > limit:
                raise RefusedError(
                    f"the message has {content.size} bytes, and the server takes {limit} at most",
                    reason=Reason.MESSAGE_TOO_LARGE,
                    details={"size": content.size, "size_max": limit},
                )
            yield f"SIZE={content.size}"
        if content and content.is_eight_bit:
            if not self._capabilities.offers("8BITMIME"):
                raise CapabilityError(
                    "the message has 8-bit text, and the server does not offer 8BITMIME (RFC 6152)",
                    reason=Reason.NOT_OFFERED,
                    hint="encode the message's parts as quoted-printable or base64",
                )
            yield "BODY=8BITMIME"
        if self._smtputf8:
            yield "SMTPUTF8"

    def _needs_smtputf8(self) -> bool:
        """Tell whether SMTPUTF8 is to be asked for; raise CapabilityError, which names why, if it is not offered."""
        addresses = [address for address in (self._sender, *self._recipients.values()) if address]
        needing = next((address for address in addresses if address.needs_smtputf8), None)
        headers = self._content is not None and self._content.has_eight_bit_header
        if not needing and not headers:
            return False
        if self._capabilities.offers("SMTPUTF8"):
            return True
        if needing:
            command_text(needing, smtputf8=False)  # raises, and names the address
        raise CapabilityError(
            "the message's header has characters beyond ASCII, and the server does not offer SMTPUTF8 (RFC 6531)",
            reason=Reason.SMTPUTF8_NOT_OFFERED,
            hint="encode the header fields (RFC 2047)",
        )
