"""What can be said of a person's account: its kind, its logins, and what is odd about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from mailctl.credentials import Secrets
from mailctl.errors import SecretError
from mailctl.model.account import Account, find_main, main_accounts
from mailctl.model.preset import CUSTOM, find_preset
from mailctl.model.resolve import Receiving, Sending
from mailctl.model.resolve_account import resolve_account, resolve_account_receiving, resolve_servers
from mailctl.model.server import IncomingEndpoint, SendingCredentials, SmtpEndpoint, connection_warnings
from mailctl.model.settings import Settings
from mailctl.model.target_name import edit_command
from mailctl.services.accounts.accounts import list_missing
from mailctl.services.oauth.grant_state import describe_grant
from mailctl.services.secrets.slots import list_slots
from mailctl.services.secrets.state import describe_secret
from mailctl.services.senders.senders import LoginState


@dataclass(frozen=True, kw_only=True)
class AccountState:
    """An account as it is shown.

    `kind`: `server` for one of the catalogue, else the name of a preset, or `custom`. `is_main`: whether its owner
    sends from it.
    """

    account: Account
    kind: str
    is_main: bool
    sending: Sending
    receiving: Receiving
    login: LoginState


def kind_of(settings: Settings, account: Account) -> str:
    """Return `server`, the name of the provider's preset whose hosts the account has, or `custom`."""
    if account.server:
        return "server"
    servers = resolve_servers(settings, account)
    preset = find_preset(servers.smtp.host, servers.incoming.host)
    return preset.name if preset else CUSTOM


def describe_account(settings: Settings, secrets: Secrets, account: Account) -> AccountState:
    """Return an account's state, and where each of its secrets is; no command is run."""
    sending, receiving = resolve_account(settings, account), resolve_account_receiving(settings, account)
    warnings = list(_list_warnings(settings, account, sending, receiving))
    grant = None
    if receiving.oauth_client:
        try:
            grant = describe_grant(settings, secrets, account.address)
        except SecretError as error:
            warnings.append(f"whether it is authorised cannot be told: {error.message}")
    own = f"account:{account.address}"
    slots = [slot for slot in list_slots(settings) if slot.name.rpartition("/")[0] == own]
    return AccountState(
        account=account,
        kind=kind_of(settings, account),
        is_main=find_main(settings.accounts, account.owner) is account,
        sending=sending,
        receiving=receiving,
        login=LoginState(
            grant=grant,
            secrets=tuple(describe_secret(slot, secrets) for slot in slots),
            warnings=tuple(warnings),
        ),
    )


def _list_warnings(settings: Settings, account: Account, sending: Sending, receiving: Receiving) -> Iterator[str]:
    if account.detached_from:
        yield f"the servers are a copy of '{account.detached_from}', which was deleted from the catalogue"
    sides: dict[str, SmtpEndpoint | IncomingEndpoint] = {"smtp": sending.endpoint, "incoming": receiving.endpoint}
    yield from connection_warnings(sides, sending.tls, edit=edit_command(account.server or account.address))
    if receiving.oauth_client and account.password:
        yield f"the password is not used: '{account.server}' logs in by OAuth (`--clear password` forgets it)"
    credentials = resolve_servers(settings, account).credentials
    if credentials is SendingCredentials.INCOMING and (account.smtp_username or account.smtp_password):
        yield f"the login for sending is not used: at '{account.server}', people send with their incoming login"
    if missing := list_missing(settings, account):
        yield f"the servers want a login, and the settings lack: {', '.join(missing)}"


def account_fields(account: Account, *, kind: str, is_main: bool) -> dict[str, Any]:
    """Return an account as plain values, with what follows from others: its kind, its login, whether it is main."""
    fields: dict[str, Any] = {**msgspec.to_builtins(account), "main": is_main, "kind": kind, "login": account.login}
    if account.server:
        fields["tls"] = None  # that of the catalogue server holds
    return fields


def list_accounts(settings: Settings, accounts: Iterable[Account]) -> list[dict[str, Any]]:
    """Return accounts as plain values, as `account_fields` does; secrets are references, and not looked at."""
    mains = main_accounts(settings.accounts)
    return [
        account_fields(account, kind=kind_of(settings, account), is_main=mains[account.owner] is account)
        for account in accounts
    ]
