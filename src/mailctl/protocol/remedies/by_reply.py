"""Remedies for what many servers say in much the same words."""

from __future__ import annotations

from mailctl.model.report import Stage
from mailctl.protocol.reasons import Reason
from mailctl.protocol.remedies.remedy import Remedy, Row

_TOKEN_REFUSED = Remedy(
    cause="the server does not take the access token: it was revoked, has expired, or is another mailbox's",
    remedy="a new one tells: if the provider gives it and the server refuses it too, the user name is not the one that "
    "was authorised, or the server asks another provider; if the provider refuses, authorise again",
    next="mailctl oauth status",
)

REPLY_ROWS = (
    # Said by Postfix and by Exim where they cannot read what TLS takes; others mean a limit by words much like these.
    Row(
        reply=r"TLS (not available due to local problem|currently unavailable)",
        stages=(Stage.TLS,),
        remedy=Remedy(
            cause="the server offers TLS, and cannot begin it for now; where that stays so, its certificate or key is "
            "not set up",
            remedy="try again after some minutes; then let the server's administrator look into its log; nothing "
            "secret was sent",
            next="{test} --depth tls --transcript",
        ),
    ),
    # A limit comes first: whatever else such a reply says, nothing follows from it.
    Row(
        reply=r"^421[ -]|^454[ -]|^4\d\d[ -].*(too many|rate|try again later)"
        r"|too many (simultaneous |concurrent )?(connections|logins?|sessions)|already locked|lock maildrop"
        r"|\[(LIMIT|INUSE|IN-USE|UNAVAILABLE|LOGIN-DELAY|SYS/TEMP)\]",
        remedy=Remedy(
            cause="a temporary refusal: the server is busy, or limits how often one may come; it says nothing about "
            "TLS or the login",
            remedy="wait some minutes and try again; if it stays, look for a limit on connections, logins or messages "
            "at the provider, and for another program that uses the same account",
            next="{test}",
        ),
    ),
    Row(
        reply=r"^challenge: .*(\"status\": \"?(400|401|invalid_token|expired_token)|invalid_token)",
        stages=(Stage.AUTH,),
        remedy=_TOKEN_REFUSED,
    ),
    Row(
        reply=r"^challenge: .*\"(insufficient_scope|403)\"",
        stages=(Stage.AUTH,),
        remedy=Remedy(
            cause="the access token is good, but lacks the scope that the server wants",
            remedy="give the OAuth client the scopes for mail, then authorise again",
            next="mailctl oauth status",
        ),
    ),
    Row(
        reply=r"Must issue a STARTTLS|\[PRIVACYREQUIRED\]|encryption required"
        r"|(STARTTLS|STLS|TLS) (is )?(required|first)|without (TLS|SSL|STARTTLS|STLS)\b"
        r"|(issue|give|use) (STARTTLS|STLS)\b"
        r"|(plaintext|cleartext) authentication (is )?(disallowed|disabled)|^530[ -]5\.7\.0.*TLS",
        remedy=Remedy(
            cause="the server takes no login and no message without encryption",
            remedy="set the security to starttls, or to tls on the port that is TLS from the start",
            document="https://www.rfc-editor.org/rfc/rfc8314",
            next="{edit} --{side}-security starttls",
        ),
    ),
    Row(
        reply=r"relay(ing)? (access )?(is )?(denied|not permitted|prohibited)|not permitted to relay"
        r"|(cannot|unable to) relay|relay not permitted|^55\d[ -].*\brelay|\brcpthosts\b",
        protocols=("smtp",),
        remedy=Remedy(
            cause="the server passes mail to other domains only for those who have logged in and may send there",
            remedy="set an SMTP authentication and a login, and use port 587 or 465, not 25; if the step `auth` has "
            "passed, let the mail server's administrator allow it",
            document="https://www.rfc-editor.org/rfc/rfc6409",
            next="{edit} --smtp-auth auto --smtp-security starttls --smtp-port 587",
        ),
    ),
    Row(
        reply=r"^530[ -]|\b(authentication|login) (is )?required|must authenticate|not authenticated",
        protocols=("smtp",),
        remedy=Remedy(
            cause="the server wants a login before it takes a message, and there was none",
            remedy="set an SMTP authentication and a login",
            next="{edit} --smtp-auth auto",
        ),
    ),
    Row(
        reply=r"\b(IMAP|POP|SMTP)[34]?( access)?( is| has been)? (disabled|denied|not (enabled|allowed|activated))\b"
        r"|not enabled for (IMAP|POP|SMTP)|access rights to this service",
        stages=(Stage.AUTH, Stage.MAILBOX, Stage.POP_BEFORE_SMTP),
        remedy=Remedy(
            cause="this kind of access is switched off for the mailbox; the login itself may be right",
            remedy="switch IMAP and POP3 on in the provider's webmail settings, or let the mail server's administrator "
            "allow it; the provider may want an app password, too",
            next="{test} --depth auth",
        ),
    ),
    Row(
        reply=r"^534[ -]|^538[ -]|mechanism (is )?too weak|encryption (is )?required for",
        stages=(Stage.AUTH,),
        remedy=Remedy(
            cause="the server does not take this way of logging in here",
            remedy="set the authentication to auto over TLS, or to one that the step `capabilities` lists",
            next="{edit} --{side}-auth auto",
        ),
    ),
    Row(
        reply=r"\[(EXPIRED|CONTACTADMIN)\]|password (has )?expired|5\.7\.13\b"
        r"|account (is )?(disabled|locked|suspended)",
        stages=(Stage.AUTH, Stage.POP_BEFORE_SMTP),
        remedy=Remedy(
            cause="the server knows the account, but it is locked, disabled, or its password has expired",
            remedy="let the mail server's administrator unlock it or set a new password",
            next="{test} --depth auth",
        ),
    ),
    Row(
        reply=r"sender address rejected|not owned by user|not allowed to send (as|from)|5\.7\.1.*sender",
        stages=(Stage.ENVELOPE, Stage.MESSAGE),
        remedy=Remedy(
            cause="this login may not send with that sender's address, or the address does not exist there",
            remedy="send as the login's own address, or let the mail server's administrator allow the other one",
            next="{test} --depth envelope --from ADDRESS",
        ),
    ),
    Row(
        reply=r"(gr[ae]y|grey-?)list|^45\d[ -].*4\.7\.1\b",
        stages=(Stage.ENVELOPE, Stage.MESSAGE),
        remedy=Remedy(
            cause="the server takes mail from strangers only at the second attempt (greylisting)",
            remedy="try again after some minutes; with a login and port 587 there is no greylisting",
            next="{test}",
        ),
    ),
    Row(
        reply=r"(user|recipient|mailbox|address).{0,40}(unknown|not found|does ?n.t exist|unavailable)|^550[ -]5\.1\.1",
        stages=(Stage.ENVELOPE, Stage.MESSAGE),
        remedy=Remedy(
            cause="the server knows no such recipient",
            remedy="check the recipient's address",
            next="{test} --to ADDRESS",
        ),
    ),
    Row(
        reply=r"(over|exceeded).{0,20}quota|quota.{0,20}exceeded|mailbox (is )?full|5\.2\.2\b|\[OVERQUOTA\]",
        remedy=Remedy(
            cause="the mailbox is full",
            remedy="delete or move messages there, or raise its quota",
            next="{test}",
        ),
    ),
    Row(
        reply=r"^552[ -]|5\.3\.4\b|message (size )?(exceeds|too (large|big))",
        remedy=Remedy(
            cause="the message is larger than the server takes",
            remedy="send less, or raise the server's limit, which the step `capabilities` shows as SIZE",
            next="{test} --depth envelope",
        ),
    ),
    Row(
        reply=r"blocked using|block ?list|blacklist|spamhaus|poor reputation|5\.7\.(25|26|27)\b"
        r"|\b(SPF|DKIM|DMARC|PTR)\b|reverse DNS",
        protocols=("smtp",),
        remedy=Remedy(
            cause="the server refuses mail from this IP address, or in the name of this domain, by its reputation or "
            "its DNS records (PTR, SPF, DKIM, DMARC)",
            remedy="send through a provider's submission server with a login instead of from here; or set the records "
            "right and ask the list that the reply names for removal",
            next="{test}",
        ),
    ),
    Row(
        reply=r"^4\d\d[ -]",
        protocols=("smtp",),
        stages=(Stage.AUTH, Stage.ENVELOPE, Stage.MESSAGE),
        remedy=Remedy(
            cause="a temporary refusal",
            remedy="wait some minutes and try again; if it stays, the server's log says why",
            next="{test}",
        ),
    ),
    Row(by_token=True, stages=(Stage.AUTH,), reasons=(Reason.LOGIN_REFUSED,), remedy=_TOKEN_REFUSED),
)
