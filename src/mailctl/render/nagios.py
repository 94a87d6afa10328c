"""A test's report as the answer of a monitoring plug-in: one line with performance data, and the plug-in's exit code.

Form and codes: Monitoring Plugins Development Guidelines, "Plugin Output for Nagios" and "Performance data".
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

from mailctl.model.report import Report, Stage, Status, Step
from mailctl.model.values import shortened
from mailctl.render.report_text import found_in
from mailctl.render.style import visible

_SERVICE = "MAIL"
_MOST_NAMED = 5
_LONGEST_REASON = 160
_LONGEST_LINE = 8000
"""Nagios reads 8 KiB of a plug-in's output; data of single targets that would go beyond is left out."""


class State(IntEnum):
    """What a plug-in answers, and its exit code."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


_GRAVEST_FIRST = (State.CRITICAL, State.UNKNOWN, State.WARNING, State.OK)
"""What could not be tested may hide a failure, so it is graver than a warning."""

_STATES = {Status.FAIL: State.CRITICAL, Status.ERROR: State.UNKNOWN, Status.WARN: State.WARNING}


def state_of(report: Report) -> State:
    """Return the state: critical where a server is wrong, unknown where something could not be tested."""
    states = {_STATES.get(step.status, State.OK) for target in report.targets for step in target.steps}
    if report.interrupted or not report.targets:
        states.add(State.UNKNOWN)
    return next(state for state in _GRAVEST_FIRST if state in states)


def render_report(report: Report, *, fail_on_warnings: bool) -> str:
    """Return the line. Warnings are a state of their own, whatever else fails on them."""
    del fail_on_warnings
    line = f"{_head(state_of(report), _text(report))} | {' '.join(_totals(report))}"
    details = "".join(f" {datum}" for datum in _details(report))
    return line + (details if len((line + details).encode()) <= _LONGEST_LINE else "") + "\n"


def render_error(message: str) -> str:
    """Return the line for a test that could not even begin: state unknown."""
    told = "; ".join(message.removeprefix("- ").split("\n- "))
    return _head(State.UNKNOWN, told.replace(":; ", ": ", 1)) + "\n"


def _head(state: State, text: str) -> str:
    # The pipe begins the performance data, and a line break ends the line; neither has an escape of its own.
    one_line = visible(" ".join(text.split())).replace("|", r"\x7c")
    return f"{_SERVICE} {state.name} - {one_line}"


def _text(report: Report) -> str:
    seconds = f"in {report.duration_ms / 1000:.1f} s"
    if report.interrupted:
        return f"interrupted {seconds}; {len(report.targets)} targets were tested"
    if len(report.targets) == 1:
        return f"{report.targets[0].target}: {found_in(report.targets[0])} ({seconds})"
    failed = [target for target in report.targets if not target.ok]
    warned = [target for target in report.targets if target.ok and target.warned]
    named = [
        f"{target.target} ({shortened(found_in(target), _LONGEST_REASON)})"
        for target in (failed or warned)[:_MOST_NAMED]
    ]
    more = len(failed or warned) - len(named)
    verdict = (
        f"{len(failed)} of {len(report.targets)} targets failed" if failed else f"{len(report.targets)} targets passed"
    )
    verdict += f", {len(warned)} with warnings" * bool(warned)
    return f"{verdict} {seconds}{': ' * bool(named)}{', '.join(named)}{f' and {more} more' * bool(more)}"


def _totals(report: Report) -> Iterator[str]:
    yield _datum("time", f"{report.duration_ms / 1000:.3f}s;;;0")
    if len(report.targets) > 1:
        failed = sum(not target.ok for target in report.targets)
        yield _datum("targets", f"{len(report.targets)};;;0")
        yield _datum("failed", f"{failed};;0;0;{len(report.targets)}")


def _details(report: Report) -> Iterator[str]:
    """Yield the data of single targets; of their steps, too, where there is only one target."""
    for target in report.targets:
        prefix = ""
        if len(report.targets) > 1:
            prefix = f"{target.target} "
            yield _datum(f"{prefix}time", f"{target.duration_ms / 1000:.3f}s;;;0")
        for step in target.steps:
            if step.name is Stage.CERTIFICATE and (days := step.evidence.get("days_left")) is not None:
                yield _datum(f"{prefix}{_label(step)} days", str(days))
        if not prefix:
            yield from (
                _datum(f"{_label(step)} time", f"{step.duration_ms / 1000:.3f}s;;;0") for step in _timed(target.steps)
            )


def _timed(steps: list[Step]) -> Iterator[Step]:
    return (step for step in steps if step.status not in (Status.SKIPPED, Status.NOT_APPLICABLE))


def _label(step: Step) -> str:
    return f"{step.protocol} {step.name}" if step.protocol else str(step.name)


def _datum(label: str, value: str) -> str:
    """Return one datum; a label has no equals sign, and its quotes are doubled."""
    plain = visible(label).replace("=", "_").replace("|", "_").replace("'", "''")
    return f"'{plain}'={value}"
