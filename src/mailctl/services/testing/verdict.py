"""What a run of tests says as a whole: the reports of its targets gathered, and the exit code that they come to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

from mailctl.exits import Exit
from mailctl.model.report import Report, Stage, Status, TargetReport


def gather(
    test: str,
    reports: Iterable[TargetReport],
    *,
    began: dt.datetime,
    interrupted: bool = False,
    unfinished: Sequence[str] = (),
) -> Report:
    """Return the reports of a run's targets as one.

    `began`: when the run did, an aware time. `unfinished`: the targets that an interruption left without a report.
    """
    targets = list(reports)
    interrupted = interrupted or bool(unfinished) or any(target.exit_code == Exit.INTERRUPTED for target in targets)
    return Report(
        ok=all(target.ok for target in targets) and not interrupted,
        targets=targets,
        test=test,
        started_at=began.astimezone(dt.UTC).isoformat(timespec="seconds"),
        duration_ms=round((dt.datetime.now(dt.UTC) - began).total_seconds() * 1000),
        interrupted=interrupted,
        unfinished=list(unfinished),
    )


def join_sides(sides: Sequence[TargetReport]) -> TargetReport:
    """Return the reports of one target's sides, of which there is at least one, as one."""
    failed = [side for side in sides if not side.ok]
    return TargetReport(
        target=sides[0].target,
        ok=not failed,
        exit_code=min(failed, key=_failing_stage).exit_code if failed else int(Exit.OK),
        duration_ms=sum(side.duration_ms for side in sides),
        steps=[step for side in sides for step in side.steps],
        warnings=list(dict.fromkeys(warning for side in sides for warning in side.warnings)),
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
