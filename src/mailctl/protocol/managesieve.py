"""What ManageSieve servers answer, read strictly, and how strings are said to them. RFC 5804.

A response is one logical line: its strings may be literals, `{N}` and N bytes after a line end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

from mailctl.errors import ProtocolError
from mailctl.protocol.reasons import Reason

LITERAL = re.compile(rb"\{([0-9]{1,18})\+?\}\r?\n\Z")
"""The end of a line after which a literal of so many bytes follows."""

_QUOTED_BYTES_MAX = 1024  # RFC 5804, 4: longer strings are literals
_ATOM = re.compile(rb"[A-Za-z][A-Za-z0-9_/-]*")
_QUOTED = re.compile(rb'"((?:[^"\\\r\n]|\\["\\])*)"', re.DOTALL)
_LITERAL_HERE = re.compile(rb"\{([0-9]{1,18})\+?\}\r?\n")


class SieveStatus(Struct, frozen=True):
    """The end of an answer: OK, NO or BYE.

    `code`: the response code in capitals, such as `QUOTA/MAXSIZE` or `NONEXISTENT`; `argument`: its first string.
    `text`: what is said to a person.
    """

    condition: str
    code: str | None = None
    argument: bytes | None = None
    text: bytes = b""

    @property
    def ok(self) -> bool:
        return self.condition == "OK"

    @property
    def is_temporary(self) -> bool:
        return self.code == "TRYLATER"


class SieveCapabilities(Struct, frozen=True):
    """What a server says that it can do (RFC 5804, 1.7).

    `extensions`: of the Sieve language, as `require` names them. `mechanisms`: in capitals.
    """

    implementation: str = ""
    extensions: tuple[str, ...] = ()
    mechanisms: tuple[str, ...] = ()
    offers_starttls: bool = False

    def offers(self, extension: str) -> bool:
        return extension in self.extensions


def parse_response(response: bytes) -> SieveStatus | list[bytes]:
    """Parse one response: the end of an answer, or a line of strings with words beside them.

    Strings are returned decoded, words (`ACTIVE`) in capitals. Raises ProtocolError of reason `malformed-reply`.
    """
    reader = _Reader(response)
    word = reader.find_atom()
    if word in (b"OK", b"NO", b"BYE"):
        return _status(word.decode(), reader)
    parts = [word] if word else []
    while not reader.at_end:
        parts.append(reader.find_atom() or reader.string())
    return parts


def _status(condition: str, reader: _Reader) -> SieveStatus:
    code = argument = None
    if reader.skip(b"("):
        word = reader.find_atom()
        if word is None:
            raise reader.malformed()
        code = word.decode()
        if not reader.skip(b")"):
            argument = reader.string()
            # Codes that are not known yet may have more (RFC 5804, 1.3).
            while not reader.skip(b")"):
                reader.string()
    text = b"" if reader.at_end else reader.string()
    if not reader.at_end:
        raise reader.malformed()
    return SieveStatus(condition, code, argument, text)


def parse_sieve_capabilities(responses: Iterable[list[bytes]]) -> SieveCapabilities:
    """Parse the lines of a greeting or of the answer to CAPABILITY, each a name and perhaps a value."""
    told: dict[str, str] = {}
    for response in responses:
        name, *value = [part.decode("utf-8", "backslashreplace") for part in response] or [""]
        told[name.upper()] = value[0] if value else ""
    return SieveCapabilities(
        implementation=told.get("IMPLEMENTATION", ""),
        extensions=tuple(told.get("SIEVE", "").split()),
        mechanisms=tuple(told.get("SASL", "").upper().split()),
        offers_starttls="STARTTLS" in told,
    )


def sieve_string(text: str) -> bytes:
    """Return a string as a command's argument: quoted where that is possible, else a literal that asks nothing."""
    data = text.encode()
    if len(data) > _QUOTED_BYTES_MAX or any(byte in data for byte in b"\r\n\0"):
        return b"{%d+}\r\n%b" % (len(data), data)
    return b'"%b"' % data.replace(b"\\", b"\\\\").replace(b'"', b'\\"')


class _Reader:
    """Takes a response apart from its beginning on."""

    def __init__(self, response: bytes) -> None:
        self._response = response
        self._text = response.removesuffix(b"\n").removesuffix(b"\r")
        self._at = 0

    @property
    def at_end(self) -> bool:
        self._skip_blanks()
        return self._at >= len(self._text)

    def find_atom(self) -> bytes | None:
        self._skip_blanks()
        match = _ATOM.match(self._text, self._at)
        if match is None:
            return None
        self._at = match.end()
        return match[0].upper()

    def skip(self, mark: bytes) -> bool:
        self._skip_blanks()
        found = self._text.startswith(mark, self._at)
        self._at += len(mark) if found else 0
        return found

    def string(self) -> bytes:
        self._skip_blanks()
        if quoted := _QUOTED.match(self._text, self._at):
            self._at = quoted.end()
            return re.sub(rb"\\(.)", rb"\1", quoted[1])
        # A literal may end where the response does, so its last line end is not to be cut off.
        if literal := _LITERAL_HERE.match(self._response, self._at):
            end = literal.end() + int(literal[1])
            if end <= len(self._response):
                self._at = end
                return self._response[literal.end() : end]
        raise self.malformed()

    def malformed(self) -> ProtocolError:
        return ProtocolError(
            "the server's answer is no ManageSieve response", reason=Reason.MALFORMED_REPLY, reply=self._response
        )

    def _skip_blanks(self) -> None:
        while self._text.startswith(b" ", self._at):
            self._at += 1
