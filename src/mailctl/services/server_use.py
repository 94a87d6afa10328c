"""Who uses the servers of the catalogue, and what becomes of them when a server changes its code or is deleted."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from mailctl.errors import ConflictError
from mailctl.model.server import Server, SmtpEndpoint
from mailctl.model.settings import Settings
from mailctl.services.grants import rename_grants


def list_users(settings: Settings, code: str) -> list[str]:
    """Return who uses a server, each as a test's target names it."""
    return ["sysmail"] if settings.sysmail and settings.sysmail.server == code else []


def require_unused(settings: Settings, codes: Sequence[str]) -> None:
    """Raise ConflictError, which names the users, if any of the servers is in use."""
    used = {code: users for code in codes if (users := list_users(settings, code))}
    if used:
        said = "; ".join(f"'{code}' is used by {', '.join(users)}" for code, users in used.items())
        raise ConflictError(
            f"still in use: {said}; nothing was deleted",
            hint="let them use another server first; or add --force, and each takes a copy of the server's settings",
            details={"users": used},
        )


def detach(settings: Settings, server: Server) -> Settings:
    """Return the settings in which each user of a server has a copy of its settings in the place of its code.

    A password that was not used, since the server logs in by OAuth, is not taken along.
    """
    account = settings.sysmail
    if account is None or account.server != server.code:
        return settings
    sides = msgspec.to_builtins(server.smtp)
    smtp = msgspec.convert({name: sides[name] for name in SmtpEndpoint.__struct_fields__}, SmtpEndpoint)
    copy = replace(
        account,
        server=None,
        smtp=smtp,
        tls=server.tls,
        oauth_client=server.oauth_client,
        password=None if server.oauth_client else account.password,
        detached_from=server.code,
    )
    return replace(settings, sysmail=copy)


def follow_rename(settings: Settings, old: str, new: str) -> Settings:
    """Return the settings in which the users of a server, and its grants, name it by its new code."""
    settings = rename_grants(settings, old, new)
    account = settings.sysmail
    if account is None or account.server != old:
        return settings
    return replace(settings, sysmail=replace(account, server=new))
