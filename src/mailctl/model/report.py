"""What a test found: steps with their verdicts, gathered by target."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct


class Stage(StrEnum):
    """The stages of sending and receiving, in the order in which a test shows them."""

    SETTINGS = "settings"
    SECRET = "secret"  # noqa: S105 - the name of a stage
    POP_BEFORE_SMTP = "pop-before-smtp"
    DNS = "dns"
    TCP = "tcp"
    GREETING = "greeting"
    TLS = "tls"
    CERTIFICATE = "certificate"
    CAPABILITIES = "capabilities"
    AUTH = "auth"
    MAILBOX = "mailbox"
    ENVELOPE = "envelope"
    MESSAGE = "message"
    ROUNDTRIP = "roundtrip"
    AUTHENTICATION_RESULTS = "authentication-results"


class Status(StrEnum):
    PASS = "pass"  # noqa: S105 - a verdict
    WARN = "warn"
    FAIL = "fail"
    """The server is wrong, or says no."""
    ERROR = "error"
    """The step could not be tested."""
    SKIPPED = "skipped"
    """Not run; `cause` says why."""
    NOT_APPLICABLE = "not_applicable"


class Step(Struct, frozen=True, kw_only=True):
    """One step of a test.

    `evidence`: plain JSON values under stable names. `reply`: the server's words, escaped, verbatim otherwise.
    `cause`: one sentence; `remedy`: what to do; `next`: the next command to run.
    """

    name: Stage
    protocol: str | None
    status: Status
    duration_ms: int
    evidence: dict[str, Any] = {}
    reply: str | None = None
    cause: str | None = None
    remedy: str | None = None
    next: str | None = None


class TargetReport(Struct, frozen=True, kw_only=True):
    target: str
    ok: bool
    exit_code: int
    duration_ms: int
    steps: list[Step]
    warnings: list[str] = []

    @property
    def failures(self) -> list[Step]:
        """The steps that failed or could not be tested; each side of a target may have one."""
        return [step for step in self.steps if step.status in (Status.FAIL, Status.ERROR)]

    @property
    def warned(self) -> list[Step]:
        """The steps that passed with a warning."""
        return [step for step in self.steps if step.status is Status.WARN]

    @property
    def protocols(self) -> list[str]:
        """The protocols of the steps, in their order."""
        return list(dict.fromkeys(step.protocol for step in self.steps if step.protocol))


class Report(Struct, frozen=True, kw_only=True):
    """What one run of `mailctl test` found.

    `test`: send, receive, roundtrip or all. `started_at`: ISO 8601, UTC. `interrupted`: whether it was ended from
    outside (Ctrl-C, SIGTERM); `unfinished`: the targets whose tests had not ended by then, and which are missing.
    """

    schema_version: int = 1
    test: str = ""
    started_at: str = ""
    duration_ms: int = 0
    ok: bool
    interrupted: bool = False
    unfinished: list[str] = []
    targets: list[TargetReport]
