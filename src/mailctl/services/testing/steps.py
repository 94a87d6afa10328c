"""From what a watch recorded to the steps of a report: verdicts, causes, remedies, and what was not run and why."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from mailctl.errors import FateUnknownError, MailctlError, MailError
from mailctl.exits import Exit, exit_for
from mailctl.model.report import Stage, Status, Step, TargetReport
from mailctl.protocol.reasons import Reason
from mailctl.protocol.remedies import STAGE_REMEDIES, Remedy, find_remedy
from mailctl.protocol.replies import printable
from mailctl.services.testing.next_command import TestCommand
from mailctl.transport.network.limits import Deadline
from mailctl.transport.watch import StageRecord

OnStep = Callable[[Step], None]

_TIMED_OUT = (Reason.TIMED_OUT, Reason.HANDSHAKE_TIMED_OUT)
_GIVE_MORE_TIME = Remedy(
    cause="the time that --timeout gives to the whole test is over",
    remedy="give it more time; without --timeout, each step has the time-out of the settings",
    next="{test} --timeout SECONDS",
)


class Planned(NamedTuple):
    """A stage that a whole run goes through. `status`, `why`: of one that is known not to run."""

    stage: Stage
    protocol: str
    status: Status | None = None
    why: str | None = None


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What a run is about, for the wording of its steps.

    `target`: as the command line names it. `test_command`: what runs this test. `edit_command`: what changes the
    settings, None for what is not saved yet; `sides`: by protocol, the prefix of that command's options. `hosts`: the
    servers, by protocol. `mail_domain`: that they belong to, None where none is known. `refresh_command`: where a
    token logs in, what tells whether its grant still holds.
    """

    target: str
    test_command: TestCommand
    edit_command: str | None
    hosts: Mapping[str, str]
    sides: Mapping[str, str | None]
    mail_domain: str | None = None
    refresh_command: str | None = None


class StepRecorder:
    """Gathers the steps of one target in their order, and tells each at once. `planned`: the stages in their order."""

    def __init__(
        self,
        subject: Subject,
        planned: Sequence[Planned],
        *,
        certificate_days_min: int,
        deadline: Deadline,
        on_step: OnStep | None,
        steps: list[Step] | None = None,
    ) -> None:
        """`deadline`: of the whole test. `steps`: where they are gathered, among those of the target's other side."""
        self._subject = subject
        self._planned = list(planned)
        self._certificate_days_min = certificate_days_min
        self._deadline = deadline
        self._on_step = on_step
        self._steps: list[Step] = [] if steps is None else steps
        self._failure: Exit | None = None
        self._began = time.monotonic()

    def add(
        self,
        stage: Stage,
        protocol: str,
        *,
        evidence: dict[str, Any],
        warnings: Iterable[str] = (),
        remedy: str | None = None,
        duration_seconds: float = 0.0,
        not_applicable: str | None = None,
    ) -> None:
        """Add a step of our own, which needs no connection: passed, passed with warnings, or not applicable and why."""
        self._pass_over_until(stage, protocol)
        said = [not_applicable] if not_applicable else list(warnings)
        status = Status.WARN if said else Status.PASS
        self._emit(
            Step(
                name=stage,
                protocol=protocol,
                status=Status.NOT_APPLICABLE if not_applicable else status,
                duration_ms=round(duration_seconds * 1000),
                evidence=evidence,
                cause="; ".join(said) or None,
                remedy=remedy if said else None,
            )
        )

    def fail(
        self,
        stage: Stage,
        protocol: str,
        error: MailctlError,
        *,
        evidence: dict[str, Any],
        duration_seconds: float = 0.0,
        next_command: str | None = None,
    ) -> None:
        """Add a step of our own that could not be tested."""
        self._pass_over_until(stage, protocol)
        self._failure = exit_for(error)
        self._emit(
            Step(
                name=stage,
                protocol=protocol,
                status=Status.ERROR,
                duration_ms=round(duration_seconds * 1000),
                evidence=evidence,
                reply=printable(error.reply) if isinstance(error, MailError) and error.reply else None,
                cause=error.message,
                remedy=error.hint or STAGE_REMEDIES[stage].remedy,
                next=next_command,
            )
        )

    @property
    def was_interrupted(self) -> bool:
        """Whether Ctrl-C ended the test, in a stage or between two."""
        return self._failure is Exit.INTERRUPTED

    def interrupt(self) -> None:
        """Note that Ctrl-C ends the test; what failed before stays what failed."""
        self._failure = self._failure or Exit.INTERRUPTED

    def on_record(self, record: StageRecord) -> None:
        """Turn a record of the watch into its step."""
        protocol = record.protocol or ""
        self._pass_over_until(record.stage, protocol)
        reply = printable(record.reply) if record.reply is not None else None
        common: dict[str, Any] = {
            "name": record.stage,
            "protocol": record.protocol,
            "duration_ms": round(record.duration_seconds * 1000),
            "evidence": dict(record.evidence),
            "reply": reply,
        }
        if record.is_cut_off:
            self._failure = self._failure or Exit.INTERRUPTED
            self._emit(Step(status=Status.ERROR, cause="; ".join(["interrupted", *record.warnings]), **common))
            return
        if record.error is not None:
            self._failure = self._failure or exit_for(record.error)
            common["evidence"] |= {"problem": record.error.message, "reason": record.error.reason}
            challenge = record.error.details.get("challenge")
            if challenge is not None:
                common["evidence"]["challenge"] = challenge
            if record.error.stage is not record.stage:
                common["evidence"]["stage"] = record.error.stage  # a stage of a session that is a step as a whole
            self._emit(
                Step(status=Status.FAIL, **self._explained(record.error, record.stage, protocol, reply), **common)
            )
            return
        warnings = [*record.warnings, *self._certificate_warning(record)]
        self._emit(
            Step(
                status=Status.WARN if warnings else Status.PASS,
                cause="; ".join(warnings) or None,
                remedy=record.remedy if warnings else None,
                **common,
            )
        )

    def finish(self, warnings: Sequence[str]) -> TargetReport:
        """Return the target's report; what is planned and was not reached is skipped."""
        self._pass_over_until(None, None)
        return TargetReport(
            target=self._subject.target,
            ok=self._failure is None,
            exit_code=int(self._failure or Exit.OK),
            duration_ms=round((time.monotonic() - self._began) * 1000),
            steps=self._steps,
            warnings=list(warnings),
        )

    def _explained(self, error: MailError, stage: Stage, protocol: str, reply: str | None) -> dict[str, Any]:
        if isinstance(error, FateUnknownError):  # to try it again might send it twice
            return {"cause": error.message, "remedy": error.hint}
        subject = self._subject
        if error.reason in _TIMED_OUT and self._deadline.has_passed:
            remedy = _GIVE_MORE_TIME
        else:
            said = "\n".join(filter(None, (reply, _challenge_text(error))))
            remedy = find_remedy(
                host=subject.hosts[protocol],
                protocol=protocol,
                stage=error.stage or stage,  # of a session that is a step as a whole, the one in it
                reason=error.reason,
                mechanism=str(error.details.get("mechanism", "")),
                reply=said,
            )
        cause = f"{error.message}: {remedy.cause}" if remedy.cause else error.message
        # The error's own hint knows the case at hand; the table knows what such a case means in general.
        see = f"see {remedy.document}" if remedy.document else None
        action = "\n".join(dict.fromkeys(text for text in (error.hint, remedy.remedy, see) if text))
        return {"cause": cause, "remedy": action, "next": self._next_command(remedy, error, protocol)}

    def _next_command(self, remedy: Remedy, error: MailError, protocol: str) -> str | None:
        subject = self._subject
        if subject.refresh_command and error.reason == Reason.LOGIN_REFUSED:
            return subject.refresh_command
        if subject.edit_command is None:
            return None
        test = subject.test_command
        command = remedy.command(
            test=test.line, edit=subject.edit_command, side=subject.sides[protocol], domain=subject.mail_domain
        )
        return test.complete(command) if command else None

    def _certificate_warning(self, record: StageRecord) -> Iterable[str]:
        days = record.evidence.get("days_left")
        if record.stage is Stage.CERTIFICATE and days is not None and days < self._certificate_days_min:
            count = f"{abs(days)} day{'s' * (abs(days) != 1)}"
            yield f"the certificate {f'ended {count} ago' if days < 0 else f'ends in {count}'}; renew it"

    def _pass_over_until(self, stage: Stage | None, protocol: str | None) -> None:
        """Tell of planned stages that come before this one and were not run; of all that are left for None."""
        places = [(planned.stage, planned.protocol) for planned in self._planned]
        if stage is not None and (stage, protocol) not in places:
            return
        passed = len(places) if stage is None else places.index((stage, protocol or ""))
        failed = next((step.name for step in self._steps if step.status in (Status.FAIL, Status.ERROR)), None)
        for planned in self._planned[:passed]:
            proxied = "not run: interrupted" if self.was_interrupted else "not seen: a proxy stands in between"
            unseen = f"not run, because {failed} failed" if failed else proxied
            status, why = planned.status or Status.SKIPPED, planned.why or unseen
            self._emit(Step(name=planned.stage, protocol=planned.protocol, status=status, duration_ms=0, cause=why))
        del self._planned[: passed + 1]

    def _emit(self, step: Step) -> None:
        self._steps.append(step)
        if self._on_step:
            self._on_step(step)


def _challenge_text(error: MailError) -> str:
    """Return what a server put into a challenge to say why it refuses a login, as one line."""
    challenge = error.details.get("challenge")
    return "" if challenge is None else f"challenge: {json.dumps(challenge)}"
