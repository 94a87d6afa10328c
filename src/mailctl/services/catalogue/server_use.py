"""Who uses the servers of the catalogue, and what becomes of them when a server changes its code or is deleted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from mailctl.errors import ConflictError
from mailctl.model.sending import Sender
from mailctl.model.server import Server, SmtpEndpoint
from mailctl.model.settings import Settings
from mailctl.services.accounts.account_servers import detach_accounts, follow_accounts, list_accounts_on
from mailctl.services.oauth.grants import rename_grants


def list_users(settings: Settings, codes: Iterable[str]) -> dict[str, list[str]]:
    """Return who uses servers, by their codes, each as a test's target names it; without those that nobody uses."""
    used: dict[str, list[str]] = {code: [] for code in codes}
    for target, sender in settings.list_senders():
        if sender.server in used:
            used[sender.server].append(target)
    return {code: users for code, users in used.items() if users}


def require_unused(settings: Settings, codes: Sequence[str]) -> None:
    """Raise ConflictError, which names the users, if any of the servers is in use."""
    used = list_users(settings, codes)
    if used:
        said = "; ".join(f"'{code}' is used by {', '.join(users)}" for code, users in used.items())
        accounts = list_accounts_on(settings, codes)
        too = f", as people's accounts there will ({len(accounts)})" if accounts else ""
        raise ConflictError(
            f"still in use: {said}; nothing was deleted",
            hint=f"let them use another server first; or add --force, and each takes a copy of its settings{too}",
            details={"users": used, "accounts": accounts},
        )


def detach(settings: Settings, servers: Iterable[Server]) -> Settings:
    """Return the settings in which each user of the servers has a copy of a server's settings in the place of its code.

    A password that was not used, since the server logs in by OAuth, is not taken along.
    """
    gone = {server.code: server for server in servers}
    settings = detach_accounts(settings, gone)

    def copied(_target: str, sender: Sender) -> dict[str, Any]:
        server = gone.get(sender.server or "")
        if server is None:
            return {}
        sides = msgspec.to_builtins(server.smtp)
        return {
            "server": None,
            "smtp": msgspec.convert({name: sides[name] for name in SmtpEndpoint.__struct_fields__}, SmtpEndpoint),
            "tls": server.tls,
            "oauth_client": server.oauth_client,
            "password": None if server.oauth_client else sender.password,
            "detached_from": server.code,
        }

    return settings.change_senders(copied)


def follow_rename(settings: Settings, old: str, new: str) -> Settings:
    """Return the settings in which the users of a server, and its grants, name it by its new code."""
    settings = follow_accounts(rename_grants(settings, old, new), old, new)
    return settings.change_senders(lambda _target, sender: {"server": new} if sender.server == old else {})
