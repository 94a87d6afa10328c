"""Rules that say what becomes of an account's new mail. What conditions and actions say is in `rule_text`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from mailctl.errors import Problem
from mailctl.model.values import Name

if TYPE_CHECKING:
    from mailctl.model.rule_text import Action, Condition


# Everybody who reads settings loads this module; what reads conditions and actions only where there are some.


def _normal_condition(text: str) -> str:
    from mailctl.model.rule_text import parse_condition

    return str(parse_condition(text))


def _normal_action(text: str) -> str:
    from mailctl.model.rule_text import parse_action

    return str(parse_action(text))


ConditionText = Annotated[
    str,
    Meta(
        description="condition: FIELD contains|is|matches|over|under VALUE",
        extra={"parse": _normal_condition},
        min_length=1,
    ),
]
ActionText = Annotated[
    str,
    Meta(
        description="action: move FOLDER, copy FOLDER, mark read, flag [KEYWORD], delete, redirect ADDRESS, keep, stop",
        extra={"parse": _normal_action},
        min_length=1,
    ),
]


class Match(StrEnum):
    """How many of the conditions must hold."""

    ALL = "all"
    ANY = "any"
    NONE = "none"


class Filter(Struct, frozen=True, kw_only=True):
    """A rule. `conditions`, `actions`: as they are given, normalised; see `parse_condition`, `parse_action`."""

    name: Name
    match: Match = Match.ALL
    conditions: tuple[ConditionText, ...]
    actions: tuple[ActionText, ...]

    @property
    def parsed_conditions(self) -> list[Condition]:
        from mailctl.model.rule_text import parse_condition

        return [parse_condition(text) for text in self.conditions]

    @property
    def parsed_actions(self) -> list[Action]:
        from mailctl.model.rule_text import parse_action

        return [parse_action(text) for text in self.actions]

    def conflicts(self) -> Iterator[Problem]:
        for name in ("conditions", "actions"):
            if not getattr(self, name):
                yield Problem(name, "is empty: a rule needs at least one")


def filter_conflicts(filters: Sequence[Filter]) -> Iterator[Problem]:
    """Yield the rules of an account that bear a name of another."""
    names = Counter(rule.name for rule in filters)
    for index, rule in enumerate(filters):
        if names[rule.name] > 1:
            yield Problem(f"filters[{index}].name", f"'{rule.name}' is borne by {names[rule.name]} filters")
