"""SMTP sessions. How one comes about is in `opening`, what is sent in it in `submission`. RFC 5321."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mailctl.model.report import Stage
from mailctl.model.server import Security
from mailctl.protocol.envelope import check_command_text
from mailctl.transport.route import Route, connect, reaches, secure
from mailctl.transport.trace import Trace
from mailctl.transport.watch import Watch

if TYPE_CHECKING:
    from mailctl.transport.smtp.submission import SmtpSession


@contextmanager
def open_smtp(
    route: Route,
    watch: Watch,
    *,
    until: Stage = Stage.AUTH,
    trace: Trace | None = None,
    ehlo_name: str | None = None,
) -> Iterator[SmtpSession]:
    """Open a session as far as the stage `until`: tcp, greeting, tls, capabilities or auth.

    `ehlo_name`: how this machine names itself; by default its host name or IP address.
    Raises InvalidValueError before connecting if something cannot go into a command; MailError of the stage that fails.
    """
    if ehlo_name is not None:
        check_command_text("EHLO name", ehlo_name)
    wire = connect(route, watch, trace)
    try:
        if route.endpoint.security is Security.TLS and reaches(until, Stage.GREETING):
            secure(wire, route, watch, mode="implicit", reach=lambda _: None)
        # What speaks SMTP is imported while the greeting is under way: smtplib takes a fifth of all start-up.
        from mailctl.transport.smtp.esmtp import SmtpTransport, client_name
        from mailctl.transport.smtp.opening import SmtpOpening
        from mailctl.transport.smtp.submission import SmtpSession

        opening = SmtpOpening(route, watch, SmtpTransport(wire, ehlo_name or client_name(wire)))
        opening.run(until)
        yield SmtpSession(opening.transport, watch, opening.capabilities, smtputf8=route.smtputf8)
    finally:
        wire.bid_farewell(b"QUIT\r\n")
