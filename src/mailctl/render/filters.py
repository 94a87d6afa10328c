"""Rules of accounts, for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mailctl.model.filters import Filter, Match

FILTER_HEADERS = ("#", "NAME", "IF", "THEN")
_JOINED = {Match.ALL: " and ", Match.ANY: " or ", Match.NONE: " nor "}


def filter_rows(filters: Iterable[Filter]) -> Iterator[tuple[str, ...]]:
    """Yield a row for each rule, in their order."""
    for number, rule in enumerate(filters, 1):
        conditions = _JOINED[rule.match].join(rule.conditions)
        never = "neither " if rule.match is Match.NONE and len(rule.conditions) > 1 else ""
        not_so = "not " if rule.match is Match.NONE and len(rule.conditions) == 1 else ""
        yield str(number), rule.name, f"{never}{not_so}{conditions}", ", ".join(rule.actions)
