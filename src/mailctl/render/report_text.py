"""A whole report as text: each target with all its steps, or a line a target; and the words that formats share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.cells import cell_len

from mailctl.model.report import Report, Stage, Status, Step, TargetReport
from mailctl.render.report import render_failures, render_step
from mailctl.render.style import Style, visible
from mailctl.render.wrap import hang

_GAP = "  "
_WIDEST_NAME = 32


def render_report(report: Report, *, fail_on_warnings: bool) -> str:
    """Return the report as plain text, each target with all its steps."""
    del fail_on_warnings
    plain = Style()
    lines = []
    for target in report.targets:
        lines += [*render_steps(target, plain), *render_failures(target, plain, None), ""]
    return "\n".join([*lines, count_targets(report)]) + "\n"


def render_steps(target: TargetReport, style: Style) -> Iterator[str]:
    """Yield the lines of one target: each step, under its protocol where there are several."""
    yield style.bold(visible(target.target))
    protocol = None
    for step in target.steps:
        if len(target.protocols) > 1 and step.protocol and step.protocol != protocol:
            protocol = step.protocol
            yield f"{_GAP}{style.dim(protocol.upper())}"
        yield render_step(step, style)


def render_overview(report: Report, style: Style, width: int | None) -> Iterator[str]:
    """Yield a line a target, then each failure and warning opened under its target, then the verdict."""
    names = {target.target: visible(target.target) for target in report.targets}
    name_width = min(max((cell_len(name) for name in names.values()), default=0), _WIDEST_NAME)
    for target in report.targets:
        name = names[target.target]
        name += " " * max(name_width - cell_len(name), 0)
        seconds = style.dim(f"{target.duration_ms / 1000:6.1f} s")
        start = f"{_GAP}{_word(target, style)} {name} {seconds}{_GAP}"
        yield hang(start, visible(found_in(target)), len(_GAP) * 2 + 16 + name_width, width)
    for target in report.targets:
        opened = list(render_failures(target, style, width))
        if opened:
            yield ""
            yield style.bold(names[target.target])
            yield from opened[1:] if not opened[0] else opened
    yield ""
    paint = style.green if report.ok else style.red
    verdict, _, rest = count_targets(report).partition(":")
    yield f"{paint(verdict)}:{rest}"


def count_targets(report: Report) -> str:
    """Return the verdict on all targets as one line."""
    failed = sum(not target.ok for target in report.targets)
    warned = sum(target.ok and bool(target.warned) for target in report.targets)
    count = len(report.targets)
    among = f"{failed} of {count} targets" if failed else f"{count} target{'s' * (count != 1)}"
    verdict = "failed" if failed else "passed"
    if report.interrupted:
        verdict, among = "interrupted", f"after {count} target{'s' * (count != 1)}, {failed} failed"
    warnings = f", {warned} with warnings" if warned else ""
    return f"{verdict}: {among} in {report.duration_ms / 1000:.1f} s{warnings}"


def found_in(target: TargetReport) -> str:
    """Return in one line what was found: the failure, else how far each protocol went and what is to be known."""
    if target.failure is not None:
        step = target.failure
        protocol = f"{step.protocol} " if step.protocol else ""
        return f"{protocol}{step.name}: {step.evidence.get('problem') or step.cause or step.status}"
    if not target.ok:
        return "interrupted"
    reached = [f"{protocol} {_furthest(target, protocol)}" for protocol in target.protocols]
    skipped = dict.fromkeys(step.cause for step in target.steps if step.status is Status.SKIPPED and step.cause)
    warned = dict.fromkeys(step.cause for step in target.warned if step.cause)
    return "; ".join([", ".join(reached), *skipped, *warned])


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
