"""Where to look when nothing is known but the stage."""

from __future__ import annotations

from mailctl.model.report import Stage
from mailctl.protocol.remedies.remedy import Remedy

STAGE_REMEDIES = {
    Stage.SETTINGS: Remedy(
        cause="the settings do not fit together",
        remedy="correct the setting that is named",
        next="mailctl config validate",
    ),
    Stage.SECRET: Remedy(
        cause="the secret could not be had",
        remedy="look where its reference points, and at the secret store",
        next="mailctl secret status",
    ),
    Stage.POP_BEFORE_SMTP: Remedy(
        cause="the POP3 login that opens the way for SMTP failed",
        remedy="check the POP3 host, port, security and login of the system mail account",
        next="{test} --transcript",
    ),
    Stage.DNS: Remedy(
        cause="the server's name could not be turned into an address",
        remedy="check the spelling of the host, and this machine's DNS resolver",
        next="{test} --depth connect",
    ),
    Stage.TCP: Remedy(
        cause="no connection to the server came about",
        remedy="check host and port, that the server runs, and the firewalls in between",
        next="{test} --depth connect",
    ),
    Stage.GREETING: Remedy(
        cause="the server did not greet as such a server should",
        remedy="check that port and security belong together, and that this address is not blocked there",
        next="{test} --depth connect --transcript",
    ),
    Stage.TLS: Remedy(
        cause="no TLS session came about",
        remedy="check that port and security belong together, and the server's TLS set-up",
        next="{test} --depth tls --transcript",
    ),
    Stage.CERTIFICATE: Remedy(
        cause="the server's certificate does not hold",
        remedy="compare the certificate shown with the server's name; mend it at the server, or name its authority",
        next="{test} --depth tls",
    ),
    Stage.CAPABILITIES: Remedy(
        cause="the server does not say what it can do, or lacks what is needed",
        remedy="look at its answer in the transcript; choose settings that it offers",
        next="{test} --depth tls --transcript",
    ),
    Stage.AUTH: Remedy(
        cause="the server refused the login",
        remedy="check the user name (bare, with domain, or the full address) and the password, and whether the "
        "provider wants an app password or OAuth; mailctl tries once, so that no account is locked",
        next="{test} --depth auth --transcript",
    ),
    Stage.MAILBOX: Remedy(
        cause="the login succeeded, but the mailbox could not be opened",
        remedy="check that the account has a mailbox on this server, and the server's log",
        next="{test} --transcript",
    ),
    Stage.ENVELOPE: Remedy(
        cause="the server refused the sender or a recipient",
        remedy="check both addresses, and that this login may send as this sender",
        next="{test} --depth envelope --transcript",
    ),
    Stage.MESSAGE: Remedy(
        cause="the server refused the message",
        remedy="read its reply: size, contents, or a limit; the server's log says more",
        next="{test} --transcript",
    ),
    Stage.ROUNDTRIP: Remedy(
        cause="the message was accepted, but not seen in the mailbox",
        remedy="look for a bounce, in the junk folder, and in the receiving server's log; or wait longer",
    ),
    Stage.AUTHENTICATION_RESULTS: Remedy(
        cause="the receiving system did not find SPF, DKIM and DMARC in order",
        remedy="set the DNS records of the sender's domain as the sending provider says",
        document="https://www.rfc-editor.org/rfc/rfc8601",
    ),
}
