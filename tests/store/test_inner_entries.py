"""Arrays of tables inside entries, such as the rules of an account: written as blocks, changed one by one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from mailctl.errors import SettingsWriteError
from mailctl.model.account import Account
from mailctl.model.collection import CollectionSource
from mailctl.model.decode import decode_or_raise
from mailctl.model.filters import Filter
from mailctl.store import SettingsFile

SIDES = {"incoming": {"protocol": "imap", "host": "imap.example.com"}, "smtp": {"host": "smtp.example.com"}}


def rule(name: str, action: str = "delete") -> Filter:
    return Filter(name=name, conditions=("subject contains x", f'from is "{name}"'), actions=(action,))


def put(file, *filters: Filter) -> None:
    """Give the first account these filters."""

    def edit(settings):
        first, *others = settings.accounts
        return replace(settings, accounts=(replace(first, filters=filters), *others))

    file.change(edit)


@pytest.fixture
def accounts(settings_file):
    """A settings file with two accounts, the second with a rule."""
    made = [decode_or_raise(Account, {"username": f"{name}@example.com", **SIDES}) for name in "ab"]
    made[1] = replace(made[1], filters=(rule("other"),))
    settings_file.change(lambda settings: replace(settings, accounts=tuple(made)))
    return settings_file


def test_rules_are_blocks_below_their_account(accounts):
    put(accounts, rule("規則 1"), rule("2", "move A"))
    text = accounts.path.read_text(encoding="utf-8")
    block = """\
[[accounts.filters]]
name = "規則 1"
match = "all"
conditions = ["subject contains x", "from is \\"規則 1\\""]
actions = ["delete"]

[[accounts.filters]]
name = "2"
"""
    assert block in text
    assert text.index('name = "2"') < text.index('address = "b@example.com"')
    assert SettingsFile(accounts.path).load().accounts[0].filters == (rule("規則 1"), rule("2", "move A"))


def test_a_changed_rule_leaves_the_comments_of_the_others(accounts):
    put(accounts, rule("1"), rule("2"), rule("3"))
    text = accounts.path.read_text(encoding="utf-8")
    by_hand = text.replace('[[accounts.filters]]\nname = "1"', '# the first\n[[accounts.filters]]\nname = "1" # one')
    by_hand = by_hand.replace('[[accounts.filters]]\nname = "3"', '# the last\n[[accounts.filters]]\nname = "3"')
    accounts.path.write_text(by_hand, encoding="utf-8")
    file = SettingsFile(accounts.path)
    put(file, rule("3"), rule("1", "move A"))
    text = file.path.read_text(encoding="utf-8")
    assert '# the last\n[[accounts.filters]]\nname = "3"' in text
    assert '# the first\n[[accounts.filters]]\nname = "1" # one' in text
    assert text.index("# the last") < text.index("# the first")
    assert 'name = "2"' not in text


def test_rules_written_in_one_line_are_read_and_not_torn_apart(accounts):
    text = accounts.path.read_text(encoding="utf-8")
    inline = 'filters = [{name = "1", conditions = ["subject is x"], actions = ["delete"]}]\n'
    text = text.replace('address = "a@example.com"\n', f'address = "a@example.com"\n{inline}')
    accounts.path.write_text(text, encoding="utf-8")
    file = SettingsFile(accounts.path)
    assert file.load().accounts[0].filters[0].name == "1"
    with pytest.raises(SettingsWriteError, match="laid out in a way"):
        put(file, *file.load().accounts[0].filters, rule("2"))
    assert file.path.read_text(encoding="utf-8") == text


NAMES = st.lists(st.sampled_from("12345"), unique=True, max_size=4)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(NAMES, st.sampled_from(["delete", "flag"])), min_size=1, max_size=5))
def test_any_sequence_of_changes_says_what_was_meant(tmp_path_factory, changes):
    file = SettingsFile(tmp_path_factory.mktemp("settings") / "mailctl.toml")
    account = decode_or_raise(Account, {"username": "a@example.com", **SIDES})
    other = replace(decode_or_raise(Account, {"username": "b@example.com", **SIDES}), filters=(rule("other"),))
    file.change(lambda settings: replace(settings, accounts=(account, other)))
    for names, action in changes:
        filters = tuple(rule(name, action) for name in names)
        put(file, *filters)
        read = SettingsFile(file.path).load().accounts
        assert (read[0].filters, read[1]) == (filters, other)


def source(name: str, days: int | None) -> CollectionSource:
    given = {"name": name, "host": "h.example", "username": name, "into": "旧", "delete_after_days": days}
    return decode_or_raise(CollectionSource, given)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(NAMES, NAMES, st.sampled_from([None, 0, 30])), min_size=1, max_size=4))
def test_rules_and_sources_of_an_account_change_beside_each_other(tmp_path_factory, changes):
    file = SettingsFile(tmp_path_factory.mktemp("settings") / "mailctl.toml")
    accounts = [decode_or_raise(Account, {"username": f"{name}@example.com", **SIDES}) for name in "ab"]
    file.change(lambda settings: replace(settings, accounts=tuple(accounts)))
    for rules, names, days in changes:
        fields = {"filters": tuple(map(rule, rules)), "pop3": tuple(source(name, days) for name in names)}
        changed = replace(accounts[0], **fields)
        file.change(lambda settings, changed=changed: replace(settings, accounts=(changed, settings.accounts[1])))
        assert SettingsFile(file.path).load().accounts == (changed, accounts[1])
