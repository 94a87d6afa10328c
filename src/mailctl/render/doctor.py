"""Findings about this machine, for people: a line each, and below what is amiss, what to do about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from mailctl.model.finding import Finding, Verdict
from mailctl.render.style import Style, visible
from mailctl.render.wrap import wrap

_WORDS = {Verdict.OK: "ok", Verdict.NOTE: "note", Verdict.WARNING: "warn", Verdict.PROBLEM: "MEND"}
_CHECK_WIDTH = 13
_INDENT = " " * (2 + 5 + _CHECK_WIDTH + 1)


def render_findings(findings: Sequence[Finding], style: Style, width: int | None) -> Iterator[str]:
    """Yield the findings as lines; all but commands fit into `width` columns, None for a stream that is no screen."""
    paint = {Verdict.OK: style.green, Verdict.WARNING: style.yellow, Verdict.PROBLEM: style.red}
    for finding in findings:
        word = paint.get(finding.verdict, style.dim)(_WORDS[finding.verdict].ljust(5))
        lines = _wrapped(finding.said, width)
        yield f"  {word}{finding.check.ljust(_CHECK_WIDTH)} {lines[0]}"
        yield from (_INDENT + line for line in lines[1:])
        # A command is to be copied, which a line break in it would spoil.
        for name, fact, columns in (("what to do", finding.remedy, width), ("next", finding.next, None)):
            if fact:
                first, *rest = _wrapped(f"{name}: {fact}", columns)
                yield _INDENT + style.dim(first[: len(name) + 1]) + first[len(name) + 1 :]
                yield from (_INDENT + line for line in rest)


def render_verdict(findings: Sequence[Finding], style: Style) -> str:
    """Return the last line: how much is to be mended."""
    counts = Counter(finding.verdict for finding in findings)
    problems, warnings = counts[Verdict.PROBLEM], counts[Verdict.WARNING]
    doubts = f", {warnings} warning{'s' * (warnings != 1)}" if warnings else ""
    if problems:
        return f"{style.red(f'{problems} to mend')}{doubts}"
    return f"{style.green('nothing to mend')}{doubts}"


def _wrapped(text: str, width: int | None) -> list[str]:
    room = max(width - len(_INDENT), 20) if width else None
    return wrap(visible(text, keep="\n"), room).split("\n")
