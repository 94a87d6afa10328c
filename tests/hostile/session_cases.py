"""Cases 22-26: connections that break off at every step, logins that fail, and the fate of a message."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.doubles import imap, pop3, smtp
from tests.doubles.imap import ImapServer, capability_reply
from tests.doubles.pop3 import Pop3Server, capa_reply
from tests.doubles.scram import ScramChallenge
from tests.doubles.smtp import TAKE_MESSAGE, SmtpServer, ehlo_reply
from tests.doubles.steps import AwaitBytes, BreakTls, Close, Expect, Part, Reset, Stall
from tests.hostile.case import IMPATIENT_SECONDS, Case, Server

from mailctl.errors import (
    AuthenticationError,
    CapabilityError,
    FateUnknownError,
    NetworkError,
    ProtocolError,
    RefusedError,
    TemporaryError,
    TLSError,
)
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

LOGINS_REFUSED = (
    *(
        Case(
            number=23,
            name=f"login_refused_{auth.replace('-', '_')}",
            server=SmtpServer(verdict=b"535 5.7.8 wrong password\r\n"),
            error=AuthenticationError,
            stage=Stage.AUTH,
            auth=auth,
            login_sent=True,
            said=b"535 5.7.8 wrong password",
        )
        for auth in ("auto", "plain", "login", "cram-md5")
    ),
    Case(
        number=23,
        name="login_refused_for_now",
        server=SmtpServer(verdict=b"454 4.7.0 try again later\r\n"),
        error=TemporaryError,
        stage=Stage.AUTH,
        login_sent=True,
    ),
    *(
        Case(
            number=23,
            name=f"login_refused_{auth.replace('-', '_')}",
            server=Pop3Server(verdict=b"-ERR [AUTH] wrong\r\n", password=b"-ERR [AUTH] wrong\r\n"),
            error=AuthenticationError,
            stage=Stage.AUTH,
            auth=auth,
            login_sent=True,
            said=b"-ERR [AUTH] wrong",
        )
        for auth in ("auto", "plain", "login", "cram-md5", "login-command")
    ),
    Case(
        number=23,
        name="apop_refused",
        server=Pop3Server(security="tls", apop=b"-ERR [AUTH] wrong\r\n"),
        error=AuthenticationError,
        stage=Stage.AUTH,
        auth="auto",
        apop=True,
        login_sent=True,
    ),
    Case(
        number=23,
        name="login_refused_for_now",
        server=Pop3Server(verdict=b"-ERR [SYS/TEMP] later\r\n"),
        error=TemporaryError,
        stage=Stage.AUTH,
        login_sent=True,
    ),
    *(
        Case(
            number=23,
            name=f"login_refused_{auth.replace('-', '_')}",
            server=ImapServer(
                verdict=b"<tag> NO [AUTHENTICATIONFAILED] wrong\r\n", login=b"<tag> NO [AUTHENTICATIONFAILED] wrong\r\n"
            ),
            error=AuthenticationError,
            stage=Stage.AUTH,
            auth=auth,
            login_sent=True,
            said=b"NO [AUTHENTICATIONFAILED] wrong",
        )
        for auth in ("auto", "plain", "login", "cram-md5", "login-command")
    ),
    Case(
        number=23,
        name="login_refused_for_now",
        server=ImapServer(verdict=b"<tag> NO [UNAVAILABLE] later\r\n"),
        error=TemporaryError,
        stage=Stage.AUTH,
        login_sent=True,
    ),
)

WEAKER_OFFERED = (
    *(
        Case(
            number=24,
            name=f"only_weaker_than_{auth.replace('-', '_')}",
            server=server,
            error=CapabilityError,
            stage=(Stage.CAPABILITIES, Stage.AUTH),
            auth=auth,
        )
        for auth in ("cram-md5", "scram-sha-256")
        for server in (
            SmtpServer(ehlo=ehlo_reply(b"AUTH PLAIN LOGIN")),
            Pop3Server(capa=capa_reply(b"USER", b"SASL PLAIN LOGIN")),
            ImapServer(capability=capability_reply(b"AUTH=PLAIN", b"AUTH=LOGIN")),
        )
    ),
    *(
        Case(
            number=24,
            name="only_cleartext_mechanisms_without_tls",
            server=server,
            error=CapabilityError,
            stage=(Stage.CAPABILITIES, Stage.AUTH),
            auth="auto",
        )
        for server in (
            SmtpServer(security="none", ehlo=ehlo_reply(b"AUTH PLAIN LOGIN")),
            Pop3Server(security="none", greeting=b"+OK ready\r\n", capa=capa_reply(b"USER", b"SASL PLAIN LOGIN")),
            ImapServer(security="none", capability=capability_reply(b"AUTH=PLAIN", b"AUTH=LOGIN")),
        )
    ),
    Case(
        number=24,
        name="no_timestamp_for_apop",
        server=Pop3Server(security="tls", greeting=b"+OK ready\r\n"),
        error=CapabilityError,
        stage=(Stage.GREETING, Stage.CAPABILITIES, Stage.AUTH),
        auth="auto",
        apop=True,
    ),
)

HEAR = Expect(rb"")
MALFORMED_CHALLENGES = tuple(
    Case(
        number=25,
        name=f"challenge_{name}",
        server=server,
        error=ProtocolError,
        stage=Stage.AUTH,
        auth="cram-md5",
        login_sent=True,
    )
    for name, challenge in (("not_base64", b"!!!=?"), ("cut_short", b"PDE4OTYuNj="), ("in_8_bit", b"\xff\xfe\x00"))
    for server in (
        SmtpServer(auth=(b"334 %s\r\n" % challenge, HEAR, b"501 5.5.2 cancelled\r\n")),
        Pop3Server(auth=(b"+ %s\r\n" % challenge, HEAR, b"-ERR cancelled\r\n")),
        ImapServer(authenticate=(b"+ %s\r\n" % challenge, HEAR, b"<tag> BAD cancelled\r\n")),
    )
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
MORE_THAN_BUFFERS_HOLD = 24 * 1024 * 1024
BROKEN_MESSAGES = (
    Case(
        number=22,
        name="reset_in_the_message",
        server=SmtpServer(data=(b"354 go on\r\n", HEAR, Reset())),
        error=NetworkError,
        stage=Stage.MESSAGE,
        until=Stage.MESSAGE,
        login_sent=True,
        message_bytes=MORE_THAN_BUFFERS_HOLD,
    ),
    Case(
        number=22,
        name="refused_in_the_message",
        server=SmtpServer(data=(b"354 go on\r\n", HEAR, b"552 5.3.4 too big after all\r\n", Close())),
        error=RefusedError,
        stage=Stage.MESSAGE,
        until=Stage.MESSAGE,
        login_sent=True,
        message_bytes=MORE_THAN_BUFFERS_HOLD,
    ),
)

REFUSED_TOKENS = tuple(
    Case(
        number=23,
        name=f"token_refused_{auth}",
        server=server,
        error=AuthenticationError,
        stage=Stage.AUTH,
        auth=auth,
        login_sent=True,
    )
    for auth in ("xoauth2", "oauthbearer")
    for server in (
        SmtpServer(
            ehlo=ehlo_reply(b"AUTH PLAIN LOGIN XOAUTH2 OAUTHBEARER"),
            auth=(b"334 eyJzdGF0dXMiOiI0MDEifQ==\r\n", HEAR, b"535 5.7.8 no\r\n"),
        ),
        Pop3Server(
            capa=capa_reply(b"USER", b"SASL PLAIN LOGIN XOAUTH2 OAUTHBEARER"),
            auth=(b"+ eyJzdGF0dXMiOiI0MDEifQ==\r\n", HEAR, b"-ERR [AUTH] no\r\n"),
        ),
        ImapServer(
            capability=capability_reply(b"SASL-IR", b"AUTH=PLAIN", b"AUTH=XOAUTH2", b"AUTH=OAUTHBEARER"),
            authenticate=(b"+ eyJzdGF0dXMiOiI0MDEifQ==\r\n", HEAR, b"<tag> NO [AUTHENTICATIONFAILED] no\r\n"),
        ),
    )
)


@dataclass(frozen=True)
class Dialect:
    """How a protocol carries SASL: `serve` makes the server whose dialogue is the given part."""

    serve: Callable[[Part], Server]
    prefix: bytes
    success: bytes
    failure: bytes


DIALECTS = (
    Dialect(
        lambda auth: SmtpServer(ehlo=ehlo_reply(b"AUTH SCRAM-SHA-256"), auth=auth),
        b"334 ",
        b"235 2.7.0 welcome\r\n",
        b"501 5.5.2 cancelled\r\n",
    ),
    Dialect(
        lambda auth: Pop3Server(capa=capa_reply(b"SASL SCRAM-SHA-256"), auth=auth),
        b"+ ",
        b"+OK welcome\r\n",
        b"-ERR cancelled\r\n",
    ),
    Dialect(
        lambda auth: ImapServer(capability=capability_reply(b"SASL-IR", b"AUTH=SCRAM-SHA-256"), authenticate=auth),
        b"+ ",
        b"<tag> OK welcome\r\n",
        b"<tag> BAD cancelled\r\n",
    ),
)
SIGNATURE_OF_ANOTHER = b64encode(b"v=" + b64encode(bytes(32)))


def dishonest_scram() -> Iterator[Case]:
    """Case 25: SCRAM proves the server, too; one that cannot prove itself is not believed (RFC 5802, 3)."""
    for dialect in DIALECTS:
        sham = (dialect.prefix + SIGNATURE_OF_ANOTHER + b"\r\n", HEAR, dialect.success)
        for name, challenge, then in (
            ("nonce_of_another", ScramChallenge(dialect.prefix, nonce=b"stranger"), dialect.failure),
            ("iterations_without_end", ScramChallenge(dialect.prefix, iterations=b"4000000000"), dialect.failure),
            ("iterations_none", ScramChallenge(dialect.prefix, iterations=b"0"), dialect.failure),
            ("iterations_malformed", ScramChallenge(dialect.prefix, iterations=b"4_096"), dialect.failure),
            ("success_without_signature", ScramChallenge(dialect.prefix), dialect.success),
            ("signature_of_another", ScramChallenge(dialect.prefix), sham),
        ):
            yield Case(
                number=25,
                name=f"scram_{name}",
                server=dialect.serve((challenge, HEAR, then)),
                error=ProtocolError,
                stage=Stage.AUTH,
                auth="scram-sha-256",
                login_sent=True,
            )


CASES = (
    *drops(),
    *upgrades_cut_short(),
    *BROKEN_SESSIONS,
    *BROKEN_MESSAGES,
    *LOGINS_REFUSED,
    *REFUSED_TOKENS,
    *WEAKER_OFFERED,
    *MALFORMED_CHALLENGES,
    *dishonest_scram(),
    *FATE_UNKNOWN,
)
