"""IMAP SEARCH over the sandbox's messages (RFC 3501, 6.4.4); Twisted parses a query into nested lists of bytes."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from email.message import EmailMessage
from functools import partial

from mailctl.protocol.imap_dates import parse_day
from mailctl.sandbox.store import Message

Query = list["bytes | Query"]
Test = Callable[["Candidate"], bool]


class SearchError(ValueError):
    """A search key that is not known, or that lacks its argument."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A message under test. `number` is its sequence number; `last_number`, `last_uid` are what `*` stands for."""

    message: Message
    number: int
    last_number: int
    last_uid: int

    def header(self, name: str) -> str:
        return "\n".join(str(value) for value in self._parsed().get_all(name, []))

    def text(self) -> str:
        return self.message.content.decode("utf-8", "replace")

    def body(self) -> str:
        return self.message.content.partition(b"\r\n\r\n")[2].decode("utf-8", "replace")

    def sent(self) -> date | None:
        stated = self._parsed()["date"]
        return stated.datetime.date() if stated is not None and stated.datetime else None

    def _parsed(self) -> EmailMessage:
        return email.message_from_bytes(self.message.content, policy=email.policy.default)


def parse_query(query: Query) -> Test:
    """Turn a parsed query into a test of messages; keys side by side must all hold. Raises SearchError."""
    rest = list(query)
    tests = []
    while rest:
        tests.append(_parse_key(rest))
    return lambda candidate: all(test(candidate) for test in tests)


def _parse_key(rest: Query) -> Test:
    if not rest:
        raise SearchError("NOT or OR lacks its key")
    key = rest.pop(0)
    if isinstance(key, list):
        return parse_query(key)
    word = key.decode("ascii", "replace").upper()
    if word == "NOT":
        refused = _parse_key(rest)
        return lambda candidate: not refused(candidate)
    if word == "OR":
        one, other = _parse_key(rest), _parse_key(rest)
        return lambda candidate: one(candidate) or other(candidate)
    if word[:1].isdigit() or word[:1] == "*":
        return lambda candidate: _in_set(candidate.number, word, candidate.last_number)
    if word in _PLAIN:
        return _PLAIN[word]
    if word == "HEADER":
        return _contains(_argument(rest, word), _argument(rest, word))
    if word in _WITH_ARGUMENT:
        return _WITH_ARGUMENT[word](_argument(rest, word))
    raise SearchError(f"unknown search key {word}")


def _argument(rest: Query, word: str) -> str:
    if not rest or isinstance(rest[0], list):
        raise SearchError(f"{word} lacks its argument")
    argument = rest.pop(0)
    assert isinstance(argument, bytes)
    return argument.decode("utf-8", "replace")


def _contains(header: str, wanted: str) -> Test:
    return lambda candidate: (
        wanted.lower() in candidate.header(header).lower() if wanted else bool(candidate.header(header))
    )


def _has_flag(flag: str, wanted: bool, candidate: Candidate) -> bool:
    return (flag in candidate.message.flags) is wanted


def _in_set(number: int, ranges: str, last: int) -> bool:
    for part in ranges.split(","):
        first, _, final = part.partition(":")
        try:
            ends = [last if end == "*" else int(end) for end in (first, final or first)]
        except ValueError:
            raise SearchError(f"{ranges} is not a set of numbers") from None
        if min(ends) <= number <= max(ends):
            return True
    return False


def _day(text: str) -> date:
    try:
        return parse_day(text)
    except ValueError:
        raise SearchError(f"{text} is not a date such as 01-Feb-2026") from None


def _number(text: str) -> int:
    if not text.isdigit():
        raise SearchError(f"{text} is not a number")
    return int(text)


def _by_size(holds: Callable[[int, int], bool]) -> Callable[[str], Test]:
    def parse(argument: str) -> Test:
        limit = _number(argument)
        return lambda candidate: holds(len(candidate.message.content), limit)

    return parse


def _by_day(day_of: Callable[[Candidate], date | None], holds: Callable[[date, date], bool]) -> Callable[[str], Test]:
    def parse(argument: str) -> Test:
        limit = _day(argument)

        def test(candidate: Candidate) -> bool:
            day = day_of(candidate)
            return day is not None and holds(day, limit)

        return test

    return parse


def _received(candidate: Candidate) -> date:
    return candidate.message.received.date()


# The sandbox gives no message the \Recent flag: RFC 9051 dropped it.
_PLAIN: dict[str, Test] = {
    "ALL": lambda _: True,
    "NEW": lambda _: False,
    "OLD": lambda _: True,
    "RECENT": lambda _: False,
}
for _flag in ("Answered", "Deleted", "Draft", "Flagged", "Seen"):
    _PLAIN[_flag.upper()] = partial(_has_flag, f"\\{_flag}", True)
    _PLAIN[f"UN{_flag.upper()}"] = partial(_has_flag, f"\\{_flag}", False)

_WITH_ARGUMENT: dict[str, Callable[[str], Test]] = {
    "BEFORE": _by_day(_received, date.__lt__),
    "ON": _by_day(_received, date.__eq__),
    "SINCE": _by_day(_received, date.__ge__),
    "SENTBEFORE": _by_day(Candidate.sent, date.__lt__),
    "SENTON": _by_day(Candidate.sent, date.__eq__),
    "SENTSINCE": _by_day(Candidate.sent, date.__ge__),
    **{header: partial(_contains, header) for header in ("BCC", "CC", "FROM", "SUBJECT", "TO")},
    "BODY": lambda text: lambda candidate: text.lower() in candidate.body().lower(),
    "TEXT": lambda text: lambda candidate: text.lower() in candidate.text().lower(),
    "KEYWORD": lambda flag: partial(_has_flag, flag, True),
    "UNKEYWORD": lambda flag: partial(_has_flag, flag, False),
    "LARGER": _by_size(int.__gt__),
    "SMALLER": _by_size(int.__lt__),
    "UID": lambda ranges: lambda candidate: _in_set(candidate.message.uid, ranges, candidate.last_uid),
}


def matching(test: Test, messages: Sequence[Message]) -> list[int]:
    """Return the sequence numbers (from 1) of the messages that pass a test."""
    last_uid = messages[-1].uid if messages else 0
    return [
        number
        for number, message in enumerate(messages, 1)
        if test(Candidate(message, number, len(messages), last_uid))
    ]
