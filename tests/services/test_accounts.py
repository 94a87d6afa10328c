"""Whatever is done to accounts, an owner that has any sends from exactly one."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mailctl.errors import MailctlError
from mailctl.model.account import find_main, main_accounts
from mailctl.model.settings import Edit, Settings
from mailctl.services.accounts.account_fields import Choice
from mailctl.services.accounts.accounts import add_account, delete_account, edit_account, set_main

NAMES = st.sampled_from("abcd")
OWNERS = st.sampled_from(["ann", "bob"])
IS_MAIN = st.sampled_from([{}, {"main": True}])


def fields(name: str, owner: str, is_main: dict[str, bool]) -> dict[str, Any]:
    return {
        "username": f"{name}@example.org", "owner": owner, "password": "env:PASSWORD", **is_main,
        "incoming": {"protocol": "imap", "host": "h"}, "smtp": {"host": "h"},
    }  # fmt: skip


EDITS = st.one_of(
    st.builds(lambda *given: add_account(fields(*given), Choice()), NAMES, OWNERS, IS_MAIN),
    st.builds(
        lambda name, owner, main: edit_account(f"{name}@example.org", {"owner": owner, **main}, Choice()),
        NAMES, OWNERS, IS_MAIN,
    ),
    st.builds(lambda name: set_main(f"{name}@example.org"), NAMES),
    st.builds(lambda name: delete_account(f"{name}@example.org"), NAMES),
)  # fmt: skip


@given(st.lists(EDITS, max_size=12))
def test_an_owner_has_one_main_account(edits: list[Edit]) -> None:
    settings = Settings()
    for edit in edits:
        before = settings
        try:
            settings = edit(settings)
        except MailctlError:
            assert settings is before
        assert list(settings.conflicts()) == []
        owners = {account.owner for account in settings.accounts}
        assert main_accounts(settings.accounts).keys() == owners
        for owner in owners:
            marked = [account for account in settings.accounts if account.owner == owner and account.main]
            assert len(marked) <= 1
            assert find_main(settings.accounts, owner) in (marked or settings.accounts)


@given(st.lists(EDITS, max_size=8), NAMES)
def test_who_is_made_the_main_account_is_it(edits: list[Edit], name: str) -> None:
    settings = Settings()
    for edit in [*edits, set_main(f"{name}@example.org")]:
        try:
            settings = edit(settings)
        except MailctlError:
            continue
    account = settings.find_account(f"{name}@example.org")
    if account is not None:
        assert find_main(settings.accounts, account.owner) is account
