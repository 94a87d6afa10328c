"""Out-of-office answers of people's accounts: pure edits of the settings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from mailctl.errors import NotFoundError
from mailctl.model.account import Account
from mailctl.model.decode import decode_or_raise
from mailctl.model.settings import Edit, Settings
from mailctl.model.vacation import Vacation
from mailctl.services.accounts.accounts import change_account
from mailctl.services.fields import merge_fields, to_fields


def get_vacation(account: Account) -> Vacation:
    """Return an account's out-of-office answer; raises NotFoundError where it has none."""
    if account.vacation is None:
        raise NotFoundError(
            f"{account.address} has no out-of-office answer",
            hint=f"`mailctl account vacation set {account.address} --subject TEXT --body-file FILE` gives it one",
            details={"account": account.address},
        )
    return account.vacation


def set_vacation(address: str, fields: Mapping[str, Any], now: dt.datetime) -> Edit:
    """Return the edit that sets an answer, or fields of the one that there is, and switches it on.

    Without a first day it begins `now`: what is in the mailbox already gets no answer. A first day is a whole one.
    """

    def edit(settings: Settings) -> Settings:
        account = settings.get_account(address)
        base = to_fields(account.vacation) if account.vacation else {}
        was_on = account.vacation is not None and account.vacation.active
        begins = {} if was_on else {"from_date": now.date(), "until": None, "since": now.replace(microsecond=0)}
        whole_day = {"since": None} if "from_date" in fields else {}
        wanted = decode_or_raise(Vacation, merge_fields(base, begins, fields, whole_day, {"active": True}))
        return change_account(settings, account, vacation=wanted)

    return edit


def switch_off(address: str) -> Edit:
    """Return the edit that switches an answer off and keeps its text."""

    def edit(settings: Settings) -> Settings:
        account = settings.get_account(address)
        return change_account(settings, account, vacation=replace(get_vacation(account), active=False))

    return edit
