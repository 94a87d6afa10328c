"""Running a test: the production path of sending and receiving, observed, and told step by step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import TYPE_CHECKING

from mailctl.errors import MailError, SecretError
from mailctl.model.report import Stage, Status, Step, TargetReport
from mailctl.model.server import (
    IncomingEndpoint,
    IncomingProtocol,
    Protocol,
    Security,
)
from mailctl.protocol.sasl import Login
from mailctl.services.oauth.grants import oauth_command
from mailctl.services.sending.delivery import forgetting_refused, open_delivery
from mailctl.services.sending.outgoing import GraphEndpoint
from mailctl.services.testing.check import LOGGED_IN, Check, CheckOptions, Depth, GrantSource, LoginSource
from mailctl.services.testing.login_step import SHOW_SECRETS, SecretUnavailableError, described, read_login
from mailctl.services.testing.next_command import TestCommand
from mailctl.services.testing.settings_step import add_settings_step
from mailctl.services.testing.steps import OnStep, Planned, StepRecorder, Subject
from mailctl.transport.network.limits import Deadline
from mailctl.transport.network.name_lookup import find_mail_domain
from mailctl.transport.route import Route
from mailctl.transport.smtp.submission import SmtpSession
from mailctl.transport.watch import Watch

if TYPE_CHECKING:
    from mailctl.services.sending.delivery import Session
    from mailctl.transport.imap.mailbox import ImapSession
    from mailctl.transport.pop3.mailbox import Pop3Session


def run_check(check: Check, on_step: OnStep | None = None) -> TargetReport:
    """Run one test and return its report; `on_step` is told of each step as it ends.

    Ctrl-C in the middle of a stage ends the test: that step has no verdict, and the report the exit code 130.
    Raises InvalidValueError, before anything is connected, for a login that cannot be sent.
    """
    side = ObservedSide(check, on_step)
    with side.observed():
        _observe(side, side.read_login())
    return side.finish()


class ObservedSide:
    """One side of a target under test: the check, what it is run with, and its steps as they come.

    `planned`: stages that follow those of the check. `steps`: those of the target's other side, if it is tested too.
    """

    def __init__(
        self,
        check: Check,
        on_step: OnStep | None,
        *,
        planned: Iterable[Planned] = (),
        steps: list[Step] | None = None,
        deadline: Deadline | None = None,
    ) -> None:
        self.check = check
        self.deadline = deadline or deadline_of(check.options)
        self.recorder = StepRecorder(
            _subject(check),
            [*_plan(check), *planned],
            certificate_days_min=check.options.certificate_days_min,
            deadline=self.deadline,
            on_step=on_step,
            steps=steps,
        )
        self.watch = Watch(thorough=True, on_end=self.recorder.on_record)
        # The step that tells whether a secret is there and the session read it: a program is run once for both.
        self.read_secret = cache(check.options.read_secret)

    def read_login(self) -> Login | None:
        """Tell of the settings, and read what the check logs in with (stages settings and secret)."""
        add_settings_step(self.check, self.recorder)
        return read_login(self.check, self.read_secret, self.recorder, self.deadline)

    @contextmanager
    def observed(self) -> Iterator[None]:
        """Run inside what tells of its own failures by steps, and end it quietly where one did."""
        try:
            try:
                yield
            finally:
                self.watch.settle()
        except MailError as error:
            if error.stage is None:
                raise
        except SecretUnavailableError:
            pass
        except KeyboardInterrupt:
            self.recorder.interrupt()
        except SecretError as error:
            source = described(self.check.tls.client_key_passphrase)
            evidence = {"source": source, "present": False}
            self.recorder.fail(Stage.SECRET, self.check.protocol, error, evidence=evidence, next_command=SHOW_SECRETS)

    def finish(self) -> TargetReport:
        """Return the report; what was planned and not reached is skipped."""
        warnings = [] if self.check.tls.verify else ["certificate verification is off for this server"]
        warnings += [self.check.target.notice[0]] if self.check.target.notice else []
        return self.recorder.finish(warnings)


def deadline_of(options: CheckOptions) -> Deadline:
    """Return when a target's test has to be over, counted from now."""
    return Deadline(options.timeout_seconds) if options.timeout_seconds else Deadline.never()


def _observe(side: ObservedSide, login: Login | None) -> None:
    check = side.check
    until = {
        Depth.CONNECT: Stage.GREETING if _greets_first(check) else Stage.TCP,
        Depth.TLS: Stage.CERTIFICATE,
    }.get(check.depth, Stage.AUTH)
    if not isinstance(check.endpoint, IncomingEndpoint):
        _observe_sending(side, login, until)
        return
    open_session = open_imap_side if check.endpoint.protocol is IncomingProtocol.IMAP else open_pop3_side
    with open_session(side, login, side.watch, until=until) as session:
        if check.depth is Depth.MAILBOX and check.logs_in:
            session.survey()


@contextmanager
def open_imap_side(
    side: ObservedSide, login: Login | None, watch: Watch, *, until: Stage = Stage.AUTH
) -> Iterator[ImapSession]:
    """Open a session of a side that receives over IMAP; `until` as for `open_imap`."""
    from mailctl.transport.imap.session import open_imap

    with (
        forgetting_refused(login),
        open_imap(_incoming_route(side, login), watch, until=until, trace=side.check.options.trace) as session,
    ):
        yield session


@contextmanager
def open_pop3_side(
    side: ObservedSide, login: Login | None, watch: Watch, *, until: Stage = Stage.AUTH
) -> Iterator[Pop3Session]:
    """Open a session of a side that receives over POP3; `until` as for `open_pop3`."""
    from mailctl.transport.pop3.session import open_pop3

    with (
        forgetting_refused(login),
        open_pop3(_incoming_route(side, login), watch, until=until, trace=side.check.options.trace) as session,
    ):
        yield session


def _incoming_route(side: ObservedSide, login: Login | None) -> Route:
    check = side.check
    assert isinstance(check.endpoint, IncomingEndpoint)
    passphrase = check.tls.client_key_passphrase
    return Route(
        endpoint=check.endpoint,
        tls=check.tls.located(check.target.folder),
        login=login,
        client_key_passphrase=side.read_secret(passphrase) if passphrase else None,
        deadline=side.deadline,
    )


def _observe_sending(side: ObservedSide, login: Login | None, until: Stage) -> None:
    check = side.check
    with open_sending_side(side, login, until=until) as session:
        if check.depth is Depth.ENVELOPE and isinstance(session, SmtpSession):
            session.envelope(check.envelope_from, [check.recipient])
        elif check.depth is Depth.MESSAGE:
            from mailctl.services.testing.probe import make_probe

            probe = make_probe(check.sender, check.recipient)
            session.send(check.envelope_from, [check.recipient], probe.content)


def open_sending_side(
    side: ObservedSide, login: Login | None, *, until: Stage = Stage.AUTH
) -> AbstractContextManager[Session]:
    """Open the session of a side that sends; `until` as for `open_delivery`."""
    check = side.check
    return open_delivery(
        check.target.sending,
        login,
        read_secret=side.read_secret,
        folder=check.target.folder,
        watch=side.watch,
        until=until,
        trace=check.options.trace,
        deadline=side.deadline,
    )


def _subject(check: Check) -> Subject:
    hosts = {check.protocol: check.endpoint.host}
    if check.opens_gate and check.target.sending.pop_before_smtp:
        hosts[Protocol.POP3] = check.target.sending.pop_before_smtp.host
    return Subject(
        target=check.target.name,
        test_command=_test_command(check),
        edit_command=check.target.edit_command,
        hosts=hosts,
        sides=check.target.sides,
        mail_domain=_mail_domain(check),
        refresh_command=_refresh_command(check),
    )


def _mail_domain(check: Check) -> str | None:
    login = check.options.login
    username = login.username if login else check.target.sending.username
    return find_mail_domain(check.endpoint.host, username)


def _test_command(check: Check) -> TestCommand:
    login = check.options.login
    words: tuple[str, ...] = () if login is None else ("--username", login.username)
    if isinstance(login, LoginSource):
        words += login.option
    envelope = {"--to": check.recipient} if check.recipient else {}
    if check.sender not in ("", check.target.sending.address, login and login.username):
        envelope["--from"] = check.sender
    return TestCommand(
        line=f"mailctl test {check.act} {check.target.name}",
        depth=check.depth,
        default_depth=Depth.MAILBOX if check.act == "receive" else Depth.MESSAGE,
        login=words,
        envelope=envelope,
    )


def _refresh_command(check: Check) -> str | None:
    login = check.options.login
    if isinstance(login, GrantSource):
        return oauth_command("refresh", login.grant)
    by_token = login is None and check.target.stores_login and check.target.sending.oauth_client
    return oauth_command("refresh", check.target.sending.owner) if by_token else None


def _plan(check: Check) -> Iterator[Planned]:
    """Yield the stages that a check goes through, in the order in which they happen."""
    protocol = check.protocol
    reasons = _reasons_not_to_run(check)
    yield Planned(Stage.SETTINGS, protocol)
    if check.opens_gate:
        yield Planned(Stage.SECRET, Protocol.POP3)
        yield Planned(Stage.POP_BEFORE_SMTP, Protocol.POP3)
    elif check.depth in LOGGED_IN:
        yield Planned(Stage.SECRET, protocol, *reasons.get(Stage.SECRET, ()))
    for stage in _connecting_stages(check):
        yield Planned(stage, protocol, *reasons.get(stage, ()))
    if check.depth in LOGGED_IN:
        if not isinstance(check.endpoint, GraphEndpoint):
            yield Planned(Stage.CAPABILITIES, protocol)
        yield Planned(Stage.AUTH, protocol, *reasons.get(Stage.AUTH, ()))
    if check.depth in (Depth.ENVELOPE, Depth.MESSAGE, Depth.MAILBOX):
        last = Stage(check.depth)
        yield Planned(last, protocol, *reasons.get(last, ()))


def _reasons_not_to_run(check: Check) -> dict[Stage, tuple[Status, str]]:
    """Return the stages that are known beforehand not to run, with why."""
    reasons: dict[Stage, tuple[Status, str]] = {}
    if check.endpoint.security is Security.NONE:
        reasons = dict.fromkeys((Stage.TLS, Stage.CERTIFICATE), (Status.NOT_APPLICABLE, "security is none"))
    if not check.authenticates:
        no_login = (Status.NOT_APPLICABLE, "the server's SMTP authentication is none")
        reasons |= dict.fromkeys((Stage.SECRET, Stage.AUTH), no_login)
    elif check.no_login:
        reasons |= dict.fromkeys((Stage.SECRET, Stage.AUTH, Stage.MAILBOX), (Status.SKIPPED, check.no_login))
    if check.depth is Depth.CONNECT and not _greets_first(check):
        reasons[Stage.GREETING] = (Status.SKIPPED, "not run: the server greets inside TLS; --depth tls goes that far")
    return reasons


def _connecting_stages(check: Check) -> list[Stage]:
    connecting = {
        Security.NONE: [Stage.DNS, Stage.TCP, Stage.GREETING, Stage.TLS, Stage.CERTIFICATE],
        Security.STARTTLS: [Stage.DNS, Stage.TCP, Stage.GREETING, Stage.TLS, Stage.CERTIFICATE],
        Security.TLS: [Stage.DNS, Stage.TCP, Stage.TLS, Stage.CERTIFICATE, Stage.GREETING],
    }[check.endpoint.security]
    if check.depth is Depth.CONNECT:
        connecting = [Stage.DNS, Stage.TCP, Stage.GREETING]
    if isinstance(check.endpoint, GraphEndpoint):
        connecting = [stage for stage in connecting if stage is not Stage.GREETING]
    return connecting


def _greets_first(check: Check) -> bool:
    """Tell whether the server speaks first, ahead of TLS."""
    return check.endpoint.security is not Security.TLS and not isinstance(check.endpoint, GraphEndpoint)
