"""The precedence rules: what is in force where several settings could say it. Nowhere else is any such rule."""

from __future__ import annotations

from msgspec import Struct

from mailctl.errors import NotFoundError, SendingDisabledError
from mailctl.model.sending import PopBeforeSmtp, SystemMail
from mailctl.model.server import IncomingEndpoint, Server, SmtpEndpoint, TlsOptions
from mailctl.model.settings import Settings


class Sending(Struct, frozen=True, kw_only=True):
    """Who sends, and how: everything that a send needs, from one side alone.

    `origin`: what the settings come from, as a test's target names it. `address`: empty where a catalogue server is
    tested by itself. `server`: the catalogue server's code, None for a dedicated one. `envelope_from`: given or the
    address. `password`: a secret reference.
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
    endpoint: SmtpEndpoint
    tls: TlsOptions
    username: str | None
    password: str | None
    pop_before_smtp: PopBeforeSmtp | None


class Receiving(Struct, frozen=True, kw_only=True):
    """Where mail is fetched from, and with which login. `password`: a secret reference."""

    endpoint: IncomingEndpoint
    tls: TlsOptions
    username: str | None
    password: str | None


def resolve_system_mail(settings: Settings) -> Sending:
    """Return how the system mail account sends, active or not; raises NotFoundError if it was never set."""
    account = settings.sysmail
    if account is None:
        raise NotFoundError(
            "the system mail account was never set",
            hint="`mailctl sysmail set --address ADDRESS --server CODE` sets it",
        )
    endpoint, tls = _server_of(settings, account)
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
        endpoint=endpoint,
        tls=tls,
        username=account.username,
        password=account.password,
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


def resolve_server(server: Server) -> Sending:
    """Return how a catalogue server sends by itself: for nobody, and without a login."""
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
        endpoint=server.smtp,
        tls=server.tls,
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
    return Receiving(endpoint=server.incoming, tls=server.tls, username=sending.username, password=sending.password)


def _server_of(settings: Settings, account: SystemMail) -> tuple[SmtpEndpoint, TlsOptions]:
    if account.smtp is not None:
        return account.smtp, account.tls
    server = settings.get_server(account.server or "")
    return server.smtp, server.tls
