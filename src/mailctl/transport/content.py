"""A message on its way to a server: line ends as CRLF, never held twice.

For DATA leading dots are doubled (RFC 5321, 4.5.2); BDAT counts octets, and takes them as they are (RFC 3030, 2).
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import BinaryIO

_CHUNK_BYTES = 64 * 1024
_HEADER_BYTES_MAX = 256 * 1024
_LINE_END = re.compile(rb"\r\n|\r|\n")
_END_OF_HEADER = re.compile(rb"(?:\A|\n)\r?\n|(?:\A|\r)\r(?!\n)")
_MESSAGE_ID = re.compile(rb"^message-id:[ \t]*(?:\r?\n[ \t]+)?(<[^<>\s]+>)", re.IGNORECASE | re.MULTILINE)


class Content:
    """A message. It is read once to find out its properties, and again to be sent.

    `size`: bytes with CRLF line ends, as SIZE counts them. `message_id`: with its angle brackets, None if it has none.
    `has_ended`: whether its end has been given out, which is the final dot after DATA.
    """

    def __init__(self, message: bytes | BinaryIO) -> None:
        self._file = io.BytesIO(message) if isinstance(message, bytes) else message
        self._start = self._file.tell()
        self.size = 0
        self.is_eight_bit = False
        self.has_ended = False
        header = _header_of(self._file.read(_HEADER_BYTES_MAX))
        self.has_eight_bit_header = not header.isascii()
        found = _MESSAGE_ID.search(header)
        self.message_id = found[1].decode("ascii", "replace") if found else None
        for line in self._normalised():
            self.size += len(line)
            self.is_eight_bit = self.is_eight_bit or not line.isascii()

    def chunks(self) -> Iterator[bytes]:
        """Yield what goes over the wire after DATA, the final dot included."""
        at_line_start, waiting = True, b""
        for chunk in self._normalised():
            if waiting:
                yield waiting
            waiting = chunk.replace(b"\n.", b"\n..")
            if at_line_start and chunk.startswith(b"."):
                waiting = b"." + waiting
            at_line_start = chunk.endswith(b"\n")
        self.has_ended = True
        # The dot goes with the last chunk: a short message is one packet.
        yield waiting + (b".\r\n" if at_line_start else b"\r\n.\r\n")

    def octets(self) -> bytes:
        """Return what goes over the wire after BDAT, of a message small enough to be held; it ends with CRLF."""
        whole = b"".join(self._normalised())
        return whole if not whole or whole.endswith(b"\n") else whole + b"\r\n"

    def _normalised(self) -> Iterator[bytes]:
        """Yield the message in chunks with CRLF line ends; none ends between CR and LF."""
        self._file.seek(self._start)
        carried = b""
        while chunk := self._file.read(_CHUNK_BYTES):
            chunk = carried + chunk
            carried = b"\r" if chunk.endswith(b"\r") else b""
            whole = _LINE_END.sub(b"\r\n", chunk[: len(chunk) - len(carried)])
            if whole:
                yield whole
        if carried:
            yield b"\r\n"


def has_eight_bit_header(message: bytes | bytearray) -> bool:
    """Tell whether a message's header has characters beyond ASCII, as far as its first 256 KiB go."""
    return not _header_of(bytes(memoryview(message)[:_HEADER_BYTES_MAX])).isascii()


def _header_of(beginning: bytes) -> bytes:
    end = _END_OF_HEADER.search(beginning)
    return beginning[: end.start()] if end else beginning
