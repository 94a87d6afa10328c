"""The settings as a whole: the aggregate that the settings file holds, and the rules that span its entries."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from mailctl.errors import NotFoundError, Problem
from mailctl.model.account import Account, find_main, mailbox_key
from mailctl.model.layout import Layout
from mailctl.model.oauth import OAuthClient, registration_command
from mailctl.model.sending import Sender, SystemMail
from mailctl.model.server import Server, SmtpAuth, connection_warnings
from mailctl.model.signature import SignatureTemplate
from mailctl.model.support import SupportOptions
from mailctl.model.target_name import SYSTEM_MAIL, edit_command, tenant_target
from mailctl.model.tenant import Tenant
from mailctl.model.values import FilePath, Namespace, Reference, shown

SCHEMA_VERSION = 1


class SecretBackend(StrEnum):
    """Where mailctl stores the secrets that are given to it by prompt or standard input."""

    KEYRING = "keyring"
    VAULT = "vault"


class SecretOptions(Struct, frozen=True, kw_only=True):
    """Where secrets are stored, and how the vault is opened.

    `backend`: None means the keyring where the machine has one. `key_file` or `passphrase_from` open the vault.
    `namespace`: keeps the keyring entries of two settings files apart; made when the first secret is stored.
    `named`: secrets stored under a name of their own by `secret set`, as name → reference. `grants`: those of mailboxes
    authorised by OAuth, as target (`sysmail`, `server:CODE/USERNAME`, …) → reference.
    """

    backend: SecretBackend | None = None
    key_file: FilePath | None = None
    passphrase_from: Reference | None = None
    namespace: Namespace | None = None
    named: dict[str, Reference] = {}
    grants: dict[str, Reference] = {}

    def conflicts(self) -> Iterator[Problem]:
        if self.key_file and self.passphrase_from:
            yield Problem("key_file", "excludes passphrase_from: the vault is opened by one of them", conflict=True)


class Settings(Struct, frozen=True, kw_only=True):
    """Everything that the settings file holds, complete and valid."""

    schema_version: int = SCHEMA_VERSION
    oauth_clients: tuple[OAuthClient, ...] = ()
    servers: tuple[Server, ...] = ()
    sysmail: SystemMail | None = None
    tenants: tuple[Tenant, ...] = ()
    support: SupportOptions = field(default_factory=SupportOptions)
    accounts: tuple[Account, ...] = ()
    layouts: tuple[Layout, ...] = ()
    signature: SignatureTemplate | None = None
    secrets: SecretOptions = field(default_factory=SecretOptions)

    def conflicts(self) -> Iterator[Problem]:
        yield from _not_unique("servers", "code", [server.code for server in self.servers])
        yield from _not_unique("oauth_clients", "name", [client.name for client in self.oauth_clients])
        yield from _not_unique("tenants", "code", [tenant.code for tenant in self.tenants])
        yield from _not_unique("layouts", "owner", [layout.owner for layout in self.layouts])
        for index, server in enumerate(self.servers):
            if server.oauth_client:
                yield from _within(f"servers[{index}]", self._server_client_problems(server, server.oauth_client))
        servers = {server.code: server for server in self.servers}
        for where, sender in self._placed_senders():
            if sender.server:
                yield from _within(where, _catalogue_problems(sender, sender.server, servers))
            if sender.oauth_client:
                yield from _within(where, self._sender_client_problems(sender, sender.oauth_client))
        if self.accounts:
            from mailctl.model.account_rules import account_problems

            yield from account_problems(self.accounts, servers, self.find_oauth_client)

    def oddities(self) -> Iterator[Problem]:
        """Yield what is valid, and still should be said to who looks at the whole."""
        for index, server in enumerate(self.servers):
            yield from (Problem(f"servers[{index}]", warning) for warning in server.warnings)
        for (where, sender), (target, _) in zip(self._placed_senders(), self.list_senders(), strict=True):
            sides = {"smtp": sender.smtp} if sender.smtp else {}
            warnings = connection_warnings(sides, sender.tls, edit=edit_command(target))
            yield from (Problem(where, warning) for warning in warnings)
        for index, tenant in enumerate(self.tenants):
            if tenant.support_address and not self.support.tenant_addresses:
                message = "is not used: tenants may have none of their own (support.tenant_addresses)"
                yield Problem(f"tenants[{index}].support_address", message)
        owners = {account.owner for account in self.accounts} if self.layouts else set()
        for index, layout in enumerate(self.layouts):
            if layout.owner not in owners:
                yield Problem(f"layouts[{index}].owner", f"{shown(layout.owner)} has no account")

    def _placed_senders(self) -> Iterator[tuple[str, Sender]]:
        if self.sysmail:
            yield SYSTEM_MAIL, self.sysmail
        for index, tenant in enumerate(self.tenants):
            yield f"tenants[{index}]", tenant

    def _server_client_problems(self, server: Server, name: str) -> Iterator[Problem]:
        from mailctl.model.oauth_use import server_problems  # most catalogues are without OAuth

        client = self.find_oauth_client(name)
        if client is None:
            yield Problem("oauth_client", _unregistered(name))
        else:
            yield from server_problems(client, server)

    def _sender_client_problems(self, sender: Sender, name: str) -> Iterator[Problem]:
        from mailctl.model.oauth_use import smtp_problems, why_no_graph

        client = self.find_oauth_client(name)
        if client is None:
            yield Problem("oauth_client", _unregistered(name))
        elif sender.graph and (why := why_no_graph(client)):
            yield Problem("graph", why, conflict=True)
        elif sender.smtp is not None:
            yield from smtp_problems(client, sender.smtp)

    def list_senders(self) -> list[tuple[str, Sender]]:
        """Return who sends for the organisation: the system mail account and the tenants, named as targets."""
        system_mail = [(SYSTEM_MAIL, self.sysmail)] if self.sysmail else []
        return [*system_mail, *((tenant_target(tenant.code), tenant) for tenant in self.tenants)]

    def change_senders(self, fields_of: Callable[[str, Sender], Mapping[str, Any]]) -> Settings:
        """Return the settings with senders changed; `fields_of` returns the new fields of one, named as a target."""
        system_mail = self.sysmail and replace(self.sysmail, **fields_of(SYSTEM_MAIL, self.sysmail))
        changes = ((tenant, fields_of(tenant_target(tenant.code), tenant)) for tenant in self.tenants)
        tenants = tuple(replace(tenant, **fields) if fields else tenant for tenant, fields in changes)
        return replace(self, sysmail=system_mail, tenants=tenants)

    def find_server(self, code: str) -> Server | None:
        code = unicodedata.normalize("NFC", code)
        return next((server for server in self.servers if server.code == code), None)

    def get_server(self, code: str) -> Server:
        """Return the server of that code, or raise NotFoundError, which names near ones."""
        server = self.find_server(code)
        if server is None:
            from difflib import get_close_matches

            near = get_close_matches(code, [server.code for server in self.servers], n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else "`mailctl server list` shows the codes"
            raise NotFoundError(f"there is no server with the code '{code}'", hint=hint, details={"server": code})
        return server

    def find_oauth_client(self, name: str) -> OAuthClient | None:
        name = unicodedata.normalize("NFC", name)
        return next((client for client in self.oauth_clients if client.name == name), None)

    def get_oauth_client(self, name: str) -> OAuthClient:
        """Return the OAuth client of that name, or raise NotFoundError, which names near ones and how to add one."""
        client = self.find_oauth_client(name)
        if client is None:
            from difflib import get_close_matches

            near = get_close_matches(name, [client.name for client in self.oauth_clients], n=3)
            meant = f"did you mean {' or '.join(near)}? " if near else ""
            raise NotFoundError(
                _unregistered(name),
                hint=f"{meant}`{registration_command(name)}` adds one",
                details={"oauth_client": name},
            )
        return client

    def find_tenant(self, code: str) -> Tenant | None:
        code = unicodedata.normalize("NFC", code)
        return next((tenant for tenant in self.tenants if tenant.code == code), None)

    def get_tenant(self, code: str) -> Tenant:
        """Return the tenant of that code, or raise NotFoundError, which names near ones."""
        tenant = self.find_tenant(code)
        if tenant is None:
            from difflib import get_close_matches

            near = get_close_matches(code, [tenant.code for tenant in self.tenants], n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else "`mailctl tenant list` shows the codes"
            raise NotFoundError(f"there is no tenant with the code {shown(code)}", hint=hint, details={"tenant": code})
        return tenant

    def find_account(self, address: str) -> Account | None:
        """Return the account of that address, however its capitals and its IDN are written."""
        key = mailbox_key(address)
        return next((account for account in self.accounts if mailbox_key(account.address) == key), None)

    def get_account(self, address: str) -> Account:
        """Return the account of that address, or raise NotFoundError, which names near ones."""
        account = self.find_account(address)
        if account is None:
            from difflib import get_close_matches

            near = get_close_matches(address, [account.address for account in self.accounts], n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else "`mailctl account list` shows the addresses"
            raise NotFoundError(f"there is no account {shown(address)}", hint=hint, details={"account": address})
        return account

    def get_main_account(self, owner: str) -> Account:
        """Return the account that an owner sends from, or raise NotFoundError, which names near owners."""
        account = find_main(self.accounts, unicodedata.normalize("NFC", owner))
        if account is None:
            from difflib import get_close_matches

            near = get_close_matches(owner, sorted({account.owner for account in self.accounts}), n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else "`mailctl account list` shows the owners"
            raise NotFoundError(f"{shown(owner)} has no account", hint=hint, details={"owner": owner})
        return account


Edit = Callable[[Settings], Settings]
"""A change of the settings: a pure function, which raises where it cannot be made."""


_KINDS = {"servers": "servers", "oauth_clients": "OAuth clients", "tenants": "tenants", "layouts": "layouts"}


def _not_unique(where: str, key: str, names: Iterable[str]) -> Iterator[Problem]:
    names = list(names)
    counts = Counter(names)
    for index, name in enumerate(names if len(counts) < len(names) else ()):
        if counts[name] > 1:
            yield Problem(f"{where}[{index}].{key}", f"'{name}' is borne by {counts[name]} {_KINDS[where]}")


def _catalogue_problems(sender: Sender, code: str, servers: Mapping[str, Server]) -> Iterator[Problem]:
    server = servers.get(code)
    if server is None:
        yield Problem("server", f"there is no server with the code '{code}'")
    elif sender.username and server.smtp.auth is SmtpAuth.NONE:
        message = f"a login for sending is given, but the SMTP authentication of '{code}' is none"
        yield Problem("username", message, conflict=True)


def _within(where: str, problems: Iterable[Problem]) -> Iterator[Problem]:
    return (replace(problem, where=f"{where}.{problem.where}") for problem in problems)


def _unregistered(name: str) -> str:
    return f"no OAuth client {shown(name)} is registered"
