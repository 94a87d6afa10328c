"""The way to a person's mailbox: the incoming side of an account, opened with its own login."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mailctl.errors import SecretMissingError, UsageError
from mailctl.model.resolve import Receiving
from mailctl.model.server import IncomingAuth, IncomingEndpoint, IncomingProtocol
from mailctl.model.target_name import edit_command
from mailctl.protocol.sasl import Login
from mailctl.services.sending.delivery import OpenTokens, ReadSecret, as_password, forgetting_refused, token_login
from mailctl.transport.network.limits import Deadline
from mailctl.transport.route import Route
from mailctl.transport.trace import Trace
from mailctl.transport.watch import Watch

if TYPE_CHECKING:
    from mailctl.model.sieve import SieveEndpoint
    from mailctl.transport.imap.mailbox import ImapSession
    from mailctl.transport.pop3.mailbox import Pop3Session


def incoming_login(name: str, receiving: Receiving, read_secret: ReadSecret, open_tokens: OpenTokens) -> Login:
    """Return the login that fetches mail for a target, its secret read.

    Raises SecretMissingError where the settings have none, and what `Tokens.get` raises where a token logs in.
    """
    edit = edit_command(name)
    if receiving.username is None:
        raise SecretMissingError(
            f"{name} has no login to receive with", hint=f"`{edit} --username USER --password-stdin` gives it one"
        )
    if receiving.oauth_client is not None:
        return token_login(open_tokens(), name, receiving.username)
    if receiving.password is None and receiving.endpoint.auth is not IncomingAuth.EXTERNAL:
        raise SecretMissingError(
            f"{name} has the user name {receiving.username}, but no password",
            hint=f"`{edit} --password-stdin` gives it one",
        )
    return Login(receiving.username, as_password(read_secret(receiving.password)) if receiving.password else None)


@dataclass(frozen=True, kw_only=True)
class MailboxAccess:
    """Everything that it takes to open an account's mailbox. `folder`: that of the settings file.

    `server`: the code of the catalogue server that it is on, if it is.
    """

    address: str
    server: str | None
    receiving: Receiving
    read_secret: ReadSecret
    open_tokens: OpenTokens
    folder: Path

    @property
    def host(self) -> str:
        return self.receiving.endpoint.host

    @property
    def protocol(self) -> IncomingProtocol:
        return self.receiving.endpoint.protocol

    def require_imap(self) -> None:
        """Raise UsageError where the mailbox is behind POP3, which has no folders."""
        if self.protocol is not IncomingProtocol.IMAP:
            raise UsageError(
                f"{self.address} is read over POP3, which has no folders",
                hint=f"if its server speaks IMAP: `mailctl account edit {self.address} --incoming-protocol imap`",
            )

    def read_login(self) -> Login:
        """Return the login, its secret read; raises as `incoming_login`."""
        return incoming_login(self.address, self.receiving, self.read_secret, self.open_tokens)

    @contextmanager
    def open_imap(
        self, *, watch: Watch | None = None, trace: Trace | None = None, deadline: Deadline | None = None
    ) -> Iterator[ImapSession]:
        """Open a session that is logged in.

        Raises UsageError for a POP3 mailbox and SecretError before anything is contacted, MailError of the stage that
        fails.
        """
        from mailctl.transport.imap.session import open_imap

        self.require_imap()
        route = self.route_to(self.receiving.endpoint, deadline)
        with forgetting_refused(route.login), open_imap(route, watch or Watch(), trace=trace) as session:
            yield session

    @contextmanager
    def open_pop3(self, *, deadline: Deadline | None = None) -> Iterator[Pop3Session]:
        """Open a session of a POP3 mailbox that is logged in; raises as `open_imap`."""
        from mailctl.transport.pop3.session import open_pop3

        route = self.route_to(self.receiving.endpoint, deadline)
        with forgetting_refused(route.login), open_pop3(route, Watch()) as session:
            yield session

    def route_to(self, endpoint: IncomingEndpoint | SieveEndpoint, deadline: Deadline | None = None) -> Route:
        """Return the way to a server with this mailbox's login and TLS options; raises as `read_login`."""
        passphrase = self.receiving.tls.client_key_passphrase
        return Route(
            endpoint=endpoint,
            tls=self.receiving.tls.located(self.folder),
            login=self.read_login(),
            client_key_passphrase=self.read_secret(passphrase) if passphrase else None,
            deadline=deadline or Deadline.never(),
        )
