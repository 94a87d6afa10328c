"""Deadlines, after which waiting ends however often the other side has said a little in between; and other limits."""

from __future__ import annotations

import time
from typing import Self

from msgspec import Struct

_LONGEST_WAIT_SECONDS = 86_400.0  # sockets refuse an infinite time-out that is written as a number


class Deadline:
    """A moment on the monotonic clock."""

    __slots__ = ("_at",)

    def __init__(self, seconds: float, *, within: Deadline | None = None) -> None:
        """`seconds` from now, or the deadline `within` if that comes first."""
        self._at = time.monotonic() + seconds
        if within is not None:
            self._at = min(self._at, within._at)

    @classmethod
    def never(cls) -> Self:
        return cls(float("inf"))

    def left_seconds(self) -> float:
        """Return the time that is left, more than 0; raise TimeoutError if none is."""
        left = self._at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return min(left, _LONGEST_WAIT_SECONDS)

    @property
    def has_passed(self) -> bool:
        return time.monotonic() >= self._at


class Limits(Struct, frozen=True, kw_only=True):
    """How much a server may say.

    `line_bytes`, `reply_bytes`, `reply_lines`: a line, and all lines of the reply to a command.
    `bulk_bytes`: a message or a literal. `bulk_bytes_per_second`: the rate below which bulk data counts as stalled.
    """

    line_bytes: int = 64 * 1024
    reply_bytes: int = 4 * 1024 * 1024
    reply_lines: int = 100_000
    bulk_bytes: int = 64 * 1024 * 1024
    bulk_bytes_per_second: int = 1024
