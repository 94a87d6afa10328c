"""Remedies for mailctl's own reasons, where no reply tells more.

A cause is given where it says more than the error's own message, behind which it stands.
"""

from __future__ import annotations

from mailctl.model.report import Stage
from mailctl.protocol.reasons import Reason
from mailctl.protocol.remedies.remedy import Remedy, Row

_LATER = "wait some minutes and try again"
_TLS_DEPTH = "{test} --depth tls"


def _row(
    reasons: Reason | tuple[Reason, ...],
    cause: str | None,
    remedy: str,
    *,
    next: str | None = None,  # noqa: A002 - the remedy's field
    document: str | None = None,
    stages: tuple[Stage, ...] = (),
    reply: str | None = None,
) -> Row:
    given = reasons if isinstance(reasons, tuple) else (reasons,)
    return Row(
        reasons=given,
        stages=stages,
        reply=reply,
        remedy=Remedy(cause=cause, remedy=remedy, document=document, next=next),
    )


_NETWORK_ROWS = (
    _row(
        Reason.NXDOMAIN,
        None,
        "check its spelling; a name of the own network is known to its DNS servers alone",
        next="mailctl server discover {domain}",
    ),
    _row(
        Reason.NO_ADDRESS,
        "it may be a mail domain, not a server",
        "ask for the server's own name, which the domain's MX or SRV records and its provider tell",
        next="mailctl server discover {domain}",
    ),
    _row(
        Reason.SERVFAIL,
        None,
        "try again; if it stays, the domain's DNS (often DNSSEC) or this machine's resolver is to be mended",
        next="{test} --depth connect",
    ),
    _row(
        (Reason.TIMED_OUT, Reason.DNS, Reason.UNREACHABLE),
        "this machine's DNS resolver gives no answer",
        "check the resolver and the network of this machine",
        stages=(Stage.DNS,),
        next="mailctl doctor",
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
        "a firewall drops the connection, or the machine is off",
        "check host and port, and the firewalls in between; instead of port 25, which many networks let nothing out "
        "to, use 587 or 465",
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
        "it has begun to answer, and does not come to an end",
        "try again; if it stays, raise the time-out (up to 120 seconds), or look at the server's load",
        stages=(Stage.GREETING,),
        reply=r"\S",
        next="{edit} --{side}-timeout 60",
    ),
    _row(
        Reason.TIMED_OUT,
        "the connection stands, but the server says nothing, neither in the clear nor to a TLS handshake: something in "
        "between may have taken it, or the server greets late on purpose",
        "check host and port, and the firewalls in between; or raise the time-out",
        stages=(Stage.GREETING,),
        next="{edit} --{side}-timeout 60",
    ),
    _row(
        (Reason.TIMED_OUT, Reason.HANDSHAKE_TIMED_OUT),
        None,
        "try again; if it stays, raise the time-out (up to 120 seconds), or look at the server's load",
        next="{edit} --{side}-timeout 60",
    ),
    _row(
        Reason.UNREACHABLE,
        None,
        "check the network of this machine, IPv6 too, and a VPN if the server needs one",
        next="mailctl doctor",
    ),
    _row(
        Reason.FORBIDDEN,
        "a firewall or sandbox here is in the way",
        "allow the program to connect to that host and port",
        next="mailctl doctor",
    ),
    _row(
        (Reason.RESET, Reason.CLOSED),
        None,
        "try again; if it stays, the server's log says why, or something in between ends connections",
        stages=(Stage.AUTH, Stage.MAILBOX, Stage.ENVELOPE, Stage.MESSAGE, Stage.ROUNDTRIP),
        next="{test} --transcript",
    ),
    _row(
        (Reason.RESET, Reason.CLOSED),
        None,
        "check that port and security belong together; the server may have blocked this address after failures, or "
        "something in between ended the connection",
        next="{test} --transcript",
    ),
)

_TLS_ROWS = (
    _row(
        Reason.WRONG_VERSION,
        "the security setting does not fit the port",
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
        None,
        "let the server's administrator switch TLS 1.2 or 1.3 on",
        document="https://www.rfc-editor.org/rfc/rfc8996",
        next=_TLS_DEPTH,
    ),
    _row(
        Reason.NO_COMMON_CIPHER,
        "they share no cipher or key exchange, or the server wants a client certificate",
        "let the server's administrator bring its TLS set-up up to date",
        next=_TLS_DEPTH,
    ),
    _row(
        Reason.SERVER_NAME,
        "it has no certificate for it",
        "use the host name that the provider gives",
        next="{edit} --{side}-host HOST",
    ),
    _row(
        (Reason.HANDSHAKE, Reason.HANDSHAKE_RESET, Reason.TLS),
        None,
        "check that port and security belong together, and look into the server's log",
        next="{test} --depth tls --transcript",
    ),
    _row(
        Reason.CLIENT_CERTIFICATE,
        None,
        "check the files, their passphrase and their dates, and that the server trusts the issuer",
        next="{edit} --client-cert FILE --client-key FILE",
    ),
    _row(
        Reason.CA_FILE,
        None,
        "name a readable file of certificates in PEM",
        next="{edit} --{tls}ca-file FILE",
    ),
    _row(
        Reason.STARTTLS_NOT_OFFERED,
        "it has none on this port, or something in between hides it; nothing secret was sent",
        "use the port that is TLS from the start; behind a filtering firewall, let it pass STARTTLS",
        next="{edit} --{side}-security tls",
        document="https://www.rfc-editor.org/rfc/rfc8314",
    ),
    _row(
        Reason.STARTTLS_REFUSED,
        None,
        "try again; if it stays, its certificate or key is not set up: look into its log",
        next="{test} --depth tls --transcript",
    ),
    _row(
        Reason.BYTES_BEFORE_TLS,
        "an attack, or a faulty server or proxy",
        "use the port that is TLS from the start, and tell the server's administrator",
        next="{edit} --{side}-security tls",
        document="https://nostarttls.secvuln.info/",
    ),
)

_CERTIFICATE_ROWS = (
    _row(
        Reason.CERTIFICATE_EXPIRED,
        None,
        "let the server's administrator renew it; check the clock here",
        next="{test} --depth tls",
    ),
    _row(
        Reason.CERTIFICATE_NOT_YET_VALID,
        None,
        "check the clock here, then the server's certificate",
        next="mailctl doctor",
    ),
    _row(
        Reason.CERTIFICATE_HOST,
        None,
        "use one of the names in the certificate, if it is the provider's; else let the server's administrator "
        "have this name added",
        next="{edit} --{side}-host HOST",
    ),
    _row(
        Reason.CERTIFICATE_COMMON_NAME,
        None,
        "let the server's administrator have it issued with subject alternative names",
        document="https://www.rfc-editor.org/rfc/rfc9525",
        next=_TLS_DEPTH,
    ),
    _row(
        Reason.CERTIFICATE_UNKNOWN_CA,
        "an authority of the organisation, an intermediate certificate that the server leaves out, an inspecting "
        "proxy, or an impostor",
        "if its issuer is the organisation's own, name its CA file; if it is an intermediate authority, let the "
        "server's administrator install the full chain; if it is a surprise, stop here",
        next="{edit} --{tls}ca-file FILE",
    ),
    _row(
        Reason.CERTIFICATE_SELF_SIGNED,
        "an authority of the organisation, an inspecting proxy, or an impostor",
        "if its issuer is the organisation's own, name its CA file; if it is a surprise, stop here",
        next="{edit} --{tls}ca-file FILE",
    ),
    _row(
        Reason.CERTIFICATE_CHAIN,
        None,
        "let the server's administrator install the full chain; until then, name a CA file that has it",
        next="{edit} --{tls}ca-file FILE",
    ),
    _row(
        Reason.CERTIFICATE_INTERCEPTED,
        "something on the way, or on this machine, looks into connections and shows certificates of its own",
        "let it pass mail connections untouched; or, if it is meant to look into them, name its CA file",
        next="{edit} --{tls}ca-file FILE",
    ),
    _row(
        Reason.CERTIFICATE_REVOKED,
        None,
        "do not log in there; tell the server's administrator",
        next=_TLS_DEPTH,
    ),
    _row(
        Reason.PIN_MISMATCH,
        None,
        "ask the server's administrator for the key's fingerprint before you pin it",
        next="{edit} --pin sha256:HEX",
    ),
)

_SERVER_ROWS = (
    _row(
        Reason.RATE_LIMITED,
        "it limits how often one may come, which says nothing about TLS or the login",
        _LATER,
        next="{test}",
    ),
    _row(Reason.TEMPORARY, None, _LATER, next="{test}"),
    _row(
        Reason.GREETING_REFUSED,
        None,
        "look for this IP address on a block list, and for a limit at the provider; from a home or office line, send "
        "through 587 or 465",
        next="{test} --depth connect --transcript",
    ),
    _row(
        Reason.OTHER_PROTOCOL,
        None,
        "use the port of the protocol that is configured: 587 or 465 for SMTP, 993 for IMAP, 995 for POP3",
        next="{edit} --{side}-port PORT",
    ),
    _row(
        (Reason.MALFORMED_REPLY, Reason.REPLY_TOO_LONG, Reason.PROTOCOL),
        "perhaps it is another service, or a proxy",
        "check host, port and protocol, and look at the transcript",
        next="{test} --transcript",
    ),
    _row(
        Reason.SMTPUTF8_NOT_OFFERED,
        None,
        "use an address in ASCII, or a server that offers SMTPUTF8",
        document="https://www.rfc-editor.org/rfc/rfc6531",
        next="{test} --depth envelope",
    ),
    _row(
        Reason.SMTPUTF8_NOT_SET,
        None,
        "use an address in ASCII; if the server takes others, `mailctl sysmail set --smtputf8` says so (`mailctl "
        "tenant edit CODE --smtputf8` of a tenant's own server)",
        document="https://www.rfc-editor.org/rfc/rfc6531",
        next="{test} --depth envelope",
    ),
    _row(
        Reason.NOT_OFFERED,
        None,
        "compare the step `capabilities` with the settings",
        next="{test} --depth tls",
    ),
)

_LOGIN_ROWS = (
    _row(
        Reason.LOGIN_DISABLED,
        "many servers allow it only once the connection is encrypted",
        "set the security to starttls or tls; if it is, set an authentication that the server offers",
        next="{edit} --{side}-security starttls",
    ),
    _row(
        Reason.NO_LOGIN_OFFERED,
        "the connection is encrypted, so that is not what it waits for",
        "check that this port is one for logging in: 587 or 465 for SMTP, not 25; else let the server's administrator "
        "look into its set-up",
        next="{test} --depth auth --transcript",
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
        None,
        "set one that the step `capabilities` lists, or auto; nothing weaker is tried in its place",
        next="{edit} --{side}-auth auto",
    ),
    _row(
        (Reason.APOP_NOT_OFFERED, Reason.APOP_TIMESTAMP),
        None,
        "switch APOP off, and protect the login by TLS",
        next="{edit} --no-apop --{side}-security tls",
    ),
    _row(
        Reason.SASL_CHALLENGE,
        None,
        "choose another authentication that the server offers, over TLS",
        next="{edit} --{side}-auth plain",
    ),
    _row(
        Reason.SASL_SERVER_UNVERIFIED,
        "it may be an impostor",
        "check the server's name, address and certificate before anything else is sent there",
        next=_TLS_DEPTH,
    ),
)

_DELIVERY_ROWS = (
    _row(
        Reason.SENDER_REFUSED,
        None,
        "send as the login's own address, or let the mail server's administrator allow the other one",
        stages=(Stage.ENVELOPE, Stage.MESSAGE),
        next="{test} --depth envelope --from ADDRESS",
    ),
    _row(
        Reason.RECIPIENT_REFUSED,
        None,
        "check the recipient's address; whether this login may send there, the server's log says",
        stages=(Stage.ENVELOPE, Stage.MESSAGE),
        next="{test} --depth envelope --to ADDRESS",
    ),
    _row(
        Reason.MESSAGE_TOO_LARGE,
        None,
        "send less, or raise the server's limit, which the step `capabilities` shows as SIZE",
        next="{test} --depth envelope",
    ),
)

_ROUNDTRIP_ROWS = (
    _row(
        Reason.NOT_ARRIVED,
        None,
        "look also at the recipient's rules and quarantine, and in the log of the receiving server",
        stages=(Stage.ROUNDTRIP,),
    ),
    _row(
        Reason.BOUNCED,
        None,
        "check the recipient's address; what the refusing server said is the reason, and its administrator knows more",
        stages=(Stage.ROUNDTRIP,),
    ),
)

REASON_ROWS = (
    *_NETWORK_ROWS,
    *_TLS_ROWS,
    *_CERTIFICATE_ROWS,
    *_SERVER_ROWS,
    *_LOGIN_ROWS,
    *_DELIVERY_ROWS,
    *_ROUNDTRIP_ROWS,
)
