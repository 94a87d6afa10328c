"""What can be tested: a server of the catalogue, who sends for the organisation or a tenant, or a person's account.

A target is named as TARGET on the command line names it. It knows how it sends, what it receives from, and which
logins the settings hold for that.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mailctl.errors import NotFoundError
from mailctl.model.account import Account
from mailctl.model.oauth import OAuthClient
from mailctl.model.resolve import (
    Receiving,
    Sending,
    find_why_off,
    resolve_receiving,
    resolve_server,
    resolve_system_mail,
    resolve_tenant,
    way_on,
)
from mailctl.model.resolve_account import resolve_account, resolve_account_receiving
from mailctl.model.server import Protocol, Server
from mailctl.model.settings import Settings
from mailctl.model.target_name import SYSTEM_MAIL, edit_command, find_tenant_code, tenant_target
from mailctl.model.tenant import Tenant
from mailctl.model.values import shown
from mailctl.services.sending.outgoing import GraphEndpoint


@dataclass(frozen=True, kw_only=True)
class Target:
    """Something that sends, and may receive.

    `title`: its name for people. `receiving`: None where nothing incoming belongs to it. `stores_login`: whether the
    settings hold its logins; a server of the catalogue has none. `edit_command`: None for what is not saved yet.
    `folder`: where relative paths start. `notice`: what is to be known before a test, and what to do about it.
    """

    name: str
    title: str
    sending: Sending
    receiving: Receiving | None
    stores_login: bool
    edit_command: str | None
    folder: Path
    notice: tuple[str, str] | None = None

    @property
    def sides(self) -> dict[str, str | None]:
        """By protocol, the prefix of the edit command's options; None where there are no such options."""
        incoming = "pop" if self.sending.pop_before_smtp else "incoming"
        return {Protocol.SMTP: "smtp", Protocol.POP3: incoming, Protocol.IMAP: incoming, GraphEndpoint.protocol: None}


def server_target(
    server: Server, folder: Path, oauth_client: OAuthClient | None = None, *, is_saved: bool = True
) -> Target:
    """Return a server of the catalogue, and its OAuth client, as a target; `folder`: that of the settings file."""
    return Target(
        name=server.code,
        title=f"{server.code} ({server.name})",
        sending=resolve_server(server, oauth_client),
        receiving=Receiving(
            endpoint=server.incoming, tls=server.tls, username=None, password=None, oauth_client=oauth_client
        ),
        stores_login=False,
        edit_command=f"mailctl server edit {server.code}" if is_saved else None,
        folder=folder,
    )


def get_target(settings: Settings, name: str, folder: Path) -> Target:
    """Return the target of that name; raises NotFoundError where there is none, or it was never set."""
    if name == SYSTEM_MAIL:
        return _system_mail_target(settings, folder)
    code = find_tenant_code(name)
    if code is not None:
        return _tenant_target(settings, settings.get_tenant(code), folder)
    if "@" in name:
        return _account_target(settings, settings.get_account(name), folder)
    if not settings.find_server(name) and (meant := _list_meant(settings, name)):
        raise NotFoundError(
            f"there is no server with the code {shown(name)}",
            hint=f"did you mean {' or '.join(meant)}?",
            details={"server": name},
        )
    return _catalogue_target(settings, settings.get_server(name), folder)


def _list_meant(settings: Settings, name: str) -> list[str]:
    """Return the targets that a person may mean by a tenant's code or an owner's name alone."""
    tenant = settings.find_tenant(name)
    owned = [account.address for account in settings.accounts if account.owner.casefold() == name.casefold()]
    return [tenant_target(tenant.code), *owned] if tenant else owned


def is_target(settings: Settings, name: str) -> bool:
    """Tell whether there is a target of that name."""
    try:
        get_target(settings, name, Path())
    except NotFoundError:
        return False
    return True


def list_targets(settings: Settings, folder: Path) -> list[Target]:
    """Return all that can be tested: the catalogue in its order, the system mail account, tenants, people's accounts.

    A tenant that sends through the system mail account alone adds nothing that is not tested with this, and is left
    out.
    """
    targets = [_catalogue_target(settings, server, folder) for server in settings.servers]
    if settings.sysmail:
        targets.append(_system_mail_target(settings, folder))
    targets += [_tenant_target(settings, tenant, folder) for tenant in settings.tenants if tenant.has_server]
    return targets + [_account_target(settings, account, folder) for account in settings.accounts]


def _catalogue_target(settings: Settings, server: Server, folder: Path) -> Target:
    client = settings.get_oauth_client(server.oauth_client) if server.oauth_client else None
    return server_target(server, folder, client)


def _system_mail_target(settings: Settings, folder: Path) -> Target:
    sending = resolve_system_mail(settings)
    return _sender_target(settings, sending, f"{SYSTEM_MAIL} ({sending.address})", folder)


def _tenant_target(settings: Settings, tenant: Tenant, folder: Path) -> Target:
    return _sender_target(
        settings, resolve_tenant(settings, tenant), f"{tenant_target(tenant.code)} ({tenant.name})", folder
    )


def _account_target(settings: Settings, account: Account, folder: Path) -> Target:
    sending = resolve_account(settings, account)
    owned = f" ({account.owner})" if account.owner != account.address else ""
    return Target(
        name=account.address,
        title=f"{account.address}{owned}",
        sending=sending,
        receiving=resolve_account_receiving(settings, account),
        stores_login=True,
        edit_command=edit_command(account.server or account.address),
        folder=folder,
    )


def _sender_target(settings: Settings, sending: Sending, title: str, folder: Path) -> Target:
    return Target(
        name=sending.origin,
        title=title,
        sending=sending,
        receiving=resolve_receiving(settings, sending),
        stores_login=True,
        edit_command=edit_command(sending.server or sending.owner),
        folder=folder,
        notice=None if sending.active else _why_off(settings),
    )


def _why_off(settings: Settings) -> tuple[str, str]:
    """Return why nothing but tests is sent, and what to do about it."""
    return f"{find_why_off(settings.sysmail)}: nothing but tests is sent", way_on(settings.sysmail)
