"""Every error that mailctl raises, as one tree.

MailctlError
├── UsageError                  a call that cannot be understood as it stands
│   ├── MissingInputError       something that is needed was not given, and nobody may be asked
│   └── InvalidValueError       one or more values break a rule (all of them are named)
├── NotFoundError               no such server, account, tenant, OAuth client, file, …
├── ConflictError               two settings exclude each other, or an entry is still in use
│   ├── ExclusiveSettingsError  two settings exclude each other (all such pairs are named)
│   └── AlreadyExistsError      an entry of that name is there already
├── SettingsError               the settings file …
│   ├── SettingsInvalidError    … is not valid (all problems are named, with path and line)
│   ├── SettingsLockedError     … is locked by another process
│   ├── SettingsChangedError    … was changed by somebody else between reading and writing
│   └── SettingsWriteError      … cannot be written
├── SecretError                 a secret …
│   ├── SecretMissingError      … is not where its reference points
│   └── SecretStoreError        … cannot be had, because its store cannot be used
├── SendingDisabledError        sending is switched off
├── ReportWriteError            a test's report or transcript cannot be written
├── MailError                   a stage of sending or receiving failed (fields say where and what was replied)
│   ├── NetworkError            DNS, routing, refused, timed out, connection lost
│   ├── TLSError                no TLS session, or a certificate that does not hold
│   ├── AuthenticationError     the login was refused, or needs authorisation
│   ├── RefusedError            refused for good: sender, recipient, message (5xx), mailbox
│   ├── TemporaryError          refused for now (4xx, rate limits)
│   ├── NotArrivedError         the round trip's message was not seen in time
│   ├── FateUnknownError        the connection was lost after the message: it may have been taken
│   ├── ProtocolError           the server breaks the protocol
│   └── CapabilityError         the server lacks a capability that is needed
└── BugError                    a state that the program itself should never reach

Errors carry fields; sentences for people are completed where they are shown. `message` says what and where,
`hint` says what to do. Neither ever holds a secret. `exits.py` maps each class to its exit code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mailctl.model.report import Stage


class MailctlError(Exception):
    """Anything that goes wrong in a way that mailctl can explain.

    `message`: one sentence without a final full stop, saying what and where.
    `hint`: one sentence or command saying what to do about it; None where nothing sensible can be said.
    `details`: further facts for the JSON form of the error; plain JSON values, never secrets.
    """

    code: ClassVar[str] = "failure"

    def __init__(self, message: str, *, hint: str | None = None, details: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = dict(details or {})


class UsageError(MailctlError):
    code = "usage"


class MissingInputError(UsageError):
    code = "missing-input"


class Problem(Struct, frozen=True):
    """One value that breaks a rule.

    `where`: path of the value, dotted (`servers[2].smtp.port`, `--smtp-port`, `row 4, smtp.port`).
    `message`: the value and the rule it breaks. `line`: 1-based line of the file it came from, if it came from one.
    `conflict`: the value is fine by itself, but excludes another that is set too.
    """

    where: str
    message: str
    line: int | None = None
    conflict: bool = False

    def __str__(self) -> str:
        place = ", ".join([f"line {self.line}"] * bool(self.line) + [self.where] * bool(self.where))
        return f"{place}: {self.message}" if place else self.message

    def as_json(self) -> dict[str, object]:
        return {"where": self.where, "message": self.message, "line": self.line}


def _summary(problems: Sequence[Problem]) -> str:
    return str(problems[0]) if len(problems) == 1 else "\n".join(f"- {problem}" for problem in problems)


def _headed(problems: Sequence[Problem], source: str) -> str:
    if len(problems) == 1:
        return f"{source}: {problems[0]}" if source else str(problems[0])
    return f"{source or 'the input'} has {len(problems)} problems:\n{_summary(problems)}"


class InvalidValueError(UsageError):
    """One or more values break a rule; all of them are in `problems`."""

    code = "invalid-value"

    def __init__(self, problems: Sequence[Problem], *, hint: str | None = None, source: str = "") -> None:
        details = {"problems": [problem.as_json() for problem in problems]}
        super().__init__(_headed(problems, source), hint=hint, details=details)
        self.problems = tuple(problems)


class NotFoundError(MailctlError):
    code = "not-found"


class ConflictError(MailctlError):
    """Two settings exclude each other, or an entry is still in use."""

    code = "conflict"


class ExclusiveSettingsError(ConflictError):
    """Two or more settings exclude each other; all such pairs are in `problems`."""

    code = "exclusive-settings"

    def __init__(self, problems: Sequence[Problem], *, hint: str | None = None, source: str = "") -> None:
        details = {"problems": [problem.as_json() for problem in problems]}
        super().__init__(_headed(problems, source), hint=hint, details=details)
        self.problems = tuple(problems)


def raise_problems(problems: Sequence[Problem], *, hint: str | None = None, source: str = "") -> None:
    """Raise ExclusiveSettingsError if all problems are conflicts, else InvalidValueError; return if none."""
    if not problems:
        return
    kind = ExclusiveSettingsError if all(problem.conflict for problem in problems) else InvalidValueError
    raise kind(problems, hint=hint, source=source)


class AlreadyExistsError(ConflictError):
    code = "already-exists"


class SettingsError(MailctlError):
    code = "settings"


class SettingsInvalidError(SettingsError):
    """The settings file breaks TOML or a rule; all `problems` are named with their lines.

    `named`: what people call the text, where it is not the settings file itself.
    """

    code = "settings-invalid"

    def __init__(
        self, path: str, problems: Sequence[Problem], *, named: str | None = None, hint: str | None = None
    ) -> None:
        count = "" if len(problems) == 1 else f" ({len(problems)} problems)"
        super().__init__(
            f"{named or f'the settings file {path}'} is not valid{count}:\n{_summary(problems)}",
            hint=hint or "correct it with `mailctl config edit`; nothing was changed",
            details={"path": path, "problems": [problem.as_json() for problem in problems]},
        )
        self.path = path
        self.problems = tuple(problems)


class SettingsLockedError(SettingsError):
    code = "settings-locked"


class SettingsChangedError(SettingsError):
    code = "settings-changed"


class SettingsWriteError(SettingsError):
    code = "settings-not-writable"


class LedgerInvalidError(SettingsError):
    """A ledger has a line that is none of its records."""

    code = "ledger-invalid"


class SecretError(MailctlError):
    code = "secret"


class SecretMissingError(SecretError):
    code = "secret-missing"


class SecretStoreError(SecretError):
    code = "secret-store"


class SendingDisabledError(MailctlError):
    code = "sending-disabled"


class ReportWriteError(MailctlError):
    code = "report-not-writable"


class MailError(MailctlError):
    """A stage of sending or receiving failed.

    `reason`: a short stable word for the kind of failure (`nxdomain`, `timed-out`, …), for remedies and JSON.
    `reply`: what the server said, verbatim bytes without the final line end, secrets redacted; None if nothing.
    `stage`, `protocol`: set by the watch that observed the stage (see `transport/watch.py`), None before that.
    """

    code = "mail"

    def __init__(
        self,
        message: str,
        *,
        reason: str,
        reply: bytes | None = None,
        hint: str | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message, hint=hint, details=details)
        self.reason = reason
        self.reply = reply
        self.stage: Stage | None = None
        self.protocol: str | None = None


class NetworkError(MailError):
    code = "network"


class TLSError(MailError):
    code = "tls"


class AuthenticationError(MailError):
    code = "authentication"


class RefusedError(MailError):
    code = "refused"


class TemporaryError(MailError):
    code = "temporary"


class NotArrivedError(MailError):
    code = "not-arrived"


class FateUnknownError(MailError):
    code = "fate-unknown"

    def name_message(self, message_id: str | None) -> None:
        """Say which message is to be looked for, by its Message-ID with angle brackets; None if it has none."""
        self.details["message_id"] = message_id
        if message_id:
            self.hint = (
                f"{self.hint}; its Message-ID is {message_id}" if self.hint else f"its Message-ID is {message_id}"
            )


class ProtocolError(MailError):
    code = "protocol"


class CapabilityError(MailError):
    code = "capability"


class BugError(MailctlError):
    code = "bug"
