"""The rules of people's accounts: pure edits of the settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from typing import Any

from mailctl.errors import AlreadyExistsError, MissingInputError, NotFoundError
from mailctl.model.account import Account
from mailctl.model.decode import decode_or_raise
from mailctl.model.filters import Filter
from mailctl.model.rule_text import ActionKind
from mailctl.model.settings import Edit, Settings
from mailctl.services.accounts.accounts import change_account
from mailctl.services.fields import merge_fields, to_fields
from mailctl.services.order import Placement, at_place, in_order


def get_filter(account: Account, name: str) -> Filter:
    """Return a rule by its name; raises NotFoundError, which names near ones."""
    found = next((rule for rule in account.filters if rule.name == name), None)
    if found is None:
        near = get_close_matches(name, [rule.name for rule in account.filters], n=3)
        raise NotFoundError(
            f"{account.address} has no filter '{name}'",
            hint=f"did you mean {' or '.join(near)}?" if near else f"`mailctl account filter list {account.address}`",
            details={"account": account.address, "filter": name},
        )
    return found


def add_filter(address: str, fields: Mapping[str, Any]) -> Edit:
    """Return the edit that appends a rule; raises AlreadyExistsError where its name is taken."""
    rule = decode_or_raise(Filter, fields)

    def add(account: Account) -> tuple[Filter, ...]:
        if any(present.name == rule.name for present in account.filters):
            raise AlreadyExistsError(
                f"{account.address} has a filter '{rule.name}' already",
                hint=f"`mailctl account filter edit {account.address} '{rule.name}'` changes it",
                details={"account": account.address, "filter": rule.name},
            )
        return (*account.filters, rule)

    return _edit(address, add)


def edit_filter(address: str, name: str, fields: Mapping[str, Any], *, stop: bool | None = None) -> Edit:
    """Return the edit that lays fields over a rule; conditions or actions that are given replace all that it had.

    `stop`: whether it has a stop among its actions; None: where it had one, or is given one.
    """

    def change(account: Account) -> tuple[Filter, ...]:
        present = get_filter(account, name)
        wanted = merge_fields(to_fields(present), fields)
        if stop is not None or "actions" in fields:
            wanted["actions"] = _with_stop(wanted["actions"], stop, present)
        changed = decode_or_raise(Filter, wanted)
        if changed.name != name and any(rule.name == changed.name for rule in account.filters):
            raise AlreadyExistsError(f"{account.address} has a filter '{changed.name}' already")
        return tuple(changed if rule is present else rule for rule in account.filters)

    return _edit(address, change)


def _with_stop(actions: Sequence[str], stop: bool | None, present: Filter) -> list[str]:
    others = [text for text in actions if text.strip().lower() != ActionKind.STOP]
    if stop is None:
        stop = ActionKind.STOP in present.actions or len(others) < len(actions)
    return [*others, *([str(ActionKind.STOP)] if stop else [])]


def order_filters(address: str, names: Sequence[str]) -> Edit:
    """Return the edit that puts all rules of an account into an order, each named exactly once."""

    def order(account: Account) -> tuple[Filter, ...]:
        get = partial(get_filter, account)
        return tuple(in_order(account.filters, names, get, lambda rule: rule.name, what="filter"))

    return _edit(address, order)


def move_filter(address: str, name: str, placement: Placement) -> Edit:
    """Return the edit that moves one rule to a place."""

    def move(account: Account) -> tuple[Filter, ...]:
        return tuple(at_place(account.filters, name, placement, partial(get_filter, account)))

    return _edit(address, move)


def delete_filter(address: str, name: str) -> Edit:
    """Return the edit that takes a rule away."""

    def delete(account: Account) -> tuple[Filter, ...]:
        gone = get_filter(account, name)
        return tuple(rule for rule in account.filters if rule is not gone)

    return _edit(address, delete)


def list_filed_into(account: Account) -> list[str]:
    """Return the folders that rules move or copy into."""
    actions = [action for rule in account.filters for action in rule.parsed_actions]
    return [action.argument for action in actions if action.kind in (ActionKind.MOVE, ActionKind.COPY)]


def list_deleting(account: Account) -> list[str]:
    """Return the names of the rules that delete."""
    return [rule.name for rule in account.filters if any(act.kind is ActionKind.DELETE for act in rule.parsed_actions)]


def require_trash(account: Account, trash: str | None) -> None:
    """Raise MissingInputError where rules delete and no trash folder is known: what they delete must be found again."""
    deleting = list_deleting(account)
    if deleting and trash is None:
        raise MissingInputError(
            f"the filter '{deleting[0]}' deletes, and which folder of {account.address} is the trash is not known",
            hint=f"`mailctl account folders detect {account.address} --save` finds it, "
            f"`mailctl account folders set {account.address} trash FOLDER` says it",
            details={"account": account.address, "filter": deleting[0]},
        )


def _edit(address: str, change: Callable[[Account], tuple[Filter, ...]]) -> Edit:
    def edit(settings: Settings) -> Settings:
        account = settings.get_account(address)
        return change_account(settings, account, filters=change(account))

    return edit
