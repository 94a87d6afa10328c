"""The message on standard input: the header in memory, the rest spooled. RFC 5322, 2."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO

from mailctl.errors import InvalidValueError, Problem
from mailctl.sendmail.header import Field, find_field_name

_MEMORY_BYTES_MAX = 1024 * 1024
"""A longer message is spooled to an anonymous temporary file."""
_HEADER_BYTES_MAX = 4 * 1024 * 1024
"""Room for a Bcc of many thousands."""
_PIECE_BYTES = 64 * 1024


class Input:
    """A message that comes in. `fields` have been read; the rest is read by `spooled`, once."""

    def __init__(self, source: BinaryIO, *, dot_ends_message: bool) -> None:
        """Read the header. Line ends may be LF, CRLF or CR, as the sender and the system have it.

        A line `From …` in front of it, as mailboxes (mbox) have it, is passed over. Text without a header is a body.
        Raises InvalidValueError if the header does not end.
        """
        # Python's own translation of line ends, on bytes: Latin-1 maps each of them to a character and back.
        self._text = io.TextIOWrapper(source, encoding="latin-1", newline=None)
        self._dot_ends_message = dot_ends_message
        self._lines = self._pieces()
        self._first_of_body = ""
        self.fields = self._read_fields()

    def spooled(self, header: str) -> BinaryIO:
        """Return the whole message with this header, at its beginning; line ends are LF. The caller closes it."""
        spool: BinaryIO = io.BytesIO()
        try:
            spool.write(f"{header}\n{self._first_of_body}".encode("latin-1"))
            for piece in self._lines:
                if isinstance(spool, io.BytesIO) and spool.tell() > _MEMORY_BYTES_MAX:
                    spool = _moved_to_file(spool)
                spool.write(piece.encode("latin-1"))
            spool.seek(0)
        except BaseException:
            spool.close()
            raise
        return spool

    def _pieces(self) -> Iterator[str]:
        """Yield the lines up to the end of the message, very long ones in pieces."""
        at_line_start = True
        while piece := self._text.readline(_PIECE_BYTES):
            if at_line_start and self._dot_ends_message and piece in (".\n", "."):
                return
            yield piece
            at_line_start = piece.endswith("\n")

    def _read_fields(self) -> list[Field]:
        fields: list[tuple[str, list[str]]] = []
        size = 0
        for number, line in enumerate(self._lines):
            size += len(line)
            if size > _HEADER_BYTES_MAX:
                raise InvalidValueError([Problem("header", f"does not end within {_HEADER_BYTES_MAX} bytes")])
            name = find_field_name(line)
            if line == "\n":
                break
            if line[0] in " \t" and fields:
                fields[-1][1].append(line)
            elif name:
                fields.append((name, [line if line.endswith("\n") else f"{line}\n"]))
            elif number > 0 or not line.startswith("From "):
                self._first_of_body = line
                break
        return [Field(name, "".join(lines)) for name, lines in fields]


def _moved_to_file(spool: io.BytesIO) -> BinaryIO:
    from tempfile import TemporaryFile  # most messages are short, and this import takes longer than their way

    file = TemporaryFile()  # noqa: SIM115 - it is the caller's to close
    file.write(spool.getbuffer())
    spool.close()
    return file
