"""The precedence rules: what is in force where several settings could say it. Nowhere else is any such rule."""

from __future__ import annotations

from msgspec import Struct

from mailctl.errors import BugError, NotFoundError, SendingDisabledError
from mailctl.model.oauth import OAuthClient
from mailctl.model.sending import PopBeforeSmtp, SystemMail
from mailctl.model.server import IncomingEndpoint, Server, SmtpEndpoint, TlsOptions
from mailctl.model.settings import Settings


class Sending(Struct, frozen=True, kw_only=True):
    """Who sends, and how: everything that a send needs, from one side alone.

    `origin`: what the settings come from, as a test's target names it. `address`: empty where a catalogue server is
    tested by itself. `server`: the catalogue server's code, None for a dedicated one. `envelope_from`: given or the
    address. `smtp`: None where Microsoft Graph sends (`graph`). `oauth_client`: whose token logs in, in the place of a
    password; `username` is then the mailbox that it is for. `password`: a secret reference.
    """

    origin: str
    active: bool
    address: str
    sender_name: str | None
    reply_to: str | None
    envelope_from: str
    local_recipient: str | None
    smtputf8: bool
    server: str | None
    smtp: SmtpEndpoint | None
    tls: TlsOptions
    oauth_client: OAuthClient | None
    graph: bool
    username: str | None
    password: str | None
    pop_before_smtp: PopBeforeSmtp | None

    @property
    def endpoint(self) -> SmtpEndpoint:
        """The SMTP server; raises BugError where there is none, as with Microsoft Graph."""
        if self.smtp is None:
            raise BugError(f"{self.origin} sends through Microsoft Graph, and was asked for its SMTP server")
        return self.smtp


class Receiving(Struct, frozen=True, kw_only=True):
    """Where mail is fetched from, and the login: by password (a secret reference), or by a token of an OAuth client."""

    endpoint: IncomingEndpoint
    tls: TlsOptions
    username: str | None
    password: str | None
    oauth_client: OAuthClient | None = None


def resolve_system_mail(settings: Settings) -> Sending:
    """Return how the system mail account sends, active or not; raises NotFoundError if it was never set."""
    account = settings.sysmail
    if account is None:
        raise NotFoundError(
            "the system mail account was never set",
            hint="`mailctl sysmail set --address ADDRESS --server CODE` sets it",
        )
    smtp, tls, client = _server_of(settings, account)
    return Sending(
        origin="sysmail",
        active=account.active,
        address=account.address,
        sender_name=account.sender_name,
        reply_to=account.reply_to,
        envelope_from=account.envelope_from or account.address,
        local_recipient=account.local_recipient,
        smtputf8=account.smtputf8,
        server=account.server,
        smtp=smtp,
        tls=tls,
        oauth_client=client,
        graph=account.graph,
        username=account.username or (account.address if client else None),
        password=None if client else account.password,
        pop_before_smtp=account.pop_before_smtp,
    )


def resolve_sending(settings: Settings) -> Sending:
    """Return how the organisation's systems send; raises SendingDisabledError unless the system account is active."""
    if settings.sysmail is None:
        raise SendingDisabledError(
            "sending is off: the system mail account was never set",
            hint="`mailctl sysmail set --address ADDRESS --server CODE` sets it",
        )
    sending = resolve_system_mail(settings)
    if not sending.active:
        raise SendingDisabledError(
            "sending is off: the system mail account is inactive", hint="`mailctl sysmail activate` switches it on"
        )
    return sending


def resolve_server(server: Server, oauth_client: OAuthClient | None = None) -> Sending:
    """Return how a catalogue server sends by itself: for nobody, and without a login. `oauth_client`: the server's."""
    return Sending(
        origin=server.code,
        active=True,
        address="",
        sender_name=None,
        reply_to=None,
        envelope_from="",
        local_recipient=None,
        smtputf8=False,
        server=server.code,
        smtp=server.smtp,
        tls=server.tls,
        oauth_client=oauth_client,
        graph=False,
        username=None,
        password=None,
        pop_before_smtp=None,
    )


def resolve_receiving(settings: Settings, sending: Sending) -> Receiving | None:
    """Return what receiving means for who sends; None where nothing incoming belongs to it.

    That is the POP3 server of POP before SMTP, else the catalogue server's incoming side with the sending login.
    """
    pop = sending.pop_before_smtp
    if pop is not None:
        return Receiving(endpoint=pop.endpoint, tls=pop.tls, username=pop.username, password=pop.password)
    if sending.server is None:
        return None
    server = settings.get_server(sending.server)
    return Receiving(
        endpoint=server.incoming,
        tls=server.tls,
        username=sending.username,
        password=sending.password,
        oauth_client=sending.oauth_client,
    )


def _server_of(settings: Settings, account: SystemMail) -> tuple[SmtpEndpoint | None, TlsOptions, OAuthClient | None]:
    if account.server is None:
        return account.smtp, account.tls, _client_of(settings, account.oauth_client)
    server = settings.get_server(account.server)
    return server.smtp, server.tls, _client_of(settings, server.oauth_client)


def _client_of(settings: Settings, name: str | None) -> OAuthClient | None:
    return settings.get_oauth_client(name) if name else None
