"""Batches of messages: a JSON object a line, all of them checked before anything is sent."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from difflib import get_close_matches

import msgspec
from msgspec import Struct

from mailctl.errors import CapabilityError, InvalidValueError, MailctlError, MailError, MissingInputError, Problem
from mailctl.exits import Exit, exit_for
from mailctl.model.report import Stage
from mailctl.model.values import shown
from mailctl.services.sending.compose import Draft
from mailctl.services.sending.drafts import DraftFields, DraftReader
from mailctl.services.sending.outbox import Outbox, Sent

_TEXT = "a text"
_TEXTS = "a text or a list of texts"
_FORMS = {
    **dict.fromkeys(DraftFields.__struct_fields__, _TEXT),
    **dict.fromkeys(("to", "cc", "bcc", "attach"), _TEXTS),
    "headers": "a list of texts, each 'Name: value', or an object whose names and values are texts",
}
"""What the fields of a line may be."""


class BatchLine(Struct, frozen=True):
    """A message of a batch; `number` is that of its line, from 1."""

    number: int
    draft: Draft


class BatchResult(Struct, frozen=True):
    """What became of the message of a line: `sent` if the server judged its recipients, `error` if not all is well."""

    number: int
    sent: Sent | None
    error: MailctlError | None


def read_batch(content: bytes, reader: DraftReader, source: str) -> list[BatchLine]:
    """Return the messages of a batch; empty lines are passed over.

    Raises InvalidValueError with the problems of all lines, each with its number; `source` names the batch.
    """
    lines: list[BatchLine] = []
    problems: list[Problem] = []
    for number, text in enumerate(content.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        if not text.strip():
            continue
        try:
            lines.append(BatchLine(number, reader.read(_parse_fields(text))))
        except MissingInputError as error:
            problems.append(Problem("", error.message, number))
        except InvalidValueError as error:
            problems += (Problem(problem.where, problem.message, number) for problem in error.problems)
    if problems:
        raise InvalidValueError(problems, source=source, hint="nothing was sent")
    return lines


def _parse_fields(text: bytes) -> DraftFields:
    """Parse a line; raises InvalidValueError with the problems of all its fields."""
    try:
        given = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidValueError([Problem("", f"is not JSON{_place_of_fault(text)}")]) from None
    if not isinstance(given, dict):
        raise InvalidValueError([Problem("", f'{shown(given)} is no message, which is an object: {{"to": …}}')])
    given = {name: value for name, value in given.items() if value is not None}
    if problems := list(_field_problems(given)):
        raise InvalidValueError(problems)
    return msgspec.convert(given, DraftFields)


def _place_of_fault(text: bytes) -> str:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return f", from column {error.colno} on"
    except UnicodeDecodeError as error:
        return f": it is not in UTF-8 (byte {error.start + 1})"
    return ""


def _field_problems(given: Mapping[str, object]) -> Iterator[Problem]:
    types = {field.name: field.type for field in msgspec.structs.fields(DraftFields)}
    for name, value in given.items():
        if name not in types:
            near = get_close_matches(name, types, n=1)
            meant = f"did you mean {near[0]}?" if near else f"a message has: {', '.join(types)}"
            yield Problem(name, f"there is no such field; {meant}")
            continue
        try:
            msgspec.convert(value, types[name])
        except msgspec.ValidationError:
            yield Problem(name, f"{shown(value)} is not {_FORMS[name]}")


def check_batch(outbox: Outbox, lines: Sequence[BatchLine]) -> None:
    """Raise CapabilityError, which names the line, for an address that the settings do not let through."""
    for line in lines:
        try:
            outbox.check(line.draft)
        except CapabilityError as error:
            error.message = f"line {line.number}: {error.message}; nothing was sent"
            raise


def send_batch(outbox: Outbox, lines: Sequence[BatchLine]) -> Generator[BatchResult]:
    """Send the messages in their order; yield what became of each as soon as it is known (see `Outbox.send_all`)."""
    for line, result in zip(lines, outbox.send_all(line.draft for line in lines), strict=True):
        if isinstance(result, Sent):
            yield BatchResult(line.number, result, result.find_failure())
        else:
            yield BatchResult(line.number, None, result)


def exit_of_batch(failures: Sequence[MailctlError]) -> Exit:
    """Return the exit code of a batch: that of the failure at the earliest stage, the first one if there are more."""
    stages = list(Stage)

    def reached(error: MailctlError) -> int:
        return stages.index(error.stage) if isinstance(error, MailError) and error.stage else -1

    return exit_for(min(failures, key=reached)) if failures else Exit.OK
