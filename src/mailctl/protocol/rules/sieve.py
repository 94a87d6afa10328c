"""An account's rules and its out-of-office answer as a Sieve script.

RFC 5228; 3894 (copy), 5173 (body), 5230 (vacation), 5232 (imap4flags),
5260 (date), 5490 (mailbox).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from mailctl.errors import CapabilityError
from mailctl.model.address import parse_address
from mailctl.model.filters import Filter, Match
from mailctl.model.rule_text import Action, ActionKind, Condition, Place
from mailctl.model.vacation import Vacation
from mailctl.protocol.reasons import Reason

_HEAD = "# Written by mailctl, which writes it anew whenever rules are installed: what is changed here is lost."
_JOINED = {Match.ALL: "allof", Match.ANY: "anyof", Match.NONE: "not anyof"}
_ORDER = (
    ActionKind.MARK,
    ActionKind.FLAG,
    ActionKind.MOVE,
    ActionKind.DELETE,
    ActionKind.COPY,
    ActionKind.REDIRECT,
    ActionKind.KEEP,
    ActionKind.STOP,
)
"""Flags go with what follows them, and nothing follows a stop. A copy comes after a move: Pigeonhole takes a move into
a folder that has a copy already for nothing, and keeps the message."""


def in_order(actions: Iterable[Action]) -> list[Action]:
    """Return the actions of a rule in the order in which they take effect."""
    return sorted(actions, key=lambda action: _ORDER.index(action.kind))


def compile_sieve(
    filters: Sequence[Filter],
    *,
    trash: str | None,
    extensions: Collection[str],
    vacation: Vacation | None = None,
    own: Sequence[str] = (),
) -> str:
    """Return the script that does what the filters say, and answers for a vacation, lines ended by CRLF.

    `trash`: the folder that `delete` moves to, needed where a rule deletes. `extensions`: those of the server.
    `own`: the addresses to which a message must be for it to be answered.
    Raises CapabilityError, which names rules and extensions, if it lacks some that are needed.
    """
    writer = _Writer(trash, creates="mailbox" in extensions)
    # The answer comes first, so that no rule which stops keeps anybody from getting it.
    answer = writer.vacation(vacation, own) if vacation and vacation.active else ()
    body = [*answer, *(line for rule in filters for line in writer.rule(rule))]
    lacking = {name: rules for name, rules in writer.needed.items() if name not in extensions}
    if lacking:
        told = "; ".join(f"{name} (needed by {', '.join(rules)})" for name, rules in lacking.items())
        raise CapabilityError(
            f"the server's Sieve lacks {told}",
            reason=Reason.NOT_OFFERED,
            details={"lacking": sorted(lacking), "offered": sorted(extensions)},
            hint="leave that out, or run it over IMAP: `mailctl account filter run`, `mailctl account vacation run`",
        )
    head = [_HEAD, *([f"require {_string_list(sorted(writer.needed))};"] if writer.needed else [])]
    return "\r\n".join([*head, *body, ""])


def quoted(text: str) -> str:
    """Return a string of the Sieve language (RFC 5228, 2.4.2); it may hold line ends."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _string_list(texts: Sequence[str]) -> str:
    return quoted(texts[0]) if len(texts) == 1 else f"[{', '.join(map(quoted, texts))}]"


class _Writer:
    """Writes rules; `needed`: the extensions so far, with the names of the rules that need them."""

    def __init__(self, trash: str | None, *, creates: bool) -> None:
        self.needed: dict[str, list[str]] = {}
        self._trash = trash
        self._create = ":create " if creates else ""
        self._rule = ""

    def rule(self, rule: Filter) -> Iterator[str]:
        self._rule = rule.name
        tests = ",\r\n   ".join(self._test(condition) for condition in rule.parsed_conditions)
        yield ""
        yield f"# {rule.name}"
        yield f"if {_JOINED[rule.match]} ({tests})"
        yield "{"
        yield from (f"  {self._command(action)}" for action in in_order(rule.parsed_actions))
        yield "}"

    def vacation(self, vacation: Vacation, own: Sequence[str]) -> Iterator[str]:
        self._rule = "out of office"
        self._need("vacation")
        days = [("ge", vacation.from_date), ("le", vacation.until)]
        tests = [f'currentdate :value "{relation}" "date" "{day}"' for relation, day in days if day]
        if tests:
            self._need("date")
            self._need("relational")
        yield ""
        yield "# Out of office"
        yield f"if allof ({', '.join(tests) or 'true'})"
        yield "{"
        yield f"  vacation :days {vacation.every_days} :addresses {_string_list(own)}"
        yield f"    :subject {quoted(vacation.subject)}"
        yield f"    {quoted(vacation.text.replace(chr(10), chr(13) + chr(10)))};"
        yield "}"

    def _test(self, condition: Condition) -> str:
        value = quoted(condition.value)
        match condition.field:
            case Place.SIZE:
                return f"size :{condition.comparison} {condition.size_bytes}"
            case Place.BODY:
                self._need("body")
                return f"body :text :{condition.comparison} {value}"
            case Place.SENDER:
                return f'address :all :{condition.comparison} "from" {value}'
            case Place.RECIPIENT:
                return f'address :all :{condition.comparison} ["to", "cc"] {value}'
            case name:
                return f"header :{condition.comparison} {quoted(name.removeprefix('header:'))} {value}"

    def _command(self, action: Action) -> str:
        match action.kind:
            case ActionKind.MOVE:
                return self._file_into(action.argument)
            case ActionKind.COPY:
                self._need("copy")
                return self._file_into(action.argument, ":copy ")
            case ActionKind.DELETE:
                assert self._trash, "a rule deletes, and no trash folder was given"
                return self._file_into(self._trash)
            case ActionKind.MARK:
                return self._add_flag("\\Seen")
            case ActionKind.FLAG:
                return self._add_flag(action.argument or "\\Flagged")
            case ActionKind.REDIRECT:
                return f"redirect {quoted(parse_address(action.argument).with_ascii_domain)};"
            case ActionKind.KEEP | ActionKind.STOP:
                return f"{action.kind};"

    def _file_into(self, folder: str, copy: str = "") -> str:
        self._need("fileinto")
        if self._create:
            self._need("mailbox")
        return f"fileinto {copy}{self._create}{quoted(folder)};"

    def _add_flag(self, flag: str) -> str:
        self._need("imap4flags")
        return f"addflag {quoted(flag)};"

    def _need(self, extension: str) -> None:
        rules = self.needed.setdefault(extension, [])
        if self._rule not in rules:
            rules.append(self._rule)
