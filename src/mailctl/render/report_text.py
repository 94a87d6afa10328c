"""A whole report as text: each target with all its steps, or a line a target; and the words that formats share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.cells import cell_len

from mailctl.exits import Exit
from mailctl.model.report import Report, Stage, Status, Step, TargetReport
from mailctl.render.report import StepLines, render_failures
from mailctl.render.style import Style, visible
from mailctl.render.wrap import hang, wrap

_GAP = "  "
_WIDEST_NAME = 32
_MOST_UNFINISHED = 3
_FOUND_AFTER_NAME = len("  pass ") + len(" 1234.5 s  ")


def render_report(report: Report, *, fail_on_warnings: bool) -> str:
    """Return the report as plain text, each target with all its steps."""
    del fail_on_warnings
    plain = Style()
    lines = []
    for target in report.targets:
        lines += [*render_steps(target, plain, None), *render_failures(target, plain, None), ""]
    return "\n".join([*lines, count_targets(report)]) + "\n"


def render_steps(target: TargetReport, style: Style, width: int | None) -> Iterator[str]:
    """Yield the lines of one target: each step, under its protocol where there are several."""
    yield style.bold(visible(target.target))
    yield from _step_lines(target, target.steps, style, width)


def _step_lines(target: TargetReport, steps: Iterable[Step], style: Style, width: int | None) -> Iterator[str]:
    lines = StepLines(style, width, names_first=len(target.protocols) > 1)
    for step in steps:
        yield from lines.add(step)
    yield from lines.rest()


def render_overview(
    report: Report, style: Style, width: int | None, *, fail_on_warnings: bool = False, all_steps: bool = False
) -> Iterator[str]:
    """Yield a line a target, then each failure and warning opened under its target, then the verdict.

    `all_steps`: every target with all its steps comes first, and what is opened stands there.
    """
    if all_steps:
        for target in report.targets:
            yield from (*render_steps(target, style, width), *render_failures(target, style, width), "")
    names = {target.target: visible(target.target) for target in report.targets}
    name_width = min(max((cell_len(name) for name in names.values()), default=0), _WIDEST_NAME)
    for target in report.targets:
        name = names[target.target]
        spare, indent = name_width - cell_len(name), name_width + _FOUND_AFTER_NAME
        seconds = style.dim(f"{target.duration_ms / 1000:6.1f} s")
        start = f"{_GAP}{_word(target, style)} {name}{' ' * spare} {seconds}{_GAP}"
        if spare < 0 and width is not None:
            yield start.rstrip()
            start = " " * indent
        yield hang(start, visible(found_in(target)), indent, width)
    for target in report.targets:
        opened = [step for step in target.steps if step in (*target.failures, *target.warned)]
        if opened and not all_steps:
            yield ""
            yield style.bold(names[target.target])
            yield from _step_lines(target, opened, style, width)
            yield from render_failures(target, style, width)
    yield ""
    paint = style.green if report.ok else style.red
    verdict, _, rest = count_targets(report).partition(":")
    if fail_on_warnings and report.ok and any(target.warned for target in report.targets):
        rest += f", which --fail-on warn turns into exit code {int(Exit.WARNINGS)}"
    yield wrap(f"{paint(verdict)}:{rest}", width)


def count_targets(report: Report) -> str:
    """Return the verdict on all targets as one line."""
    count, failed = len(report.targets), sum(not target.ok for target in report.targets)
    targets, seconds = f"{count} target{'s' * (count != 1)}", f"{report.duration_ms / 1000:.1f} s"
    if report.interrupted:
        return f"interrupted: after {targets} in {seconds}, {failed} failed{_unfinished(report)}"
    warned = sum(target.ok and bool(target.warned) for target in report.targets)
    warnings = f", {warned} with warnings" if warned else ""
    verdict = f"failed: {failed} of {count} targets" if failed else f"passed: {targets}"
    return f"{verdict} in {seconds}{warnings}"


def _unfinished(report: Report) -> str:
    if not report.unfinished:
        return ""
    more = len(report.unfinished) - _MOST_UNFINISHED
    named = ", ".join(map(visible, report.unfinished[:_MOST_UNFINISHED]))
    return f"; not finished: {named}{f' and {more} more' if more > 0 else ''}"


def found_in(target: TargetReport) -> str:
    """Return in one line what was found: the failure, else how far each protocol went and what is to be known."""
    if target.failures:
        return "; ".join(map(_found_wrong, target.failures))
    if not target.ok:
        return "interrupted"
    reached = [f"{protocol} {_furthest(target, protocol)}" for protocol in target.protocols]
    skipped = dict.fromkeys(step.cause for step in target.steps if step.status is Status.SKIPPED and step.cause)
    warned = dict.fromkeys(step.cause for step in target.warned if step.cause)
    return "; ".join([", ".join(reached), *skipped, *warned])


def _found_wrong(step: Step) -> str:
    protocol = f"{step.protocol} " if step.protocol else ""
    return f"{protocol}{step.name}: {step.evidence.get('problem') or step.cause or step.status}"


def facts(step: Step) -> Iterable[str]:
    """Yield what is to be known of a step that did not pass: its cause, the server's words, the remedy, what to run."""
    if step.cause:
        yield step.cause
    if step.reply:
        yield f"server said: {step.reply}"
    if step.remedy:
        yield f"what to do: {step.remedy}"
    if step.next:
        yield f"next: {step.next}"


def _furthest(target: TargetReport, protocol: str) -> str:
    passed = [step.name for step in target.steps if step.protocol == protocol and step.status in _PASSED]
    return str(max(passed, key=list(Stage).index)) if passed else "nothing"


_PASSED = (Status.PASS, Status.WARN)


def _word(target: TargetReport, style: Style) -> str:
    if not target.ok:
        return style.red("FAIL")
    return style.yellow("warn") if target.warned else style.green("pass")
