"""Whose a ledger is: a mailbox's, and not an address's, which may change by hand, by an undo, at any time."""

from __future__ import annotations

from pathlib import Path

from mailctl.model.account import Account
from mailctl.model.resolve_account import resolve_account_receiving
from mailctl.model.settings import Settings
from mailctl.store.ledger import are_ledgers_aside, bring_ledgers_back, has_ledgers, move_ledgers


def ledger_owner(path: Path, settings: Settings, account: Account) -> str:
    """Return what an account's ledgers are kept under: its login and its host. `path`: of the settings file.

    Of accounts that share a mailbox each has its own: all but one are told by their address, too. One that has ledgers
    under its address keeps them there, however the accounts are ordered, and whichever of them goes.
    """
    mailbox = _mailbox_of(settings, account)
    sharing = [one.address for one in settings.accounts if _mailbox_of(settings, one) == mailbox]
    by_mailbox = next((address for address in sharing if not has_ledgers(path, _told(mailbox, address))), None)
    return mailbox if account.address == by_mailbox else _told(mailbox, account.address)


def follow_address(path: Path, before: Settings, account: Account, after: Settings, address: str) -> None:
    """Let the ledgers of an account go with it to another address, as long as it is for the same mailbox."""
    renamed = after.get_account(address)
    if _mailbox_of(before, account) == _mailbox_of(after, renamed):
        move_ledgers(path, ledger_owner(path, before, account), ledger_owner(path, after, renamed))


def bring_back(path: Path, before: Settings, after: Settings) -> None:
    """Give accounts that an undo has brought back their ledgers, which were put aside when they were deleted."""
    present = {account.address for account in before.accounts}
    for account in after.accounts:
        mailbox = _mailbox_of(after, account)
        owners = (mailbox, _told(mailbox, account.address))
        # Whose they are takes a look at all accounts: only for the one whose ledgers there are.
        if account.address not in present and any(are_ledgers_aside(path, owner) for owner in owners):
            bring_ledgers_back(path, ledger_owner(path, after, account))


def _told(mailbox: str, address: str) -> str:
    return f"{mailbox} {address}"


def _mailbox_of(settings: Settings, account: Account) -> str:
    receiving = resolve_account_receiving(settings, account)
    return f"{receiving.username or account.address}@{receiving.endpoint.host.lower()}"
