"""What is said to a person, on its way to standard error."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from mailctl.render.wrap import wrap

_USUAL_WIDTH = 80
"""Columns of a screen that does not tell them."""


class Talk:
    """Writes what is said to a person to standard error, at once or, if it is held back, when the command ends.

    A program that asked for JSON reads an error as one object, all that is on standard error: what was said before is
    in that object then.
    """

    def __init__(self, *, is_held: bool = False) -> None:
        self._held: list[str] | None = [] if is_held else None

    def say(self, text: str) -> None:
        if self._held is None:
            write(sys.stderr, wrap(text, screen_width(sys.stderr)))
        else:
            self._held.append(text)

    def take(self) -> list[str]:
        """Return what is held back, which nobody is going to read otherwise."""
        held, self._held = self._held, None
        return held or []

    def release(self) -> None:
        """Write what is held back."""
        for text in self.take():
            self.say(text)


def screen_width(stream: TextIO) -> int | None:
    """Return the columns of the screen that a stream is, or None where it is none."""
    if not stream.isatty():
        return None
    if (told := os.environ.get("COLUMNS", "")).isdecimal() and int(told):
        return int(told)
    try:
        return os.get_terminal_size(stream.fileno()).columns or _USUAL_WIDTH
    except OSError:
        return _USUAL_WIDTH


def write(stream: TextIO, text: str) -> None:
    """Write text that ends a line; standard error shows it at once."""
    stream.write(text if text.endswith("\n") else text + "\n")
    if stream is sys.stderr:
        stream.flush()
