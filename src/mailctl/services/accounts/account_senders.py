"""From which accounts a person may send: their own, and those that are shared as senders."""

from __future__ import annotations

import unicodedata

from mailctl.errors import NotFoundError
from mailctl.model.account import Account, mailbox_key
from mailctl.model.settings import Settings
from mailctl.model.values import shown


def list_senders(settings: Settings, owner: str) -> list[Account]:
    """Return the accounts that an owner may send from, the main one first; raises NotFoundError for who has none."""
    main = settings.get_main_account(owner)
    name = unicodedata.normalize("NFC", owner)
    own = [account for account in settings.accounts if account.owner == name and account is not main]
    shared = [account for account in settings.accounts if account.share_sender and account.owner != name]
    return [main, *own, *shared]


def get_sender(settings: Settings, owner: str, address: str | None = None) -> Account:
    """Return the account that an owner sends from: that of the address, or (None) the main one.

    Raises NotFoundError for who has no account, and for an address that is neither the owner's nor shared.
    """
    senders = list_senders(settings, owner)
    if address is None:
        return senders[0]
    key = mailbox_key(address)
    for account in senders:
        if mailbox_key(account.address) == key:
            return account
    listed = ", ".join(account.address for account in senders)
    present = settings.find_account(address)
    hint = f"these are: {listed}"
    if present:
        hint += f"; `mailctl account edit {present.address} --share-sender` shares it with everybody"
    raise NotFoundError(
        f"{shown(owner)} has no account {shown(address)}, and none such is shared",
        hint=hint,
        details={"owner": owner, "account": address},
    )
