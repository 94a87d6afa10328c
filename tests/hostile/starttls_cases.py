"""Cases 1-17 and 20: what comes before TLS must neither be skipped, nor be believed after it."""

from __future__ import annotations

from tests.doubles import imap, pop3, smtp
from tests.doubles.imap import ImapServer, capability_reply
from tests.doubles.pop3 import Pop3Server, capa_reply
from tests.doubles.smtp import SmtpServer, ehlo_reply
from tests.doubles.steps import HANDSHAKE, Close, Delay
from tests.hostile.case import Case

from mailctl.errors import CapabilityError, MailError, NetworkError, ProtocolError, TemporaryError, TLSError
from mailctl.model.report import Stage

PAUSE = Delay(0.05)
BROKEN_HANDSHAKE = (TLSError, ProtocolError, NetworkError)
"""Garbage in the place of the server's hello: who notices it first depends on timing."""

SMTP = (
    Case(
        number=1,
        name="starttls_not_offered",
        server=SmtpServer(ehlo_before_tls=smtp.EHLO),
        error=TLSError,
        stage=Stage.TLS,
    ),
    *(
        Case(
            number=2,
            name=f"starttls_answered_{reply[:3].decode()}",
            server=SmtpServer(starttls=reply),
            error=error,
            stage=Stage.TLS,
            said=reply.rstrip(),
        )
        for reply, error in (
            (b"454 4.7.0 TLS not available\r\n", TemporaryError),
            (b"421 4.7.0 too many connections\r\n", TemporaryError),
            (b"502 5.5.1 not implemented\r\n", TLSError),
            (b"354 go on\r\n", TLSError),
            (b"250 2.0.0 fine\r\n", TLSError),
            (b"221 2.0.0 bye\r\n", TLSError),
        )
    ),
    Case(
        number=3,
        name="only_helo_works_and_tls_is_needed",
        server=SmtpServer(ehlo_before_tls=b"502 5.5.1 no such command\r\n"),
        error=TLSError,
        stage=(Stage.TLS, Stage.CAPABILITIES),
    ),
    Case(
        number=3,
        name="only_helo_works_and_a_login_is_needed",
        server=SmtpServer(security="tls", ehlo=b"502 5.5.1 no such command\r\n"),
        error=CapabilityError,
        stage=(Stage.AUTH, Stage.CAPABILITIES),
    ),
    Case(
        number=4,
        name="extra_line_in_same_segment",
        server=SmtpServer(starttls=(smtp.GO_AHEAD + b"250 2.0.0 injected\r\n", HANDSHAKE)),
        error=ProtocolError,
        stage=Stage.TLS,
    ),
    Case(
        number=5,
        name="extra_fragment_without_line_end",
        server=SmtpServer(starttls=(smtp.GO_AHEAD + b"250 2.0.0 inj", HANDSHAKE)),
        error=ProtocolError,
        stage=Stage.TLS,
    ),
    Case(
        number=6,
        name="extra_line_a_moment_later",
        server=SmtpServer(starttls=(smtp.GO_AHEAD, PAUSE, b"250 2.0.0 injected\r\n", HANDSHAKE)),
        error=BROKEN_HANDSHAKE,
        stage=Stage.TLS,
    ),
    Case(
        number=17,
        name="mechanisms_offered_before_tls_only",
        server=SmtpServer(ehlo_before_tls=ehlo_reply(b"STARTTLS", b"AUTH PLAIN LOGIN"), ehlo=ehlo_reply(b"SIZE 1000")),
        error=CapabilityError,
        stage=(Stage.CAPABILITIES, Stage.AUTH),
    ),
    Case(
        number=17,
        name="ehlo_fails_after_tls",
        server=SmtpServer(ehlo_before_tls=ehlo_reply(b"STARTTLS", b"AUTH PLAIN"), ehlo=b"502 5.5.1 no\r\n"),
        error=MailError,
        stage=(Stage.CAPABILITIES, Stage.AUTH),
    ),
    Case(
        number=20,
        name="closing_words_after_the_handshake",
        server=SmtpServer(starttls=(smtp.GO_AHEAD, HANDSHAKE, b"421 4.3.0 bye\r\n", Close())),
        error=MailError,
        stage=Stage.CAPABILITIES,
    ),
)

POP3 = (
    Case(
        number=7,
        name="stls_not_offered",
        server=Pop3Server(capa_before_tls=pop3.CAPA, stls=b"-ERR no such command\r\n"),
        error=TLSError,
        stage=Stage.TLS,
    ),
    *(
        Case(
            number=7,
            name=f"stls_answered_{name}",
            server=Pop3Server(stls=reply),
            error=error,
            stage=Stage.TLS,
            said=reply.rstrip(),
        )
        for name, reply, error in (
            ("err", b"-ERR not now\r\n", TLSError),
            ("temporary_err", b"-ERR [SYS/TEMP] not now\r\n", TemporaryError),
            ("nonsense", b"250 fine\r\n", ProtocolError),
        )
    ),
    Case(
        number=7,
        name="extra_line_in_same_segment",
        server=Pop3Server(stls=(pop3.GO_AHEAD + b"+OK injected\r\n", HANDSHAKE)),
        error=ProtocolError,
        stage=Stage.TLS,
    ),
    Case(
        number=7,
        name="extra_fragment_without_line_end",
        server=Pop3Server(stls=(pop3.GO_AHEAD + b"+OK inj", HANDSHAKE)),
        error=ProtocolError,
        stage=Stage.TLS,
    ),
    Case(
        number=7,
        name="extra_line_a_moment_later",
        server=Pop3Server(stls=(pop3.GO_AHEAD, PAUSE, b"+OK injected\r\n", HANDSHAKE)),
        error=BROKEN_HANDSHAKE,
        stage=Stage.TLS,
    ),
    Case(
        number=8,
        name="neither_capa_nor_stls",
        server=Pop3Server(capa_before_tls=b"-ERR what?\r\n", stls=b"-ERR what?\r\n"),
        error=TLSError,
        stage=(Stage.TLS, Stage.CAPABILITIES),
        auth="login-command",
    ),
    Case(
        number=9,
        name="apop_timestamp_in_cleartext",
        server=Pop3Server(capa_before_tls=pop3.CAPA, stls=b"-ERR no such command\r\n"),
        error=TLSError,
        stage=Stage.TLS,
        auth="auto",
        apop=True,
    ),
    Case(
        number=17,
        name="mechanisms_offered_before_tls_only",
        server=Pop3Server(
            capa_before_tls=capa_reply(b"STLS", b"SASL PLAIN", b"USER"), capa=capa_reply(b"SASL CRAM-MD5")
        ),
        error=CapabilityError,
        stage=(Stage.CAPABILITIES, Stage.AUTH),
    ),
    Case(
        number=20,
        name="closing_words_after_the_handshake",
        server=Pop3Server(stls=(pop3.GO_AHEAD, HANDSHAKE, b"-ERR bye\r\n", Close())),
        error=MailError,
        stage=(Stage.CAPABILITIES, Stage.AUTH),
    ),
)

FORGED_SESSION = (
    b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n<tag+1> OK done\r\n<tag+1> OK logged in\r\n"
    b"* 666 EXISTS\r\n<tag+1> OK [READ-WRITE] selected\r\n"
)

IMAP = (
    Case(
        number=1,
        name="starttls_not_offered",
        server=ImapServer(capability_before_tls=imap.CAPABILITY),
        error=TLSError,
        stage=Stage.TLS,
    ),
    *(
        Case(
            number=10,
            name=f"starttls_answered_{name}",
            server=ImapServer(starttls=reply),
            error=error,
            stage=Stage.TLS,
        )
        for name, reply, error in (
            ("no", b"<tag> NO not now\r\n", TLSError),
            ("no_unavailable", b"<tag> NO [UNAVAILABLE] not now\r\n", TemporaryError),
            ("bad", b"<tag> BAD what?\r\n", (TLSError, ProtocolError)),
            ("plus", b"+ go on\r\n", ProtocolError),
        )
    ),
    Case(
        number=11,
        name="forged_session_in_same_segment",
        server=ImapServer(starttls=(imap.GO_AHEAD + FORGED_SESSION, HANDSHAKE)),
        error=ProtocolError,
        stage=Stage.TLS,
    ),
    Case(
        number=11,
        name="forged_session_before_the_answer",
        server=ImapServer(starttls=(b"* PREAUTH welcome\r\n" + imap.GO_AHEAD + FORGED_SESSION, HANDSHAKE)),
        error=ProtocolError,
        stage=Stage.TLS,
    ),
    Case(
        number=12,
        name="answer_with_the_greeting",
        server=ImapServer(greeting=b"* OK ready\r\nA1 OK begin TLS\r\n"),
        error=ProtocolError,
        stage=(Stage.GREETING, Stage.TLS),
    ),
    Case(
        number=12,
        name="answer_with_the_capabilities",
        server=ImapServer(capability_before_tls=imap.CAPABILITY_BEFORE_TLS + b"<tag+1> OK begin TLS\r\n"),
        error=ProtocolError,
        stage=(Stage.TLS, Stage.CAPABILITIES),
    ),
    Case(
        number=14,
        name="preauth_where_starttls_is_required",
        server=ImapServer(greeting=b"* PREAUTH welcome back\r\n"),
        error=(ProtocolError, TLSError),
        stage=(Stage.GREETING, Stage.TLS),
    ),
    Case(
        number=14,
        name="preauth_over_tls_without_a_client_certificate",
        server=ImapServer(security="tls", greeting=b"* PREAUTH welcome back\r\n"),
        error=ProtocolError,
        stage=(Stage.GREETING, Stage.AUTH),
    ),
    *(
        Case(
            number=15,
            name=f"logindisabled_{security}_{auth.replace('-', '_')}",
            server=ImapServer(
                security=security,
                capability=capability_reply(b"LOGINDISABLED"),
                capability_before_tls=capability_reply(b"STARTTLS", b"LOGINDISABLED"),
            ),
            error=CapabilityError,
            stage=(Stage.CAPABILITIES, Stage.AUTH),
            auth=auth,
        )
        for security in ("none", "starttls", "tls")
        for auth in ("login-command", "auto")
    ),
    *(
        Case(
            number=16,
            name=f"greeting_{name}",
            server=ImapServer(security=security, greeting=greeting),
            error=error,
            stage=Stage.GREETING,
            said=greeting.rstrip().partition(b" ")[2],
        )
        for security in ("starttls", "tls")
        for name, greeting, error in (
            (f"{security}_invalid", b"welcome to the server\r\n", ProtocolError),
            (f"{security}_tagged", b"A1 OK ready\r\n", ProtocolError),
            (f"{security}_bye", b"* BYE closing down\r\n", MailError),
            (f"{security}_no", b"* NO not for you\r\n", ProtocolError),
            (f"{security}_bad", b"* BAD what?\r\n", ProtocolError),
        )
    ),
    Case(
        number=17,
        name="mechanisms_offered_before_tls_only",
        server=ImapServer(
            capability_before_tls=capability_reply(b"STARTTLS", b"AUTH=PLAIN", b"SASL-IR"),
            capability=capability_reply(b"LOGINDISABLED"),
        ),
        error=CapabilityError,
        stage=(Stage.CAPABILITIES, Stage.AUTH),
    ),
    Case(
        number=20,
        name="bye_in_the_segment_of_the_answer",
        server=ImapServer(starttls=(imap.GO_AHEAD + b"* BYE bye\r\n", HANDSHAKE)),
        error=ProtocolError,
        stage=Stage.TLS,
    ),
    Case(
        number=20,
        name="bye_after_the_handshake",
        server=ImapServer(starttls=(imap.GO_AHEAD, HANDSHAKE, b"* BYE bye\r\n", Close())),
        error=MailError,
        stage=(Stage.CAPABILITIES, Stage.AUTH),
    ),
)

CASES = (*SMTP, *POP3, *IMAP)
