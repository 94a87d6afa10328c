"""What the last tests of each target found, for requests for support: one small file for each settings file.

It is kept in the platform's folder for the state of programs, holds no evidence but verdicts, causes and the servers'
words, and is bounded: the oldest results give way, and those of targets that are gone. A test that was interrupted
found nothing, and takes no result's place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from mailctl.durable import lock_file, replace_file, resolve_target
from mailctl.exits import Exit
from mailctl.model.report import Report, Status, TargetReport
from mailctl.model.values import shortened
from mailctl.store.location import state_folder

_RESULTS_MAX = 200
_TEXT_MAX = 500
_LOCK_SECONDS = 2.0


class StepResult(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a step; `cause` and `reply` only where it did not pass."""

    name: str
    protocol: str | None
    status: str
    cause: str | None = None
    reply: str | None = None


class TestResult(Struct, frozen=True, kw_only=True):
    """What the last test of one kind found at one target. `at`: when the run began, ISO 8601, UTC."""

    test: str
    target: str
    at: str
    ok: bool
    exit_code: int
    steps: list[StepResult]


def read_results(settings: Path) -> list[TestResult]:
    """Return the last results of the targets of a settings file, the newest last; none where they cannot be read."""
    try:
        return msgspec.json.decode(_place(settings).read_bytes(), type=list[TestResult])
    except (OSError, msgspec.MsgspecError):
        return []


def remember_results(report: Report, settings: Path, is_target: Callable[[str], bool]) -> None:
    """Keep what a run found, in the place of what was found before by the same test of the same target.

    `is_target`: tells which targets there still are. Raises OSError and SettingsError where that is not possible: a
    test loses nothing by it.
    """
    place = _place(settings)
    new = [_result(report, target) for target in report.targets if target.exit_code != Exit.INTERRUPTED]
    replaced = {(result.test, result.target) for result in new}
    with lock_file(place, timeout_seconds=_LOCK_SECONDS):
        kept = [
            result
            for result in read_results(settings)
            if (result.test, result.target) not in replaced and is_target(result.target)
        ]
        replace_file(place, msgspec.json.encode((kept + new)[-_RESULTS_MAX:]))


def _place(settings: Path) -> Path:
    digest = hashlib.sha256(str(resolve_target(settings.absolute())).encode("utf-8", "surrogateescape")).hexdigest()
    return state_folder() / f"last-tests-{digest[:16]}.json"


def _result(report: Report, target: TargetReport) -> TestResult:
    steps = [
        StepResult(
            name=step.name,
            protocol=step.protocol,
            status=step.status,
            cause=None if step.status is Status.PASS else _shortened(step.cause),
            reply=None if step.status is Status.PASS else _shortened(step.reply),
        )
        for step in target.steps
    ]
    return TestResult(
        test=report.test,
        target=target.target,
        at=report.started_at,
        ok=target.ok,
        exit_code=target.exit_code,
        steps=steps,
    )


def _shortened(text: str | None) -> str | None:
    return None if text is None else shortened(text, _TEXT_MAX)
