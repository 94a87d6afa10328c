"""Batches of messages: a JSON object a line, all of them checked before anything is sent."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import msgspec
from msgspec import Struct

from mailctl.errors import CapabilityError, InvalidValueError, MailctlError, MailError, MissingInputError, Problem
from mailctl.exits import Exit, exit_for
from mailctl.model.report import Stage
from mailctl.services.compose import Draft
from mailctl.services.drafts import DraftFields, DraftReader
from mailctl.services.sending import Outbox, Sent


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
            lines.append(BatchLine(number, reader.read(msgspec.json.decode(text, type=DraftFields))))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            problems.append(Problem("", str(error), number))
        except MissingInputError as error:
            problems.append(Problem("", error.message, number))
        except InvalidValueError as error:
            problems += (Problem(problem.where, problem.message, number) for problem in error.problems)
    if problems:
        raise InvalidValueError(problems, source=source, hint="nothing was sent")
    return lines


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
