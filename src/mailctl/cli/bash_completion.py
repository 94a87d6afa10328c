"""Completion, in bash, of words with colons such as `tenant:CODE`.

Bash takes a colon for the end of a word (COMP_WORDBREAKS, Bash Reference Manual, 5.2): of `tenant:ac` it hands over
`tenant`, `:` and `ac`, and puts what is offered in the place of `ac` alone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from io import StringIO


def complete_in_bash(complete: Callable[[], object]) -> None:
    """Run a completion, which reads COMP_WORDS and COMP_CWORD, and offer what is to stand behind the last colon."""
    words = os.environ.get("COMP_WORDS", "").split("\n")
    at = int(os.environ.get("COMP_CWORD", "0"))
    if ":" not in words:
        complete()
        return
    joined = _join_at_colons(words[: at + 1])
    os.environ["COMP_WORDS"], os.environ["COMP_CWORD"] = "\n".join(joined), str(len(joined) - 1)
    offered = StringIO()
    try:
        with redirect_stdout(offered):
            complete()
    finally:
        behind, colon, _ = joined[-1].rpartition(":")
        for line in offered.getvalue().splitlines():
            sys.stdout.write(f"{line.removeprefix(behind + colon)}\n")


def _join_at_colons(words: Sequence[str]) -> list[str]:
    """Put words together again that bash has taken apart at colons."""
    joined: list[str] = []
    is_open = False
    for word in words:
        is_colon = bool(word) and not word.strip(":")
        if joined and (is_colon or is_open):
            joined[-1] += word
        else:
            joined.append(word)
        is_open = is_colon
    return joined
