"""The POP3 mailboxes that people's accounts collect from: pure edits of the settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from mailctl.errors import AlreadyExistsError, NotFoundError, Problem, raise_problems
from mailctl.model.account import Account
from mailctl.model.collection import CollectionSource
from mailctl.model.decode import decode_or_raise
from mailctl.model.server import IncomingAuth
from mailctl.model.settings import Edit, Settings
from mailctl.services.accounts.accounts import change_account
from mailctl.services.fields import clear_fields, merge_fields, to_fields


def get_source(account: Account, name: str) -> CollectionSource:
    """Return a source by its name; raises NotFoundError, which names near ones."""
    found = next((source for source in account.pop3 if source.name == name), None)
    if found is None:
        near = get_close_matches(name, [source.name for source in account.pop3], n=3)
        raise NotFoundError(
            f"{account.address} collects from no POP3 mailbox named '{name}'",
            hint=f"did you mean {' or '.join(near)}?" if near else f"`mailctl account pop3 list {account.address}`",
            details={"account": account.address, "source": name},
        )
    return found


def lacks_password(source: CollectionSource) -> bool:
    """Tell whether a source's server wants a password that the settings do not have."""
    return source.auth is not IncomingAuth.EXTERNAL and source.password is None


def add_source(address: str, fields: Mapping[str, Any]) -> Edit:
    """Return the edit that appends a source; raises AlreadyExistsError where its name or its mailbox is taken."""
    source = decode_or_raise(CollectionSource, fields)

    def add(account: Account) -> tuple[CollectionSource, ...]:
        change = f"`mailctl account pop3 edit {account.address}"
        for present in account.pop3:
            if present.name == source.name:
                raise AlreadyExistsError(
                    f"{account.address} collects from a mailbox '{source.name}' already",
                    hint=f"{change} '{source.name}'` changes it",
                    details={"account": account.address, "source": source.name},
                )
            if present.mailbox == source.mailbox:
                raise AlreadyExistsError(
                    f"{account.address} collects from {source.username} at {source.host} already, as '{present.name}'",
                    hint=f"{change} '{present.name}'` changes it",
                    details={"account": account.address, "source": present.name},
                )
        return (*account.pop3, source)

    return _edit(address, add)


def edit_source(address: str, name: str, fields: Mapping[str, Any], *, clear: Sequence[str] = ()) -> Edit:
    """Return the edit that lays fields over a source; `clear`ed ones get their defaults."""

    def change(account: Account) -> tuple[CollectionSource, ...]:
        present = get_source(account, name)
        # A port and its security follow from each other, as when the source was added.
        base = clear_fields(CollectionSource, to_fields(present), clear)
        for given, follows in (("port", "security"), ("security", "port")):
            if given in fields and follows not in fields:
                base.pop(follows, None)
        changed = decode_or_raise(CollectionSource, merge_fields(base, fields))
        others = [source for source in account.pop3 if source is not present]
        taken = [Problem("name", f"'{changed.name}' is borne by another") for one in others if one.name == changed.name]
        taken += [
            Problem("username", f"{changed.username} at {changed.host} is collected as '{one.name}'")
            for one in others
            if one.mailbox == changed.mailbox
        ]
        raise_problems(taken)
        return tuple(changed if source is present else source for source in account.pop3)

    return _edit(address, change)


def delete_source(address: str, name: str) -> Edit:
    """Return the edit that takes a source away."""

    def delete(account: Account) -> tuple[CollectionSource, ...]:
        gone = get_source(account, name)
        return tuple(source for source in account.pop3 if source is not gone)

    return _edit(address, delete)


def _edit(address: str, change: Callable[[Account], tuple[CollectionSource, ...]]) -> Edit:
    def edit(settings: Settings) -> Settings:
        account = settings.get_account(address)
        return change_account(settings, account, pop3=change(account))

    return edit
