"""What an administrator of the organisation has to do once, for the OAuth client and the mailbox at hand.

Microsoft: Exchange Online PowerShell (learn.microsoft.com/exchange/client-developer/legacy-protocols/
how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth; for Graph, /exchange/permissions-exo/application-rbac).
Google: steps in the Admin console (support.google.com/a/answer/162106).
"""

from __future__ import annotations

import re

from mailctl.credentials import Secrets
from mailctl.errors import UsageError
from mailctl.model.oauth import Flow, OAuthClient, Provider, scopes_for
from mailctl.model.oauth_flows import can_do
from mailctl.protocol.graph import DRAFT_PERMISSION, SEND_PERMISSION
from mailctl.services.oauth.registrations import read_registration
from mailctl.services.oauth.subjects import Subject


def write_setup_script(subject: Subject, flow: Flow | None, secrets: Secrets) -> str:
    """Return the script or the steps; comments begin with `#`.

    `flow`: that of the grant; None for the one without a person, where the OAuth client can do it. Raises UsageError
    for a provider whose set-up is not known.
    """
    client = subject.client
    if client.provider is Provider.GOOGLE:
        return _google(subject, flow, secrets)
    if client.provider is Provider.MICROSOFT:
        is_app_only = flow is Flow.CLIENT_CREDENTIALS or (flow is None and can_do(client, Flow.CLIENT_CREDENTIALS))
        if subject.sending.graph:
            return _graph(subject) if is_app_only else _signed_in_graph(subject)
        return _app_only(subject) if is_app_only else _signed_in(subject)
    raise UsageError(
        f"nothing is known of how the provider of the OAuth client '{client.name}' is set up",
        hint="register the redirect URI http://127.0.0.1 (any port) there, and give the user the scopes of "
        f"`mailctl oauth client show {client.name}`",
    )


def _app_only(subject: Subject) -> str:
    client, mailbox = subject.client, _quoted(subject.username or "")
    return f"""\
# Let the application '{client.name}' log in to {subject.username} by IMAP, POP3 and SMTP, with nobody signing in.
# First, in Entra: App registrations > the application > API permissions > APIs my organization uses >
# Office 365 Exchange Online > Application permissions: IMAP.AccessAsApp, POP.AccessAsApp, SMTP.SendAsApp;
# then "Grant admin consent". Run the rest as an Exchange administrator.
{_service_principal(client)}
Add-MailboxPermission -Identity {mailbox} -User $principal.Id -AccessRights FullAccess
{_switch_on(mailbox)}
Get-MailboxPermission -Identity {mailbox} -User $principal.Id
"""


def _signed_in(subject: Subject) -> str:
    client, mailbox = subject.client, _quoted(subject.username or "")
    return f"""\
# Let users who sign in through the application '{client.name}' log in to {subject.username} by IMAP, POP3 and SMTP.
# First, in Entra: App registrations > the application > Authentication: platform "Mobile and desktop applications",
# redirect URI http://localhost; for the device flow, "Allow public client flows". API permissions > Microsoft Graph >
# Delegated permissions: IMAP.AccessAsUser.All, POP.AccessAsUser.All, SMTP.Send, offline_access.
# Run the rest as an Exchange administrator.
{_connect(client)}
{_switch_on(mailbox)}
# A shared mailbox is opened by a delegate's sign-in; name the delegate, and remove the '#':
# Add-MailboxPermission -Identity {mailbox} -User 'DELEGATE' -AccessRights FullAccess
# Add-RecipientPermission -Identity {mailbox} -Trustee 'DELEGATE' -AccessRights SendAs
"""


def _graph(subject: Subject) -> str:
    client, mailbox = subject.client, subject.username or ""
    scope = _quoted(f"mailctl {mailbox}")
    condition = _condition("PrimarySmtpAddress -eq", mailbox)
    return f"""\
# Let the application '{client.name}' send through Microsoft Graph as {mailbox}, and as nobody else; nobody signs in.
# In Entra, do not consent to Mail.Send for it as well: that would let it send as everybody.
# Run this as a member of Organization Management.
{_service_principal(client)}
New-ManagementScope -Name {scope} -RecipientRestrictionFilter {condition}
New-ManagementRoleAssignment -App $principal.Id -Role 'Application Mail.Send' -CustomResourceScope {scope}
# For messages of more than 3 MB, which go by way of a draft:
New-ManagementRoleAssignment -App $principal.Id -Role 'Application Mail.ReadWrite' -CustomResourceScope {scope}
# It takes from 30 minutes to 2 hours to have effect; this tells at once whether it will:
Test-ServicePrincipalAuthorization -Identity $principal.Id -Resource {_quoted(mailbox)} | Format-Table
"""


def _signed_in_graph(subject: Subject) -> str:
    resource = subject.client.graph_resource
    scopes = (f"{resource}/{SEND_PERMISSION}", f"{resource}/{DRAFT_PERMISSION}", "offline_access")
    asked = " ".join(f"--scope {scope}" for scope in scopes)
    return f"""\
# Let who signs in through the application '{subject.client.name}' send as {subject.username} through Microsoft Graph.
# There is nothing to run. In Entra: App registrations > the application > Authentication: platform "Mobile and desktop
# applications", redirect URI http://localhost; for the device flow, "Allow public client flows". API permissions >
# Microsoft Graph > Delegated permissions: {SEND_PERMISSION}, offline_access.
# For messages of more than 3 MB, which go by way of a draft: {DRAFT_PERMISSION} as well, which lets the whole mailbox
# be read and written, so that nobody is asked for it unless you say so:
#   mailctl oauth client edit {subject.client.name} {asked}
#   {subject.authorise_command}
"""


def _connect(client: OAuthClient) -> str:
    directory = "" if client.is_multi_tenant else f" -Organization {_quoted(client.directory_id or '')}"
    return f"""\
Install-Module ExchangeOnlineManagement -Scope CurrentUser
Connect-ExchangeOnline{directory}"""


def _service_principal(client: OAuthClient) -> str:
    application = _quoted(client.client_id)
    condition = _condition("appId eq", client.client_id)
    directory = "" if client.is_multi_tenant else f" -TenantId {_quoted(client.directory_id or '')}"
    return f"""\
Install-Module Microsoft.Graph.Applications -Scope CurrentUser
Connect-MgGraph -Scopes Application.Read.All{directory} -NoWelcome
# The object id is that of the enterprise application; the app registration's own is another, and is refused at login.
$principal = Get-MgServicePrincipal -Filter {condition}
{_connect(client)}
New-ServicePrincipal -AppId {application} -ObjectId $principal.Id -DisplayName {_quoted(f"mailctl {client.name}")}"""


def _switch_on(mailbox: str) -> str:
    return f"""\
Set-CASMailbox -Identity {mailbox} -ImapEnabled $true -PopEnabled $true -SmtpClientAuthenticationDisabled $false"""


def _google(subject: Subject, flow: Flow | None, secrets: Secrets) -> str:
    client = subject.client
    if client.service_account is None or flow not in (None, Flow.SERVICE_ACCOUNT):
        return f"""\
# Let who signs in through the OAuth client '{client.name}' give access to {subject.username}. There is nothing to run.
# 1. console.cloud.google.com > APIs & Services > Library: enable the Gmail API in the client's project.
# 2. Google Auth Platform > Clients: the client {client.client_id} is of the type "Desktop app".
# 3. Google Auth Platform > Audience: "Internal" in a Workspace; otherwise publish the app: grants of an app in
#    "Testing" end after 7 days.
# 4. Workspace only: admin.google.com > Security > Access and data control > API controls > App access control:
#    trust the client id {client.client_id}.
"""
    from mailctl.oauth.assertions import parse_service_account

    registration = read_registration(client, secrets, Flow.SERVICE_ACCOUNT)
    assert registration.service_account is not None
    account = parse_service_account(registration.service_account)
    scopes = ",".join(scopes_for(client, Flow.SERVICE_ACCOUNT))
    return f"""\
# Let the service account {account.email} act for {subject.username} (domain-wide delegation). There is nothing to run.
# 1. console.cloud.google.com > APIs & Services > Library: enable the Gmail API in the service account's project.
# 2. As a super administrator: admin.google.com > Security > Access and data control > API controls >
#    Manage Domain Wide Delegation > Add new, with exactly
#      Client ID:    {account.client_id}
#      OAuth scopes: {scopes}
# 3. Authorize. It may take up to 24 hours to have effect.
# The delegation lets the service account open every mailbox of the organisation: keep its key accordingly.
"""


_POWERSHELL_QUOTES = re.compile("['‘’‚‛]")  # all of them end a single-quoted string


def _quoted(text: str) -> str:
    """Return text as a single-quoted string of PowerShell, in which nothing is expanded."""
    return f"'{_POWERSHELL_QUOTES.sub(lambda quote: quote[0] * 2, text)}'"


def _condition(comparison: str, text: str) -> str:
    """Return a filter (OPATH, OData), whose own strings have straight quotes alone, as a string of PowerShell."""
    doubled = text.replace("'", "''")
    return _quoted(f"{comparison} '{doubled}'")
