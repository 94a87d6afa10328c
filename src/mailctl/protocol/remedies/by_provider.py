"""Remedies for what single providers say, in their own words."""

from __future__ import annotations

from mailctl.model.report import Stage
from mailctl.protocol.reasons import Reason
from mailctl.protocol.remedies.by_graph import GRAPH_ROWS
from mailctl.protocol.remedies.remedy import Remedy, Row

_MICROSOFT = r"(^|\.)(office365\.(com|us)|outlook\.com|office\.com|hotmail\.com|live\.com)$|\.outlook\."
_MICROSOFT_SAYS = r"\[[^\]]+\.prod\.(exchangelabs|outlook|partner\.outlook)\.\w+[^\]]*\]$"
_GOOGLE = r"(^|\.)(gmail|googlemail)\.com$|(^|\.)google\.com$"
_GOOGLE_SAYS = r"\bgsmtp$|//(support|accounts)\.google\.com/|\bUsername and Password not accepted"
_LOGIN_REFUSED = (Reason.LOGIN_REFUSED,)

_SMTP_AUTH_DOCUMENT = "https://aka.ms/smtp_auth_disabled"
_MICROSOFT_OAUTH_DOCUMENT = (
    "https://learn.microsoft.com/en-us/exchange/client-developer/legacy-protocols/"
    "how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth"
)
_LEGALMAIL_DOCUMENT = "https://help.infocert.it/home/elencofaq/guida-alla-configurazione-legalmail--"

_LOGIN_REFUSED_BY_SMTP = r"^535[ -]5\.7\.3\b"
_TOKEN_FOR_SMTP = Remedy(
    cause="Exchange Online refuses the login; of a token it says no more than of a password",
    remedy="a token must be for https://outlook.office.com (one for Microsoft Graph is refused so), carry "
    "SMTP.Send, and belong to the user that is named, or one with rights on that mailbox; SMTP AUTH must be "
    "on for the mailbox",
    document=_MICROSOFT_OAUTH_DOCUMENT,
    next="{test} --depth auth",
)
_LOGIN_REFUSED_BY_IMAP = r"\bAUTHENTICATE failed"
_TOKEN_FOR_IMAP = Remedy(
    cause="Exchange Online refuses the token: wrong audience, missing permission, or, for an application's own "
    "token, a service principal that is missing or wrong",
    remedy="the token is for https://outlook.office365.com and carries IMAP.AccessAsUser.All, or "
    "IMAP.AccessAsApp; for an application: `New-ServicePrincipal` with the object id of the *enterprise "
    "application* (not of the app registration), then `Add-MailboxPermission`",
    document=_MICROSOFT_OAUTH_DOCUMENT,
    next="{test} --depth auth",
)

_MICROSOFT_ROWS = (
    Row(
        reply=r"SmtpClientAuthentication is disabled for the Tenant",
        remedy=Remedy(
            cause="SMTP AUTH is switched off for the whole Microsoft 365 tenant; the login itself may be right",
            remedy="an Exchange administrator runs `Set-TransportConfig -SmtpClientAuthenticationDisabled $false`, "
            "or, for this mailbox alone, `Set-CASMailbox -Identity USER -SmtpClientAuthenticationDisabled $false`; "
            "it takes effect within minutes to an hour",
            document=_SMTP_AUTH_DOCUMENT,
            next="{test} --depth auth",
        ),
    ),
    Row(
        reply=r"SmtpClientAuthentication is disabled for the Mailbox",
        remedy=Remedy(
            cause="SMTP AUTH is switched off for this mailbox; the login itself may be right",
            remedy="an Exchange administrator runs "
            "`Set-CASMailbox -Identity USER -SmtpClientAuthenticationDisabled $false`",
            document=_SMTP_AUTH_DOCUMENT,
            next="{test} --depth auth",
        ),
    ),
    Row(
        reply=r"5\.7\.139.*security defaults policy",
        remedy=Remedy(
            cause="the tenant's security defaults forbid logins by password",
            remedy="use OAuth; or, in Entra, replace security defaults by Conditional Access policies that allow "
            "this mailbox to log in so",
            document="https://learn.microsoft.com/en-us/entra/fundamentals/security-defaults",
            next="{edit} --{side}-auth xoauth2",
        ),
    ),
    Row(
        reply=r"5\.7\.139.*did not meet the criteria",
        remedy=Remedy(
            cause="a Conditional Access or authentication policy forbids this login; the password may be right",
            remedy="look for the refused attempt in Entra's sign-in log, which names the policy; use OAuth, or "
            "exempt this mailbox",
            document="https://learn.microsoft.com/en-us/entra/identity/conditional-access/policy-block-legacy-authentication",
            next="{edit} --{side}-auth xoauth2",
        ),
    ),
    Row(
        reply=r"5\.7\.139.*basic authentication is disabled",
        remedy=Remedy(
            cause="an authentication policy of the organisation has switched logins by password off",
            remedy="use OAuth; a password can do nothing here",
            document=_MICROSOFT_OAUTH_DOCUMENT,
            next="{edit} --{side}-auth xoauth2",
        ),
    ),
    Row(
        reply=r"5\.7\.139.*user credentials were incorrect",
        remedy=Remedy(
            cause="user name or password is wrong, or the account wants a second factor, which a password cannot give",
            remedy="check both by logging in to Outlook on the web as this user; with a second factor, use OAuth",
            document=_MICROSOFT_OAUTH_DOCUMENT,
            next="{test} --depth auth",
        ),
    ),
    Row(
        reply=r"5\.7\.30\b.*Basic authentication is not supported",
        remedy=Remedy(
            cause="Exchange Online takes no passwords for SMTP AUTH here: they are off by default from the end of "
            "December 2026; the date of their removal is to be announced in the second half of 2027",
            remedy="use OAuth; until the removal an administrator can switch passwords on again",
            document="https://techcommunity.microsoft.com/t5/exchange-team-blog/"
            "exchange-online-to-retire-basic-auth-for-client-submission-smtp/ba-p/4114750",
            next="{edit} --{side}-auth xoauth2",
        ),
    ),
    Row(
        reply=r"\b5\.7\.139\b",
        remedy=Remedy(
            cause="Exchange Online refuses the login by a rule of the organisation, or for the state of the account",
            remedy="look for the attempt in Entra's sign-in log, which names the rule; many rules refuse passwords "
            "alone: use OAuth",
            document=_MICROSOFT_OAUTH_DOCUMENT,
            next="{test} --depth auth",
        ),
    ),
    Row(reply=_LOGIN_REFUSED_BY_SMTP, hosts=_MICROSOFT, signature=_MICROSOFT_SAYS, remedy=_TOKEN_FOR_SMTP),
    Row(reply=_LOGIN_REFUSED_BY_SMTP, by_token=True, remedy=_TOKEN_FOR_SMTP),
    Row(
        reply=r"User is authenticated but not connected",
        remedy=Remedy(
            cause="the token is good, but its user has no right on this mailbox, or IMAP is switched off for it",
            remedy="authorise as the mailbox's own user, or grant that user full access to it; and check "
            "`Get-CASMailbox USER | Format-List ImapEnabled`",
            document=_MICROSOFT_OAUTH_DOCUMENT,
            next="{test}",
        ),
    ),
    Row(reply=_LOGIN_REFUSED_BY_IMAP, hosts=_MICROSOFT, protocols=("imap",), remedy=_TOKEN_FOR_IMAP),
    Row(reply=_LOGIN_REFUSED_BY_IMAP, by_token=True, protocols=("imap",), remedy=_TOKEN_FOR_IMAP),
    Row(
        reply=r"unknown user name or bad password|\bLOGIN failed",
        hosts=_MICROSOFT,
        protocols=("imap", "pop3"),
        remedy=Remedy(
            cause="Exchange Online and Outlook.com take no passwords for IMAP and POP3; a token was refused",
            remedy="use OAuth; with a token, check its audience, its scope, and that it is this user's",
            document=_MICROSOFT_OAUTH_DOCUMENT,
            next="{test} --depth auth --transcript",
        ),
    ),
    Row(
        reply=r"\b5\.7\.57\b",
        remedy=Remedy(
            cause="the server wants a login before it takes a message, and there was none",
            remedy="set an SMTP authentication and a login; sending without one is for a connector with a fixed IP "
            "address",
            document="https://learn.microsoft.com/en-us/exchange/mail-flow-best-practices/"
            "how-to-set-up-a-multifunction-device-or-application-to-send-email-using-microsoft-365-or-office-365",
            next="{edit} --smtp-auth auto",
        ),
    ),
    Row(
        reply=r"\b5\.7\.60\b|SendAsDenied",
        remedy=Remedy(
            cause="this login may not send with that sender's address",
            remedy="send as the login's own address, or let an administrator run "
            "`Add-RecipientPermission SENDER -Trustee LOGIN -AccessRights SendAs`",
            document="https://learn.microsoft.com/en-us/exchange/recipients-in-exchange-online/"
            "manage-permissions-for-recipients",
            next="{test} --depth envelope",
        ),
    ),
)

_GOOGLE_ROWS = (
    Row(
        reply=r"5\.7\.9 .*Application-specific password required|InvalidSecondFactor"
        r"|\[(ALERT|AUTH)\] Application-specific password required",
        remedy=Remedy(
            cause="the Google account has 2-step verification, so its own password is not accepted here",
            remedy="use OAuth, or create an app password and log in with that",
            document="https://support.google.com/mail/?p=InvalidSecondFactor",
            next="{test} --depth auth",
        ),
    ),
    Row(
        reply=r"not enabled for (IMAP|POP)",
        hosts=_GOOGLE,
        signature=r"your Gmail settings",
        remedy=Remedy(
            cause="this kind of access is switched off for the mailbox",
            remedy="switch it on in Gmail's settings, Forwarding and POP/IMAP; in Workspace an administrator may have "
            "forbidden it",
            document="https://support.google.com/mail/answer/7126229",
            next="{test} --depth auth",
        ),
    ),
    Row(
        reply=r"\[WEBALERT|Web login required|p=WebLoginRequired|\b5\.7\.14\b|log in (via|with) your web browser",
        hosts=_GOOGLE,
        signature=_GOOGLE_SAYS,
        remedy=Remedy(
            cause="Google wants the user to log in with a browser first",
            remedy="log in at https://mail.google.com as this user and confirm the attempt; then use OAuth or an app "
            "password",
            document="https://support.google.com/mail/?p=WebLoginRequired",
            next="{test} --depth auth",
        ),
    ),
    Row(
        reply=r"5\.7\.8 |p=BadCredentials|Invalid credentials|Username and password not accepted",
        hosts=_GOOGLE,
        signature=_GOOGLE_SAYS,
        by_token=False,
        stages=(Stage.AUTH,),
        remedy=Remedy(
            cause="Google does not accept this login; account passwords are no longer taken for mail programs",
            remedy="use OAuth, or an app password, which needs 2-step verification; the user name is the full address",
            document="https://support.google.com/mail/?p=BadCredentials",
            next="{test} --depth auth",
        ),
    ),
)


def _app_password(provider: str, hosts: str, place: str, document: str) -> Row:
    return Row(
        hosts=hosts,
        by_token=False,
        stages=(Stage.AUTH,),
        reasons=_LOGIN_REFUSED,
        remedy=Remedy(
            cause=f"{provider} does not accept this login; it takes app passwords, not the account's own",
            remedy=f"create an app password {place}, and log in with that; the user name is the full address",
            document=document,
            next="{test} --depth auth",
        ),
    )


def _switch_on(provider: str, hosts: str, place: str, document: str) -> Row:
    return Row(
        hosts=hosts,
        stages=(Stage.AUTH, Stage.MAILBOX, Stage.POP_BEFORE_SMTP),
        reasons=(*_LOGIN_REFUSED, Reason.MAILBOX_REFUSED, Reason.REFUSED),
        remedy=Remedy(
            cause=f"{provider} does not accept this login; mail programs may not log in until the user allows it",
            remedy=f"switch IMAP and POP3 on {place}; with two-factor authentication, create an app password "
            "there too; only then look for a wrong password",
            document=document,
            next="{test} --depth auth",
        ),
    )


_OTHER_ROWS = (
    _app_password(
        "Yahoo",
        r"(^|\.)yahoo\.(com?(\.[a-z]{2})?|[a-z]{2})$|(^|\.)yahoodns\.net$",
        "under Account security",
        "https://help.yahoo.com/kb/SLN15241.html",
    ),
    _app_password(
        "AOL",
        r"(^|\.)aol\.com$",
        "under Account security",
        "https://help.aol.com/articles/Create-and-manage-app-password",
    ),
    _app_password(
        "iCloud",
        r"(^|\.)(me|icloud|mac)\.com$",
        "at https://account.apple.com, Sign-In and Security",
        "https://support.apple.com/102654",
    ),
    _app_password(
        "Fastmail",
        r"(^|\.)fastmail\.com$",
        "under Settings, Privacy & Security",
        "https://www.fastmail.help/hc/en-us/articles/1500000278342",
    ),
    Row(
        hosts=r"(^|\.)pec\.aruba\.it$",
        stages=(Stage.AUTH,),
        reasons=_LOGIN_REFUSED,
        remedy=Remedy(
            cause="Aruba PEC does not accept this login; with two-step verification it takes a password of its own for "
            "mail programs, and IMAP, POP3 and SMTP can each be switched off",
            remedy="create such a password (password dedicata) where two-step verification is on, and look in the "
            "webmail's settings whether the protocol is switched on; the user name is the whole address",
            document="https://guide.pec.it/posta-pec/webmail/utilizzo-versione-smart/gestione-protocolli-di-posta.aspx",
            next="{test} --depth auth",
        ),
    ),
    Row(
        hosts=r"(^|\.)aruba\.it$",
        stages=(Stage.AUTH,),
        reasons=_LOGIN_REFUSED,
        remedy=Remedy(
            cause="Aruba knows no such mailbox by this password; the user name is the mailbox's whole address",
            remedy="log in to the webmail with both, which also tells whether the mailbox is blocked; certified mail "
            "(PEC) has hosts of its own, pec.aruba.it",
            document="https://guide.hosting.aruba.it/email.aspx",
            next="{test} --depth auth",
        ),
    ),
    Row(
        hosts=r"(^|\.)legalmail\.it$",
        signature=r"blocked .?Class Of Service",
        stages=(Stage.ENVELOPE, Stage.MESSAGE),
        reply=r"^4\d\d[ -]|Too much traffic from this sender",
        remedy=Remedy(
            cause="Legalmail takes at most 6 messages a minute",
            remedy="wait a minute, and send more slowly",
            document=_LEGALMAIL_DOCUMENT,
            next="{test}",
        ),
    ),
    _switch_on(
        "Yandex",
        r"(^|\.)yandex\.(com|ru|net|com\.tr|kz|by)$",
        "in the webmail's settings, Email clients",
        "https://yandex.com/support/mail/mail-clients/others.html",
    ),
    _switch_on(
        "GMX",
        r"(^|\.)gmx\.(net|de|at|ch|com)$",
        "in the webmail's settings, POP3/IMAP",
        "https://hilfe.gmx.net/pop-imap/einschalten.html",
    ),
    _switch_on(
        "WEB.DE",
        r"(^|\.)web\.de$",
        "in the webmail's settings, POP3/IMAP",
        "https://hilfe.web.de/pop-imap/einschalten.html",
    ),
)

PROVIDER_ROWS = (*GRAPH_ROWS, *_MICROSOFT_ROWS, *_GOOGLE_ROWS, *_OTHER_ROWS)
