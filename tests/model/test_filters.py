"""Conditions and actions of rules: what they are normalised to, and what is refused in which words."""

from __future__ import annotations

import pytest

from mailctl.errors import InvalidValueError
from mailctl.model.decode import decode_or_raise
from mailctl.model.filters import Filter
from mailctl.model.rule_text import Action, ActionKind, parse_action, parse_condition


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Subject  Contains  Rechnung 2026 ", "subject contains Rechnung 2026"),
        ("SENDER is 山田太郎@株式.会社", "sender is 山田太郎@株式.会社"),
        ("size over 10m", "size over 10M"),
        ("header:Size is x", "header:size is x"),
        (r"list-id matches *\*\\", r"list-id matches *\*\\"),
    ],
)
def test_conditions_are_kept_in_one_form(given: str, kept: str) -> None:
    assert str(parse_condition(given)) == kept
    assert str(parse_condition(kept)) == kept


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("subject", "is no condition"),
        ("subject like x", "compares nothing; these do: contains, is, matches, over, under"),
        ("sub:ject is x", "is no name of a header field"),
        ("size is 3", "'size' is compared by over or under"),
        ("subject over 3", "'subject' is compared by contains, is or matches"),
        ("size over 3 MB", "is no size"),
        ("size over ３", "is no size"),
        ("subject is a\x07b", "control character"),
        ("subject matches a\\", "ends with a backslash"),
        (r"subject matches a\\" + "\\", "ends with a backslash"),
    ],
)
def test_what_is_no_condition_is_refused(given: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_condition(given)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Move  INBOX/Rechnungen 2026", "move INBOX/Rechnungen 2026"),
        ("move inbox", "move INBOX"),
        ("MARK Read", "mark read"),
        ("flag", "flag"),
        ("flag $Work", "flag $Work"),
        ("redirect a@例え.テスト", "redirect a@例え.テスト"),
        (" stop ", "stop"),
        ('move " leading"', 'move " leading"'),
        ('copy "trailing "', 'copy "trailing "'),
        ('move "Invoices"', "move Invoices"),
        ('move "inbox"', "move INBOX"),
        ('move ""in quotes""', 'move ""in quotes""'),
        ('move quo"te', 'move quo"te'),
        ("move 007", "move 007"),
        ("move -dash", "move -dash"),
    ],
)
def test_actions_are_kept_in_one_form(given: str, kept: str) -> None:
    assert str(parse_action(given)) == kept
    assert str(parse_action(kept)) == kept


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("discard", "is no action; these are: move, copy, mark, flag, delete, redirect, keep, stop"),
        ("move", "must not be empty"),
        ('move ""', "must not be empty"),
        ("delete it", "'delete' stands alone"),
        ("mark unread", "marked as read"),
        ("flag a b", "is no keyword"),
        ("redirect nobody", "nobody"),
    ],
)
def test_what_is_no_action_is_refused(given: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_action(given)


@pytest.mark.parametrize("folder", [" leading", "trailing ", '"', '"in quotes"', 'quo"te', "100%", "a*b", "'", "\\"])
def test_every_folder_can_be_named(folder: str) -> None:
    action = Action(ActionKind.MOVE, folder)
    assert parse_action(str(action)) == action


def test_a_rule_without_conditions_or_actions_is_none() -> None:
    with pytest.raises(InvalidValueError) as caught:
        decode_or_raise(Filter, {"name": "x", "conditions": [], "actions": []})
    assert [problem.where for problem in caught.value.problems] == ["conditions", "actions"]
