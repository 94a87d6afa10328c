"""Cases 22 and 26: connections that break off at every step, and the fate of a message after its final dot."""

from __future__ import annotations

from collections.abc import Iterator

from tests.doubles import imap, pop3, smtp
from tests.doubles.imap import ImapServer
from tests.doubles.pop3 import Pop3Server
from tests.doubles.smtp import TAKE_MESSAGE, SmtpServer
from tests.doubles.steps import AwaitBytes, BreakTls, Close, Expect, Part, Reset, Stall
from tests.hostile.case import IMPATIENT_SECONDS, MORE_THAN_BUFFERS_HOLD, Case, Server

from mailctl.errors import FateUnknownError, NetworkError, RefusedError, TLSError
from mailctl.model.report import Stage

ENDS: dict[str, Part] = {"closed": Close(), "reset": Reset()}

SMTP_POINTS = (
    ("greeting", Stage.GREETING),
    ("ehlo_before_tls", Stage.TLS),
    ("starttls", Stage.TLS),
    ("ehlo", Stage.CAPABILITIES),
    ("auth", Stage.AUTH),
    ("mail", Stage.ENVELOPE),
    ("rcpt", Stage.ENVELOPE),
    ("data", Stage.MESSAGE),
)
POP3_POINTS = (
    ("greeting", Stage.GREETING),
    ("stls", Stage.TLS),
    ("capa", Stage.CAPABILITIES),
    ("auth", Stage.AUTH),
    ("stat", Stage.MAILBOX),
    ("uidl", Stage.MAILBOX),
    ("top", Stage.MAILBOX),
)
IMAP_POINTS = (
    ("greeting", Stage.GREETING),
    ("capability_before_tls", Stage.TLS),
    ("starttls", Stage.TLS),
    ("capability", Stage.CAPABILITIES),
    ("authenticate", Stage.AUTH),
    ("namespace", Stage.MAILBOX),
    ("list", Stage.MAILBOX),
    ("examine", Stage.MAILBOX),
)
LATE = (Stage.ENVELOPE, Stage.MESSAGE, Stage.MAILBOX)


def drops() -> Iterator[Case]:
    """Case 22: the connection ends in place of each answer, and in the middle of each handshake."""
    for kind, points in ((SmtpServer, SMTP_POINTS), (Pop3Server, POP3_POINTS), (ImapServer, IMAP_POINTS)):
        for end, step in ENDS.items():
            for point, stage in points:
                yield Case(
                    number=22,
                    name=f"{end}_at_{point}",
                    server=kind(**{point: step}),
                    error=NetworkError,
                    # A reset can come so early that the connection itself seems to fail.
                    stage=(Stage.TCP, stage) if (end, point) == ("reset", "greeting") else stage,
                    until=stage if stage in LATE else Stage.AUTH,
                    login_sent=stage is Stage.AUTH or stage in LATE,
                )
            yield Case(
                number=22,
                name=f"{end}_in_the_handshake",
                server=kind(security="tls", handshake=(AwaitBytes(), step)),
                error=(NetworkError, TLSError),
                stage=Stage.TLS,
            )


def upgrades_cut_short() -> Iterator[Case]:
    """Case 22 again: after the server agreed to TLS."""
    for end, step in ENDS.items():
        servers: tuple[Server, ...] = (
            SmtpServer(starttls=(smtp.GO_AHEAD, AwaitBytes(), step)),
            Pop3Server(stls=(pop3.GO_AHEAD, AwaitBytes(), step)),
            ImapServer(starttls=(imap.GO_AHEAD, AwaitBytes(), step)),
        )
        for server in servers:
            yield Case(
                number=22,
                name=f"{end}_in_the_upgrade",
                server=server,
                error=(NetworkError, TLSError),
                stage=Stage.TLS,
            )


BROKEN_SESSIONS = tuple(
    Case(
        number=22,
        name=f"tls_broken_at_{point}",
        server=kind(security="tls", **{point: BreakTls()}),
        error=(TLSError, NetworkError),
        stage=stage,
        until=stage if stage in LATE else Stage.AUTH,
        login_sent=stage in LATE,
    )
    for kind, points in (
        (SmtpServer, (("greeting", Stage.GREETING), ("ehlo", Stage.CAPABILITIES), ("mail", Stage.ENVELOPE))),
        (Pop3Server, (("greeting", Stage.GREETING), ("capa", Stage.CAPABILITIES), ("uidl", Stage.MAILBOX))),
        (ImapServer, (("greeting", Stage.GREETING), ("capability", Stage.CAPABILITIES), ("list", Stage.MAILBOX))),
    )
    for point, stage in points
)

FATE_UNKNOWN = tuple(
    Case(
        number=26,
        name=f"{end}_after_the_final_dot",
        server=SmtpServer(data=(TAKE_MESSAGE, part)),
        error=FateUnknownError,
        stage=Stage.MESSAGE,
        until=Stage.MESSAGE,
        timeout_seconds=IMPATIENT_SECONDS,
        login_sent=True,
    )
    for end, part in {
        **ENDS,
        "closed_in_the_reply": (b"250 2.0.0 que", Close()),
        "nonsense": b"2_0 whatever\r\n",
        "silence": Stall(),
        "broken_tls": BreakTls(),
    }.items()
)

BROKEN_MESSAGES = (
    Case(
        number=22,
        name="reset_in_the_message",
        server=SmtpServer(data=(b"354 go on\r\n", Expect(rb""), Reset())),
        error=NetworkError,
        stage=Stage.MESSAGE,
        until=Stage.MESSAGE,
        login_sent=True,
        message_bytes=MORE_THAN_BUFFERS_HOLD,
    ),
    Case(
        number=22,
        name="refused_in_the_message",
        server=SmtpServer(data=(b"354 go on\r\n", Expect(rb""), b"552 5.3.4 too big after all\r\n", Close())),
        error=RefusedError,
        stage=Stage.MESSAGE,
        until=Stage.MESSAGE,
        login_sent=True,
        message_bytes=MORE_THAN_BUFFERS_HOLD,
    ),
)

CASES = (*drops(), *upgrades_cut_short(), *BROKEN_SESSIONS, *BROKEN_MESSAGES, *FATE_UNKNOWN)
