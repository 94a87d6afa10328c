"""The watch that records the stages of a connection as they happen, in production as in tests.

    with watch.stage(Stage.TCP, protocol="smtp") as record:
        record.evidence["address"] = "192.0.2.25"

A test turns the records into steps. It runs the production path and observes it; it never has a path of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from msgspec import Struct

from mailctl.errors import MailError
from mailctl.model.report import Stage
from mailctl.protocol.replies import printable


class StageRecord(Struct):
    """What happened in one stage.

    `evidence`: plain JSON values under stable names; what a server put in is escaped when the stage ends.
    `reply`: the server's words, secrets redacted, not escaped.
    `error`: why the stage failed; None if it passed, or has not ended yet.
    `is_cut_off`: it was left by Ctrl-C, or by what is no verdict of the server's; it has neither passed nor failed.
    `remedy`: what to do about the warnings, if anything is.
    `complete`: adds evidence that is gathered while the next stage runs, so that it costs no time.
    """

    stage: Stage
    protocol: str | None
    duration_seconds: float = 0.0
    evidence: dict[str, Any] = {}
    reply: bytes | None = None
    warnings: list[str] = []
    remedy: str | None = None
    error: MailError | None = None
    is_cut_off: bool = False
    complete: Callable[[StageRecord], None] | None = None

    def warn(self, message: str) -> None:
        self.warnings.append(message)


class Watch:
    """Records stages in `records`, in the order in which they began.

    `thorough`: also gather evidence that costs time and that sending itself does not need: the outcome of every
    address, the certificate's contents, what the name servers say. `on_begin` and `on_end` are told of each stage,
    for a progress display; of one whose evidence is still to be completed, when the next one has ended, or by `settle`.
    """

    def __init__(
        self,
        *,
        thorough: bool = False,
        on_begin: Callable[[StageRecord], None] | None = None,
        on_end: Callable[[StageRecord], None] | None = None,
    ) -> None:
        self.thorough = thorough
        self.records: list[StageRecord] = []
        self._on_begin = on_begin
        self._on_end = on_end
        self._incomplete: list[StageRecord] = []

    @contextmanager
    def stage(self, stage: Stage, *, protocol: str | None = None) -> Iterator[StageRecord]:
        """Record a stage; a MailError that ends it is told where it happened, and goes on its way."""
        record = StageRecord(stage, protocol)
        self.records.append(record)
        if self._on_begin:
            self._on_begin(record)
        began = time.monotonic()
        try:
            yield record
        except MailError as error:
            error.details = _harmless(error.details)
            error.stage = error.stage or stage
            error.protocol = error.protocol or protocol
            record.error = error
            if error.reply is not None:
                record.reply = error.reply
            raise
        except BaseException:
            record.is_cut_off = True
            raise
        finally:
            record.duration_seconds = time.monotonic() - began
            self.settle()
            if record.complete and record.error is None and not record.is_cut_off:
                self._incomplete.append(record)
            else:
                self._end(record)

    def settle(self) -> None:
        """Complete the evidence of the stages that are over, and tell of them."""
        while self._incomplete:
            record = self._incomplete.pop(0)
            try:
                if record.complete:
                    record.complete(record)
            except BaseException:
                record.is_cut_off = True
                raise
            finally:
                self._end(record)

    def _end(self, record: StageRecord) -> None:
        record.evidence = _harmless(record.evidence)
        if self._on_end:
            self._on_end(record)

    def find(self, stage: Stage, *, protocol: str | None = None) -> StageRecord | None:
        """Return the last record of a stage, of any protocol if none is named; None if it was not reached."""
        for record in reversed(self.records):
            if record.stage is stage and protocol in (None, record.protocol):
                return record
        return None


def _harmless(value: Any) -> Any:
    """Return a JSON value with the control characters in its texts escaped: certificates and servers choose them."""
    if isinstance(value, str):
        return value if value.isprintable() else printable(value.encode("utf-8", "surrogateescape"))
    if isinstance(value, dict):
        return {_harmless(key): _harmless(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_harmless(inner) for inner in value]
    return value
