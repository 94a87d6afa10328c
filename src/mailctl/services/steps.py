"""From what a watch recorded to the steps of a report: verdicts, causes, remedies, and what was not run and why."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from mailctl.errors import MailctlError, MailError
from mailctl.exits import Exit, exit_for
from mailctl.model.report import Stage, Status, Step, TargetReport
from mailctl.protocol.remedies import find_remedy
from mailctl.protocol.replies import printable
from mailctl.transport.watch import StageRecord

OnStep = Callable[[Step], None]


class StepRecorder:
    """Gathers the steps of one target in their order, and tells each at once.

    `test_command`, `edit_command`: what runs this test, and what changes the settings that it is about.
    `planned`: the stages that a whole run goes through, in order. `inapplicable`, `skipped`: stages that are planned
    and known not to run, with the reason.
    """

    def __init__(
        self,
        target: str,
        *,
        test_command: str,
        edit_command: str,
        host: str,
        protocol: str,
        planned: Sequence[Stage],
        inapplicable: dict[Stage, str],
        skipped: dict[Stage, str],
        certificate_days_min: int,
        on_step: OnStep | None,
    ) -> None:
        self._target = target
        self._test_command = test_command
        self._edit_command = edit_command
        self._host = host
        self._protocol = protocol
        self._planned = list(planned)
        self._reasons = {
            **{stage: (Status.NOT_APPLICABLE, why) for stage, why in inapplicable.items()},
            **{stage: (Status.SKIPPED, why) for stage, why in skipped.items()},
        }
        self._certificate_days_min = certificate_days_min
        self._on_step = on_step
        self._steps: list[Step] = []
        self._failure: Exit | None = None
        self._began = time.monotonic()

    def add(
        self, stage: Stage, *, evidence: dict[str, Any], warnings: Iterable[str] = (), remedy: str | None = None
    ) -> None:
        """Add a step of our own, ahead of the connection: passed, or passed with warnings."""
        self._pass_over_until(stage)
        said = list(warnings)
        self._emit(
            Step(
                name=stage,
                protocol=self._protocol,
                status=Status.WARN if said else Status.PASS,
                duration_ms=0,
                evidence=evidence,
                cause="; ".join(said) or None,
                remedy=remedy if said else None,
            )
        )

    def fail(self, stage: Stage, error: MailctlError, *, evidence: dict[str, Any]) -> None:
        """Add a step of our own that could not be tested."""
        self._pass_over_until(stage)
        self._failure = exit_for(error)
        self._emit(
            Step(
                name=stage,
                protocol=self._protocol,
                status=Status.ERROR,
                duration_ms=0,
                evidence=evidence,
                cause=error.message,
                remedy=error.hint,
            )
        )

    def on_record(self, record: StageRecord) -> None:
        """Turn a record of the watch into its step."""
        self._pass_over_until(record.stage)
        reply = printable(record.reply) if record.reply is not None else None
        common: dict[str, Any] = {
            "name": record.stage,
            "protocol": record.protocol or self._protocol,
            "duration_ms": round(record.duration_seconds * 1000),
            "evidence": dict(record.evidence),
            "reply": reply,
        }
        if record.error is not None:
            self._failure = self._failure or exit_for(record.error)
            common["evidence"] |= {"problem": record.error.message, "reason": record.error.reason}
            self._emit(Step(status=Status.FAIL, **self._explained(record.error, record.stage, reply), **common))
            return
        warnings = [*record.warnings, *self._certificate_warning(record)]
        self._emit(
            Step(
                status=Status.WARN if warnings else Status.PASS,
                cause="; ".join(warnings) or None,
                **common,
            )
        )

    def finish(self, warnings: Sequence[str]) -> TargetReport:
        """Return the target's report; what is planned and was not reached is skipped."""
        self._pass_over_until(None)
        return TargetReport(
            target=self._target,
            ok=self._failure is None,
            exit_code=int(self._failure or Exit.OK),
            duration_ms=round((time.monotonic() - self._began) * 1000),
            steps=self._steps,
            warnings=list(warnings),
        )

    def _explained(self, error: MailError, stage: Stage, reply: str | None) -> dict[str, Any]:
        remedy = find_remedy(
            host=self._host, protocol=self._protocol, stage=stage, reason=error.reason, reply=reply or ""
        )
        # The error's own hint knows the case at hand; the table knows what such a case means in general.
        cause = error.message if remedy.cause in error.message else f"{error.message}: {remedy.cause}"
        see = f"see {remedy.document}" if remedy.document else None
        action = "\n".join(dict.fromkeys(text for text in (error.hint, remedy.remedy, see) if text))
        command = remedy.command(test=self._test_command, edit=self._edit_command, protocol=self._protocol)
        return {"cause": cause, "remedy": action, "next": command}

    def _certificate_warning(self, record: StageRecord) -> Iterable[str]:
        days = record.evidence.get("days_left")
        if record.stage is Stage.CERTIFICATE and days is not None and days < self._certificate_days_min:
            yield f"the certificate ends in {days} days; renew it"

    def _pass_over_until(self, stage: Stage | None) -> None:
        """Tell of planned stages that come before `stage` and were not run."""
        while self._planned and self._planned[0] is not stage:
            passed = self._planned.pop(0)
            if any(step.name is passed for step in self._steps):
                continue
            failed = next((step.name for step in self._steps if step.status in (Status.FAIL, Status.ERROR)), None)
            status, why = self._reasons.get(passed, (Status.SKIPPED, f"not run, because {failed} failed"))
            self._emit(Step(name=passed, protocol=self._protocol, status=status, duration_ms=0, cause=why))
        if stage is not None and self._planned:
            self._planned.pop(0)

    def _emit(self, step: Step) -> None:
        self._steps.append(step)
        if self._on_step:
            self._on_step(step)
