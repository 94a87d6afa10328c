"""What becomes of people's accounts when the catalogue server that they are on is deleted, or changes its code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from msgspec.structs import replace

from mailctl.model.account import Account, AccountSmtp
from mailctl.model.server import SendingCredentials, Server, SmtpAuth
from mailctl.model.settings import Settings


def list_accounts_on(settings: Settings, codes: Iterable[str]) -> list[str]:
    """Return the addresses of the accounts that are on any of the servers."""
    codes = set(codes)
    return [account.address for account in settings.accounts if account.server in codes]


def detach_accounts(settings: Settings, servers: Mapping[str, Server]) -> Settings:
    """Return the settings in which each account on one of the servers, by code, has a copy of its settings instead.

    A login that was not used is not taken along: a password where the server logs in by OAuth, and a login for sending
    where people send with their incoming one, or with none.
    """
    accounts = (
        _detached(account, servers[account.server]) if account.server and account.server in servers else account
        for account in settings.accounts
    )
    return replace(settings, accounts=tuple(accounts))


def follow_accounts(settings: Settings, old: str, new: str) -> Settings:
    """Return the settings in which the accounts on a server name it by its new code."""
    accounts = (replace(account, server=new) if account.server == old else account for account in settings.accounts)
    return replace(settings, accounts=tuple(accounts))


def _detached(account: Account, server: Server) -> Account:
    sides = msgspec.to_builtins(server.smtp)
    smtp = msgspec.convert({name: sides[name] for name in AccountSmtp.__struct_fields__}, AccountSmtp)
    by_token = server.oauth_client is not None
    has_own = not by_token and smtp.auth is not SmtpAuth.NONE and server.smtp.credentials is SendingCredentials.OWN
    return replace(
        account,
        server=None,
        incoming=server.incoming,
        smtp=smtp,
        tls=server.tls,
        oauth_client=server.oauth_client,
        password=None if by_token else account.password,
        smtp_username=account.smtp_username if has_own else None,
        smtp_password=account.smtp_password if has_own else None,
        detached_from=server.code,
    )
