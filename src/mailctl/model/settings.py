"""The settings as a whole: the aggregate that the settings file holds, and the rules that span its entries."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from enum import StrEnum

from msgspec import Struct, field
from msgspec.structs import replace

from mailctl.errors import NotFoundError, Problem
from mailctl.model.oauth import OAuthClient
from mailctl.model.sending import SystemMail
from mailctl.model.server import Server, SmtpAuth
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
    secrets: SecretOptions = field(default_factory=SecretOptions)

    def conflicts(self) -> Iterator[Problem]:
        codes = Counter(server.code for server in self.servers)
        for index, server in enumerate(self.servers):
            if codes[server.code] > 1:
                yield Problem(f"servers[{index}].code", f"'{server.code}' is borne by {codes[server.code]} servers")
        names = Counter(client.name for client in self.oauth_clients)
        for index, client in enumerate(self.oauth_clients):
            if names[client.name] > 1:
                message = f"'{client.name}' is borne by {names[client.name]} OAuth clients"
                yield Problem(f"oauth_clients[{index}].name", message)
        for index, server in enumerate(self.servers):
            if server.oauth_client:
                yield from _within(f"servers[{index}]", self._server_client_problems(server, server.oauth_client))
        if self.sysmail and self.sysmail.server:
            yield from self._catalogue_problems(self.sysmail, self.sysmail.server)
        if self.sysmail and self.sysmail.oauth_client:
            yield from _within("sysmail", self._account_client_problems(self.sysmail, self.sysmail.oauth_client))

    def _server_client_problems(self, server: Server, name: str) -> Iterator[Problem]:
        from mailctl.model.oauth_use import server_problems  # most catalogues are without OAuth

        client = self.find_oauth_client(name)
        if client is None:
            yield Problem("oauth_client", _unregistered(name))
        else:
            yield from server_problems(client, server)

    def _account_client_problems(self, account: SystemMail, name: str) -> Iterator[Problem]:
        from mailctl.model.oauth_use import smtp_problems, why_no_graph

        client = self.find_oauth_client(name)
        if client is None:
            yield Problem("oauth_client", _unregistered(name))
        elif account.graph and (why := why_no_graph(client)):
            yield Problem("graph", why, conflict=True)
        elif account.smtp is not None:
            yield from smtp_problems(client, account.smtp)

    def _catalogue_problems(self, account: SystemMail, code: str) -> Iterator[Problem]:
        server = self.find_server(code)
        if server is None:
            yield Problem("sysmail.server", f"there is no server with the code '{code}'")
        elif account.username and server.smtp.auth is SmtpAuth.NONE:
            message = f"a login for sending is given, but the SMTP authentication of '{code}' is none"
            yield Problem("sysmail.username", message, conflict=True)

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
                _unregistered(name), hint=f"{meant}{ADD_OAUTH_CLIENT} adds one", details={"oauth_client": name}
            )
        return client


ADD_OAUTH_CLIENT = "`mailctl oauth client add NAME --provider google|microsoft|custom --client-id ID`"


def _within(where: str, problems: Iterable[Problem]) -> Iterator[Problem]:
    return (replace(problem, where=f"{where}.{problem.where}") for problem in problems)


def _unregistered(name: str) -> str:
    return f"no OAuth client {shown(name)} is registered"
