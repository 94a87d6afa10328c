"""smtplib on a wire: commands, replies read strictly, and what refusals mean. RFC 5321.

Its commands are smtplib's; time-outs, caps and TLS are the wire's, which smtplib is not trusted with.
"""

from __future__ import annotations

import smtplib
import socket

from mailctl.errors import (
    AuthenticationError,
    MailError,
    ProtocolError,
    RefusedError,
    TemporaryError,
    TLSError,
)
from mailctl.model.values import ascii_host
from mailctl.protocol.reasons import Reason
from mailctl.protocol.replies import SmtpReply, parse_smtp_reply
from mailctl.transport.faults import translated
from mailctl.transport.network.wire import Wire

_REPLY_BYTES_MAX = 64 * 1024


class SmtpTransport(smtplib.SMTP):
    """smtplib's commands over a wire; `name` goes into EHLO."""

    def __init__(self, wire: Wire, name: str) -> None:
        super().__init__(local_hostname=name)  # without a host it connects nowhere
        self.name = name
        self.wire = wire
        self.command_encoding = "utf-8"  # what may be beyond ASCII is decided before (RFC 6531)
        self.sock = wire  # type: ignore[assignment]  # of its socket it uses sendall and close alone

    def read_reply(self) -> SmtpReply:
        """Read one reply, within the deadline of its command; raise ProtocolError if it is malformed or too long."""
        lines: list[bytes] = []
        total = 0
        while True:
            line = self.wire.read_line()
            total += len(line)
            lines.append(line.removesuffix(b"\n").removesuffix(b"\r"))
            if total > _REPLY_BYTES_MAX:
                raise self._malformed(Reason.REPLY_TOO_LONG, f"is longer than {_REPLY_BYTES_MAX} bytes", lines)
            if line[3:4] != b"-" or not line[:3].isdigit():
                break
        try:
            return parse_smtp_reply(lines)
        except ProtocolError as error:
            raise self._malformed(error.reason, "is no SMTP reply", lines) from None

    def getreply(self) -> tuple[int, bytes]:
        """Return a reply in smtplib's form, for its own methods."""
        reply = self.read_reply()
        return reply.code, b"\n".join(reply.lines)

    def command(self, verb: str, arguments: str = "") -> SmtpReply:
        """Send a command and return its reply."""
        with translated(self.wire.peer):
            self.putcmd(verb, arguments)
        return self.read_reply()

    def said(self, reply: SmtpReply) -> bytes:
        """Return a reply verbatim, without secrets."""
        return self.wire.redacted(reply.raw)

    def refusal(self, reply: SmtpReply, what: str, reason: str) -> MailError:
        """Return the error for a reply that is not the wanted one; `what` completes "the server …"."""
        said = self.said(reply)
        if reply.code == 530:
            if b"STARTTLS" in said.upper():
                return TLSError("the server wants TLS first", reason=reason, reply=said)
            return AuthenticationError("the server wants a login first", reason=reason, reply=said)
        if reply.is_temporary:
            return TemporaryError(f"the server {what} for now", reason=reason, reply=said)
        if reply.code // 100 == 5:
            return RefusedError(f"the server {what}", reason=reason, reply=said)
        self.wire.is_broken = True
        return ProtocolError(f"the server answers {reply.code} out of place", reason=Reason.PROTOCOL, reply=said)

    def _malformed(self, reason: str, problem: str, lines: list[bytes]) -> ProtocolError:
        self.wire.is_broken = True
        said = self.wire.redacted(b"\r\n".join(lines))
        return ProtocolError(f"what {self.wire.peer} says {problem}", reason=reason, reply=said)


def client_name(wire: Wire) -> str:
    """Return the name for EHLO: this machine's if it is a full one, else its address as a literal (RFC 5321, 4.1.3).

    Nothing is looked up in the DNS: that can take longer than all the rest.
    """
    name = socket.gethostname()
    try:
        if "." in name.strip(".") and not name.endswith((".local", ".localdomain")):
            return ascii_host(name)
    except ValueError:
        pass  # a machine may have any name
    address = wire.local_address.partition("%")[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"
