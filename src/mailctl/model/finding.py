"""What a look at this machine found: a fact each, with its verdict and what mends it."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Verdict(StrEnum):
    OK = "ok"
    NOTE = "note"
    """Worth knowing, and nothing wrong."""
    WARNING = "warning"
    """It works, and may cease to, or is less safe than it could be."""
    PROBLEM = "problem"
    """It is to be mended."""


class Finding(Struct, frozen=True, kw_only=True):
    """A fact. `check`: what was looked at, a stable word. `said`: one sentence's part, with its cause.

    `remedy`: what to do; `next`: the command that does or shows it.
    """

    check: str
    verdict: Verdict
    said: str
    remedy: str | None = None
    next: str | None = None


def ok(check: str, said: str) -> Finding:
    return Finding(check=check, verdict=Verdict.OK, said=said)


def note(check: str, said: str, remedy: str | None = None, next: str | None = None) -> Finding:  # noqa: A002 - its name
    return Finding(check=check, verdict=Verdict.NOTE, said=said, remedy=remedy, next=next)


def warning(check: str, said: str, remedy: str | None, next: str | None = None) -> Finding:  # noqa: A002 - its name
    return Finding(check=check, verdict=Verdict.WARNING, said=said, remedy=remedy, next=next)


def problem(check: str, said: str, remedy: str | None, next: str | None = None) -> Finding:  # noqa: A002 - its name
    return Finding(check=check, verdict=Verdict.PROBLEM, said=said, remedy=remedy, next=next)
