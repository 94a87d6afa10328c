"""Sending in an SMTP session: the envelope, and messages, by BDAT (RFC 3030) or DATA (RFC 5321, 3.3)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

from mailctl.errors import FateUnknownError, InvalidValueError, MailError, NetworkError, Problem
from mailctl.model.address import Address
from mailctl.model.report import Stage
from mailctl.protocol.capabilities import SmtpCapabilities
from mailctl.protocol.envelope import parse_address
from mailctl.protocol.reasons import Reason
from mailctl.protocol.replies import SmtpReply
from mailctl.transport.content import Content
from mailctl.transport.outcome import EnvelopeOutcome, SendOutcome
from mailctl.transport.smtp.envelope import Envelope
from mailctl.transport.smtp.esmtp import SmtpTransport
from mailctl.transport.watch import StageRecord, Watch

_JUDGED_BYTES_PER_SECOND, _JUDGING_SECONDS_MAX = 64 * 1024, 600
"""After its end a message may still be in buffers on the way, and then be searched for what is evil: giving up
too early makes duplicates, and RFC 5321 (4.5.3.2.6) allows ten minutes."""
_QUEUE_ID = re.compile(
    rb"\b(?:queued|delivered) as <?([\w.-]+)"  # Postfix and those that speak like it; the sandbox
    rb"|\bid=([\w-]+)|Ok:? queued,? id ([\w-]+)"  # Exim
    rb"|\b(\w+) Message accepted for delivery"  # Sendmail
    rb"|\bqp ([0-9]+)"  # qmail
    rb"| ([\w.-]+) - gsmtp"  # Gmail
    rb"|\bInternalId=([0-9]+)"  # Exchange
    rb"|^250 Ok ([\w-]{20,})$",  # Amazon SES
    re.IGNORECASE,
)
_AT_ONCE_BYTES_MAX = 64 * 1024
"""A longer message waits for the envelope to be accepted: it would go to a server that refuses it for nothing."""
_UNKNOWN_COMMAND_CODES = (500, 502)
_LOOK_FOR_IT = "look for the message before you send it again: it may have been delivered"


class SmtpSession:
    """An open session; `capabilities` are those of the last EHLO. `smtputf8`: whether it may be used."""

    def __init__(
        self, transport: SmtpTransport, watch: Watch, capabilities: SmtpCapabilities, *, smtputf8: bool
    ) -> None:
        self.capabilities = capabilities
        self._smtputf8 = smtputf8
        self._transport = transport
        self._watch = watch
        self._has_open_envelope = False
        self._has_sent = False
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
            envelope = Envelope(self._transport, self.capabilities, *addresses, smtputf8=self._smtputf8)
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
        `sender` is that of a bounce. Raises InvalidValueError on what is no address; CapabilityError before anything of
        the message is sent (`size-exceeded` is a RefusedError); RefusedError or TemporaryError; FateUnknownError if
        the connection is lost after the end of the message, or Ctrl-C comes then: it must then not be sent again.
        """
        from_whom, wanted = _parse(sender, recipients)
        content = Content(message)
        with self._watch.stage(Stage.MESSAGE, protocol="smtp") as record:
            record.evidence |= {"message_id": content.message_id, "size": content.size}
            outcome, left = self._transact(from_whom, wanted, content, record)
            while left:
                more, left = self._transact_further(outcome, from_whom, left, content, record)
                outcome = _joined(outcome, more)
            refused = {address: refusal.reply for address, refusal in outcome.refused.items()}
            record.evidence |= {"accepted": list(outcome.accepted), "refused": refused}
        return outcome

    def _transact(
        self, sender: Address | None, recipients: dict[str, Address], content: Content, record: StageRecord
    ) -> tuple[SendOutcome, dict[str, Address]]:
        """Send a message in a transaction; return the outcome, and the recipients who were too many for it."""
        envelope = Envelope(self._transport, self.capabilities, sender, recipients, content, smtputf8=self._smtputf8)
        with self._transaction():
            try:
                reply = self._deliver(envelope, content)
            except FateUnknownError as error:
                error.name_message(content.message_id)
                raise
            finally:
                record.evidence |= envelope.evidence
        record.reply = self._transport.said(reply)
        found = _QUEUE_ID.search(record.reply)
        queue_id = next(group for group in found.groups() if group).decode() if found else None
        record.evidence["queue_id"] = queue_id
        outcome = SendOutcome(tuple(envelope.accepted), envelope.refusals, record.reply, queue_id)
        return outcome, {address: recipients[address] for address in envelope.beyond_limit}

    def _transact_further(
        self,
        so_far: SendOutcome,
        sender: Address | None,
        recipients: dict[str, Address],
        content: Content,
        record: StageRecord,
    ) -> tuple[SendOutcome, dict[str, Address]]:
        """Do as `_transact` for those who were too many before; whom the server does not take now stay refused."""
        content.has_ended = False
        try:
            return self._transact(sender, recipients, content, record)
        except KeyboardInterrupt:
            raise _interrupted() from None
        except FateUnknownError as error:
            error.message = f"{len(so_far.accepted)} recipients have the message; of the others: {error.message}"
            error.args = (error.message,)
            raise
        except MailError:
            return so_far, {}

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

    def _deliver(self, envelope: Envelope, content: Content) -> SmtpReply:
        """Send the envelope and the message, and return the reply to it; as few round trips as the server allows."""
        at_once = self._goes_at_once(envelope, content)
        self._has_sent = True
        try:
            if at_once:
                octets = content.octets()
                content.has_ended = True
                self._hand_over([octets], after=envelope.with_message(len(octets)))
                return self._read_verdict(content, envelope)
            self._ask_leave(envelope)
            self._hand_over(content.chunks())
            return self._read_verdict(content)
        except KeyboardInterrupt:
            self._transport.wire.is_broken = True
            if content.has_ended:
                raise _interrupted() from None
            raise

    def _goes_at_once(self, envelope: Envelope, content: Content) -> bool:
        """Tell whether the message goes with its envelope, by BDAT (RFC 3030, 4.2): that saves a round trip.

        Only a session's first: a later one may meet a connection that the server has closed in the meantime, and of a
        message that went into it nobody would know whether it was taken.
        """
        offered = self.capabilities.offers("PIPELINING") and self.capabilities.offers("CHUNKING")
        return offered and not self._has_sent and content.size <= _AT_ONCE_BYTES_MAX and envelope.fits_one_group

    def _ask_leave(self, envelope: Envelope) -> None:
        """Get the server to wait for a message; raises where it takes none."""
        go_ahead = envelope.offer(finish="DATA")
        if not envelope.accepted:
            envelope.withdraw(go_ahead)
        envelope.raise_if_none_accepted()
        if go_ahead.code != 354:
            raise self._transport.refusal(go_ahead, "takes no message", Reason.MESSAGE_REFUSED)

    def _hand_over(self, chunks: Iterable[bytes], *, after: bytes = b"") -> None:
        try:
            self._transport.wire.send_bulk(chunks, after=after)
        except NetworkError as error:
            # The last piece was not handed over whole: the server cannot have taken the message.
            early = self._find_early_refusal()
            if early:
                raise self._transport.refusal(early, "broke the message off", Reason.MESSAGE_REFUSED) from error
            raise

    def _find_early_refusal(self) -> SmtpReply | None:
        """Return what the server said before it closed the connection in the middle of a message, if anything."""
        try:
            while (reply := self._transport.read_reply()).succeeded:
                pass  # to parts of an envelope that went with the message
        except MailError:
            return None
        return reply

    def _read_verdict(self, content: Content, envelope: Envelope | None = None) -> SmtpReply:
        """Read the reply to a message that has gone out whole, after those to the `envelope` that went with it."""
        wire = self._transport.wire
        try:
            if envelope:
                envelope.read_answers()
            wire.begin_reply(extra_seconds=min(content.size / _JUDGED_BYTES_PER_SECOND, _JUDGING_SECONDS_MAX))
            reply = self._transport.read_reply()
        except MailError as error:
            if envelope:
                envelope.raise_if_refused()
            raise _fate_unknown(error) from error
        if envelope and reply.code in _UNKNOWN_COMMAND_CODES:
            wire.is_broken = True  # it has read the message as commands
        if envelope:
            envelope.raise_if_refused()
        if not reply.succeeded:
            if reply.code // 100 == 3:
                raise _fate_unknown(self._transport.refusal(reply, "answers the message", Reason.MESSAGE_REFUSED))
            raise self._transport.refusal(reply, "refused the message", Reason.MESSAGE_REFUSED)
        return reply


def _joined(outcome: SendOutcome, more: SendOutcome) -> SendOutcome:
    """Return the outcome of one message in several transactions; the name is that of the first."""
    accepted = dict.fromkeys((*outcome.accepted, *more.accepted))
    refused = {address: one for address, one in (outcome.refused | more.refused).items() if address not in accepted}
    return SendOutcome(tuple(accepted), refused, outcome.reply, outcome.queue_id)


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
