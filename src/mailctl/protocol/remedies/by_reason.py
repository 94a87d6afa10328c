"""Remedies for mailctl's own reasons, where no reply tells more."""

from __future__ import annotations

from mailctl.model.report import Stage
from mailctl.protocol.reasons import Reason
from mailctl.protocol.remedies.remedy import Remedy, Row

_LATER = "wait some minutes and try again"
_TLS_DEPTH = "{test} --depth tls"


def _row(
    reasons: Reason | tuple[Reason, ...],
    cause: str,
    remedy: str,
    *,
    next: str | None = None,  # noqa: A002 - the remedy's field
    document: str | None = None,
    stages: tuple[Stage, ...] = (),
) -> Row:
    given = reasons if isinstance(reasons, tuple) else (reasons,)
    return Row(reasons=given, stages=stages, remedy=Remedy(cause=cause, remedy=remedy, document=document, next=next))


_NETWORK_ROWS = (
    _row(
        Reason.NXDOMAIN,
        "there is no such host name",
        "check its spelling; a name of the own network is known to its DNS servers alone",
        next="{edit} --{side}-host HOST",
    ),
    _row(
        Reason.NO_ADDRESS,
        "the name exists, but has no address; it may be a mail domain, not a server",
        "ask for the server's own name, which the domain's MX or SRV records and its provider tell",
        next="{edit} --{side}-host HOST",
    ),
    _row(
        Reason.SERVFAIL,
        "the domain's name servers, or this machine's resolver, fail to answer",
        "try again; if it stays, the domain's DNS (often DNSSEC) is to be mended",
        next="{test} --depth connect",
    ),
    _row(
        (Reason.TIMED_OUT, Reason.DNS),
        "this machine's DNS resolver gives no answer",
        "check the resolver and the network of this machine",
        stages=(Stage.DNS,),
        next="{test} --depth connect",
    ),
    _row(
        Reason.REFUSED,
        "the machine answers, but nobody listens on this port, or a firewall refuses",
        "check the port, and that the mail service runs",
        stages=(Stage.TCP,),
        next="{edit} --{side}-port PORT",
    ),
    _row(
        Reason.TIMED_OUT,
        "nothing answers: a firewall drops the connection, or the machine is off; many networks block port 25 outwards",
        "use 587 or 465 instead of 25; check host and port, and the firewalls in between",
        stages=(Stage.TCP,),
        next="{test} --depth connect",
    ),
    _row(
        Reason.PORT_BLOCKED,
        "this network, or its provider, lets nothing out to port 25, as most do",
        "send through 587 (starttls) or 465 (tls), with a login",
        document="https://www.rfc-editor.org/rfc/rfc6409",
        next="{edit} --smtp-port 587 --smtp-security starttls",
    ),
    _row(
        Reason.TIMED_OUT,
        "the connection stands, but the server says nothing; a server that waits for TLS stays silent so, and some "
        "greet late on purpose",
        "check that port and security belong together (465, 993, 995: tls); or raise the time-out",
        stages=(Stage.GREETING,),
        next="{edit} --{side}-security tls",
    ),
    _row(
        (Reason.TIMED_OUT, Reason.HANDSHAKE_TIMED_OUT),
        "the server did not answer in time",
        "try again; if it stays, raise the time-out (up to 120 seconds), or look at the server's load",
        next="{edit} --{side}-timeout 60",
    ),
    _row(
        Reason.UNREACHABLE,
        "this machine has no way to that address",
        "check the network of this machine, IPv6 too, and a VPN if the server needs one",
        next="{test} --depth connect",
    ),
    _row(
        Reason.FORBIDDEN,
        "a firewall or sandbox on this machine forbids the connection",
        "allow the program to connect to that host and port",
        next="{test} --depth connect",
    ),
    _row(
        (Reason.RESET, Reason.CLOSED),
        "the server, or something in between, cut the connection",
        "check that port and security belong together; the server may have blocked this address after failures",
        next="{test} --transcript",
    ),
)

_TLS_ROWS = (
    _row(
        Reason.WRONG_VERSION,
        "what answered was not TLS: the security does not fit the port",
        "465, 993 and 995 go with tls; 587, 143 and 110 with starttls",
        next="{edit} --{side}-security starttls",
        document="https://www.rfc-editor.org/rfc/rfc8314",
    ),
    _row(
        Reason.TLS_EXPECTED,
        "the security setting does not fit the port: TLS begins with the connection there",
        "set the security to tls",
        next="{edit} --{side}-security tls",
        document="https://www.rfc-editor.org/rfc/rfc8314",
    ),
    _row(
        Reason.PROTOCOL_VERSION,
        "the server has no version of TLS that is still safe; mailctl takes 1.2 and 1.3",
        "let the server's administrator switch TLS 1.2 or 1.3 on",
        document="https://www.rfc-editor.org/rfc/rfc8996",
        next=_TLS_DEPTH,
    ),
    _row(
        Reason.NO_COMMON_CIPHER,
        "server and client have no cipher, or key exchange, in common, or the server wants a client certificate",
        "let the server's administrator bring its TLS set-up up to date",
        next=_TLS_DEPTH,
    ),
    _row(
        Reason.SERVER_NAME,
        "the server has no certificate for the name that is configured",
        "use the host name that the provider gives",
        next="{edit} --{side}-host HOST",
    ),
    _row(
        (Reason.HANDSHAKE, Reason.HANDSHAKE_RESET, Reason.TLS),
        "the server broke the TLS handshake off",
        "check that port and security belong together, and look into the server's log",
        next="{test} --depth tls --transcript",
    ),
    _row(
        Reason.CLIENT_CERTIFICATE,
        "the client certificate cannot be used, is not accepted, or one is wanted and none is set",
        "check the files, their passphrase and their dates, and that the server trusts the issuer",
        next="{edit} --client-cert FILE --client-key FILE",
    ),
    _row(
        Reason.CA_FILE,
        "the file of trusted authorities cannot be used",
        "name a readable file of certificates in PEM",
        next="{edit} --{tls}ca-file FILE",
    ),
    _row(
        Reason.STARTTLS_NOT_OFFERED,
        "the server offers no encryption on this port, or something in between hides it; nothing secret was sent",
        "use the port that is TLS from the start; behind a filtering firewall, let it pass STARTTLS",
        next="{edit} --{side}-security tls",
        document="https://www.rfc-editor.org/rfc/rfc8314",
    ),
    _row(
        Reason.STARTTLS_REFUSED,
        "the server offers encryption, but refused to begin it",
        "try again; if it stays, its certificate or key is not set up: look into its log",
        next="{test} --depth tls --transcript",
    ),
    _row(
        Reason.BYTES_BEFORE_TLS,
        "something was slipped in before encryption began: an attack, or a faulty server or proxy",
        "use the port that is TLS from the start, and tell the server's administrator",
        next="{edit} --{side}-security tls",
        document="https://nostarttls.secvuln.info/",
    ),
)

_CERTIFICATE_ROWS = (
    _row(
        Reason.CERTIFICATE_EXPIRED,
        "the server's certificate has expired, or this machine's clock is wrong",
        "let the server's administrator renew it; check the clock here",
        next="{test} --depth tls",
    ),
    _row(
        Reason.CERTIFICATE_NOT_YET_VALID,
        "the server's certificate is not valid yet, or this machine's clock is wrong",
        "check the clock here, then the server's certificate",
        next="{test} --depth tls",
    ),
    _row(
        Reason.CERTIFICATE_HOST,
        "the server's certificate is for other names than the one that is configured",
        "use one of the names in the certificate, if it is the provider's; else let the server's administrator "
        "have this name added",
        next="{edit} --{side}-host HOST",
    ),
    _row(
        Reason.CERTIFICATE_COMMON_NAME,
        "the certificate names the server in its subject alone, where names no longer count",
        "let the server's administrator have it issued with subject alternative names",
        document="https://www.rfc-editor.org/rfc/rfc9525",
        next=_TLS_DEPTH,
    ),
    _row(
        (Reason.CERTIFICATE_UNKNOWN_CA, Reason.CERTIFICATE_SELF_SIGNED),
        "the server's certificate comes from an authority that this machine does not trust: one of the organisation, "
        "an inspecting proxy, or an impostor",
        "if its issuer is the organisation's own, name its CA file; if it is a surprise, stop here",
        next="{edit} --{tls}ca-file FILE",
    ),
    _row(
        Reason.CERTIFICATE_CHAIN,
        "the server does not send the intermediate certificate that leads to a trusted authority",
        "let the server's administrator install the full chain; until then, name a CA file that has it",
        next="{edit} --{tls}ca-file FILE",
    ),
    _row(
        Reason.CERTIFICATE_INTERCEPTED,
        "something on the way, or on this machine, looks into the connection and shows a certificate of its own",
        "let it pass mail connections untouched; or, if it is meant to look into them, name its CA file",
        next="{edit} --{tls}ca-file FILE",
    ),
    _row(
        Reason.CERTIFICATE_REVOKED,
        "the authority has revoked the server's certificate",
        "do not log in there; tell the server's administrator",
        next=_TLS_DEPTH,
    ),
    _row(
        Reason.PIN_MISMATCH,
        "the server's key is none of the pinned ones: it was changed, or somebody is in between",
        "ask the server's administrator for the new key's fingerprint, and only then pin it",
        next="{edit} --pin sha256:HEX",
    ),
)

_SERVER_ROWS = (
    _row(
        Reason.RATE_LIMITED,
        "the server limits how often one may come; it says nothing about TLS or the login",
        _LATER,
        next="{test}",
    ),
    _row(Reason.TEMPORARY, "the server cannot do it just now", _LATER, next="{test}"),
    _row(
        Reason.GREETING_REFUSED,
        "the server turns this machine away at the door",
        "look for this IP address on a block list, and for a limit at the provider; from a home or office line, send "
        "through 587 or 465",
        next="{test} --depth connect --transcript",
    ),
    _row(
        Reason.OTHER_PROTOCOL,
        "the port is that of another service",
        "use the port of the protocol that is configured: 587 or 465 for SMTP, 993 for IMAP, 995 for POP3",
        next="{edit} --{side}-port PORT",
    ),
    _row(
        (Reason.MALFORMED_REPLY, Reason.REPLY_TOO_LONG, Reason.PROTOCOL),
        "what answers does not keep to the protocol; perhaps it is another service, or a proxy",
        "check host, port and protocol, and look at the transcript",
        next="{test} --transcript",
    ),
    _row(
        Reason.SMTPUTF8_NOT_OFFERED,
        "an address has characters beyond ASCII before the @, and the server cannot pass such addresses on",
        "use an address in ASCII, or a server that offers SMTPUTF8",
        document="https://www.rfc-editor.org/rfc/rfc6531",
        next="{test} --depth envelope",
    ),
    _row(
        Reason.NOT_OFFERED,
        "the server lacks a capability that is needed",
        "compare the step `capabilities` with the settings",
        next="{test} --depth tls",
    ),
)

_LOGIN_ROWS = (
    _row(
        Reason.LOGIN_DISABLED,
        "the server takes no login by password on this connection, usually because it is not encrypted",
        "set the security to starttls or tls; if it is, set an authentication that the server offers",
        next="{edit} --{side}-security starttls",
    ),
    _row(
        Reason.LOGIN_NEEDS_TLS,
        "most servers offer their logins only once the connection is encrypted",
        "set the security to starttls, or to tls on the port that is TLS from the start; a server that wants no login "
        "at all goes with SMTP authentication none",
        next="{edit} --{side}-security starttls",
    ),
    _row(
        Reason.MECHANISM_NOT_OFFERED,
        "the server does not offer the authentication that is configured; nothing weaker is tried in its place",
        "set one that the step `capabilities` lists, or auto; many servers offer more after TLS",
        next="{edit} --{side}-auth auto",
    ),
    _row(
        (Reason.APOP_NOT_OFFERED, Reason.APOP_TIMESTAMP),
        "the server's greeting holds no timestamp with which APOP is possible and safe",
        "switch APOP off, and protect the login by TLS",
        next="{edit} --no-apop --{side}-security tls",
    ),
    _row(
        Reason.SASL_CHALLENGE,
        "the server's side of the login does not keep to the mechanism",
        "choose another authentication that the server offers, over TLS",
        next="{edit} --{side}-auth plain",
    ),
    _row(
        Reason.SASL_SERVER_UNVERIFIED,
        "the server said yes, but could not prove that it knows the password: it may be an impostor",
        "check the server's name, address and certificate before anything else is sent there",
        next=_TLS_DEPTH,
    ),
)

_DELIVERY_ROWS = (
    _row(
        Reason.SENDER_REFUSED,
        "the server does not take mail from this sender",
        "send as the login's own address, or let the mail server's administrator allow the other one",
        stages=(Stage.ENVELOPE, Stage.MESSAGE),
        next="{test} --depth envelope --from ADDRESS",
    ),
    _row(
        Reason.RECIPIENT_REFUSED,
        "the server does not take mail for a recipient",
        "check the recipient's address",
        stages=(Stage.ENVELOPE, Stage.MESSAGE),
        next="{test} --depth envelope --to ADDRESS",
    ),
    _row(
        Reason.MESSAGE_TOO_LARGE,
        "the message is larger than the server takes",
        "send less, or raise the server's limit, which the step `capabilities` shows as SIZE",
        next="{test} --depth envelope",
    ),
)

REASON_ROWS = (
    *_NETWORK_ROWS,
    *_TLS_ROWS,
    *_CERTIFICATE_ROWS,
    *_SERVER_ROWS,
    *_LOGIN_ROWS,
    *_DELIVERY_ROWS,
)
