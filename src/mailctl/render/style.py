"""Emphasis on terminals: a few SGR sequences (ECMA-48), or nothing where the stream is no terminal."""

from __future__ import annotations


class Style:
    """Wraps text in SGR sequences if `enabled`. Rich does more, but costs 60 ms that each listing would feel."""

    def __init__(self, enabled: bool = False) -> None:
        self.enabled = enabled

    def _wrap(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.enabled and text else text

    def bold(self, text: str) -> str:
        return self._wrap(text, "1")

    def dim(self, text: str) -> str:
        return self._wrap(text, "2")

    def red(self, text: str) -> str:
        return self._wrap(text, "1;31")

    def green(self, text: str) -> str:
        return self._wrap(text, "32")

    def yellow(self, text: str) -> str:
        return self._wrap(text, "33")

    def cyan(self, text: str) -> str:
        return self._wrap(text, "36")


_JOINERS = "\u200c\u200d"


def visible(text: str, *, keep: str = "") -> str:
    """Escape what would move the cursor or paint the screen, but for the characters to keep.

    Joiners stay: they are spelling (Persian, the scripts of India), or make one emoji of several.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in _JOINERS or c in keep else repr(c)[1:-1] for c in text)
