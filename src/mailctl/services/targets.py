"""What can be tested: a server of the catalogue, or who sends for the organisation.

A target is named as TARGET on the command line names it. It knows how it sends, what it receives from, and which
logins the settings hold for that.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mailctl.model.oauth import OAuthClient
from mailctl.model.resolve import (
    Receiving,
    Sending,
    resolve_receiving,
    resolve_server,
    resolve_system_mail,
)
from mailctl.model.server import Protocol, Server
from mailctl.model.settings import Settings
from mailctl.services.outgoing import GraphEndpoint

SYSTEM_MAIL = "sysmail"


@dataclass(frozen=True, kw_only=True)
class Target:
    """Something that sends, and may receive.

    `title`: its name for people. `receiving`: None where nothing incoming belongs to it. `stores_login`: whether the
    settings hold its logins; a server of the catalogue has none. `folder`: where relative paths start. `notice`: what
    is to be known before a test, and what to do about it.
    """

    name: str
    title: str
    sending: Sending
    receiving: Receiving | None
    stores_login: bool
    edit_command: str
    folder: Path
    notice: tuple[str, str] | None = None

    @property
    def sides(self) -> dict[str, str | None]:
        """By protocol, the prefix of the edit command's options; None where there are no such options."""
        incoming = "pop" if self.sending.pop_before_smtp else "incoming"
        return {Protocol.SMTP: "smtp", Protocol.POP3: incoming, Protocol.IMAP: incoming, GraphEndpoint.protocol: None}


def server_target(server: Server, folder: Path, oauth_client: OAuthClient | None = None) -> Target:
    """Return a server of the catalogue, and its OAuth client, as a target; `folder`: that of the settings file."""
    return Target(
        name=server.code,
        title=f"{server.code} ({server.name})",
        sending=resolve_server(server, oauth_client),
        receiving=Receiving(
            endpoint=server.incoming, tls=server.tls, username=None, password=None, oauth_client=oauth_client
        ),
        stores_login=False,
        edit_command=f"mailctl server edit {server.code}",
        folder=folder,
    )


def get_target(settings: Settings, name: str, folder: Path) -> Target:
    """Return the target of that name; raises NotFoundError where there is none, or it was never set."""
    if name != SYSTEM_MAIL:
        server = settings.get_server(name)
        client = settings.get_oauth_client(server.oauth_client) if server.oauth_client else None
        return server_target(server, folder, client)
    sending = resolve_system_mail(settings)
    notice = (
        "the system mail account is inactive: nothing but tests is sent",
        "`mailctl sysmail activate` switches it on",
    )
    return Target(
        name=name,
        title=f"{name} ({sending.address})",
        sending=sending,
        receiving=resolve_receiving(settings, sending),
        stores_login=True,
        edit_command=f"mailctl server edit {sending.server}" if sending.server else "mailctl sysmail set",
        folder=folder,
        notice=None if sending.active else notice,
    )
