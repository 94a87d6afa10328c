"""Where a connection goes, how it is secured and who logs in; and the stages that all three protocols share."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from mailctl.errors import InvalidValueError, MailError, NetworkError, Problem, ProtocolError, TLSError
from mailctl.model.report import Stage
from mailctl.model.secret import Secret
from mailctl.model.server import (
    DEFAULT_PORTS,
    IncomingEndpoint,
    Protocol,
    Security,
    SmtpEndpoint,
    TlsOptions,
    pairing_warning,
)
from mailctl.model.values import ascii_host, is_ip_address
from mailctl.protocol.envelope import check_command_text
from mailctl.protocol.reasons import Reason
from mailctl.protocol.redact import Redactor
from mailctl.protocol.replies import find_greeter
from mailctl.protocol.sasl import Login
from mailctl.transport.network import dial, tls
from mailctl.transport.network.connection import Destination, open_connection
from mailctl.transport.network.limits import Deadline, Limits
from mailctl.transport.network.wire import Wire
from mailctl.transport.trace import Trace
from mailctl.transport.watch import StageRecord, Watch

if TYPE_CHECKING:
    from mailctl.model.sieve import SieveEndpoint

ReachTls = Callable[[Wire], None]
"""Leads a fresh connection, in the clear, to where the TLS handshake begins: greeting, STARTTLS or STLS."""

_CERTIFICATE_READER = "mailctl.transport.network.certificate"
_RELAY_PORT = 25
_SECOND_LOOK_SECONDS = 3.0
"""How long a silent server may take for the handshake with which it is found out whether it waits for TLS."""

_SILENT = (Reason.TIMED_OUT, Reason.CLOSED, Reason.RESET)
"""What becomes of who waits for the greeting of a server that waits for TLS: it may be the first to lose patience."""

_ORDER = {
    stage: order
    for order, stages in enumerate(
        [
            (Stage.DNS,),
            (Stage.TCP,),
            (Stage.GREETING,),
            (Stage.TLS, Stage.CERTIFICATE),
            (Stage.CAPABILITIES,),
            (Stage.AUTH,),
        ]
    )
    for stage in stages
}


class Route(Struct, frozen=True, kw_only=True):
    """Everything that it takes to open a session.

    `login`: None where the endpoint authenticates nobody. `client_key_passphrase`: opens `tls.client_key`.
    `timeout_seconds`: in the place of the endpoint's. `deadline`: bounds the whole, beyond the single commands.
    `limits`: None for those that suit the protocol. `source_address`: the local IP address to connect from.
    `resolve`: turns the host into addresses. `smtputf8`: whether SMTPUTF8 may be used where it is offered.
    """

    endpoint: SmtpEndpoint | IncomingEndpoint | SieveEndpoint
    tls: TlsOptions = field(default_factory=TlsOptions)
    login: Login | None = None
    client_key_passphrase: Secret | None = None
    timeout_seconds: float | None = None
    deadline: Deadline = field(default_factory=Deadline.never)
    limits: Limits | None = None
    source_address: str | None = None
    resolve: dial.Resolve = dial.resolve
    smtputf8: bool = True

    @property
    def protocol(self) -> Protocol:
        return Protocol(self.endpoint.protocol)

    @property
    def host(self) -> str:
        """The host as it goes into DNS, SNI and the certificate check: A-labels or an IP address.

        Raises InvalidValueError before anything is connected if it is no host.
        """
        check_command_text("host", self.endpoint.host)
        try:
            return ascii_host(self.endpoint.host)
        except ValueError as error:
            raise InvalidValueError([Problem("host", str(error))]) from None

    @property
    def peer(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.endpoint.port}"

    @property
    def timeout(self) -> float:
        return float(self.endpoint.timeout) if self.timeout_seconds is None else self.timeout_seconds

    def check(self) -> None:
        """Raise InvalidValueError if host, user name or password hold what would end a command early."""
        assert self.host
        if self.login:
            check_command_text("user name", self.login.username)
            if self.login.secret:
                check_command_text("password", self.login.secret.reveal())

    def limits_for_protocol(self) -> Limits:
        if self.limits:
            return self.limits
        # A search result is one line of IMAP, however many messages it names (RFC 7162, 4 leaves it open).
        return Limits(line_bytes=1024 * 1024) if self.protocol is Protocol.IMAP else Limits()

    @property
    def mode_hint(self) -> str | None:
        """What to look at when the other side speaks TLS where it should not, or the reverse; None if all is usual."""
        port, security = self.endpoint.port, self.endpoint.security
        if port in DEFAULT_PORTS[self.protocol].values() and not pairing_warning(self.protocol, port, security):
            return None
        usual = ", ".join(f"{port} with {security}" for security, port in DEFAULT_PORTS[self.protocol].items())
        return f"port {port} with security {security} is unusual for {self.protocol.upper()}; usual are {usual}"


def reaches(until: Stage, stage: Stage) -> bool:
    """Tell whether a session that is opened as far as `until` goes through `stage`."""
    return _ORDER[stage] <= _ORDER.get(until, len(_ORDER))


def connect(route: Route, watch: Watch, trace: Trace | None) -> Wire:
    """Resolve and dial (stages dns and tcp); DNS, TCP and, where it is implicit, TLS share one time-out."""
    route.check()
    if watch.thorough and route.endpoint.security is not Security.NONE:
        # What reads certificates is loaded while the connection comes about, not between two of its round trips.
        # Not in a daemon thread: one that ends inside of compiled code, with the process, would abort it.
        Thread(target=import_module, args=(_CERTIFICATE_READER,), daemon=False, name="mailctl-certificate").start()
    return _connect(route, watch, trace, Deadline(route.timeout, within=route.deadline))


def _connect(route: Route, watch: Watch, trace: Trace | None, deadline: Deadline) -> Wire:
    destination = Destination(
        host=route.host,
        port=route.endpoint.port,
        protocol=route.protocol,
        username=route.login.username if route.login else None,
        source_address=route.source_address,
    )
    note = partial(trace.note, route.protocol) if trace else None
    with _failure_noted(note):
        connected, address = open_connection(destination, watch, deadline, resolve=route.resolve, whole=route.deadline)
    if note:
        note(f"connected to {address.ip}, port {address.port}")
    return Wire(
        connected,
        peer=route.peer,
        protocol=route.protocol,
        timeout_seconds=route.timeout,
        deadline=route.deadline,
        limits=route.limits_for_protocol(),
        redactor=Redactor([route.login.secret] if route.login and route.login.secret else []),
        trace=trace,
        connecting=deadline,
    )


@contextmanager
def _failure_noted(note: Callable[[str], None] | None) -> Iterator[None]:
    """Let the transcript say why no connection, or no TLS, came about: nothing that is said on the wire does."""
    try:
        yield
    except MailError as error:
        if note:
            note(error.message)
        raise


@contextmanager
def greeted(wire: Wire, route: Route, watch: Watch) -> Iterator[None]:
    """Read the greeting inside, with a deadline of its own where it comes in the clear.

    A greeting of another protocol is named. A server that says nothing may be waiting for TLS: a thorough watch has it
    found out on a second connection; without, the hint says so.
    """
    if not wire.is_secured:
        wire.begin_reply()
    try:
        yield
    except (NetworkError, ProtocolError) as error:
        if isinstance(error, ProtocolError):
            _refuse_other_protocol(error, route, wire)
        if not wire.is_secured:
            error.hint = error.hint or route.mode_hint
            if watch.thorough and error.reason in _SILENT and not error.reply and _speaks_tls(route):
                raise TLSError(
                    f"{wire.peer} waits for TLS from the start, and says nothing before",
                    reason=Reason.TLS_EXPECTED,
                ) from error
        raise


def _refuse_other_protocol(error: MailError, route: Route, wire: Wire) -> None:
    """Raise ProtocolError, in the place of an error, if what was said there is the greeting of another protocol."""
    speaks = find_greeter(error.reply or b"")
    if speaks and speaks != route.protocol.upper():
        raise ProtocolError(
            f"{wire.peer} is a port for {speaks}, not {route.protocol.upper()}",
            reason=Reason.OTHER_PROTOCOL,
            reply=error.reply,
        ) from error


def _speaks_tls(route: Route) -> bool:
    """Tell whether a handshake succeeds at once on a connection of its own, without any credentials."""
    if route.endpoint.port == _RELAY_PORT:
        return False  # TLS never begins so there, and who speaks before the greeting is taken for a spammer
    deadline = Deadline(_SECOND_LOOK_SECONDS, within=route.deadline)
    with suppress(MailError):
        wire = _connect(replace(route, login=None), Watch(), None, deadline)
        try:
            wire.start_tls(tls.build_context(TlsOptions(), verify=False), route.host)
        finally:
            wire.close()
        return True
    return False


def _find_cleartext_greeting(route: Route) -> bytes | None:
    """Return how the server greets on a connection of its own: OpenSSL may have read it before it was looked for."""
    deadline = Deadline(_SECOND_LOOK_SECONDS, within=route.deadline)
    with suppress(MailError):
        wire = _connect(replace(route, login=None, timeout_seconds=_SECOND_LOOK_SECONDS), Watch(), None, deadline)
        try:
            return wire.redacted(wire.read_line().rstrip(b"\r\n"))
        finally:
            wire.close()
    return None


def secure(wire: Wire, route: Route, watch: Watch, *, mode: str, reach: ReachTls) -> None:
    """Begin TLS on a connection (stages tls and certificate).

    `mode`: implicit, starttls or stls. `reach` leads to the handshake, first here and then, if the certificate does
    not hold, on a second connection without any credentials, for it to be shown.
    """
    failure: TLSError | None = None
    with _failure_noted(wire.note), watch.stage(Stage.TLS, protocol=route.protocol) as record:
        record.evidence |= {"sni": None if is_ip_address(route.host) else route.host, "mode": mode}
        context = tls.build_context(route.tls, passphrase=route.client_key_passphrase)
        reach(wire)
        try:
            if mode == "implicit":
                secured = _start_implicit_tls(wire, context, route)
            else:
                secured = wire.start_tls(context, route.host)
        except TLSError as error:
            if not error.reason.startswith("certificate-"):
                if mode == "implicit":
                    if watch.thorough and error.reason == Reason.WRONG_VERSION:
                        error.reply = error.reply or _find_cleartext_greeting(route)
                    _refuse_other_protocol(error, route, wire)
                elif error.reason == Reason.WRONG_VERSION:
                    error.reason = Reason.BYTES_BEFORE_TLS
                    error.message = f"{wire.peer} agrees to TLS, and then goes on in the clear"
                raise
            failure = error
            session, chain = _look_again(route, reach)
            record.evidence |= session
        else:
            record.evidence |= tls.session_evidence(secured)
    with _failure_noted(wire.note), watch.stage(Stage.CERTIFICATE, protocol=route.protocol) as record:
        if failure is not None:
            from mailctl.transport.network.certificate import explain_failure

            record.evidence |= explain_failure(failure, chain, route.host)
            raise failure
        _judge_certificate(wire, secured, route, record, thorough=watch.thorough)


def _judge_certificate(
    wire: Wire, secured: ssl.SSLSocket, route: Route, record: StageRecord, *, thorough: bool
) -> None:
    """Check the pins, and tell what the certificate says where that is wanted: it costs an import."""
    record.evidence["verified"] = route.tls.verify
    if not route.tls.verify:
        record.warn("certificate verification is off: anybody on the way can read and change what is sent")
    if not thorough and not route.tls.pins:
        return
    chain = tls.find_certificate_chain(secured)
    if thorough and chain:
        from mailctl.transport.network.certificate import certificate_evidence, inspection_warnings

        with suppress(ValueError):  # what OpenSSL takes may be unreadable for others
            record.evidence |= certificate_evidence(chain, route.host, verified=route.tls.verify)
            record.warnings += inspection_warnings(chain)
    try:
        tls.check_pins(route.tls, chain, wire.peer)
        record.evidence["pinned"] = bool(route.tls.pins)
    except TLSError:
        wire.close()
        raise


def _look_again(route: Route, reach: ReachTls) -> tuple[dict[str, object], list[bytes]]:
    """Return what a second connection, unverified and without credentials, tells of the session, and its certificates.

    Both are empty if it fails: the first failure stands.
    """
    anonymous = replace(route, login=None)
    try:
        wire = _connect(anonymous, Watch(), None, Deadline(route.timeout, within=route.deadline))
        try:
            reach(wire)
            secured = wire.start_tls(tls.build_context(TlsOptions(), verify=False), route.host)
            return tls.session_evidence(secured), tls.find_certificate_chain(secured)
        finally:
            wire.close()
    except MailError:
        return {}, []


def _start_implicit_tls(wire: Wire, context: tls.Context, route: Route) -> ssl.SSLSocket:
    """Shake hands on a fresh connection; who greets before is a server that speaks no TLS on this port."""
    try:
        return wire.start_tls(context, route.host)
    except ProtocolError as error:
        if error.reason != Reason.BYTES_BEFORE_TLS:
            raise
        raise tls.cleartext_error(error.reply or b"", wire.peer) from error
