"""Tests of sending and receiving: the production path, observed, and told step by step.

A check never sends or receives in a way of its own. It opens a session of the transport with a watch, which records
the stages as they happen; `steps` turns the records into verdicts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mailctl.errors import ExclusiveSettingsError, MailctlError, MailError, MissingInputError, Problem
from mailctl.exits import Exit
from mailctl.model.report import Report, Stage, Status, TargetReport
from mailctl.model.secret import Secret
from mailctl.model.server import (
    IncomingEndpoint,
    IncomingProtocol,
    Protocol,
    Security,
    Server,
    SmtpAuth,
    SmtpEndpoint,
    pairing_warning,
)
from mailctl.protocol.envelope import parse_address
from mailctl.protocol.sasl import Login
from mailctl.services.steps import OnStep, StepRecorder
from mailctl.transport.limits import Deadline
from mailctl.transport.route import Route
from mailctl.transport.trace import Trace
from mailctl.transport.watch import Watch

CERTIFICATE_DAYS_MIN = 21


class Depth(StrEnum):
    """How far a test goes: sending ends with envelope and message, receiving with the mailbox."""

    CONNECT = "connect"
    TLS = "tls"
    AUTH = "auth"
    ENVELOPE = "envelope"
    MESSAGE = "message"
    MAILBOX = "mailbox"


SEND_DEPTHS = (Depth.CONNECT, Depth.TLS, Depth.AUTH, Depth.ENVELOPE, Depth.MESSAGE)
RECEIVE_DEPTHS = (Depth.CONNECT, Depth.TLS, Depth.AUTH, Depth.MAILBOX)

_LOGGED_IN = (Depth.AUTH, Depth.ENVELOPE, Depth.MESSAGE, Depth.MAILBOX)


@dataclass(frozen=True, kw_only=True)
class LoginSource:
    """A login whose secret is read when its turn comes; `source` says where from, for people and JSON."""

    username: str
    source: str
    read: Callable[[], Secret]


@dataclass(frozen=True, kw_only=True)
class CheckOptions:
    """What applies to every check of a run.

    `read_secret` resolves a reference in the settings. `timeout_seconds` bounds a target as a whole.
    """

    read_secret: Callable[[str], Secret]
    login: LoginSource | None = None
    certificate_days_min: int = CERTIFICATE_DAYS_MIN
    timeout_seconds: float | None = None
    trace: Trace | None = None


@dataclass(frozen=True, kw_only=True)
class Check:
    """One test to run. `sender`, `recipient`: of the envelope, from that depth on."""

    server: Server
    endpoint: SmtpEndpoint | IncomingEndpoint
    depth: Depth
    options: CheckOptions
    sender: str = ""
    recipient: str = ""

    @property
    def act(self) -> str:
        return "send" if isinstance(self.endpoint, SmtpEndpoint) else "receive"

    @property
    def authenticates(self) -> bool:
        return not (isinstance(self.endpoint, SmtpEndpoint) and self.endpoint.auth is SmtpAuth.NONE)


def plan_send(
    server: Server, options: CheckOptions, *, depth: Depth, recipient: str | None = None, sender: str | None = None
) -> Check:
    """Return the test of sending through a server.

    Raises MissingInputError naming the options that the depth needs, InvalidValueError for what is no address,
    ExclusiveSettingsError for a login where the server's SMTP authentication is none.
    """
    if options.login and server.smtp.auth is SmtpAuth.NONE:
        message = f"a login was given, but the SMTP authentication of '{server.code}' is none"
        hint = f"leave the login out, or `mailctl server edit {server.code} --smtp-auth auto`"
        raise ExclusiveSettingsError([Problem("--username", message, conflict=True)], hint=hint)
    username = options.login.username if options.login else ""
    sender = sender or (username if "@" in username else "")
    check = Check(
        server=server, endpoint=server.smtp, depth=depth, options=options, sender=sender, recipient=recipient or ""
    )
    missing = _missing_login(check)
    if depth in (Depth.ENVELOPE, Depth.MESSAGE):
        missing = ["--to"] * (not recipient) + missing + ["--from"] * (not sender and not missing)
    if missing:
        raise _missing_input(missing, depth)
    if recipient:
        parse_address(recipient, "--to")
    if sender:
        parse_address(sender, "--from")
    return check


def plan_receive(server: Server, options: CheckOptions, *, depth: Depth) -> Check:
    """Return the test of receiving from a server; raises MissingInputError where the depth needs a login."""
    check = Check(server=server, endpoint=server.incoming, depth=depth, options=options)
    if missing := _missing_login(check):
        raise _missing_input(missing, depth)
    return check


def _missing_login(check: Check) -> list[str]:
    needed = check.depth in _LOGGED_IN and check.authenticates and check.options.login is None
    return ["--username"] if needed else []


def _missing_input(missing: list[str], depth: Depth) -> MissingInputError:
    reasons = {
        "--to": "name who receives the test message, or stop at --depth auth",
        "--username": "entries of the catalogue have no login: give one, or stop at --depth tls",
        "--from": "the user name is no address that could be the sender: name one",
    }
    return MissingInputError(
        f"missing for --depth {depth}: {', '.join(missing)}",
        hint="\n      ".join(reasons[option] for option in missing),
        details={"missing": missing},
    )


def run_check(check: Check, on_step: OnStep | None = None) -> TargetReport:
    """Run one test and return its report; `on_step` is told of each step as it ends.

    Raises InvalidValueError, before anything is connected, for a login that cannot be sent.
    """
    recorder = _recorder(check, on_step)
    _add_settings_step(check, recorder)
    try:
        login = _read_login(check, recorder)
        passphrase = check.server.tls.client_key_passphrase
        route = Route(
            endpoint=check.endpoint,
            tls=check.server.tls,
            login=login,
            client_key_passphrase=check.options.read_secret(passphrase) if passphrase else None,
            deadline=Deadline(check.options.timeout_seconds) if check.options.timeout_seconds else Deadline.never(),
        )
        _observe(check, route, Watch(thorough=True, on_end=recorder.on_record))
    except MailError as error:
        if error.stage is None:
            raise
    except _SecretUnavailableError:
        pass
    return recorder.finish([] if check.server.tls.verify else ["certificate verification is off for this server"])


class _SecretUnavailableError(Exception):
    """The secret step has failed, and told why."""


def _observe(check: Check, route: Route, watch: Watch) -> None:
    until = {
        Depth.CONNECT: Stage.TCP if check.endpoint.security is Security.TLS else Stage.GREETING,
        Depth.TLS: Stage.CERTIFICATE,
    }.get(check.depth, Stage.AUTH)
    if isinstance(check.endpoint, SmtpEndpoint):
        _observe_sending(check, route, watch, until)
    elif check.endpoint.protocol is IncomingProtocol.IMAP:
        from mailctl.transport.imap import open_imap

        with open_imap(route, watch, until=until, trace=check.options.trace) as imap:
            if check.depth is Depth.MAILBOX:
                imap.survey()
    else:
        from mailctl.transport.pop3 import open_pop3

        with open_pop3(route, watch, until=until, trace=check.options.trace) as pop3:
            if check.depth is Depth.MAILBOX:
                pop3.survey()


def _observe_sending(check: Check, route: Route, watch: Watch, until: Stage) -> None:
    from mailctl.transport.smtp import open_smtp

    with open_smtp(route, watch, until=until, trace=check.options.trace) as smtp:
        if check.depth is Depth.ENVELOPE:
            smtp.envelope(check.sender, [check.recipient])
        elif check.depth is Depth.MESSAGE:
            from mailctl.services.probe import make_probe

            probe = make_probe(check.sender, check.recipient)
            smtp.send(check.sender, [check.recipient], probe.content)


def _recorder(check: Check, on_step: OnStep | None) -> StepRecorder:
    inapplicable: dict[Stage, str] = {}
    if check.endpoint.security is Security.NONE:
        inapplicable = dict.fromkeys((Stage.TLS, Stage.CERTIFICATE), "security is none")
    if not check.authenticates:
        inapplicable[Stage.SECRET] = inapplicable[Stage.AUTH] = "the server's SMTP authentication is none"
    no_login = dict.fromkeys((Stage.SECRET, Stage.AUTH), "no login was given")
    return StepRecorder(
        check.server.code,
        test_command=f"mailctl test {check.act} {check.server.code}",
        edit_command=f"mailctl server edit {check.server.code}",
        host=check.endpoint.host,
        protocol=str(check.endpoint.protocol),
        planned=_plan(check),
        inapplicable=inapplicable,
        skipped=no_login if check.authenticates and not check.options.login else {},
        certificate_days_min=check.options.certificate_days_min,
        on_step=on_step,
    )


def _plan(check: Check) -> list[Stage]:
    """Return the stages that a check goes through, in the order in which they happen."""
    connecting = {
        Security.NONE: [Stage.DNS, Stage.TCP, Stage.GREETING, Stage.TLS, Stage.CERTIFICATE],
        Security.STARTTLS: [Stage.DNS, Stage.TCP, Stage.GREETING, Stage.TLS, Stage.CERTIFICATE],
        Security.TLS: [Stage.DNS, Stage.TCP, Stage.TLS, Stage.CERTIFICATE, Stage.GREETING],
    }[check.endpoint.security]
    if check.depth is Depth.CONNECT:
        connecting = connecting[:2] if check.endpoint.security is Security.TLS else connecting[:3]
    planned = [Stage.SETTINGS, *connecting]
    if check.depth in _LOGGED_IN:
        planned.insert(1, Stage.SECRET)
        planned += [Stage.CAPABILITIES, Stage.AUTH]
    if check.depth in (Depth.ENVELOPE, Depth.MESSAGE, Depth.MAILBOX):
        planned.append(Stage(check.depth))
    return planned


def _add_settings_step(check: Check, recorder: StepRecorder) -> None:
    endpoint = check.endpoint
    evidence: dict[str, Any] = {
        "protocol": str(endpoint.protocol),
        "host": endpoint.host,
        "port": endpoint.port,
        "security": str(endpoint.security),
        "auth": "apop" if isinstance(endpoint, IncomingEndpoint) and endpoint.apop else str(endpoint.auth),
    }
    warnings = [pairing_warning(Protocol(endpoint.protocol), endpoint.port, endpoint.security)]
    login = check.options.login
    if login and "@" not in login.username and endpoint.host.endswith(_FULL_ADDRESS_HOSTS):
        warnings.append(f"{endpoint.host} takes the whole address for a user name; '{login.username}' is not one")
    recorder.add(
        Stage.SETTINGS,
        evidence=evidence,
        warnings=filter(None, warnings),
        remedy=f"`mailctl server edit {check.server.code}` changes the settings",
    )


_FULL_ADDRESS_HOSTS = ("gmail.com", "office365.com", "outlook.com", "yahoo.com", "mail.me.com", "aruba.it")


def _read_login(check: Check, recorder: StepRecorder) -> Login | None:
    """Read the login's secret (stage secret); without a login, or where none is needed, None."""
    source = check.options.login
    if source is None or not check.authenticates or check.depth not in _LOGGED_IN:
        return None
    evidence = {"source": source.source, "username": source.username}
    try:
        secret = source.read()
    except MailctlError as error:
        recorder.fail(Stage.SECRET, error, evidence={**evidence, "present": False})
        raise _SecretUnavailableError from error
    recorder.add(Stage.SECRET, evidence={**evidence, "present": True})
    return Login(source.username, secret)


def gather(reports: Iterable[TargetReport]) -> Report:
    """Return the reports of several targets as one."""
    targets = list(reports)
    return Report(ok=all(target.ok for target in targets), targets=targets)


def exit_of(report: Report, *, fail_on_warnings: bool = False) -> int:
    """Return the exit code of a report: that of the earliest failing stage; 16 for warnings if they fail it."""
    failed = [target for target in report.targets if not target.ok]
    if failed:
        return min(failed, key=_failing_stage).exit_code
    warned = any(step.status is Status.WARN for target in report.targets for step in target.steps)
    return int(Exit.WARNINGS) if warned and fail_on_warnings else int(Exit.OK)


def _failing_stage(report: TargetReport) -> int:
    stages = list(Stage)
    return min(stages.index(step.name) for step in report.steps if step.status in (Status.FAIL, Status.ERROR))
