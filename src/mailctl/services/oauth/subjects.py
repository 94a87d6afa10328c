"""What OAuth authorises: targets of the settings, each by the name of its grant.

A grant bears the name of its target, `sysmail`, `tenant:CODE` or an account's address; that of a server of the
catalogue, which has no login of its own, is `server:CODE/USERNAME`. Which targets there are, `targets` alone knows.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from mailctl.errors import MailctlError, NotFoundError, UsageError
from mailctl.model.oauth import OAuthClient
from mailctl.model.resolve import Sending
from mailctl.model.settings import Settings
from mailctl.model.target_name import edit_command
from mailctl.model.values import shown
from mailctl.services.oauth.grants import authorise_command, grant_name, is_server_code, split_name
from mailctl.services.testing.targets import get_target

_ANYWHERE = Path()
"""Where relative paths start, of which a grant has none."""


class Subject(Struct, frozen=True, kw_only=True):
    """What a grant is, or would be, for: a target of the settings.

    `name`: the grant's, as TARGET names it. `username`: the mailbox, None where the settings name none.
    `sending`: how the target sends.
    """

    name: str
    client: OAuthClient
    username: str | None
    sending: Sending

    @property
    def authorise_command(self) -> str:
        return authorise_command(self.name)


def get_subject(settings: Settings, name: str) -> Subject:
    """Return what a grant of that name is for.

    Raises NotFoundError where there is no such target or OAuth client, UsageError where the target has none.
    """
    code, username = split_name(name)
    if code is None and name.startswith("server:"):
        raise NotFoundError(f"{shown(name)} names no grant", hint="name the server's code, with --username")
    target = get_target(settings, code or name, _ANYWHERE)
    sending = target.sending
    if sending.lent_by:
        raise UsageError(
            f"{shown(name)} has no server of its own: it sends with the authorisation of {sending.lent_by}",
            hint=f"authorise that: `{authorise_command(sending.lent_by)}`",
            details={"target": name},
        )
    if sending.oauth_client is None:
        raise UsageError(
            f"{shown(name)} has no OAuth client to be authorised through",
            hint=f"`{edit_command(sending.server or target.name)} --oauth-client NAME` gives it one; "
            "`mailctl oauth client list` shows the names",
            details={"target": name},
        )
    return Subject(
        name=grant_name(target.name, username),
        client=sending.oauth_client,
        username=username or sending.username,
        sending=sending,
    )


def find_name(settings: Settings, target: str, username: str | None = None) -> str:
    """Return the name of a target's grant, spelled as the settings spell the target.

    Raises NotFoundError where there is neither such a target nor a grant of it; else as `grant_name`.
    """
    if not username and is_server_code(target):
        settings.get_server(target)
    name = grant_name(target, username)
    code, owner = split_name(name)
    try:
        return grant_name(get_target(settings, code or target, _ANYWHERE).name, owner)
    except NotFoundError:
        if name in settings.secrets.grants:
            return name
        raise
    except MailctlError:
        return name


def list_names(settings: Settings) -> list[str]:
    """Return the names of all grants that there are or should be: targets with an OAuth client first."""
    by_client = {server.code for server in settings.servers if server.oauth_client}
    names = [target for target, sender in settings.list_senders() if sender.oauth_client or sender.server in by_client]
    names += [one.address for one in settings.accounts if one.oauth_client or one.server in by_client]
    return [*dict.fromkeys([*names, *settings.secrets.grants])]
