"""Cases 23-25: logins that are refused, mechanisms that are missing, and servers that are dishonest in the dialogue."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.doubles.imap import ImapServer, capability_reply
from tests.doubles.pop3 import Pop3Server, capa_reply
from tests.doubles.scram import ScramChallenge
from tests.doubles.smtp import SmtpServer, ehlo_reply
from tests.doubles.steps import Expect, Part
from tests.hostile.case import Case, Server

from mailctl.errors import AuthenticationError, CapabilityError, ProtocolError, TemporaryError
from mailctl.model.report import Stage

HEAR = Expect(rb"")

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


CASES = (*LOGINS_REFUSED, *REFUSED_TOKENS, *WEAKER_OFFERED, *MALFORMED_CHALLENGES, *dishonest_scram())
