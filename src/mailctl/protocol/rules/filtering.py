"""What an account's rules make of a message, as Sieve would have it: decided here, carried out elsewhere.

RFC 5228, with 3894 (copy), 5173 (body) and 5232 (imap4flags). For servers that run no rules themselves.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from mailctl.model.filters import Filter, Match
from mailctl.model.folders import INBOX
from mailctl.model.rule_text import Action, ActionKind, Comparison, Condition, Place
from mailctl.protocol.message.encoded_words import decode_words
from mailctl.protocol.message.header_block import HeaderBlock
from mailctl.protocol.message.header_text import list_addresses
from mailctl.protocol.rules.sieve import in_order


class Mail:
    """What conditions can ask of a message. `size`: bytes. `body_texts`: its text parts; no condition may want them."""

    def __init__(self, header: HeaderBlock, size: int, body_texts: Sequence[str] = ()) -> None:
        self.header = header
        self.size = size
        self.body_texts = body_texts

    def texts(self, name: str) -> list[str]:
        """Return the values of a header field, encoded words read."""
        return [decode_words(value) for value in self.header.find_all(name)]

    def addresses(self, *names: str) -> list[str]:
        """Return the addresses in header fields, without the names beside them."""
        values = [value for name in names for value in self.header.find_all(name)]
        return [address for value in values for address in list_addresses(value)]


class Filing(Struct, frozen=True):
    """A folder that a message is to be in, and the flags that it has there."""

    folder: str
    flags: tuple[str, ...] = ()


class Disposition(Struct, frozen=True):
    """What becomes of a message.

    `filings`: where it is to be in the end, the folder that it is in where it stays. `redirects`: addresses that it
    goes to.
    `applied`: the names of the rules that matched.
    """

    filings: tuple[Filing, ...]
    redirects: tuple[str, ...] = ()
    applied: tuple[str, ...] = ()


class Needs(Struct, frozen=True):
    """What is to be fetched of messages: `fields` of the header, in small letters, and whether the body is."""

    fields: frozenset[str]
    body: bool


def find_needs(filters: Iterable[Filter]) -> Needs:
    """Return what the conditions of rules look at; a message's size costs nothing."""
    conditions = [condition for rule in filters for condition in rule.parsed_conditions]
    fields = {name for condition in conditions for name in _fields_of(condition)}
    return Needs(frozenset(fields), any(condition.field == Place.BODY for condition in conditions))


def decide(filters: Sequence[Filter], mail: Mail, *, trash: str | None, here: str = INBOX) -> Disposition:
    """Return what the rules make of a message that is in the folder `here`. `trash`: as in `compile_sieve`."""
    course = _Course(trash, here)
    for rule in filters:
        if _matches(rule, mail):
            course.applied.append(rule.name)
            if not all(course.take(action) for action in in_order(rule.parsed_actions)):
                break
    return course.disposition()


class _Course:
    """What has been decided so far."""

    def __init__(self, trash: str | None, here: str) -> None:
        self.applied: list[str] = []
        self._trash = trash
        self._here = here
        self._filings: dict[str, tuple[str, ...]] = {}
        self._redirects: list[str] = []
        self._flags: tuple[str, ...] = ()
        self._keeps = True

    def take(self, action: Action) -> bool:
        """Take an action in; return whether the rules go on."""
        match action.kind:
            case ActionKind.MARK:
                self._add_flag("\\Seen")
            case ActionKind.FLAG:
                self._add_flag(action.argument or "\\Flagged")
            case ActionKind.COPY:
                self._file(action.argument)
            case ActionKind.MOVE:
                self._file(action.argument)
                self._keeps = False
            case ActionKind.DELETE:
                assert self._trash, "a rule deletes, and no trash folder was given"
                self._file(self._trash)
                self._keeps = False
            case ActionKind.REDIRECT:
                if action.argument not in self._redirects:
                    self._redirects.append(action.argument)
                self._keeps = False
            case ActionKind.KEEP:
                self._file(self._here)
                self._keeps = False
            case ActionKind.STOP:
                return False
        return True

    def disposition(self) -> Disposition:
        if self._keeps:
            self._file(self._here)
        filings = tuple(Filing(folder, flags) for folder, flags in self._filings.items())
        return Disposition(filings, tuple(self._redirects), tuple(self.applied))

    def _file(self, folder: str) -> None:
        # Twice into one folder is once, with the flags of the last time.
        self._filings[folder] = self._flags

    def _add_flag(self, flag: str) -> None:
        if flag.lower() not in (known.lower() for known in self._flags):
            self._flags += (flag,)


def _matches(rule: Filter, mail: Mail) -> bool:
    holds = (_holds(condition, mail) for condition in rule.parsed_conditions)
    match rule.match:
        case Match.ALL:
            return all(holds)
        case Match.ANY:
            return any(holds)
        case Match.NONE:
            return not any(holds)


def _holds(condition: Condition, mail: Mail) -> bool:
    match condition.field, condition.comparison:
        case Place.SIZE, Comparison.OVER:
            return mail.size > condition.size_bytes
        case Place.SIZE, _:
            return mail.size < condition.size_bytes
        case Place.BODY, _:
            texts = mail.body_texts
        case ((Place.SENDER | Place.RECIPIENT), _):
            texts = mail.addresses(*_fields_of(condition))
        case _:
            texts = mail.texts(*_fields_of(condition))
    compare = _comparer(condition)
    return any(compare(_lowered(text)) for text in texts)


def _fields_of(condition: Condition) -> tuple[str, ...]:
    match condition.field:
        case Place.SENDER:
            return ("from",)
        case Place.RECIPIENT:
            return ("to", "cc")
        case Place.SIZE | Place.BODY:
            return ()
        case name:
            return (name.removeprefix("header:"),)


def _comparer(condition: Condition) -> Callable[[str], bool]:
    value = _lowered(condition.value)
    match condition.comparison:
        case Comparison.IS:
            return lambda text: text == value
        case Comparison.MATCHES:
            pattern = re.compile(_pattern(value), re.DOTALL)
            return lambda text: pattern.fullmatch(text) is not None
        case _:
            return lambda text: value in text


def _pattern(glob: str) -> str:
    r"""Return a pattern with `*`, `?` and `\` (RFC 5228, 2.7.1) as a regular expression that never backtracks far."""
    parts = re.findall(r"\\.|\*+|\?|[^\\*?]+", glob, re.DOTALL)
    head, *pieces = re.split("\0", "".join("\0" if part[0] == "*" else _piece(part) for part in parts))
    # Between two stars the first place that fits is as good as any later one: each is found once, for good.
    return head + "".join(
        f"(?>.*?{piece})" if piece and at < len(pieces) - 1 else f".*{piece}" for at, piece in enumerate(pieces)
    )


def _piece(part: str) -> str:
    if part == "?":
        return "."
    return re.escape(part.removeprefix("\\") or part)


def _lowered(text: str) -> str:
    """Return the text with A to Z in small letters: i;ascii-casemap (RFC 4790, 9.2)."""
    return text.translate(_ASCII_CASE)


_ASCII_CASE = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
