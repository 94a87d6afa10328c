"""How far a long run has come, shown on standard error where that is a screen, and cleared at the end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mailctl.cli.session import Session


@contextmanager
def show_progress(session: Session, doing: str) -> Iterator[Callable[[int, int], object]]:
    """Yield what is to be told how much of how much is done."""
    if session.terminal.quiet or not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True, no_color=not session.terminal.err.enabled)
    columns = (doing, BarColumn(bar_width=20), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as progress:
        task = progress.add_task("", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
