"""One sender and its recipients, offered to a server. RFC 5321, 1870 (SIZE), 2920 (PIPELINING), 6531 (SMTPUTF8)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec.structs import asdict

from mailctl.errors import CapabilityError, MailError, NetworkError, RefusedError
from mailctl.model.address import Address
from mailctl.protocol.capabilities import SmtpCapabilities
from mailctl.protocol.envelope import command_text
from mailctl.protocol.reasons import Reason
from mailctl.protocol.replies import SmtpReply
from mailctl.transport.content import Content
from mailctl.transport.outcome import Refusal
from mailctl.transport.smtp.esmtp import SmtpTransport

_PIPELINE_COMMANDS_MAX = 100
"""So many answers fit into any receive buffer: the server is never kept from reading by its own writing."""

_TOO_MANY_CODE = 452
_TOO_MANY = re.compile(rb"\b4\.5\.3\b|too many recipients|recipient limit", re.IGNORECASE)


class Envelope:
    """What a server says to a sender and its recipients: those `accepted` and `refused` as they were given."""

    def __init__(
        self,
        transport: SmtpTransport,
        capabilities: SmtpCapabilities,
        sender: Address | None,
        recipients: dict[str, Address],
        content: Content | None = None,
        *,
        smtputf8: bool,
    ) -> None:
        """`smtputf8`: whether SMTPUTF8 may be used where it is offered."""
        self._transport = transport
        self._capabilities = capabilities
        self._sender = sender
        self._recipients = recipients
        self._content = content
        self._smtputf8 = self._needs_smtputf8(may_use=smtputf8)
        self._sender_refusal: MailError | None = None
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
    def beyond_limit(self) -> list[str]:
        """Those who were too many, and may be taken in another transaction (RFC 5321, 4.5.3.1.10)."""
        return [address for address, reply in self.refused.items() if self._says_too_many(reply)]

    @property
    def evidence(self) -> dict[str, object]:
        refused = {address: refusal.reply for address, refusal in self.refusals.items()}
        return {"accepted": list(self.accepted), "refused": refused}

    @property
    def fits_one_group(self) -> bool:
        """Whether MAIL, RCPT and one command more can be sent before any answer is read."""
        return len(self._recipients) + 2 <= _PIPELINE_COMMANDS_MAX

    def with_message(self, octets: int) -> bytes:
        """Return MAIL, RCPT and BDAT, which that many octets of the message have to follow at once (RFC 3030, 4.2)."""
        commands = [self._mail_command(), *self._rcpt_commands(), f"BDAT {octets} LAST"]
        return "".join(f"{command}\r\n" for command in commands).encode()

    def read_answers(self) -> None:
        """Read what the server says to MAIL and RCPT; refusals are kept for `raise_if_refused`."""
        sender = self._transport.read_reply()
        try:
            self._judge_sender(sender)
        except MailError as error:
            self._sender_refusal = error
        for recipient in self._recipients:
            self._transport.wire.begin_reply()
            reply = self._transport.read_reply()
            if not self._sender_refusal:
                self._judge_recipient(recipient, reply)

    def raise_if_refused(self) -> None:
        """Raise what refused the sender, or all recipients."""
        if self._sender_refusal:
            raise self._sender_refusal
        self.raise_if_none_accepted()

    def offer(self, *, finish: str) -> SmtpReply:
        """Send MAIL, RCPT and a last command, in one go where the server takes that; return the last reply.

        Without pipelining nothing more is sent once the sender or all recipients are refused, and that is raised.
        """
        commands = [self._mail_command(), *self._rcpt_commands(), finish]
        if self._capabilities.offers("PIPELINING"):
            return self._pipeline(commands)
        sender = self._transport.command(commands[0])
        self._judge_sender(sender)
        reply = None
        for recipient, command in zip(self._recipients, commands[1:-1], strict=True):
            if reply is None or not self._says_too_many(reply):
                reply = self._transport.command(command)
            self._judge_recipient(recipient, reply)
        self.raise_if_none_accepted()
        return self._transport.command(finish)

    def withdraw(self, go_ahead: SmtpReply) -> None:
        """End a message that was asked for though sender or recipients were refused (RFC 2920, 3.1)."""
        if go_ahead.code == 354:
            self._transport.command(".")

    def raise_if_none_accepted(self) -> None:
        """Raise TemporaryError if a recipient was refused for now and none accepted, RefusedError if all for good."""
        if len(self.refused) < len(self._recipients):
            return
        replies = list(self.refused.values())
        first = next((reply for reply in replies if reply.is_temporary), replies[0])
        error = self._transport.refusal(first, "refused all recipients", Reason.RECIPIENT_REFUSED)
        error.details["refused"] = {address: asdict(refusal) for address, refusal in self.refusals.items()}
        raise error

    def _pipeline(self, commands: list[str]) -> SmtpReply:
        replies: list[SmtpReply] = []
        while len(replies) < len(commands):
            group = commands[len(replies) : len(replies) + _PIPELINE_COMMANDS_MAX]
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
            if len(replies) < len(commands) and self._says_too_many(replies[-1]):
                # More of them would only be held against this client.
                replies += replies[-1:] * (len(commands) - 1 - len(replies))
        for recipient, reply in zip(self._recipients, replies[1:-1], strict=True):
            self._judge_recipient(recipient, reply)
        return replies[-1]

    def _says_too_many(self, reply: SmtpReply) -> bool:
        return reply.code == _TOO_MANY_CODE and _TOO_MANY.search(self._transport.said(reply)) is not None

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

    def _needs_smtputf8(self, *, may_use: bool) -> bool:
        """Tell whether SMTPUTF8 is to be asked for; raise CapabilityError, which names why, if it cannot be."""
        addresses = [address for address in (self._sender, *self._recipients.values()) if address]
        needing = next((address for address in addresses if address.needs_smtputf8), None)
        headers = self._content is not None and self._content.has_eight_bit_header
        if not needing and not headers:
            return False
        if not may_use:
            what = f"the address {needing}" if needing else "the message's header"
            raise CapabilityError(
                f"{what} has characters beyond ASCII, and the settings do not say that the server takes that "
                "(SMTPUTF8, RFC 6531)",
                reason=Reason.SMTPUTF8_NOT_SET,
            )
        if self._capabilities.offers("SMTPUTF8"):
            return True
        if needing:
            command_text(needing, smtputf8=False)  # raises, and names the address
        raise CapabilityError(
            "the message's header has characters beyond ASCII, and the server does not offer SMTPUTF8 (RFC 6531)",
            reason=Reason.SMTPUTF8_NOT_OFFERED,
            hint="encode the header fields (RFC 2047)",
        )
