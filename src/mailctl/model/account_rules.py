"""The rules that span several accounts, or an account and what it names: servers, OAuth clients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec.structs import replace

from mailctl.errors import Problem
from mailctl.model.account import Account, mailbox_key
from mailctl.model.oauth import OAuthClient
from mailctl.model.oauth_use import sides_problems
from mailctl.model.server import Server, SmtpAuth
from mailctl.model.values import shown

FindClient = Callable[[str], OAuthClient | None]


def account_problems(
    accounts: Sequence[Account], servers: Mapping[str, Server], find_client: FindClient
) -> Iterator[Problem]:
    """Yield what is wrong with accounts that are each valid by themselves. `servers`: those of the catalogue."""
    keys = [mailbox_key(account.address) for account in accounts]
    counts = Counter(keys)
    mains = Counter(account.owner for account in accounts if account.main)
    for index, account in enumerate(accounts):
        if counts[keys[index]] > 1:
            message = f"'{account.address}' is the address of {counts[keys[index]]} accounts"
            yield Problem(f"accounts[{index}].address", message)
        if account.main and mains[account.owner] > 1:
            message = f"{shown(account.owner)} has {mains[account.owner]} main accounts, and one is the most"
            yield Problem(f"accounts[{index}].main", message)
        for problem in _problems(account, servers, find_client):
            yield replace(problem, where=f"accounts[{index}].{problem.where}")


def _problems(account: Account, servers: Mapping[str, Server], find_client: FindClient) -> Iterator[Problem]:
    if account.server:
        server = servers.get(account.server)
        if server is None:
            yield Problem("server", f"there is no server with the code '{account.server}'")
        elif server.smtp.auth is SmtpAuth.NONE:
            for name in ("smtp_username", "smtp_password"):
                if getattr(account, name):
                    message = f"is a login for sending, but the SMTP authentication of '{server.code}' is none"
                    yield Problem(name, message, conflict=True)
    if account.oauth_client and account.smtp and account.incoming:
        client = find_client(account.oauth_client)
        if client is None:
            yield Problem("oauth_client", f"no OAuth client {shown(account.oauth_client)} is registered")
            return
        yield from sides_problems(client, account.smtp, account.incoming)
