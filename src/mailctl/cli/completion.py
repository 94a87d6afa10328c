"""What commands offer where a word is completed: codes, names and addresses of the settings file, and fixed words.

A settings file that cannot be read offers nothing, and no error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import typer

from mailctl.model.target_name import TENANT_PREFIX

if TYPE_CHECKING:
    from mailctl.model.account import Account
    from mailctl.model.settings import Settings


def words(*choices: str) -> Callable[[str], list[str]]:
    """Return a completion that offers fixed words."""

    def complete(incomplete: str) -> list[str]:
        return [word for word in choices if word.startswith(incomplete)]

    return complete


def complete_preset(incomplete: str) -> list[tuple[str, str]]:
    """Offer the names of the providers' presets."""
    from mailctl.model.preset import PRESETS

    return [(preset.name, preset.title) for preset in PRESETS if preset.name.startswith(incomplete)]


def complete_server_code(ctx: typer.Context, incomplete: str) -> Iterable[tuple[str, str]]:
    """Offer the codes of the catalogue; a settings file that cannot be read offers none."""
    settings = _settings_of(ctx)
    return [
        (server.code, described(server.name))
        for server in (settings.servers if settings else ())
        if is_offered(server.code, incomplete)
    ]


def complete_oauth_client(ctx: typer.Context, incomplete: str) -> Iterable[tuple[str, str]]:
    """Offer the names of the registered OAuth clients; a settings file that cannot be read offers none."""
    settings = _settings_of(ctx)
    return [
        (client.name, str(client.provider))
        for client in (settings.oauth_clients if settings else ())
        if is_offered(client.name, incomplete)
    ]


def complete_tenant(ctx: typer.Context, incomplete: str) -> Iterable[tuple[str, str]]:
    """Offer the codes of the tenants; a settings file that cannot be read offers none."""
    settings = _settings_of(ctx)
    return [
        (tenant.code, described(tenant.name))
        for tenant in (settings.tenants if settings else ())
        if is_offered(tenant.code, incomplete)
    ]


def complete_account(ctx: typer.Context, incomplete: str) -> Iterable[tuple[str, str]]:
    """Offer the addresses of people's accounts; a settings file that cannot be read offers none."""
    settings = _settings_of(ctx)
    return [
        (account.address, described(account.owner))
        for account in (settings.accounts if settings else ())
        if is_offered(account.address, incomplete)
    ]


def account_of(ctx: typer.Context, address: str) -> Account | None:
    """Return an account for a completion; None where there is none, or the settings file cannot be read."""
    settings = _settings_of(ctx)
    return settings.find_account(address) if settings else None


def complete_owner(ctx: typer.Context, incomplete: str) -> Iterable[tuple[str, str]]:
    """Offer who has accounts; a settings file that cannot be read offers nobody."""
    settings = _settings_of(ctx)
    owned: dict[str, list[str]] = {}
    for account in settings.accounts if settings else ():
        owned.setdefault(account.owner, []).append(account.address)
    return [
        (owner, described(", ".join(addresses))) for owner, addresses in owned.items() if is_offered(owner, incomplete)
    ]


def _settings_of(ctx: typer.Context) -> Settings | None:
    from mailctl.cli.session import Session as CallSession
    from mailctl.errors import MailctlError

    config = ctx.find_root().params.get("config")
    try:
        return CallSession(config=config.expanduser() if config else None).settings_file.load()
    except (MailctlError, OSError):
        return None


def complete_target(ctx: typer.Context, incomplete: str) -> Iterable[tuple[str, str]]:
    """Offer what can be tested: the system mail account, the catalogue's codes, tenants, and people's accounts."""
    if "sysmail".startswith(incomplete):
        yield "sysmail", "the system mail account"
    yield from complete_server_code(ctx, incomplete)
    if incomplete.startswith(TENANT_PREFIX[: len(incomplete)]):
        tenants = complete_tenant(ctx, incomplete.removeprefix(TENANT_PREFIX) if TENANT_PREFIX in incomplete else "")
        yield from ((f"{TENANT_PREFIX}{code}", name) for code, name in tenants)
    yield from complete_account(ctx, incomplete)


# What a shell or Typer's markup would interpret: Typer's script for zsh evaluates what is offered.
_SHELL_SYNTAX = frozenset("!\"#$&'()*;<>?[\\]^`{|}~")
_PLAIN = str.maketrans(dict.fromkeys(_SHELL_SYNTAX, " "))


def is_offered(word: str, incomplete: str) -> bool:
    """Tell whether a completion offers a word: it begins so, and holds nothing that a shell would interpret."""
    return word.startswith(incomplete) and _SHELL_SYNTAX.isdisjoint(word)


def described(text: str) -> str:
    """Return a text as it may stand beside a word that is offered."""
    return text.translate(_PLAIN)
