"""How a person's account sends and receives: which servers, and which of its logins, are in force."""

from __future__ import annotations

from typing import NamedTuple

from mailctl.errors import BugError
from mailctl.model.account import Account
from mailctl.model.oauth import OAuthClient
from mailctl.model.resolve import Receiving, Sending
from mailctl.model.server import IncomingEndpoint, SendingCredentials, SmtpAuth, SmtpEndpoint, TlsOptions
from mailctl.model.settings import Settings


class AccountServers(NamedTuple):
    """The servers of an account. `credentials`: None where the account itself says with which login it sends."""

    smtp: SmtpEndpoint
    incoming: IncomingEndpoint
    tls: TlsOptions
    oauth_client: OAuthClient | None
    credentials: SendingCredentials | None


def resolve_servers(settings: Settings, account: Account) -> AccountServers:
    """Return an account's servers: those of the catalogue entry that it names, else its own."""
    if account.server:
        server = settings.get_server(account.server)
        client = settings.get_oauth_client(server.oauth_client) if server.oauth_client else None
        return AccountServers(server.smtp, server.incoming, server.tls, client, server.smtp.credentials)
    if account.smtp is None or account.incoming is None:
        raise BugError(f"the account {account.address} has no servers")
    client = settings.get_oauth_client(account.oauth_client) if account.oauth_client else None
    return AccountServers(account.smtp, account.incoming, account.tls, client, None)


def resolve_account(settings: Settings, account: Account) -> Sending:
    """Return how an account sends, whether or not the organisation's systems may.

    The login for sending is the incoming one, where a token logs in or a catalogue server says so. It is one of its
    own where a catalogue server says so, the user name alone being the incoming one by default. Servers of the
    account's own take what it has of a login for sending, and the incoming one for the rest.
    """
    smtp, _, tls, client, credentials = resolve_servers(settings, account)
    username: str | None = account.login
    password = account.password
    if client is not None:
        password = None
    elif smtp.auth is SmtpAuth.NONE:
        username = password = None
    elif credentials is not SendingCredentials.INCOMING:
        username = account.smtp_username or username
        password = account.smtp_password or (None if credentials is SendingCredentials.OWN else password)
    return Sending(
        origin=account.address,
        active=True,
        address=account.address,
        sender_name=account.display_name,
        reply_to=None,
        envelope_from=account.address,
        local_recipient=None,
        smtputf8=True,  # what a person's server takes, it says itself
        server=account.server,
        smtp=smtp,
        tls=tls,
        oauth_client=client,
        graph=False,
        username=username,
        password=password,
        given_by="--smtp-password-stdin" if credentials is SendingCredentials.OWN else "--password-stdin",
        pop_before_smtp=None,
    )


def resolve_account_receiving(settings: Settings, account: Account) -> Receiving:
    """Return where an account's mail is, and the login there."""
    _, incoming, tls, client, _ = resolve_servers(settings, account)
    return Receiving(
        endpoint=incoming,
        tls=tls,
        username=account.login,
        password=None if client else account.password,
        oauth_client=client,
    )
