"""A test's report for GitHub Actions: an annotation for each target that fails or warns, and a page of the job summary.

Workflow commands, their escapes and limits: docs.github.com, "Workflow commands for GitHub Actions", and the toolkit's
`command.ts`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mailctl.model.report import Report, Step, TargetReport
from mailctl.render.report_text import count_targets, facts, found_in

SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"
"""The environment variable that names the file of the job summary, to which a step appends."""

_SUMMARY_CHARACTERS = 250_000
"""GitHub takes 1 MiB a step; no character has more than four bytes."""


def render_report(report: Report, *, fail_on_warnings: bool) -> str:
    """Return workflow commands, one a target: `error` where it fails, `warning` where it warns; then the verdict."""
    lines = []
    for target in report.targets:
        if target.failures:
            lines.append(_annotation("error", target, target.failures))
        elif not target.ok:
            lines.append(_command("error", target.target, "interrupted"))
        elif target.warned:
            kind = "error" if fail_on_warnings else "warning"
            lines.append(_annotation(kind, target, target.warned))
    if report.interrupted:
        lines.append(_command("error", "mailctl test", "the run was interrupted; what it had not reached is missing"))
    return "\n".join([*lines, count_targets(report)]) + "\n"


def render_summary(report: Report) -> str:
    """Return a page of the job summary, in Markdown: a line a target, and each failure with what to do."""
    page = f"### mailctl test {report.test}: {_escaped(count_targets(report))}\n\n"
    # The targets that failed first: they are the ones to see if the page has to be cut.
    targets = sorted(report.targets, key=lambda target: target.ok)
    parts = ["| | target | time | found |\n| --- | --- | ---: | --- |\n"]
    parts += [_row(target) for target in targets]
    parts += [
        "\n",
        *(_details(target, step) for target in targets for step in (*target.failures, *target.warned)),
    ]
    for part in parts:
        if len(page) + len(part) > _SUMMARY_CHARACTERS:
            return page + "\nThe rest is left out: GitHub takes no longer summary.\n"
        page += part
    return page + "\n"


def _annotation(kind: str, target: TargetReport, steps: Sequence[Step]) -> str:
    """Return one annotation of a target; the first of its steps is in the title."""
    said = [_message(step) if step is steps[0] else f"{_title(target, step)}: {_message(step)}" for step in steps]
    return _command(kind, _title(target, steps[0]), "\n\n".join(said))


def _command(kind: str, title: str, message: str) -> str:
    return f"::{kind} title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _title(target: TargetReport, step: Step) -> str:
    protocol = f" ({step.protocol.upper()})" if step.protocol else ""
    return f"{target.target}: {step.name}{protocol}"


def _message(step: Step) -> str:
    return "\n".join(facts(step)) or str(step.status)


def _row(target: TargetReport) -> str:
    name, found = _escaped(target.target), _escaped(found_in(target))
    return f"| {_mark(target)} | {name} | {target.duration_ms / 1000:.1f} s | {found} |\n"


def _mark(target: TargetReport) -> str:
    if not target.ok:
        return "❌"
    return "⚠️" if target.warned else "✅"


def _details(target: TargetReport, step: Step) -> str:
    said = _message(step)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", said)), default=0))
    return f"\n**{_escaped(_title(target, step))}**\n\n{fence}text\n{said}\n{fence}\n"


def _escaped(text: str) -> str:
    """Return text that Markdown and HTML leave as it is, also in a table's cell."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace("\n", " ")
    return re.sub(r"([\\`*_\[\]|#~])", r"\\\1", text)
