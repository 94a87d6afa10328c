"""Use cases of people's accounts: pure edits of the settings. An owner that has accounts has exactly one main one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from mailctl.errors import AlreadyExistsError, raise_problems
from mailctl.model.account import Account, find_main, main_accounts
from mailctl.model.address import parse_address
from mailctl.model.resolve_account import resolve_account, resolve_account_receiving, resolve_servers
from mailctl.model.server import SendingCredentials
from mailctl.model.settings import Edit, Settings
from mailctl.services.accounts.account_fields import Choice, build_account
from mailctl.services.accounts.layouts import without_idle_layouts
from mailctl.services.fields import changed_fields
from mailctl.services.logins import missing_login, newly

_SET_BY_OTHER_COMMANDS = ("folders", "signature", "filters", "vacation", "pop3")
"""The fields that neither `add` nor `edit` sets."""


def add_account(fields: Mapping[str, Any], choice: Choice, *, if_not_exists: bool = False) -> Edit:
    """Return the edit that appends an account; the first of its owner becomes the main one.

    Raises AlreadyExistsError where the address is taken; with `if_not_exists` only if the fields differ, naming them;
    and what `build_account` raises.
    """

    def edit(settings: Settings) -> Settings:
        account = build_account(settings, choice, fields)
        present = settings.find_account(account.address)
        if present is None:
            return _checked(settings, [*settings.accounts, account], account)
        change = f"`mailctl account edit {present.address}` changes it"
        if not if_not_exists:
            raise AlreadyExistsError(
                f"an account {present.address} exists already ({present.owner})",
                hint=f"{change}; --if-not-exists accepts an equal one",
                details={"account": present.address},
            )
        kept = {name: getattr(present, name) for name in _SET_BY_OTHER_COMMANDS}
        wanted = replace(account, **kept, main=bool(fields.get("main", present.main)))
        if differing := changed_fields(present, wanted):
            raise AlreadyExistsError(
                f"the account {present.address} exists with other values: {', '.join(differing)}",
                hint=change,
                details={"account": present.address, "fields": differing},
            )
        return settings

    return edit


def edit_account(address: str, fields: Mapping[str, Any], choice: Choice, *, clear: Sequence[str] = ()) -> Edit:
    """Return the edit that lays fields over an account; `clear`ed ones get their defaults.

    With another address its grant goes along, and with another owner it is the main account only of one who had none.
    """

    def edit(settings: Settings) -> Settings:
        present = settings.get_account(address)
        changed = build_account(settings, choice, fields, present=present, clear=clear)
        if changed.owner != present.owner and not fields.get("main"):
            changed = replace(changed, main=False)
        taken = settings.find_account(changed.address)
        if taken and taken is not present:
            raise AlreadyExistsError(f"an account {taken.address} exists already", details={"account": taken.address})
        accounts = [changed if account is present else account for account in settings.accounts]
        return _with_grant_renamed(_checked(settings, accounts, changed), present.address, changed.address)

    return edit


def delete_account(address: str) -> Edit:
    """Return the edit that takes an account away; the next in order of its owner becomes the main one."""

    def edit(settings: Settings) -> Settings:
        gone = settings.get_account(address)
        was_main = find_main(settings.accounts, gone.owner) is gone
        index = settings.accounts.index(gone)
        rest = [account for account in settings.accounts if account is not gone]
        heirs = [account for account in (*rest[index:], *rest[:index]) if account.owner == gone.owner]
        accounts = _with_main(rest, heirs[0]) if was_main and heirs else rest
        return without_idle_layouts(replace(settings, accounts=tuple(accounts)))

    return edit


def set_main(address: str) -> Edit:
    """Return the edit that makes an account the main one of its owner."""

    def edit(settings: Settings) -> Settings:
        account = settings.get_account(address)
        return replace(settings, accounts=tuple(_with_main(settings.accounts, account)))

    return edit


def list_moved_mains(before: Settings, after: Settings) -> dict[str, str]:
    """Return the address that owners send from now, by owner: those who sent from another one before."""
    was, now = main_accounts(before.accounts), main_accounts(after.accounts)
    return {
        owner: account.address
        for owner, account in now.items()
        if owner in was and was[owner].address != account.address
    }


def address_of(fields: Mapping[str, Any]) -> str | None:
    """Return the address that an account of these fields has, its own or its user name's; None where it has none."""
    address = Account.complete(fields).get("address")
    return None if address is None else str(parse_address(address))


def change_account(settings: Settings, present: Account, **fields: Any) -> Settings:
    """Return the settings in which an account has other values in some fields."""
    accounts = (replace(one, **fields) if one is present else one for one in settings.accounts)
    return replace(settings, accounts=tuple(accounts))


def _checked(settings: Settings, accounts: Sequence[Account], changed: Account) -> Settings:
    """Return the settings with accounts, one main one for each owner.

    Raises InvalidValueError or ExclusiveSettingsError where a rule between entries is broken; the problems of the
    changed account are placed as its own fields.
    """
    main = changed if changed.main else find_main(accounts, changed.owner)
    marked = _with_main(accounts, main) if main else list(accounts)
    result = without_idle_layouts(replace(settings, accounts=tuple(marked)))
    place = f"accounts[{next(index for index, account in enumerate(accounts) if account is changed)}]."
    raise_problems([replace(problem, where=problem.where.removeprefix(place)) for problem in result.conflicts()])
    return result


def _with_main(accounts: Sequence[Account], main: Account) -> list[Account]:
    """Return the accounts, `main` being marked as the only main one of its owner."""
    return [replace(account, main=account is main) if account.owner == main.owner else account for account in accounts]


def _with_grant_renamed(settings: Settings, old: str, new: str) -> Settings:
    if old == new or old not in settings.secrets.grants:
        return settings
    grants = {new if name == old else name: text for name, text in settings.secrets.grants.items()}
    return replace(settings, secrets=replace(settings.secrets, grants=grants))


def list_newly_missing(before: Settings, after: Settings, address: str) -> list[str]:
    """Return the fields of an account's logins that it needs, and that a change has left it without."""
    present, changed = before.find_account(address), after.get_account(address)
    return newly(list_missing(before, present) if present else (), list_missing(after, changed))


def list_missing(settings: Settings, account: Account) -> list[str]:
    """Return the fields that an account needs for its logins and does not have."""
    missing = missing_login(resolve_account_receiving(settings, account))
    has_own = resolve_servers(settings, account).credentials is SendingCredentials.OWN
    if "password" in missing_login(resolve_account(settings, account)) and (has_own or not missing):
        missing.append("smtp_password")
    return missing
