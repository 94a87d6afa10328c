"""The transcript of a connection: what was said by whom and when, without the secrets."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum

from msgspec import Struct

from mailctl.protocol.replies import printable


class Speaker(StrEnum):
    CLIENT = "client"
    SERVER = "server"
    NOTE = "note"
    """Not said on the wire: a connection made, a TLS session begun, bulk data left out."""


class TraceLine(Struct, frozen=True):
    """One line of a transcript: `offset_seconds` since the transcript began, `text` redacted and escaped."""

    offset_seconds: float
    speaker: Speaker
    protocol: str
    text: str


class Trace:
    """Collects a transcript over one or more connections; `on_line` is told of each line at once."""

    def __init__(self, *, on_line: Callable[[TraceLine], None] | None = None) -> None:
        self.lines: list[TraceLine] = []
        self._on_line = on_line
        self._began = time.monotonic()

    def add(self, speaker: Speaker, protocol: str, said: bytes) -> None:
        """Add what was said, which must be redacted already; it is split into lines."""
        for line in said.removesuffix(b"\n").removesuffix(b"\r").split(b"\n"):
            self._add(speaker, protocol, printable(line.removesuffix(b"\r")))

    def note(self, protocol: str, text: str) -> None:
        """Add what is not said on the wire; it may tell of names that the other side has chosen."""
        self.add(Speaker.NOTE, protocol, text.encode("utf-8", "surrogateescape"))

    def _add(self, speaker: Speaker, protocol: str, text: str) -> None:
        line = TraceLine(time.monotonic() - self._began, speaker, protocol, text)
        self.lines.append(line)
        if self._on_line:
            self._on_line(line)
