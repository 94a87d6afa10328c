"""The precedence rules: what is in force where several settings could say it. Nowhere else is any such rule."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from mailctl.errors import BugError, NotFoundError, SendingDisabledError
from mailctl.model.address import parse_address
from mailctl.model.oauth import OAuthClient
from mailctl.model.sending import PopBeforeSmtp, Sender, SystemMail
from mailctl.model.server import IncomingEndpoint, Server, SmtpEndpoint, TlsOptions
from mailctl.model.settings import Settings
from mailctl.model.support import SupportOptions
from mailctl.model.target_name import SYSTEM_MAIL, tenant_target
from mailctl.model.tenant import Tenant

NEVER_SET = "the system mail account was never set"
SET_SYSTEM_MAIL = "`mailctl sysmail set --address ADDRESS --server CODE` sets it"


class Side(StrEnum):
    """Whose a value is: the organisation's (the system mail account's), or a tenant's own."""

    GLOBAL = "global"
    TENANT = "tenant"


def choose_side(system_mail: SystemMail | None, tenant: Tenant | None) -> Side | None:
    """Return whose server and login send for a tenant (None: for the organisation itself); None where sending is off.

    Without an active system mail account nothing is sent for anybody, whatever servers tenants have.
    """
    if system_mail is None or not system_mail.active:
        return None
    return _side_of(tenant)


def _side_of(tenant: Tenant | None) -> Side:
    return Side.TENANT if tenant and tenant.has_server else Side.GLOBAL


def find_why_off(system_mail: SystemMail | None) -> str | None:
    """Say why nothing is sent; None where sending is on."""
    if system_mail is None:
        return NEVER_SET
    return None if system_mail.active else "the system mail account is inactive"


def require_sending_on(system_mail: SystemMail | None) -> None:
    """Raise SendingDisabledError, which says why and what switches it on, where nothing is sent."""
    if why := find_why_off(system_mail):
        raise SendingDisabledError(f"sending is off: {why}", hint=way_on(system_mail))


def way_on(system_mail: SystemMail | None) -> str:
    """Say what switches sending on."""
    return SET_SYSTEM_MAIL if system_mail is None else "`mailctl sysmail activate` switches it on"


class Sending(Struct, frozen=True, kw_only=True):
    """Who sends, and how: everything that a send needs; server and login from one side alone.

    `origin`: who it is, as a test's target names it. `lent_by`: whose server and login these are, where they are not
    its own: those of `sysmail` for a tenant without a server. `address`: empty where a catalogue server is
    tested by itself. `server`: the catalogue server's code, None for a dedicated one. `envelope_from`: given or the
    address. `smtp`: None where Microsoft Graph sends (`graph`). `oauth_client`: whose token logs in, in the place of a
    password; `username` is then the mailbox that it is for. `password`: a secret reference, and `given_by` what
    gives it where there is none.
    """

    origin: str
    lent_by: str | None = None
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
    given_by: str = "--password-stdin"
    pop_before_smtp: PopBeforeSmtp | None

    @property
    def owner(self) -> str:
        """Whose server and login these are, as a target's name."""
        return self.lent_by or self.origin

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
        raise NotFoundError(NEVER_SET, hint=SET_SYSTEM_MAIL)
    return _resolve(settings, account, account, origin=SYSTEM_MAIL)


def resolve_tenant(settings: Settings, tenant: Tenant) -> Sending:
    """Return how a tenant sends; it is active as the system mail account is.

    Address and sender name are the tenant's where it has them, else the global ones, each by itself. All else that is
    about the sender is the tenant's own. Raises SendingDisabledError where neither the tenant nor the organisation has
    a server.
    """
    lender = _lender_of(settings, tenant)
    if lender is None:
        raise SendingDisabledError(
            f"the tenant '{tenant.code}' has no server of its own, and {NEVER_SET}", hint=SET_SYSTEM_MAIL
        )
    return _resolve(settings, tenant, lender, origin=tenant_target(tenant.code), fallback=settings.sysmail)


def resolve_origins(settings: Settings, tenant: Tenant) -> dict[str, str]:
    """Return where each value of `resolve_tenant` comes from, by its field: `tenant`, `global` or `server CODE`."""
    lender, side = _lender_of(settings, tenant), str(_side_of(tenant))
    connection = f"server {lender.server}" if lender and lender.server else side
    address, sender_name = (
        str(Side.GLOBAL if getattr(tenant, name) is None else Side.TENANT) for name in ("address", "sender_name")
    )
    return {
        "address": address,
        "sender_name": sender_name,
        "reply_to": str(Side.TENANT),
        "envelope_from": str(Side.TENANT) if tenant.envelope_from else address,
        "local_recipient": str(Side.TENANT),
        "smtputf8": side,
        "server": side,
        "smtp": connection,
        "tls": connection,
        "oauth_client": connection,
        "graph": side,
        "username": side,
        "password": side,
        "pop_before_smtp": side,
    }


def resolve_sending(settings: Settings, tenant: Tenant | None = None) -> Sending:
    """Return how the organisation's systems send, or how they do in a tenant's name.

    Raises SendingDisabledError unless the system mail account is active.
    """
    require_sending_on(settings.sysmail)
    return resolve_tenant(settings, tenant) if tenant else resolve_system_mail(settings)


def find_tenant_of(settings: Settings, address: str) -> Tenant | None:
    """Return the tenant that an address means as a sender; None for what is no address.

    That is the one tenant whose own address it is: not where several have it, nor where the system mail account does.
    """
    try:
        wanted = parse_address(address).with_ascii_domain
    except ValueError:
        return None
    senders = (sender for _, sender in settings.list_senders())
    found = [sender for sender in senders if sender.address and _comparable(sender.address) == wanted]
    return found[0] if len(found) == 1 and isinstance(found[0], Tenant) else None


def _comparable(address: str) -> str:
    # Settings hold addresses in the form that parsing gives them; only domains may be written in two ways.
    return address if address.isascii() else parse_address(address).with_ascii_domain


def resolve_support_address(support: SupportOptions, tenant: Tenant | None) -> str | None:
    """Return where a request for support goes, a tenant's or (None) the organisation's own; None where nobody said.

    A tenant's own address counts only while tenants may have one.
    """
    own = tenant.support_address if tenant and support.tenant_addresses else None
    return own or support.address


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
        smtputf8=True,  # the catalogue says nothing of it, and the server does itself
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


def _lender_of(settings: Settings, tenant: Tenant) -> Sender | None:
    """Return whose server and login send for a tenant; None where the organisation has none to lend."""
    return tenant if _side_of(tenant) is Side.TENANT else settings.sysmail


def _resolve(
    settings: Settings, sender: Sender, lender: Sender, *, origin: str, fallback: SystemMail | None = None
) -> Sending:
    """Return how `sender` sends through the server and with the login of `lender`, which may be itself.

    `fallback`: whose address and name stand in where it has none.
    """
    address = sender.address or (fallback.address if fallback else "")
    smtp, tls, client = _server_of(settings, lender)
    return Sending(
        origin=origin,
        lent_by=None if lender is sender else SYSTEM_MAIL,
        active=bool(settings.sysmail and settings.sysmail.active),
        address=address,
        sender_name=sender.sender_name or (fallback.sender_name if fallback else None),
        reply_to=sender.reply_to,
        envelope_from=sender.envelope_from or address,
        local_recipient=sender.local_recipient,
        smtputf8=lender.smtputf8,
        server=lender.server,
        smtp=smtp,
        tls=tls,
        oauth_client=client,
        graph=lender.graph,
        username=lender.username or (lender.address if client else None),
        password=None if client else lender.password,
        pop_before_smtp=lender.pop_before_smtp,
    )


def _server_of(settings: Settings, account: Sender) -> tuple[SmtpEndpoint | None, TlsOptions, OAuthClient | None]:
    if account.server is None:
        return account.smtp, account.tls, _client_of(settings, account.oauth_client)
    server = settings.get_server(account.server)
    return server.smtp, server.tls, _client_of(settings, server.oauth_client)


def _client_of(settings: Settings, name: str | None) -> OAuthClient | None:
    return settings.get_oauth_client(name) if name else None
