"""Remedies for what Microsoft Graph says. https://learn.microsoft.com/en-us/graph/errors"""

from __future__ import annotations

from mailctl.model.report import Stage
from mailctl.protocol.reasons import Reason
from mailctl.protocol.remedies.remedy import Remedy, Row

_GRAPH = ("graph",)
_SEND_DOCUMENT = "https://learn.microsoft.com/en-us/graph/api/user-sendmail"
_LIMITS_DOCUMENT = (
    "https://learn.microsoft.com/en-us/office365/servicedescriptions/exchange-online-service-description/"
    "exchange-online-limits#sending-limits"
)
_RBAC_DOCUMENT = "https://learn.microsoft.com/en-us/exchange/permissions-exo/application-rbac"
_TEST = "{test} --depth auth"


def _row(
    reply: str,
    cause: str,
    remedy: str,
    *,
    document: str | None = None,
    next: str | None = _TEST,  # noqa: A002 - the remedy's field
) -> Row:
    return Row(reply=reply, protocols=_GRAPH, remedy=Remedy(cause=cause, remedy=remedy, document=document, next=next))


GRAPH_ROWS = (
    _row(
        r"Invalid audience",
        "the token was made for somebody else than Graph, usually for Outlook (IMAP, POP3, SMTP)",
        "authorise anew with Graph switched on: the scope is https://graph.microsoft.com/.default or .../Mail.Send",
        next="mailctl oauth status",
    ),
    _row(
        r"/me request is only valid with delegated",
        "the token is an application's own, and /me is for a user's",
        "authorise by a flow with a person, or send app-only, which names the mailbox",
        next="mailctl oauth status",
    ),
    _row(
        r"InvalidAuthenticationToken|^HTTP 401\b",
        "Graph does not take the token: it has expired, was revoked, or was made for another cloud",
        "authorise anew; in a national cloud, give the OAuth client its --graph-url",
        next="mailctl oauth status",
    ),
    _row(
        r"Blocked by tenant configured AppOnly AccessPolicy",
        "a policy in Exchange keeps this application from this mailbox",
        "an Exchange administrator runs `Test-ApplicationAccessPolicy -AppId CLIENT-ID -Identity ADDRESS`, and adds "
        "the mailbox to the policy's group; it takes effect within an hour",
        document="https://learn.microsoft.com/en-us/powershell/module/exchange/new-applicationaccesspolicy",
    ),
    _row(
        r"ErrorExceededMessageLimit",
        "the mailbox has sent as much as it may for now; of a new Outlook.com account, Microsoft may want proof of "
        "who it belongs to",
        "look into the mailbox's inbox for Microsoft's message, and wait for a day",
        document=_LIMITS_DOCUMENT,
        next="{test}",
    ),
    _row(
        r"ErrorAccessDenied|Authorization_RequestDenied|^HTTP 403\b(?!(?s:.*)SendAsDenied)",
        "Graph takes the token, but it carries no right to do this with this mailbox",
        "in Entra, give the app registration Mail.Send (a delegated permission for a user's token, an application "
        "permission for an application's; Mail.ReadWrite too for messages over 2.9 MB: see `oauth setup-script`), "
        "grant admin consent, and authorise anew; a user's token sends from that user's mailbox alone",
        document=_SEND_DOCUMENT,
    ),
    _row(
        r"MailboxNot(Enabled|Supported)ForRESTAPI",
        "the user exists, but has no mailbox that Graph can use: no Exchange Online licence, deleted, or on-premises",
        "give the user a licence with Exchange Online, or name a mailbox (a shared one needs none)",
        document="https://learn.microsoft.com/en-us/graph/resolve-auth-errors",
    ),
    _row(
        r"ErrorInvalidUser|ErrorNonExistentMailbox|Re(quest_Re)?sourceNotFound|^HTTP 404\b",
        "Graph knows no such user in this directory",
        "check the sending address (it is the user principal name or a mailbox's primary address, not an alias or a "
        "distribution list), and the OAuth client's directory id",
    ),
    _row(
        r"ErrorInvalidRecipients",
        "Graph takes at least one recipient for no address; nothing was sent",
        "check the addresses in To, Cc and Bcc",
        next="{test} --to ADDRESS",
    ),
    _row(
        r"ErrorMimeContentInvalid",
        "Graph cannot read the message as MIME",
        "check its header and parts, if you made it yourself; a proxy in between may also have changed it",
        document=_SEND_DOCUMENT,
        next="{test} --transcript",
    ),
    _row(
        r"ErrorMessageSizeExceeded|ErrorAttachmentSizeLimitExceeded|^HTTP 413\b",
        "the message is larger than the mailbox may send (35 MB unless an administrator raised it), or its text alone "
        "is larger than one request may be (4 MB)",
        "send less, or let an administrator run `Set-Mailbox ADDRESS -MaxSendSize 150MB`",
        document=_LIMITS_DOCUMENT,
        next="{test}",
    ),
    _row(
        r"^HTTP 429\b|ApplicationThrottled",
        "Graph limits how often one may come: a mailbox sends 30 messages a minute, and an application has 4 requests "
        "under way for a mailbox",
        "send fewer at a time, and look for other programs that use the same application and mailbox",
        document="https://learn.microsoft.com/en-us/graph/throttling-limits",
        next="{test}",
    ),
    Row(
        protocols=_GRAPH,
        stages=(Stage.AUTH,),
        reasons=(Reason.LOGIN_REFUSED,),
        remedy=Remedy(
            cause="the token cannot be used to send by Graph",
            remedy="in Entra, give the app registration the permission Mail.Send of Microsoft Graph, grant admin "
            "consent, and authorise anew; for an application, Exchange's RBAC for Applications can grant it by mailbox",
            document=_RBAC_DOCUMENT,
            next="mailctl oauth status",
        ),
    ),
)
