"""Where to look when nothing is known but the stage; what failed, the error's own message says."""

from __future__ import annotations

from mailctl.model.report import Stage
from mailctl.protocol.remedies.remedy import Remedy

STAGE_REMEDIES = {
    Stage.SETTINGS: Remedy(
        remedy="correct the setting that is named",
        next="mailctl config validate",
    ),
    Stage.SECRET: Remedy(
        remedy="look where its reference points, and at the secret store",
        next="mailctl secret status",
    ),
    Stage.POP_BEFORE_SMTP: Remedy(
        remedy="check the POP3 host, port, security and login of the system mail account",
        next="{test} --transcript",
    ),
    Stage.DNS: Remedy(
        remedy="check the spelling of the host, and this machine's DNS resolver",
        next="{test} --depth connect",
    ),
    Stage.TCP: Remedy(
        remedy="check host and port, that the server runs, and the firewalls in between",
        next="{test} --depth connect",
    ),
    Stage.GREETING: Remedy(
        remedy="check that port and security belong together, and that this address is not blocked there",
        next="{test} --depth connect --transcript",
    ),
    Stage.TLS: Remedy(
        remedy="check that port and security belong together, and the server's TLS set-up",
        next="{test} --depth tls --transcript",
    ),
    Stage.CERTIFICATE: Remedy(
        remedy="compare the certificate shown with the server's name; mend it at the server, or name its authority",
        next="{test} --depth tls",
    ),
    Stage.CAPABILITIES: Remedy(
        remedy="look at its answer in the transcript; choose settings that it offers",
        next="{test} --depth tls --transcript",
    ),
    Stage.AUTH: Remedy(
        remedy="check the user name (bare, with domain, or the full address) and the password, and whether the "
        "provider wants an app password or OAuth; mailctl tries once, so that no account is locked",
        next="{test} --depth auth --transcript",
    ),
    Stage.MAILBOX: Remedy(
        cause="the login succeeded, but the mailbox cannot be looked at",
        remedy="check that the account has a mailbox on this server, and the server's log",
        next="{test} --transcript",
    ),
    Stage.ENVELOPE: Remedy(
        remedy="check both addresses, and that this login may send as this sender",
        next="{test} --depth envelope --transcript",
    ),
    Stage.MESSAGE: Remedy(
        remedy="read its reply: size, contents, or a limit; the server's log says more",
        next="{test} --transcript",
    ),
    Stage.ROUNDTRIP: Remedy(
        remedy="look for a bounce, in the junk folder, and in the receiving server's log; or wait longer",
    ),
    Stage.AUTHENTICATION_RESULTS: Remedy(
        remedy="set the DNS records of the sender's domain as the sending provider says",
        document="https://www.rfc-editor.org/rfc/rfc8601",
    ),
}
