"""`mailctl test all`: everything tested at once, with a progress display on terminals."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from mailctl.cli.params import expand_options
from mailctl.cli.session import Session, get_session
from mailctl.cli.testing.options import TestOptions
from mailctl.cli.testing.run import TestCall
from mailctl.errors import NotFoundError
from mailctl.services.testing.check import JOBS

if TYPE_CHECKING:
    from rich.progress import Progress

    from mailctl.model.report import TargetReport
    from mailctl.services.testing.check_all import Watcher

_SLOW_SECONDS = 3.0
_OTHER_COLUMNS = len("testing ") + 20 + len(" 1000/1000 ") + len("^C") + 1


@expand_options
def all_(
    context: typer.Context,
    options: TestOptions,
    jobs: Annotated[
        int, typer.Option("--jobs", metavar="N", min=1, help="Targets tested at once; a host, one at a time.")
    ] = JOBS,
) -> None:
    """Test every server, the system mail account, tenants and accounts, with the logins that are stored.

    It sends nothing: sending is tested as far as the login, receiving as far as the mailbox. Where no login is stored,
    the login is skipped. The result has a line a target; with -v before the command, each step.

    Where several targets fail, the exit code is that of the one that failed at the earliest step, from settings to
    mailbox; `-o json` has the exit code of each.

    Examples:

      mailctl test all

      mailctl test all --report junit=mail.xml --report prometheus=/var/lib/node_exporter/mail.prom

      mailctl test all -o nagios --min-cert-days 14
    """
    from mailctl.services.testing.check_all import plan_all, run_all
    from mailctl.services.testing.targets import list_targets

    session = get_session(context)
    call = TestCall(session, "all", options)
    settings = session.settings_file.load()
    targets = list_targets(settings, session.settings_file.path.parent)
    if not targets:
        raise NotFoundError(
            "there is nothing to test: no server, no system mail account, no tenant, no account",
            hint="`mailctl server add` registers a server, `mailctl sysmail set` sets the system mail account",
        )
    plans = {target.name: plan_all(target, settings, call.check_options(target)) for target in targets}
    with session.terminal.holding_warnings(), _watching(session, len(plans)) as watcher:
        outcome = run_all(plans, watcher, jobs=jobs)
    call.conclude_all(outcome)


class _Silence:
    """Watches where there is no screen to show it on."""

    def began(self, target: str) -> None:
        pass

    def ended(self, report: TargetReport) -> None:
        pass

    def tick(self) -> None:
        pass


class _Bar:
    """Shows how many targets are tested, how many of them failed, and which are slow."""

    def __init__(self, progress: Progress, count: int) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=count, said="")
        self._began: dict[str, float] = {}
        self._failed = 0

    def began(self, target: str) -> None:
        self._began[target] = time.monotonic()

    def ended(self, report: TargetReport) -> None:
        del self._began[report.target]
        self._failed += not report.ok
        self._progress.advance(self._task)

    def tick(self) -> None:
        now = time.monotonic()
        slow = [f"{name} {now - began:.0f} s" for name, began in self._began.items() if now - began > _SLOW_SECONDS]
        failed = [f"[red]{self._failed} failed[/red]"] if self._failed else []
        waiting = [f"waiting for {', '.join(slow)}"] if slow else []
        self._progress.update(self._task, said="  ".join(failed + waiting))


@contextmanager
def _watching(session: Session, count: int) -> Iterator[Watcher]:
    """Show the progress on standard error where that is a screen, and clear it at the end."""
    if session.terminal.quiet or not sys.stderr.isatty():
        yield _Silence()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.table import Column

    console = Console(stderr=True, no_color=not session.terminal.err.enabled, highlight=False)
    columns = (
        "testing",
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        # Short of the edge, where the ^C that a terminal shows would begin a line that nobody clears.
        TextColumn(
            "{task.fields[said]}",
            table_column=Column(no_wrap=True, overflow="ellipsis", max_width=max(console.width - _OTHER_COLUMNS, 1)),
        ),
    )
    with Progress(*columns, console=console, transient=True, redirect_stdout=False, refresh_per_second=4) as progress:
        yield _Bar(progress, count)
