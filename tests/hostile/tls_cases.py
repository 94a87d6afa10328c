"""Cases 27, 29, 30 and 33: certificates that do not hold, old TLS, and handshakes that never end."""

from __future__ import annotations

from tests.doubles import imap, pop3, smtp
from tests.doubles.imap import ImapServer
from tests.doubles.pop3 import Pop3Server
from tests.doubles.smtp import SmtpServer
from tests.doubles.steps import Stall
from tests.hostile.case import IMPATIENT_SECONDS, Case

from mailctl.errors import NetworkError, TLSError
from mailctl.model.report import Stage

KINDS = (SmtpServer, Pop3Server, ImapServer)
WRONG_CERTIFICATES = ("wrong_host", "unknown_authority", "expired", "not_yet_valid", "common_name_only")

CERTIFICATES = tuple(
    Case(
        number=27 if security == "tls" else 30,
        name=f"{certificate}_with_{security}",
        server=kind(security=security),
        error=TLSError,
        stage=Stage.CERTIFICATE,
        certificate=certificate,
    )
    for security in ("tls", "starttls")
    for certificate in WRONG_CERTIFICATES
    for kind in KINDS
)

OLD_TLS = tuple(
    Case(
        number=29,
        name=f"only_tls_1_1_with_{security}",
        server=kind(security=security),
        error=TLSError,
        stage=Stage.TLS,
        certificate="good_up_to_tls_1_1",
    )
    for security in ("tls", "starttls")
    for kind in KINDS
)

STALLED = tuple(
    Case(
        number=33,
        name=f"handshake_stalls_with_{server.security}",
        server=server,
        error=(NetworkError, TLSError),
        stage=Stage.TLS,
        timeout_seconds=IMPATIENT_SECONDS,
    )
    for server in (
        *(kind(security="tls", handshake=Stall()) for kind in KINDS),
        SmtpServer(starttls=(smtp.GO_AHEAD, Stall())),
        Pop3Server(stls=(pop3.GO_AHEAD, Stall())),
        ImapServer(starttls=(imap.GO_AHEAD, Stall())),
    )
)

CLIENT_UNKNOWN = tuple(
    Case(
        number=27,
        name=f"client_certificate_wanted_with_{security}",
        server=kind(security=security),
        # In TLS 1.3 the server looks at it after the client has ended the handshake: its alert may find the client
        # reading, or in the middle of the next command.
        error=(TLSError, NetworkError),
        stage=(Stage.TLS, Stage.GREETING, Stage.CAPABILITIES),
        certificate="good_for_known_clients",
    )
    for security in ("tls", "starttls")
    for kind in KINDS
)

CASES = (*CLIENT_UNKNOWN, *CERTIFICATES, *OLD_TLS, *STALLED)
