"""What servers answer, read strictly: SMTP replies, POP3 status lines, IMAP status responses; and how it is shown.

Parsers take lines without their line end, and raise ProtocolError of reason `malformed-reply`, which carries the line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from mailctl.errors import MailctlError, MailError, ProtocolError
from mailctl.protocol.reasons import Reason

# Left to `re` to compile (and keep) when they are first used: a run speaks one or two of the protocols.
_SMTP_LINE = rb"(?s)(?P<code>[2-5][0-9]{2})(?:(?P<separator>[ -])(?P<text>.*))?"
_POP_LINE = rb"(?si)(?P<status>\+OK|-ERR)(?:[ \t](?P<text>.*))?"
_POP_CODE = rb"\[(?P<code>[A-Za-z0-9/_.-]+)\](?:[ ]|$)"
_IMAP_STATUS = (
    rb"(?si)(?P<tag>\*|[\x21\x23\x24\x26\x27\x2c-\x5b\x5d-\x7a\x7c\x7e]+)[ ]"
    rb"(?P<condition>OK|NO|BAD|BYE|PREAUTH)(?:[ ](?P<text>.*))?"
)
_BUSY = rb"(?i)too many|try (again )?later|temporar|already locked|lock maildrop"
"""What servers say without a code where they mean that it is to be tried later."""
_IMAP_CODE = rb"\[(?P<code>[^\x00-\x20()\[\]{%*\"\\\x7f-\xff]+)(?:[ ](?P<arguments>[^\]\r\n]*))?\][ ]?"


def _malformed(what: str, line: bytes) -> ProtocolError:
    return ProtocolError(f"the server's answer is no {what}", reason=Reason.MALFORMED_REPLY, reply=line)


class SmtpReply(Struct, frozen=True):
    """A complete SMTP reply (RFC 5321, 4.2): `code`, and the text of each of its lines without code and line end."""

    code: int
    lines: tuple[bytes, ...]

    @property
    def raw(self) -> bytes:
        """The reply as it came, without the final line end."""
        last = len(self.lines) - 1
        return b"\r\n".join(
            b"%d%b%b" % (self.code, b" " if at == last else b"-", line) for at, line in enumerate(self.lines)
        )

    @property
    def succeeded(self) -> bool:
        return self.code // 100 == 2

    @property
    def is_temporary(self) -> bool:
        return self.code // 100 == 4


class SmtpReplyLine(Struct, frozen=True):
    """One line of an SMTP reply; `is_last` if no more follow."""

    code: int
    text: bytes
    is_last: bool


def parse_smtp_line(line: bytes) -> SmtpReplyLine:
    """Parse `NNN text` (the last line), `NNN-text` (more follow) or `NNN`; nothing that merely converts to int."""
    match = re.fullmatch(_SMTP_LINE, line)
    if match is None:
        raise _malformed("SMTP reply", line)
    return SmtpReplyLine(int(match["code"]), match["text"] or b"", match["separator"] != b"-")


def parse_smtp_reply(lines: Sequence[bytes]) -> SmtpReply:
    """Parse the lines of one reply: all of one code, and only the last one marked as such."""
    parsed = [parse_smtp_line(line) for line in lines]
    whole = b"\r\n".join(lines)
    if not parsed or [line.is_last for line in parsed] != [False] * (len(parsed) - 1) + [True]:
        raise _malformed("complete SMTP reply", whole)
    if len({line.code for line in parsed}) > 1:
        raise _malformed("SMTP reply of one code", whole)
    return SmtpReply(parsed[0].code, tuple(line.text for line in parsed))


class PopReply(Struct, frozen=True):
    """A POP3 status line (RFC 1939). `code`: response code (RFC 2449, RFC 3206) in capitals, such as `SYS/TEMP`."""

    ok: bool
    code: str | None
    text: bytes

    @property
    def is_temporary(self) -> bool:
        if self.code is None and not self.ok:
            return re.search(_BUSY, self.text) is not None
        return self.code in ("SYS/TEMP", "IN-USE", "LOGIN-DELAY")


def parse_pop_reply(line: bytes) -> PopReply:
    """Parse `+OK text` or `-ERR [CODE] text`; `text` keeps the code."""
    match = re.fullmatch(_POP_LINE, line)
    if match is None:
        raise _malformed("POP3 status line", line)
    text = match["text"] or b""
    code = re.match(_POP_CODE, text)
    return PopReply(match["status"].upper() == b"+OK", code["code"].decode("ascii").upper() if code else None, text)


class ImapStatus(Struct, frozen=True):
    """An IMAP status response (RFC 9051, 7.1).

    `tag`: the command's, or `*`. `condition`: OK, NO, BAD, BYE or PREAUTH. `code`: the response code in capitals, such
    as `AUTHENTICATIONFAILED` or `CAPABILITY`, with its `arguments`. `text`: everything after the condition.
    """

    tag: str
    condition: str
    code: str | None
    arguments: bytes
    text: bytes

    @property
    def ok(self) -> bool:
        return self.condition == "OK"

    @property
    def is_temporary(self) -> bool:
        if self.code in (None, "ALERT") and not self.ok:
            return re.search(_BUSY, self.text) is not None
        return self.code in ("UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG")


def parse_imap_status(line: bytes) -> ImapStatus:
    """Parse a tagged or untagged status response."""
    match = re.fullmatch(_IMAP_STATUS, line)
    if match is None:
        raise _malformed("IMAP status response", line)
    text = match["text"] or b""
    code = re.match(_IMAP_CODE, text)
    return ImapStatus(
        match["tag"].decode("ascii"),
        match["condition"].decode("ascii").upper(),
        code["code"].decode("ascii").upper() if code else None,
        (code["arguments"] or b"") if code else b"",
        text,
    )


_GREETINGS = (
    ("FTP", rb"220[ -].*\bFTP\b"),
    ("SMTP", rb"[245][0-9]{2}[ -]"),
    ("POP3", rb"\+OK\b|-ERR\b"),
    ("IMAP", rb"\* (OK|PREAUTH|BYE)\b"),
    ("ManageSieve", rb'"(IMPLEMENTATION|SIEVE)"'),
    ("SSH", rb"SSH-[0-9.]+-"),
    ("HTTP", rb"HTTP/[0-9.]+ "),
)


def find_greeter(greeting: bytes) -> str | None:
    """Return the name of the protocol in which a server greets, by its first line; None if it is none known."""
    line = greeting.partition(b"\n")[0]
    return next((name for name, pattern in _GREETINGS if re.match(pattern, line, re.IGNORECASE)), None)


def tell_with_reply(error: MailctlError) -> str:
    """Return an error's message, and what the server said, on one line."""
    said = " ".join(printable(error.reply).split()) if isinstance(error, MailError) and error.reply else ""
    return f"{error.message}: {said}" if said else error.message


def printable(data: bytes) -> str:
    r"""Return what a server sent as it may be shown on a terminal: verbatim where that is harmless.

    Valid UTF-8, tabs and line breaks are kept. Other control characters, invalid bytes, and characters that nobody
    sees or that turn the writing direction are escaped: `\x1b`, `\x9b`, `\u{202e}`.
    """
    text = data.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    return text if text.isascii() and text.isprintable() else "".join(map(_shown, text))


_WIDE_BLANKS = "\u00a0\u3000"  # the rest of the blanks (Zs) is rarer than the mischief done with it


def _shown(character: str) -> str:
    if character.isprintable() or character in "\t\n" or character in _WIDE_BLANKS:
        return character
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:  # a byte that is not UTF-8
        return f"\\x{number - 0xDC00:02x}"
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{{{number:x}}}"
