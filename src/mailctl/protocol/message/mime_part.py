"""Parts of a message: texts, files and multiparts (RFC 2045, 2046, 2183), in ASCII and short lines throughout.

So a message needs no more of a server than RFC 5321 gives everywhere; 8BITMIME is never asked for.
"""

from __future__ import annotations

import base64
import binascii
import mimetypes
import re
import secrets
from collections.abc import Iterator, Sequence

from msgspec import Struct

from mailctl.protocol.message.header_field import write_parameters

_LINE_OCTETS = 78
_LINE_OCTETS_MAX = 998
_BASE64_BLOCK = 57 * 1024
"""Whole lines of 76 characters."""
_TEXT_CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_MESSAGE_BEGINNING = re.compile(rb"[!-9;-~]+[ \t]*:")
_MIME_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+")
_COMPRESSED_TYPES = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}
_OCTETS = "application/octet-stream"


class Part(Struct, frozen=True):
    """A part: its own fields, and its body in pieces that are joined once, at the end."""

    fields: tuple[tuple[str, str], ...]
    body: tuple[bytes, ...]

    @property
    def header(self) -> bytes:
        return "".join(f"{name}: {value}\r\n" for name, value in self.fields).encode()

    def pieces(self) -> Iterator[bytes]:
        """Yield the whole part."""
        yield self.header
        yield b"\r\n"
        yield from self.body


def make_text(text: str, subtype: str) -> Part:
    """Return a text in UTF-8; line ends become CRLF, and the last line gets one."""
    octets = re.sub(r"\r\n|\r|\n", "\r\n", text).encode()
    if octets and not octets.endswith(b"\r\n"):
        octets += b"\r\n"
    content_type = write_parameters(f"text/{subtype}", charset="utf-8")
    encoding, body = _encode_text(octets)
    return Part((("Content-Type", content_type), ("Content-Transfer-Encoding", encoding)), (body,))


def _encode_text(octets: bytes) -> tuple[str, bytes]:
    """Return the encoding that is the easiest to read among those that keep every octet: 7bit, else the shorter."""
    lines = octets.split(b"\r\n")
    if octets.isascii() and not _TEXT_CONTROLS.search(octets) and max(map(len, lines)) <= _LINE_OCTETS:
        return "7bit", octets
    quoted = binascii.b2a_qp(octets)
    encoded = b"".join(_base64_lines(octets))
    return ("quoted-printable", quoted) if len(quoted) <= len(encoded) else ("base64", encoded)


def _base64_lines(octets: bytes) -> Iterator[bytes]:
    view = memoryview(octets)
    for start in range(0, len(view), _BASE64_BLOCK):
        yield base64.encodebytes(view[start : start + _BASE64_BLOCK]).replace(b"\n", b"\r\n")


def make_attachment(filename: str, content: bytes) -> Part:
    """Return a file, which arrives octet by octet as it is; its type is guessed by its name.

    A text file is one if it is in UTF-8, and a message one if it can travel as it stands (RFC 2046, 5.2.1: nothing may
    encode it); other files of such names are octets.
    """
    disposition = ("Content-Disposition", write_parameters("attachment", filename=filename))
    content_type = _type_of(filename, content)
    if content_type == "message/rfc822":
        message = content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        return Part((("Content-Type", content_type), disposition), (message,))
    if content_type.startswith("text/"):
        content_type = write_parameters(content_type, charset="utf-8")
    fields = (("Content-Type", content_type), ("Content-Transfer-Encoding", "base64"), disposition)
    return Part(fields, tuple(_base64_lines(content)))


def make_inline(filename: str, content: bytes, content_id: str) -> Part:
    """Return a file that another part shows, naming it by its Content-ID (RFC 2392)."""
    fields = (
        ("Content-Type", _type_of(filename, content)),
        ("Content-Transfer-Encoding", "base64"),
        ("Content-ID", f"<{content_id}>"),
        ("Content-Disposition", write_parameters("inline", filename=filename)),
    )
    return Part(fields, tuple(_base64_lines(content)))


def _type_of(filename: str, content: bytes) -> str:
    guessed, compression = mimetypes.guess_type(filename)
    if compression:
        guessed = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}.get(
            compression
        )
    if guessed is None or not _MIME_TYPE.fullmatch(guessed):
        return _OCTETS
    family = guessed.partition("/")[0].lower()
    if family == "text":
        return guessed if _is_utf8(content) else _OCTETS
    if family in ("message", "multipart"):
        return "message/rfc822" if guessed == "message/rfc822" and _travels_as_it_stands(content) else _OCTETS
    return guessed


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _travels_as_it_stands(content: bytes) -> bool:
    lines = content.replace(b"\r\n", b"\n").split(b"\n")
    return (
        _MESSAGE_BEGINNING.match(content) is not None
        and content.isascii()
        and not re.search(rb"[\x00\r]", b"\n".join(lines))
        and max(map(len, lines)) <= _LINE_OCTETS_MAX
    )


def make_multipart(subtype: str, parts: Sequence[Part], **parameters: str) -> Part:
    """Return parts as one: `alternative`, the richest last, `related`, the one that shows the others first, `mixed`."""
    boundary = f"=_{secrets.token_hex(16)}"
    body: list[bytes] = []
    for part in parts:
        body += [f"--{boundary}\r\n".encode(), *part.pieces(), b"\r\n"]
    body.append(f"--{boundary}--\r\n".encode())
    return Part(
        (("Content-Type", write_parameters(f"multipart/{subtype}", **parameters, boundary=boundary)),), tuple(body)
    )
