"""What a run of tests says as a whole: the reports of its targets gathered, and the exit code that they come to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from mailctl.exits import Exit
from mailctl.model.report import Report, Stage, Status, TargetReport


def gather(test: str, reports: Iterable[TargetReport], *, began: dt.datetime, interrupted: bool = False) -> Report:
    """Return the reports of a run's targets as one. `began`: when the run did, an aware time."""
    targets = list(reports)
    interrupted = interrupted or any(target.exit_code == Exit.INTERRUPTED for target in targets)
    return Report(
        ok=all(target.ok for target in targets) and not interrupted,
        targets=targets,
        test=test,
        started_at=began.astimezone(dt.UTC).isoformat(timespec="seconds"),
        duration_ms=round((dt.datetime.now(dt.UTC) - began).total_seconds() * 1000),
        interrupted=interrupted,
    )


def exit_of(report: Report, *, fail_on_warnings: bool = False) -> int:
    """Return the exit code of a report.

    That is 130 if it was interrupted, else that of the earliest failing stage; 16 for warnings if they fail it.
    """
    if report.interrupted:
        return int(Exit.INTERRUPTED)
    failed = [target for target in report.targets if not target.ok]
    if failed:
        return min(failed, key=_failing_stage).exit_code
    warned = any(step.status is Status.WARN for target in report.targets for step in target.steps)
    return int(Exit.WARNINGS) if warned and fail_on_warnings else int(Exit.OK)


def _failing_stage(report: TargetReport) -> int:
    stages = list(Stage)
    return min(stages.index(step.name) for step in report.steps if step.status in (Status.FAIL, Status.ERROR))
