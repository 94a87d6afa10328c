"""Runs over an account's new mail, as `filter run` and `vacation run` tell of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import typer

from mailctl.cli.params import OutputFormat
from mailctl.cli.session import Session
from mailctl.errors import MailctlError
from mailctl.exits import Exit


class Undone(Protocol):
    """A message of which something was not done. `is_uncertain`: or was; `is_temporary`: the next run tries again."""

    @property
    def is_uncertain(self) -> bool: ...

    @property
    def is_temporary(self) -> bool: ...


@contextmanager
def telling_partly_done(
    session: Session, messages: Sequence[object], tell: Callable[[], None], output: OutputFormat
) -> Iterator[None]:
    """Tell of the messages of a run that ends early, with an error or Ctrl-C: what was done to them stays done.

    With `-o json` they are in the error's details.
    """
    try:
        yield
    except (MailctlError, KeyboardInterrupt) as error:
        if isinstance(error, MailctlError) and messages:
            from msgspec import to_builtins

            error.details["messages"] = to_builtins(messages)
        if output is not OutputFormat.JSON and messages:
            session.terminal.say("this was done before the run ended early:")
            tell()
        raise


def exit_for_undone(undone: Sequence[Undone]) -> None:
    """Exit with the code of what was left undone; return where nothing was."""
    if any(one.is_uncertain for one in undone):
        raise typer.Exit(Exit.FATE_UNKNOWN)
    if undone:
        raise typer.Exit(Exit.TEMPORARY if all(one.is_temporary for one in undone) else Exit.REFUSED)
