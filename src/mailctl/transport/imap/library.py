"""imaplib and IMAPClient on a wire. RFC 3501, 9051."""

from __future__ import annotations

import imaplib
import re
import secrets
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from imapclient import IMAPClient  # type: ignore[import-untyped]  # it has no types
from msgspec import Struct

from mailctl.errors import MailError, NetworkError, ProtocolError, RefusedError, TemporaryError
from mailctl.protocol.capabilities import ImapCapabilities
from mailctl.protocol.envelope import check_command_text
from mailctl.protocol.reasons import Reason
from mailctl.protocol.replies import ImapStatus, parse_imap_status, printable
from mailctl.transport.faults import translated
from mailctl.transport.network.wire import Wire

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_LITERAL = re.compile(rb"\{([^{}\r\n]*)\}\r?\n\Z")
_LITERAL_SIZE = re.compile(rb"[0-9]{1,18}\+?")
_ALERT = re.compile(rb"[^ ]+ (?:OK|NO|BAD) \[ALERT\] ?(.*?)\r\n", re.IGNORECASE | re.DOTALL)
_MOST_ALERTS = 5
_STATUS_WITHOUT_TEXT = re.compile(rb"([A-P]+[0-9]+ (?:OK|NO|BAD))\r\n")
_TAG_STEP_MAX = 1 << 20


class Literal(Struct, frozen=True):
    """An argument that is sent as a literal: any bytes (RFC 9051, 4.3).

    `opening`, `closing`: what encloses it.
    """

    data: bytes
    opening: bytes = b""
    closing: bytes = b""


class Completion(Struct, frozen=True):
    """The tagged end of a command: `raw` as it came, and what it means."""

    raw: bytes
    status: ImapStatus

    @property
    def ok(self) -> bool:
        return self.status.ok


class ImapTransport(imaplib.IMAP4):
    """imaplib over a wire. Making one reads nothing: the greeting is read by `read_greeting`.

    Of imaplib it uses what sorts responses by their type; commands are sent by `issue`, several at a time if wanted.
    """

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._is_ready = False
        self._last_line = b""
        self._alerts: list[str] = []
        super().__init__(wire.peer)
        self._is_ready = True
        self.untagged_responses.clear()

    # What imaplib lets be overridden

    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:  # noqa: ARG002 - imaplib's
        self.host = host
        self.port = port
        self.sock = self.wire  # type: ignore[assignment]  # nothing but the wire touches the socket

    def read(self, size: int) -> bytes:
        return self.wire.read_exactly(size)

    def readline(self) -> bytes:
        """Return a line, with the text of a status that imaplib insists on; refuse a literal's size beyond it."""
        line = self._last_line = self.wire.read_line()
        found = _LITERAL.search(line)
        if found and not _LITERAL_SIZE.fullmatch(found[1]) and re.fullmatch(rb"[-+]?[0-9]+\+?", found[1]):
            raise self._broken(Reason.MALFORMED_REPLY, "announces a literal of an impossible size", line)
        if (alert := _ALERT.fullmatch(line)) and len(self._alerts) < _MOST_ALERTS:
            self._alerts.append(printable(self.wire.redacted(alert[1])))
        return _STATUS_WITHOUT_TEXT.sub(rb"\1 \r\n", line)

    def send(self, data: ReadableBuffer) -> None:
        self.wire.send(bytes(data))

    def shutdown(self) -> None:
        self.wire.close()

    def _get_response(self, *args: Any) -> Any:
        if not self._is_ready:
            self.untagged_responses["OK"] = [b""]
            return b""
        try:
            return super()._get_response(*args)  # type: ignore[misc]  # not in its stub
        except imaplib.IMAP4.abort:
            raise self._broken(Reason.MALFORMED_REPLY, "says what is no answer of IMAP's", self._last_line) from None

    def _get_capabilities(self) -> None:
        # Asked by who opens the session, and only if the greeting did not tell them.
        self.capabilities = ("IMAP4REV1",)

    def _new_tag(self) -> bytes:
        # A server that answers before it is asked has to guess.
        self.tagnum += secrets.randbelow(_TAG_STEP_MAX)
        return super()._new_tag()  # type: ignore[misc, no-any-return]  # not in its stub

    @property
    def _tagged(self) -> dict[bytes, Any]:
        """imaplib's commands that wait for their end, by tag: None, or condition and text."""
        tagged: Any = self.tagged_commands
        return tagged  # type: ignore[no-any-return]  # its stub has other types

    @property
    def request(self) -> bytes:
        """The text of the server's last request to go on: a challenge, in base64."""
        text: Any = self.continuation_response
        return text.strip() if isinstance(text, bytes) else b""

    # Commands

    def read_greeting(self) -> Completion:
        """Read the greeting; raise ProtocolError unless it is an untagged status response."""
        line = self.wire.read_line()
        if not line.endswith(b"\r\n"):
            raise self._broken(Reason.MALFORMED_REPLY, "says no IMAP", line)
        line = line.removesuffix(b"\r\n")
        try:
            status = parse_imap_status(line)
        except ProtocolError:
            raise self._broken(Reason.MALFORMED_REPLY, "says no IMAP", line) from None
        if status.tag != "*":
            raise self._broken(Reason.PROTOCOL, "answers before it was asked", line)
        return Completion(line, status)

    def issue(self, name: str, *arguments: str | Literal, non_sync: bool = False) -> bytes:
        """Send a command, and return its tag for `complete`.

        `arguments`: text is sent as it is, see `quoted`. `non_sync`: the server takes literals at once (LITERAL+).
        """
        tag = self._new_tag()
        self._send_parts(tag, name, arguments, non_sync=non_sync)
        return tag

    def reserve_tag(self) -> bytes:
        """Return the tag of a command that the caller sends by itself, for `complete`."""
        return self._new_tag()

    def issue_all(self, commands: Sequence[tuple[str, ...]]) -> list[bytes]:
        """Send several commands at once, none of which may depend on another; return their tags."""
        tags = [self._new_tag() for _ in commands]
        for command in commands:
            _check_line(command)
        lines = [tag + b" " + " ".join(command).encode() for tag, command in zip(tags, commands, strict=True)]
        self.send(b"\r\n".join(lines) + b"\r\n")
        return tags

    def _send_parts(self, tag: bytes, name: str, arguments: Sequence[str | Literal], *, non_sync: bool) -> None:
        _check_line(argument for argument in arguments if isinstance(argument, str))
        line = tag + b" " + name.encode()
        for argument in arguments:
            if isinstance(argument, str):
                line += b" " + argument.encode()
                continue
            line += b" %b{%d%b}\r\n" % (argument.opening, len(argument.data), b"+" if non_sync else b"")
            if not non_sync:
                self.send(line)
                line = b""
                if self.read_turn(tag) is not None:
                    return
            line += argument.data + argument.closing
        self.send(line + b"\r\n")

    def read_turn(self, tag: bytes) -> Completion | None:
        """Read up to the end of a command, or up to the server's request to go on: None then.

        Raises NetworkError, or TemporaryError where its code says so, if the server says BYE.
        """
        with translated(self.wire.peer):
            while self._tagged.get(tag) is None:
                line = self._get_response()
                if "BYE" in self.untagged_responses:
                    raise self._farewell()
                if line is None:
                    return None
        kind, texts = self._tagged[tag]
        raw = b" ".join((tag, kind.encode(), texts[0]))
        try:
            return Completion(raw, parse_imap_status(raw))
        except ProtocolError:
            raise self._broken(Reason.MALFORMED_REPLY, "says no IMAP", raw) from None

    def complete(self, tag: bytes) -> Completion:
        """Read up to the end of a command."""
        completion = self.read_turn(tag)
        if completion is None:
            raise self._broken(Reason.PROTOCOL, "wants to hear more out of place", b"+")
        del self._tagged[tag]
        return completion

    def command(self, name: str, *arguments: str | Literal) -> Completion:
        """Send a command and read up to its end."""
        return self.complete(self.issue(name, *arguments))

    def take(self, kind: str) -> list[Any]:
        """Return and forget the untagged responses of a type."""
        found: list[Any] = self.untagged_responses.pop(kind, [])
        return found

    def take_alerts(self) -> list[str]:
        """Return and forget what the server wants people to be shown (RFC 9051, 7.1), as it may be."""
        alerts, self._alerts = self._alerts, []
        return alerts

    def forget(self) -> None:
        """Forget everything that the server has said, as after a TLS handshake (RFC 9051, 6.2.1)."""
        self.untagged_responses.clear()
        self._alerts.clear()

    def said(self, completion: Completion) -> bytes:
        """Return a completion verbatim, without its tag and without secrets."""
        return self.wire.redacted(completion.raw.partition(b" ")[2])

    def require(self, completion: Completion, refused: str) -> None:
        """Raise RefusedError or TemporaryError of the mailbox unless a command succeeded; `refused`: see `refusal`."""
        if not completion.ok:
            raise self.refusal(completion, refused, Reason.MAILBOX_REFUSED)

    def refusal(self, completion: Completion, what: str, reason: str) -> MailError:
        """Return the error for a completion that is not OK; `what` completes "the server …"."""
        kind = TemporaryError if completion.status.is_temporary else RefusedError
        suffix = " for now" if completion.status.is_temporary else ""
        return kind(f"the server {what}{suffix}", reason=reason, reply=self.said(completion))

    def _farewell(self) -> MailError:
        self.wire.is_broken = True
        text = self.untagged_responses["BYE"][-1]
        raw = b"* BYE " + (text if isinstance(text, bytes) else b"")
        status = parse_imap_status(raw)
        kind: type[MailError] = TemporaryError if status.is_temporary else NetworkError
        return kind("the server says goodbye", reason=Reason.CLOSED, reply=self.wire.redacted(raw))

    def _broken(self, reason: str, problem: str, line: bytes) -> ProtocolError:
        self.wire.is_broken = True
        return ProtocolError(
            f"{self.wire.peer} {problem}", reason=reason, reply=self.wire.redacted(line.rstrip(b"\r\n"))
        )


class Client(IMAPClient):  # type: ignore[misc]  # imapclient has no types
    """IMAPClient over a transport that is connected already, and whose server's capabilities are known."""

    def __init__(self, transport: ImapTransport, capabilities: ImapCapabilities) -> None:
        self._transport = transport
        super().__init__(transport.wire.peer, ssl=False)
        self._cached_capabilities = tuple(keyword.encode() for keyword in capabilities.keywords)
        # IMAPClient makes imaplib log every line, passwords too.
        transport.debug = 0

    def _create_IMAP4(self) -> ImapTransport:  # noqa: N802 - imapclient's name
        return self._transport

    def _set_read_timeout(self) -> None:
        """Time-outs are the wire's."""


def _check_line(words: Iterable[str]) -> None:
    """Raise InvalidValueError for what would end a command early: folders' names are the server's, and others' too."""
    for word in words:
        check_command_text("an argument of an IMAP command", word)


def quoted(text: str) -> str | Literal:
    """Return text as an argument: quoted where ASCII without control characters, else as a literal in UTF-8."""
    if text.isascii() and text.isprintable():
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return Literal(text.encode())
