"""Whose a ledger is: a mailbox's, and not an address's, which may change by hand, by an undo, at any time."""

from __future__ import annotations

from mailctl.model.account import Account
from mailctl.model.resolve_account import resolve_account_receiving
from mailctl.model.settings import Settings


def ledger_owner(settings: Settings, account: Account) -> str:
    """Return what an account's ledgers are kept under: its login and its host.

    Of accounts that share a mailbox each has its own: all but the first are told by their address, too.
    """
    name = _mailbox_of(settings, account)
    first = next((one for one in settings.accounts if _mailbox_of(settings, one) == name), account)
    return name if first.address == account.address else f"{name} {account.address}"


def _mailbox_of(settings: Settings, account: Account) -> str:
    receiving = resolve_account_receiving(settings, account)
    return f"{receiving.username or account.address}@{receiving.endpoint.host.lower()}"
