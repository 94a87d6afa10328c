"""Remedies for what providers and servers say, word for word, and for everything else by reason and stage."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailctl.model.report import Stage
from mailctl.protocol.reasons import Reason
from mailctl.protocol.remedies import Remedy, find_remedy
from mailctl.protocol.remedies.by_provider import PROVIDER_ROWS
from mailctl.protocol.remedies.by_reason import REASON_ROWS
from mailctl.protocol.remedies.by_reply import REPLY_ROWS
from mailctl.protocol.remedies.by_stage import STAGE_REMEDIES

OFFICE = "smtp.office365.com"
OFFICE_IMAP = "outlook.office365.com"
REFUSED = Reason.LOGIN_REFUSED

# host, protocol, stage, reason, the server's words, what the remedy must speak of
SAID = [
    (
        OFFICE,
        "smtp",
        Stage.AUTH,
        REFUSED,
        "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. "
        "Visit https://aka.ms/smtp_auth_disabled for more information. [FR0P281CA0123.DEUP281.PROD.OUTLOOK.COM]",
        r"Set-TransportConfig -SmtpClientAuthenticationDisabled \$false",
    ),
    (
        OFFICE,
        "smtp",
        Stage.AUTH,
        REFUSED,
        "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. "
        "Visit https://aka.ms/smtp_auth_disabled for more information. [LO4P123CA0455.GBRP123.PROD.OUTLOOK.COM]",
        r"this mailbox.*Set-CASMailbox",
    ),
    (
        OFFICE,
        "smtp",
        Stage.AUTH,
        REFUSED,
        "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy. "
        "Contact your administrator. [BL0PR05CA0002.namprd05.prod.outlook.com]",
        "security defaults",
    ),
    (
        OFFICE,
        "smtp",
        Stage.AUTH,
        REFUSED,
        "535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated "
        "successfully. Contact your administrator. [SJ0PR03CA0282.namprd03.prod.outlook.com]",
        "Conditional Access.*sign-in log",
    ),
    (
        OFFICE,
        "smtp",
        Stage.AUTH,
        REFUSED,
        "535 5.7.139 Authentication unsuccessful, basic authentication is disabled. "
        "[SJ0PR13CA0089.namprd13.prod.outlook.com]",
        "passwords? off.*use OAuth|password off.*use OAuth",
    ),
    (
        OFFICE,
        "smtp",
        Stage.AUTH,
        REFUSED,
        "535 5.7.139 Authentication unsuccessful, the user credentials were incorrect. "
        "[AM0PR02CA0202.eurprd02.prod.outlook.com]",
        "user name or password is wrong.*second factor",
    ),
    (
        OFFICE,
        "smtp",
        Stage.AUTH,
        REFUSED,
        "550 5.7.30 Basic authentication is not supported for Client Submission.",
        "end of December 2026.*second half of 2027.*OAuth",
    ),
    (
        OFFICE,
        "smtp",
        Stage.AUTH,
        REFUSED,
        "535 5.7.3 Authentication unsuccessful [FR3P281CA0094.DEUP281.PROD.OUTLOOK.COM]",
        r"Microsoft Graph.*SMTP\.Send",
    ),
    (
        OFFICE_IMAP,
        "imap",
        Stage.MAILBOX,
        Reason.MAILBOX_REFUSED,
        "A4 BAD User is authenticated but not connected.",
        "no right on this mailbox.*full access",
    ),
    (
        OFFICE_IMAP,
        "imap",
        Stage.AUTH,
        REFUSED,
        "A1 NO AUTHENTICATE failed.",
        "object id of the .enterprise application",
    ),
    (
        OFFICE_IMAP,
        "imap",
        Stage.AUTH,
        REFUSED,
        "A001 NO LOGIN failed.",
        "no passwords.*OAuth",
    ),
    (
        OFFICE_IMAP,
        "pop3",
        Stage.AUTH,
        REFUSED,
        "-ERR Authentication failure: unknown user name or bad password.",
        "no passwords.*OAuth",
    ),
    (
        OFFICE,
        "smtp",
        Stage.ENVELOPE,
        Reason.SENDER_REFUSED,
        "530 5.7.57 Client not authenticated to send mail. [VI1PR0102CA0041.eurprd01.prod.exchangelabs.com]",
        "wants a login",
    ),
    (
        OFFICE,
        "smtp",
        Stage.MESSAGE,
        Reason.MESSAGE_REFUSED,
        "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
        "SendAs",
    ),
    (
        OFFICE,
        "smtp",
        Stage.MESSAGE,
        Reason.MESSAGE_REFUSED,
        "554 5.2.252 SendAsDenied; app@contoso.com not allowed to send as info@contoso.com; "
        "STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied",
        "Add-RecipientPermission",
    ),
    (
        "smtp.gmail.com",
        "smtp",
        Stage.AUTH,
        REFUSED,
        "534-5.7.9 Application-specific password required. For more information, go to\n"
        "534 5.7.9  https://support.google.com/mail/?p=InvalidSecondFactor e19-20020a5d5953 - gsmtp",
        "2-step verification.*app password",
    ),
    (
        "imap.gmail.com",
        "imap",
        Stage.AUTH,
        REFUSED,
        "A1 NO [ALERT] Application-specific password required: https://support.google.com/accounts/answer/185833 "
        "(Failure)",
        "2-step verification.*app password",
    ),
    (
        "smtp.gmail.com",
        "smtp",
        Stage.AUTH,
        REFUSED,
        "535-5.7.8 Username and Password not accepted. For more information, go to\n"
        "535 5.7.8  https://support.google.com/mail/?p=BadCredentials 5b1f17b1804b1-45 - gsmtp",
        "OAuth, or an app password",
    ),
    (
        "imap.gmail.com",
        "imap",
        Stage.AUTH,
        REFUSED,
        "A1 NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)",
        "OAuth, or an app password",
    ),
    (
        "imap.gmail.com",
        "imap",
        Stage.AUTH,
        REFUSED,
        "A1 NO [ALERT] Your account is not enabled for IMAP use. Please visit your Gmail settings page and enable "
        "your account for IMAP access. (Failure)",
        "switched off.*Forwarding and POP/IMAP",
    ),
    (
        "imap.gmail.com",
        "imap",
        Stage.AUTH,
        REFUSED,
        "A1 NO [WEBALERT https://accounts.google.com/signin/continue?sarp=1] Web login required. (Failure)",
        "browser first",
    ),
    (
        "imap.mail.yahoo.com",
        "imap",
        Stage.AUTH,
        REFUSED,
        "A1 NO [AUTHENTICATIONFAILED] LOGIN Invalid credentials",
        "Yahoo.*app password",
    ),
    (
        "imap.aol.com",
        "imap",
        Stage.AUTH,
        REFUSED,
        "A1 NO [AUTHENTICATIONFAILED] AUTHENTICATE Invalid credentials",
        "AOL.*app password",
    ),
    (
        "imap.mail.me.com",
        "imap",
        Stage.AUTH,
        REFUSED,
        "1001 NO [AUTHENTICATIONFAILED] Authentication failed",
        "iCloud.*app password",
    ),
    (
        "imap.fastmail.com",
        "imap",
        Stage.AUTH,
        REFUSED,
        "A1 NO [AUTHENTICATIONFAILED] Incorrect username or password.",
        "Fastmail.*app password",
    ),
    (
        "smtps.aruba.it",
        "smtp",
        Stage.AUTH,
        REFUSED,
        "535 5.7.0 ... authentication rejected",
        "whole address.*webmail",
    ),
    (
        "sendm.cert.legalmail.it",
        "smtp",
        Stage.ENVELOPE,
        Reason.SENDER_REFUSED,
        "450 4.7.1 message rate exceeded",
        "at most 6 messages a minute",
    ),
    (
        "imap.yandex.com",
        "imap",
        Stage.AUTH,
        REFUSED,
        "2 NO [AUTHENTICATIONFAILED] LOGIN Invalid credentials or IMAP is disabled sc=ebI8JB0ug4Y1_290737_53p",
        "Yandex.*switch IMAP and POP3 on",
    ),
    ("imap.gmx.net", "imap", Stage.AUTH, REFUSED, "A1 NO authentication failed", "GMX.*switch IMAP and POP3 on"),
    ("pop3.web.de", "pop3", Stage.AUTH, REFUSED, "-ERR authentication failed", "WEB.DE.*switch IMAP and POP3 on"),
    (
        "mail.example.com",
        "smtp",
        Stage.ENVELOPE,
        Reason.SENDER_REFUSED,
        "530 5.7.0 Must issue a STARTTLS command first",
        "starttls, or to tls",
    ),
    (
        "mail.example.com",
        "imap",
        Stage.AUTH,
        REFUSED,
        "A1 NO [PRIVACYREQUIRED] Plaintext authentication disallowed on non-secure (SSL/TLS) connections.",
        "starttls, or to tls",
    ),
    ("mail.example.com", "imap", Stage.AUTH, Reason.LOGIN_DISABLED, "", "starttls or tls"),
    (
        "mail.example.com",
        "smtp",
        Stage.GREETING,
        Reason.GREETING_REFUSED,
        "421 4.7.0 mx.example.com Error: too many connections from 192.0.2.1",
        "says nothing about TLS.*wait",
    ),
    (
        "mail.example.com",
        "smtp",
        Stage.TLS,
        Reason.STARTTLS_REFUSED,
        "454 4.7.0 Too many TLS sessions, try again later",
        "says nothing about TLS.*wait",
    ),
    (
        "mail.example.com",
        "smtp",
        Stage.TLS,
        Reason.RATE_LIMITED,
        "454 4.7.0 TLS not available due to local problem",
        "certificate or key is not set up",
    ),
    (
        "mail.example.com",
        "imap",
        Stage.AUTH,
        Reason.TEMPORARY,
        "A1 NO [LIMIT] Maximum number of connections from user+IP exceeded",
        "wait",
    ),
    ("mail.example.com", "imap", Stage.MAILBOX, Reason.MAILBOX_REFUSED, "A2 NO [INUSE] Mailbox in use", "wait"),
    (
        "mail.example.com",
        "imap",
        Stage.AUTH,
        REFUSED,
        "A1 NO [UNAVAILABLE] Temporary authentication failure.",
        "wait",
    ),
    (
        "mail.example.com",
        "smtp",
        Stage.ENVELOPE,
        Reason.RECIPIENT_REFUSED,
        "554 5.7.1 <bob@elsewhere.example>: Relay access denied",
        "login.*587 or 465",
    ),
    (
        "mail.example.com",
        "smtp",
        Stage.ENVELOPE,
        Reason.RECIPIENT_REFUSED,
        "550 5.7.1 Unable to relay",
        "login.*587 or 465",
    ),
    ("mail.example.com", "imap", Stage.TLS, Reason.WRONG_VERSION, "", "does not fit the port"),
    (
        "smtp.gmail.com",
        "smtp",
        Stage.ENVELOPE,
        Reason.SENDER_REFUSED,
        "530-5.7.0 Authentication Required. For more information, go to\n"
        "530 5.7.0  https://support.google.com/mail/?p=WantAuthError 5b1f17b1804b1-45 - gsmtp",
        "wants a login before",
    ),
    (
        "mail.example.com",
        "smtp",
        Stage.ENVELOPE,
        Reason.SENDER_REFUSED,
        "553 5.7.1 <info@example.com>: Sender address rejected: not owned by user app@example.com",
        "send as the login's own address",
    ),
    (
        "mx.example.com",
        "smtp",
        Stage.ENVELOPE,
        Reason.RECIPIENT_REFUSED,
        "450 4.2.0 <bob@example.com>: Recipient address rejected: Greylisted, see http://postgrey.schweikert.ch/",
        "greylisting",
    ),
    (
        "mx.example.com",
        "smtp",
        Stage.ENVELOPE,
        Reason.RECIPIENT_REFUSED,
        "550 5.1.1 <nobody@example.com>: Recipient address rejected: User unknown in virtual mailbox table",
        "no such recipient",
    ),
    (
        "mx.example.com",
        "smtp",
        Stage.ENVELOPE,
        Reason.RECIPIENT_REFUSED,
        "552 5.2.2 <bob@example.com> Quota exceeded (mailbox for user is full)",
        "mailbox is full",
    ),
    (
        "mx.example.com",
        "smtp",
        Stage.ENVELOPE,
        Reason.SENDER_REFUSED,
        "552 5.3.4 Message size exceeds fixed limit",
        "larger than the server takes",
    ),
    (
        "mx.example.com",
        "smtp",
        Stage.ENVELOPE,
        Reason.RECIPIENT_REFUSED,
        "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org",
        "reputation",
    ),
    (
        "mail.example.com",
        "smtp",
        Stage.AUTH,
        REFUSED,
        "534 5.7.9 Authentication mechanism is too weak",
        "does not take this way of logging in",
    ),
    (
        "mail.example.com",
        "imap",
        Stage.AUTH,
        REFUSED,
        "A1 NO [EXPIRED] Password expired",
        "password has expired",
    ),
]

# The same providers behind a name of the customer's own, sentences broken where a server likes, and other spellings
SAID += [
    ("mail.example.com", protocol, stage, reason, reply, expected)
    for protocol, stage, reason, reply, expected in (
        (
            "smtp",
            Stage.AUTH,
            REFUSED,
            "535-5.7.139 Authentication unsuccessful, SmtpClientAuthentication is\n"
            "535 5.7.139 disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled",
            r"Set-TransportConfig",
        ),
        (
            "smtp",
            Stage.AUTH,
            REFUSED,
            "535-5.7.139 Authentication unsuccessful, the request did not meet\n"
            "535 5.7.139 the criteria to be authenticated successfully.",
            "sign-in log",
        ),
        (
            "smtp",
            Stage.AUTH,
            REFUSED,
            "535 5.7.139 Authentication unsuccessful, the user is not allowed here",
            "rule of the organisation.*sign-in log",
        ),
        (
            "smtp",
            Stage.AUTH,
            REFUSED,
            "535 5.7.3 Authentication unsuccessful [BN9PR03CA0123.namprd03.prod.outlook.com 2026-11-02T10:00:00.000Z]",
            r"Microsoft Graph.*SMTP\.Send",
        ),
        (
            "smtp",
            Stage.AUTH,
            REFUSED,
            "535-5.7.8 Username and Password not accepted. For more information, go to\n"
            "535 5.7.8  https://support.google.com/mail/?p=BadCredentials 5b1f17b1804b1-45 - gsmtp",
            "Google.*OAuth, or an app password",
        ),
        (
            "smtp",
            Stage.AUTH,
            REFUSED,
            "534-5.7.14 <https://accounts.google.com/signin/continue?sarp=1> Please log in\n"
            "534-5.7.14 via your web browser and then try again.\n"
            "534 5.7.14  https://support.google.com/mail/answer/78754 5b1f17b1804b1-45 - gsmtp",
            "browser first",
        ),
        (
            "imap",
            Stage.AUTH,
            REFUSED,
            "A1 NO [AUTHENTICATIONFAILED] AUTHENTICATE This user does not have access rights to this service",
            "switched off for the mailbox.*switch IMAP and POP3 on",
        ),
        ("pop3", Stage.AUTH, REFUSED, "-ERR [AUTH] POP3 access disabled", "switched off for the mailbox"),
        ("smtp", Stage.MESSAGE, Reason.MESSAGE_REFUSED, "451 4.3.0 not now", "temporary.*wait"),
        (
            "smtp",
            Stage.TLS,
            Reason.RATE_LIMITED,
            "454 4.7.0 TLS not available due to temporary reason",
            "temporary.*says nothing about TLS.*wait",
        ),
        (
            "smtp",
            Stage.ENVELOPE,
            Reason.RECIPIENT_REFUSED,
            "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
            "login.*587 or 465",
        ),
        (
            "smtp",
            Stage.ENVELOPE,
            Reason.RECIPIENT_REFUSED,
            "550-Please turn on SMTP Authentication in your mail client. mx.example.com is not permitted to\n"
            "550 relay through this server without authentication.",
            "login.*587 or 465",
        ),
    )
]
SAID += [
    (
        "imaps.pec.aruba.it",
        "imap",
        Stage.AUTH,
        REFUSED,
        "A1 NO [AUTHENTICATIONFAILED] Authentication failed.",
        "two-step verification.*switched on",
    ),
    (
        "sendm.cert.legalmail.it",
        "smtp",
        Stage.ENVELOPE,
        Reason.SENDER_REFUSED,
        '550 MAIL from: "ann@legalmail.it" blocked "Class Of Service" - Too much traffic from this sender',
        "at most 6 messages a minute",
    ),
    ("imap.mail.yahoo.co.uk", "imap", Stage.AUTH, REFUSED, "A1 NO [AUTHENTICATIONFAILED] LOGIN no", "Yahoo.*app pass"),
    ("outlook.office365.us", "imap", Stage.AUTH, REFUSED, "A1 NO AUTHENTICATE failed.", "enterprise application"),
]

SAID += [
    ("mail.example.com", protocol, Stage.AUTH, REFUSED, f"{reply}\nchallenge: {challenge}", expected)
    for protocol, reply in (("smtp", "535 5.7.8 no"), ("imap", "NO no"), ("pop3", "-ERR [AUTH] no"))
    for challenge, expected in (
        ('{"status": "400", "schemes": "Bearer", "scope": "https://mail.google.com/"}', "does not take the access"),
        ('{"status": "401", "schemes": "bearer", "scope": "mail"}', "does not take the access token"),
        ('{"status": "invalid_token", "openid-configuration": ""}', "does not take the access token"),
        ('{"status": "insufficient_scope", "scope": "mail"}', "lacks the scope"),
        ('{"status": "403"}', "lacks the scope"),
    )
]

GRAPH = "graph.microsoft.com"
SAID += [
    (GRAPH, "graph", stage, reason, reply, expected)
    for stage, reason, reply, expected in (
        (
            Stage.AUTH,
            REFUSED,
            'HTTP 401 Unauthorized\n{"error":{"code":"InvalidAuthenticationToken","message":"Access token validation '
            'failure. Invalid audience."}}',
            r"made for somebody else.*Outlook.*graph\.microsoft\.com",
        ),
        (
            Stage.AUTH,
            REFUSED,
            'HTTP 401 Unauthorized\n{"error":{"code":"InvalidAuthenticationToken","message":"Lifetime validation '
            'failed, the token is expired."}}',
            "expired.*authorise anew",
        ),
        (
            Stage.MESSAGE,
            Reason.MESSAGE_REFUSED,
            'HTTP 400 Bad Request\n{"error":{"code":"BadRequest","message":"/me request is only valid with delegated '
            'authentication flow."}}',
            "application's own",
        ),
        (
            Stage.MESSAGE,
            REFUSED,
            'HTTP 403 Forbidden\n{"error":{"code":"ErrorAccessDenied","message":"Access to OData is disabled: [RAOP] : '
            'Blocked by tenant configured AppOnly AccessPolicy settings."}}',
            "policy in Exchange.*Test-ApplicationAccessPolicy",
        ),
        (
            Stage.MESSAGE,
            REFUSED,
            'HTTP 403 Forbidden\n{"error":{"code":"ErrorAccessDenied","message":"Access is denied. Check credentials '
            'and try again."}}',
            r"no right.*Mail\.Send",
        ),
        (
            Stage.MESSAGE,
            Reason.SENDER_REFUSED,
            'HTTP 403 Forbidden\n{"error":{"code":"ErrorSendAsDenied","message":"The user account which was used to '
            "submit this request does not have the right to send mail on behalf of the specified sending account., "
            'Cannot submit message."}}',
            "Add-RecipientPermission",
        ),
        (
            Stage.MESSAGE,
            Reason.RATE_LIMITED,
            'HTTP 403 Forbidden\n{"error":{"code":"ErrorExceededMessageLimit","message":"Cannot send mail. Daily '
            'Message/Recipient limit exceeded. Follow the instructions in your Inbox to verify your account."}}',
            "as much as it may.*inbox",
        ),
        (
            Stage.MESSAGE,
            Reason.NOT_OFFERED,
            'HTTP 404 Not Found\n{"error":{"code":"MailboxNotEnabledForRESTAPI","message":"The mailbox is either '
            'inactive, soft-deleted, or is hosted on-premise."}}',
            "licence",
        ),
        (
            Stage.MESSAGE,
            Reason.MAILBOX_REFUSED,
            'HTTP 404 Not Found\n{"error":{"code":"ErrorInvalidUser","message":"The requested user '
            "'nobody@contoso.com' is invalid.\"}}",
            "no such user.*directory id",
        ),
        (
            Stage.MESSAGE,
            Reason.MESSAGE_REFUSED,
            'HTTP 400 Bad Request\n{"error":{"code":"ErrorInvalidRecipients","message":"At least one recipient is not '
            "valid., A message can't be sent because it contains no recipients.\"}}",
            "nothing was sent",
        ),
        (
            Stage.MESSAGE,
            Reason.MESSAGE_REFUSED,
            'HTTP 400 Bad Request\n{"error":{"code":"ErrorMimeContentInvalidBase64String","message":"Invalid base64 '
            'string for MIME content."}}',
            "cannot read the message as MIME",
        ),
        (
            Stage.MESSAGE,
            Reason.MESSAGE_TOO_LARGE,
            'HTTP 400 Bad Request\n{"error":{"code":"ErrorMessageSizeExceeded","message":"The message exceeds the '
            'maximum supported size."}}',
            "larger than the mailbox may send",
        ),
        (
            Stage.MESSAGE,
            Reason.RATE_LIMITED,
            'HTTP 429 Too Many Requests\n{"error":{"code":"ApplicationThrottled","message":"Application is over its '
            'MailboxConcurrency limit."}}',
            "30 messages a minute",
        ),
        (Stage.AUTH, REFUSED, "", r"permission Mail\.Send of Microsoft Graph"),
    )
]


@pytest.mark.parametrize(
    ("host", "protocol", "stage", "reason", "reply", "expected"), SAID, ids=[case[4][:60] or case[3] for case in SAID]
)
def test_what_is_said_has_its_remedy(
    host: str, protocol: str, stage: Stage, reason: Reason, reply: str, expected: str
) -> None:
    remedy = find_remedy(host=host, protocol=protocol, stage=stage, reason=reason, reply=reply)
    assert re.search(expected, f"{remedy.cause} - {remedy.remedy}")


def test_each_row_for_replies_is_proven_by_words_that_servers_say() -> None:
    found = {
        id(find_remedy(host=host, protocol=protocol, stage=stage, reason=reason, reply=reply))
        for host, protocol, stage, reason, reply, _ in SAID
    }
    unproven = [row.remedy.cause for row in (*PROVIDER_ROWS, *REPLY_ROWS) if id(row.remedy) not in found]
    assert unproven == []


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
@pytest.mark.parametrize(
    ("protocol", "reply", "expected"),
    [
        ("smtp", "535 5.7.3 Authentication unsuccessful", r"one for Microsoft Graph.*SMTP\.Send"),
        ("imap", "NO AUTHENTICATE failed.", "object id of the .enterprise application"),
    ],
)
def test_a_refused_token_is_explained_behind_any_name(mechanism: str, protocol: str, reply: str, expected: str) -> None:
    said = {"host": "mail.example.com", "protocol": protocol, "stage": Stage.AUTH, "reason": REFUSED, "reply": reply}
    assert re.search(expected, find_remedy(**said, mechanism=mechanism).remedy)
    assert find_remedy(**said, mechanism="PLAIN") is STAGE_REMEDIES[Stage.AUTH]


@pytest.mark.parametrize(
    ("host", "reply"),
    [
        ("smtp.gmail.com", "535-5.7.8 Username and Password not accepted."),
        ("imap.mail.yahoo.com", "NO [AUTHENTICATIONFAILED] Invalid credentials"),
        ("mail.example.com", "535 5.7.8 no"),
    ],
)
def test_who_logs_in_by_a_token_is_not_told_to_take_another_password(host: str, reply: str) -> None:
    said = {"host": host, "protocol": "smtp", "stage": Stage.AUTH, "reason": REFUSED, "reply": reply}
    assert "does not take the access token" in (find_remedy(**said, mechanism="XOAUTH2").cause or "")
    assert "password" in find_remedy(**said, mechanism="PLAIN").remedy


def test_providers_words_are_theirs_alone() -> None:
    said = "A1 NO AUTHENTICATE failed."
    elsewhere = find_remedy(host="imap.example.com", protocol="imap", stage=Stage.AUTH, reason=REFUSED, reply=said)
    assert elsewhere is STAGE_REMEDIES[Stage.AUTH]
    for host in ("notgmail.com", "gmail.com.example.org", "imap.yahoo.com.evil.example", "web.de.example"):
        remedy = find_remedy(
            host=host, protocol="imap", stage=Stage.AUTH, reason=REFUSED, reply="A1 NO Invalid credentials"
        )
        assert remedy is STAGE_REMEDIES[Stage.AUTH]


EXPLAINED_BY_THE_STAGE = {
    Reason.NETWORK,
    Reason.CERTIFICATE_INVALID,
    Reason.INTERRUPTED,
    Reason.LOGIN_REFUSED,
    Reason.MAILBOX_REFUSED,
    Reason.MESSAGE_REFUSED,
    Reason.SCRIPT_REFUSED,
}


def test_each_reason_has_a_remedy_of_its_own_or_the_stages() -> None:
    covered = {reason for row in REASON_ROWS for reason in row.reasons}
    assert covered | EXPLAINED_BY_THE_STAGE == set(Reason)
    assert not covered & EXPLAINED_BY_THE_STAGE


def test_a_greeting_that_does_not_end_is_no_silence() -> None:
    late = {"host": "h", "protocol": "smtp", "stage": Stage.GREETING, "reason": Reason.TIMED_OUT}
    assert "does not come to an end" in (find_remedy(**late, reply="220-welc").cause or "")
    assert "says nothing" in (find_remedy(**late).cause or "")


def test_a_reason_that_means_several_things_is_explained_by_where_it_happens() -> None:
    causes = {
        find_remedy(host="h", protocol="smtp", stage=stage, reason=Reason.TIMED_OUT).cause
        for stage in (Stage.DNS, Stage.TCP, Stage.GREETING, Stage.AUTH)
    }
    assert len(causes) == 4


@given(
    st.sampled_from(Stage),
    st.none() | st.sampled_from(Reason) | st.text(max_size=10),
    st.sampled_from(["smtp", "pop3", "imap", None]),
    st.text(max_size=200),
)
def test_nothing_fails_without_a_remedy(stage: Stage, reason: str | None, protocol: str | None, reply: str) -> None:
    remedy = find_remedy(host="mail.example.com", protocol=protocol, stage=stage, reason=reason, reply=reply)
    assert remedy.remedy


def every_remedy() -> list[Remedy]:
    return [*(row.remedy for row in (*PROVIDER_ROWS, *REPLY_ROWS, *REASON_ROWS)), *STAGE_REMEDIES.values()]


@pytest.mark.parametrize("side", ["smtp", "incoming", "pop"])
def test_the_next_command_is_complete(side: str) -> None:
    for remedy in every_remedy():
        command = remedy.command(test="mailctl test send office", edit="mailctl server edit office", side=side)
        assert command is None or command.startswith("mailctl ")
        assert command is None or not set("{}") & set(command)
    remedy = find_remedy(host="h", protocol="smtp", stage=Stage.TLS, reason=Reason.WRONG_VERSION)
    assert (
        remedy.command(test="", edit="mailctl server edit office", side=side)
        == f"mailctl server edit office --{side}-security starttls"
    )


def test_the_next_command_names_options_that_are_there_for_pop_before_smtp() -> None:
    commands = [
        remedy.command(test="mailctl test send", edit="mailctl sysmail set", side="pop") or ""
        for remedy in every_remedy()
    ]
    assert any("--pop-ca-file" in command for command in commands)
    assert not any("--pop-auth" in command or " --ca-file" in command for command in commands)


def test_no_next_command_names_a_side_or_a_domain_that_there_is_not() -> None:
    for remedy in every_remedy():
        next_ = remedy.next or ""
        for side, domain in ((None, "example.org"), ("smtp", None), (None, None)):
            command = remedy.command(test="mailctl test send", edit="mailctl sysmail set", side=side, domain=domain)
            lacks = (side is None and "{side}" in next_) or (domain is None and "{domain}" in next_)
            assert (command is None) is (lacks or remedy.next is None)


def test_remedies_are_sentences_in_one_style() -> None:
    for remedy in every_remedy():
        for text in (remedy.cause or "", remedy.remedy):
            assert text == text.strip()
            assert not text.endswith(".")
        assert remedy.document is None or remedy.document.startswith("https://")
