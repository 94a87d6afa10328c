"""Tests of sending and receiving: what is tested, how far, and with which login.

A check never sends or receives in a way of its own: `observation` runs the production path and watches it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from mailctl.errors import ExclusiveSettingsError, MissingInputError, Problem, UsageError
from mailctl.exits import Exit
from mailctl.model.report import Stage, Status, TargetReport
from mailctl.model.secret import Secret
from mailctl.model.server import IncomingEndpoint, SmtpAuth, SmtpEndpoint, TlsOptions
from mailctl.protocol.envelope import parse_address
from mailctl.services.sending.delivery import OpenTokens, no_tokens
from mailctl.services.sending.outgoing import GraphEndpoint, outgoing_of
from mailctl.services.testing.targets import Target
from mailctl.transport.trace import Trace

CERTIFICATE_DAYS_MIN = 21

JOBS = 200
"""Tests that run at once. That many share one processor for a moment when they begin, and then wait for their hosts."""

ROUNDTRIP_SECONDS = 120.0
"""How long a message is waited for: longer than it takes systems that do not put strangers off (greylisting)."""


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

LOGGED_IN = (Depth.AUTH, Depth.ENVELOPE, Depth.MESSAGE, Depth.MAILBOX)


@dataclass(frozen=True, kw_only=True)
class LoginSource:
    """A login whose secret is read when its turn comes.

    `source`: where from, for people and JSON. `option`: the words of the command line that give the secret again.
    """

    username: str
    source: str
    read: Callable[[], Secret]
    option: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class GrantSource:
    """A login by the token of a grant."""

    username: str
    grant: str


@dataclass(frozen=True, kw_only=True)
class CheckOptions:
    """What applies to every check of a run.

    `read_secret` resolves a reference in the settings, `open_tokens` has the tokens of grants. `timeout_seconds` bounds
    a target as a whole.
    """

    read_secret: Callable[[str], Secret]
    open_tokens: OpenTokens = no_tokens
    login: LoginSource | GrantSource | None = None
    certificate_days_min: int = CERTIFICATE_DAYS_MIN
    timeout_seconds: float | None = None
    trace: Trace | None = None


@dataclass(frozen=True, kw_only=True)
class Check:
    """One test to run. `endpoint`, `tls`: of the side that it is about; `sender`, `envelope_from`, `recipient`: of the
    message or envelope, from that depth on. `no_login`: why nobody logs in, where the depth would have it and the rest
    is tested all the same.
    """

    target: Target
    endpoint: SmtpEndpoint | GraphEndpoint | IncomingEndpoint
    tls: TlsOptions
    depth: Depth
    options: CheckOptions
    sender: str = ""
    envelope_from: str = ""
    recipient: str = ""
    no_login: str | None = None

    @property
    def act(self) -> str:
        return "receive" if isinstance(self.endpoint, IncomingEndpoint) else "send"

    @property
    def what(self) -> str:
        """What is done with the target, for people."""
        return "sending through" if self.act == "send" else "receiving from"

    @property
    def protocol(self) -> str:
        return str(self.endpoint.protocol)

    @property
    def authenticates(self) -> bool:
        return not (isinstance(self.endpoint, SmtpEndpoint) and self.endpoint.auth is SmtpAuth.NONE)

    @property
    def logs_in(self) -> bool:
        return self.depth in LOGGED_IN and self.authenticates and self.no_login is None

    @property
    def opens_gate(self) -> bool:
        """Whether a POP3 login comes before SMTP."""
        has_gate = isinstance(self.endpoint, SmtpEndpoint) and self.target.sending.pop_before_smtp is not None
        return has_gate and self.depth in LOGGED_IN


def plan_send(
    target: Target, options: CheckOptions, *, depth: Depth, recipient: str | None = None, sender: str | None = None
) -> Check:
    """Return the test of sending through a target; the sender defaults to its address, else to the user name.

    Raises MissingInputError naming the options that the depth needs, InvalidValueError for what is no address,
    ExclusiveSettingsError for a login where the server's SMTP authentication is none, UsageError for the envelope of
    Microsoft Graph, which has none.
    """
    sending = target.sending
    endpoint = outgoing_of(sending)
    if isinstance(endpoint, GraphEndpoint) and depth is Depth.ENVELOPE:
        raise UsageError(
            f"'{target.name}' sends through Microsoft Graph, which has no envelope to be tested",
            hint="stop at --depth auth, or send a message: --depth message --to ADDRESS",
        )
    if options.login and endpoint.auth is SmtpAuth.NONE:
        message = f"a login was given, but the SMTP authentication of '{target.name}' is none"
        hint = f"leave the login out, or `{target.edit_command} --smtp-auth auto`" if target.edit_command else None
        raise ExclusiveSettingsError([Problem("--username", message, conflict=True)], hint=hint)
    username = options.login.username if options.login else ""
    default = sending.address or (username if "@" in username else "")
    check = Check(
        target=target,
        endpoint=endpoint,
        tls=sending.tls,
        depth=depth,
        options=options,
        sender=sender or default,
        envelope_from=sender or sending.envelope_from or default,
        recipient=recipient or "",
    )
    missing = _missing_login(check)
    if depth in (Depth.ENVELOPE, Depth.MESSAGE):
        missing = ["--to"] * (not recipient) + missing + ["--from"] * (not check.sender and not missing)
    if missing:
        raise _missing_input(missing, depth)
    for address, where in ((check.recipient, "--to"), (check.sender, "--from")):
        if address:
            parse_address(address, where)
    return check


def plan_receive(target: Target, options: CheckOptions, *, depth: Depth) -> Check:
    """Return the test of receiving from a target.

    Raises UsageError where nothing incoming belongs to it, MissingInputError where the depth needs a login.
    """
    receiving = target.receiving
    if receiving is None and target.sending.graph:
        raise UsageError(
            f"'{target.name}' has nothing to receive from: Microsoft Graph, its way to send, is for sending alone",
            hint="`mailctl test receive CODE` tests a server of the catalogue by itself",
        )
    if receiving is None:
        raise UsageError(
            f"'{target.name}' has nothing to receive from: its dedicated server is for sending alone",
            hint="a server of the catalogue has an incoming side, and POP before SMTP a POP3 server; "
            "`mailctl test receive CODE` tests a server by itself",
        )
    check = Check(target=target, endpoint=receiving.endpoint, tls=receiving.tls, depth=depth, options=options)
    if missing := _missing_login(check):
        raise _missing_input(missing, depth)
    return check


def spare_refused_login(check: Check, sides: Iterable[TargetReport]) -> Check:
    """Return the check, without its login if that was refused on the target's other side already."""
    if any(map(_was_refused, sides)) and _has_one_login(check.target):
        return replace(check, no_login="the login was refused already, and a second refusal could lock the account")
    return check


def _was_refused(side: TargetReport) -> bool:
    refused = any(step.name is Stage.AUTH and step.status is Status.FAIL for step in side.steps)
    return refused and side.exit_code == Exit.AUTHENTICATION


def _has_one_login(target: Target) -> bool:
    """Tell whether a target receives with the login that it sends with."""
    sending, receiving = target.sending, target.receiving
    if receiving is None:
        return False
    return (sending.username, sending.password) == (receiving.username, receiving.password)


def _missing_login(check: Check) -> list[str]:
    has_login = check.options.login is not None or check.target.stores_login
    return ["--username"] if check.logs_in and not has_login else []


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
