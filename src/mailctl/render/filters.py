"""Rules of accounts, for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from mailctl.model.filters import Filter, Match

if TYPE_CHECKING:
    from mailctl.services.accounts.filter_run import Handled

FILTER_HEADERS = ("#", "NAME", "IF", "THEN")
HANDLED_HEADERS = ("FROM", "SUBJECT", "FILTER", "TO")
_JOINED = {Match.ALL: " and ", Match.ANY: " or ", Match.NONE: " nor "}


def filter_rows(filters: Iterable[Filter]) -> Iterator[tuple[str, ...]]:
    """Yield a row for each rule, in their order."""
    for number, rule in enumerate(filters, 1):
        conditions = _JOINED[rule.match].join(rule.conditions)
        never = "neither " if rule.match is Match.NONE and len(rule.conditions) > 1 else ""
        not_so = "not " if rule.match is Match.NONE and len(rule.conditions) == 1 else ""
        yield str(number), rule.name, f"{never}{not_so}{conditions}", ", ".join(rule.actions)


def handled_rows(handled: Iterable[Handled]) -> Iterator[tuple[str, ...]]:
    """Yield a row for each message that rules apply to."""
    for one in handled:
        places = [
            f"{filing.folder} ({', '.join(filing.flags)})" if filing.flags else filing.folder for filing in one.filings
        ]
        becomes = [*places, *(f"redirected to {address}" for address in one.redirects)]
        yield one.sender, one.subject, ", ".join(one.filters), ", ".join(becomes)
