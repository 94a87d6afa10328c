"""A test's report in Prometheus' text format (0.0.4), for the textfile collector of node_exporter.

Each sample names the target and the test, so that files of several runs can stand side by side.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from mailctl.model.report import Report, Stage, Status, Step, TargetReport


class _Metric(NamedTuple):
    name: str
    help: str


_TARGET_SUCCESS = _Metric("mailctl_target_success", "Whether the whole test of the target passed (1) or not (0).")
_TARGET_DURATION = _Metric("mailctl_target_duration_seconds", "How long the test of the target took.")
_TARGET_EXIT = _Metric("mailctl_target_exit_code", "The exit code of the target's test; 0 where it passed.")
_STEP_SUCCESS = _Metric(
    "mailctl_step_success", "Whether the step passed (1) or not (0); a step that was not run is absent."
)
_STEP_WARNING = _Metric("mailctl_step_warning", "Whether the step passed with a warning (1) or without (0).")
_STEP_DURATION = _Metric("mailctl_step_duration_seconds", "How long the step took.")
_CERTIFICATE = _Metric(
    "mailctl_certificate_expiry_timestamp_seconds", "When the server's certificate ends (Unix time)."
)
_GRANT = _Metric("mailctl_grant_expiry_timestamp_seconds", "The next end of the OAuth grant that matters (Unix time).")
_LAST_RUN = _Metric("mailctl_last_run_timestamp_seconds", "When the run that tested the target began (Unix time).")

_Labels = tuple[tuple[str, str], ...]


def render_report(report: Report, *, fail_on_warnings: bool) -> str:
    """Return the samples, metric by metric; warnings have a metric of their own, whatever else fails on them."""
    del fail_on_warnings
    samples: defaultdict[_Metric, dict[_Labels, float]] = defaultdict(dict)
    began = dt.datetime.fromisoformat(report.started_at).timestamp()
    for target in report.targets:
        labels = (("target", target.target), ("test", report.test))
        samples[_TARGET_SUCCESS][labels] = float(target.ok)
        samples[_TARGET_DURATION][labels] = target.duration_ms / 1000
        samples[_TARGET_EXIT][labels] = target.exit_code
        samples[_LAST_RUN][labels] = began
        _add_steps(samples, target, labels)
    return "".join(line for metric, values in samples.items() for line in _lines(metric, values))


def _add_steps(samples: Mapping[_Metric, dict[_Labels, float]], target: TargetReport, of_target: _Labels) -> None:
    for step in target.steps:
        if step.status in (Status.SKIPPED, Status.NOT_APPLICABLE):
            continue
        of_side = (*of_target, ("protocol", step.protocol or ""))
        labels = (*of_side, ("step", str(step.name)))
        # A step that is there twice is one series: its gravest verdict, its time in all.
        success, warning, duration = samples[_STEP_SUCCESS], samples[_STEP_WARNING], samples[_STEP_DURATION]
        success[labels] = min(success.get(labels, 1), float(step.status in (Status.PASS, Status.WARN)))
        warning[labels] = max(warning.get(labels, 0), float(step.status is Status.WARN))
        duration[labels] = duration.get(labels, 0) + step.duration_ms / 1000
        for metric, ends in _expiries(step):
            at = dt.datetime.fromisoformat(ends).timestamp()
            samples[metric][of_side] = min(samples[metric].get(of_side, at), at)


def _expiries(step: Step) -> Iterator[tuple[_Metric, str]]:
    """Yield what comes to an end, and when (ISO 8601), as far as the step's evidence tells."""
    if step.name is Stage.CERTIFICATE and (ends := step.evidence.get("not_after")):
        yield _CERTIFICATE, ends
    if step.name is Stage.SECRET and (ends := step.evidence.get("grant_ends_at")):
        yield _GRANT, ends


def _lines(metric: _Metric, values: Mapping[_Labels, float]) -> Iterator[str]:
    yield f"# HELP {metric.name} {metric.help}\n"
    yield f"# TYPE {metric.name} gauge\n"
    for labels, value in values.items():
        spelled = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels)
        yield f"{metric.name}{{{spelled}}} {value:.15g}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
