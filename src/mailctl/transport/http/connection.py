"""How an HTTP connection comes about: the same dialling, TLS and deadlines as those of the mail protocols.

urllib3 asks getaddrinfo, which knows no time-out, tries one address after the other, and has time-outs per read, which
an answer that drips never reaches. So the sockets that it speaks over are made here.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from typing import Any

from mailctl.errors import MailError, TLSError
from mailctl.model.report import Stage
from mailctl.model.server import TlsOptions
from mailctl.model.values import is_ip_address
from mailctl.transport.network import dial, tls
from mailctl.transport.network.connection import Destination, open_connection
from mailctl.transport.network.limits import Deadline
from mailctl.transport.trace import Trace
from mailctl.transport.watch import Watch


class Clock:
    """The deadline of the request at hand. Every read and write of a connection keeps it."""

    def __init__(self, deadline: Deadline) -> None:
        self.deadline = deadline


class TimedSocket(socket.socket):
    """A connection in the clear that keeps the deadline of its clock."""

    clock: Clock

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        self.settimeout(self.clock.deadline.left_seconds())
        return super().recv_into(buffer, nbytes, flags)

    def sendall(self, data: Any, flags: int = 0) -> None:
        self.settimeout(self.clock.deadline.left_seconds())  # of the whole, not of each packet
        super().sendall(data, flags)


class TimedTlsSocket(tls.SecuredSocket):
    """A secured connection that keeps the deadline of its clock."""

    clock: Clock

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        self.settimeout(self.clock.deadline.left_seconds())
        return super().recv_into(buffer, nbytes, flags)

    def send(self, data: Any, flags: int = 0) -> int:
        self.settimeout(self.clock.deadline.left_seconds())  # sendall is made of these
        try:
            return super().send(data, flags)
        except ssl.SSLEOFError as error:
            # What urllib3 takes for a server that has answered early: it then reads the answer.
            raise BrokenPipeError from error


class Connector:
    """Makes connections (stages dns, tcp, tls and certificate), for one client. `protocol` names it in stages.

    `ca_file`: authorities to trust in the place of the system's, PEM.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        protocol: str,
        ca_file: str | None,
        trace: Trace | None,
        resolve: dial.Resolve,
    ) -> None:
        self._clock = clock
        self._protocol = protocol
        self._options = TlsOptions(ca_file=ca_file)
        self._trace = trace
        self._resolve = resolve

    def dial(self, host: str, port: int, watch: Watch) -> TimedSocket:
        """Return a connection in the clear; raises NetworkError."""
        destination = Destination(host=host, port=port, protocol=self._protocol)
        connected, address = open_connection(destination, watch, self._clock.deadline, resolve=self._resolve)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._trace:
            self._trace.note(self._protocol, f"connected to {address.ip}, port {address.port}")
        timed = TimedSocket(fileno=connected.detach())
        timed.clock = self._clock
        return timed

    def secure(self, connected: socket.socket, host: str, port: int, watch: Watch) -> TimedTlsSocket:
        """Return the connection secured; raises TLSError, and the connection is then closed."""
        failure: TLSError | None = None
        with watch.stage(Stage.TLS, protocol=self._protocol) as record:
            record.evidence |= {"sni": None if is_ip_address(host) else host, "mode": "implicit"}
            try:
                secured = self._shake_hands(connected, host, port, verify=True)
            except TLSError as error:
                if not error.reason.startswith("certificate-"):
                    raise
                failure = error
                session, chain = self._look_again(host, port)
                record.evidence |= session
            else:
                record.evidence |= tls.session_evidence(secured)
        with watch.stage(Stage.CERTIFICATE, protocol=self._protocol) as record:
            record.evidence["verified"] = True
            if failure is not None:
                from mailctl.transport.network.certificate import explain_failure

                record.evidence |= explain_failure(failure, chain, host)
                raise failure
            if watch.thorough:
                from mailctl.transport.network.certificate import certificate_evidence, inspection_warnings

                chain = tls.find_certificate_chain(secured)
                with suppress(ValueError):  # what OpenSSL takes may be unreadable for others
                    record.evidence |= certificate_evidence(chain, host, verified=True)
                    record.warnings += inspection_warnings(chain)
        if self._trace:
            self._trace.note(self._protocol, f"{secured.version()} with {host}")
        return secured

    def _shake_hands(self, connected: socket.socket, host: str, port: int, *, verify: bool) -> TimedTlsSocket:
        context = tls.build_context(self._options, verify=verify, socket_class=TimedTlsSocket)
        secured = tls.shake_hands(connected, context, host, self._clock.deadline, f"with {host}:{port}")
        assert isinstance(secured, TimedTlsSocket)
        secured.clock = self._clock
        return secured

    def _look_again(self, host: str, port: int) -> tuple[dict[str, object], list[bytes]]:
        """Return what a second connection, unverified, tells of the session and of its certificates; nothing is sent.

        Both are empty if it fails.
        """
        try:
            with self._shake_hands(self.dial(host, port, Watch()), host, port, verify=False) as unverified:
                return tls.session_evidence(unverified), tls.find_certificate_chain(unverified)
        except MailError:
            return {}, []
