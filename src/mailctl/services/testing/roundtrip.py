"""The round trip: a message is sent, and looked for in the mailbox that it was sent to.

That the sending server accepted a message says nothing of its delivery; that it is found does. The mailbox is opened
first: nothing is sent that could not be looked for, and nothing that comes in is missed.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple, Self

from msgspec.structs import replace

from mailctl.errors import MailError
from mailctl.model.report import Stage, Step, TargetReport
from mailctl.model.server import IncomingProtocol
from mailctl.protocol.reasons import Reason
from mailctl.protocol.sasl import Login
from mailctl.services.sending.delivery import TokenLogin
from mailctl.services.testing.arrived import add_authentication_step, describe_arrival
from mailctl.services.testing.check import Check
from mailctl.services.testing.observation import (
    ObservedSide,
    deadline_of,
    open_imap_side,
    open_pop3_side,
    open_sending_side,
)
from mailctl.services.testing.probe import PROBE_HEADER, Probe, is_leftover, make_probe
from mailctl.services.testing.roundtrip_plan import RoundTrip
from mailctl.services.testing.steps import OnStep, Planned
from mailctl.services.testing.waiting import FIELD_NAMES, Expected, read_reports, wait_for
from mailctl.transport.arrivals import Arrival, Arrivals, CleanUp
from mailctl.transport.imap.arrivals import ImapArrivals
from mailctl.transport.network.limits import Deadline
from mailctl.transport.pop3.arrivals import Pop3Arrivals
from mailctl.transport.watch import StageRecord, Watch

_HEADER_OCTETS_MAX = 64 * 1024


class _Sent(NamedTuple):
    """A message that was accepted: when its sending began, when it was accepted (monotonic), and the server's name."""

    began: dt.datetime
    accepted: float
    queue_id: str | None


def run_roundtrip(trip: RoundTrip, on_step: OnStep | None = None) -> TargetReport:
    """Run a round trip and return its report: the steps of both sides, then how the message arrived.

    Ctrl-C as for `run_check`; once the message is sent, the step that it cuts off says which one it is.
    """
    steps: list[Step] = []
    deadline = deadline_of(trip.sending.options)
    protocol = trip.reading.protocol
    planned = [Planned(Stage.ROUNDTRIP, protocol), Planned(Stage.AUTHENTICATION_RESULTS, protocol)]
    sending = ObservedSide(trip.sending, on_step, steps=steps, deadline=deadline)
    reading = ObservedSide(trip.reading, on_step, steps=steps, deadline=deadline, planned=planned)
    with sending.observed():
        outgoing = sending.read_login()
        with reading.observed():
            incoming = reading.read_login()
            _travel(trip, sending, reading, outgoing, incoming)
    reports = [side.finish() for side in (sending, reading)]
    return replace(
        reports[0],
        ok=all(report.ok for report in reports),
        exit_code=next((report.exit_code for report in reports if not report.ok), 0),
        duration_ms=max(report.duration_ms for report in reports),
        steps=steps,
        warnings=[
            *dict.fromkeys(warning for report in reports for warning in report.warnings),
            *([trip.doubt] if trip.doubt else []),
        ],
    )


def _travel(
    trip: RoundTrip, sending: ObservedSide, reading: ObservedSide, outgoing: Login | None, incoming: Login | None
) -> None:
    with _make_arrivals(reading, incoming) as arrivals:
        arrivals.begin(reading.watch)
        probe = make_probe(trip.sending.sender, trip.sending.recipient, test="roundtrip")
        sent = _send(sending, outgoing, probe)
        if sent is None:
            return
        with reading.watch.stage(Stage.ROUNDTRIP, protocol=trip.reading.protocol) as record:
            interrupted = sending.recorder.was_interrupted  # when all was said and not yet closed
            header = _find(trip, arrivals, probe, sent, reading.deadline, record, interrupted=interrupted)
        add_authentication_step(
            reading.recorder,
            header,
            protocol=trip.reading.protocol,
            receiving_names=(trip.reading.endpoint.host, trip.sending.recipient.rpartition("@")[2]),
            authserv_id=trip.authserv_id,
        )


def _make_arrivals(side: ObservedSide, login: Login | None) -> Arrivals[Any]:
    logins = _renewing(login)
    if side.check.protocol == IncomingProtocol.IMAP:
        return ImapArrivals(lambda watch: open_imap_side(side, next(logins), watch), FIELD_NAMES)
    return Pop3Arrivals(lambda watch: open_pop3_side(side, next(logins), watch), FIELD_NAMES)


def _renewing(login: Login | None) -> Iterator[Login | None]:
    """Yield the login for one session after the other: a token may end while the message is on its way."""
    yield login
    while True:
        yield login.renewed() if isinstance(login, TokenLogin) else login


def _send(side: ObservedSide, login: Login | None, probe: Probe) -> _Sent | None:
    """Send the message; return None where that failed, which its steps tell."""
    check = side.check
    sent = None
    with side.observed(), open_sending_side(side, login) as session:
        began = dt.datetime.now(dt.UTC)
        outcome = session.send(check.envelope_from, [check.recipient], probe.content)
        sent = _Sent(began, time.monotonic(), outcome.queue_id)
    return sent  # noqa: RET504 - an interruption while the session closes must not lose what was sent


def _find(
    trip: RoundTrip,
    arrivals: Arrivals[Any],
    probe: Probe,
    sent: _Sent,
    whole: Deadline,
    record: StageRecord,
    *,
    interrupted: bool,
) -> bytes:
    """Wait for the message, tell how it came, and delete it unless it is to be kept; return its header."""
    expected = Expected(
        message_id=probe.message_id,
        token=probe.token,
        recipient=trip.sending.recipient,
        queue_id=sent.queue_id,
        server=trip.sending.endpoint.host,
        bounces_to=trip.sending.envelope_from,
        within_seconds=trip.within_seconds,
        doubt=trip.doubt,
    )
    record.evidence |= {
        "message_id": probe.message_id,
        "recipient": expected.recipient,
        "within_seconds": trip.within_seconds,
        "folders": list(arrivals.folders),
        "bounces_read": trip.reads_bounces,
    }
    with _naming(expected, record):
        if interrupted:
            raise KeyboardInterrupt
        deadline = Deadline(trip.within_seconds - (time.monotonic() - sent.accepted), within=whole)
        with _SendersMailbox(trip.bounces, expected, record.evidence, whole) as senders_mailbox:
            arrival = wait_for(arrivals, expected, deadline, record.evidence, senders_mailbox.look)
    record.evidence["latency_seconds"] = round(time.monotonic() - sent.accepted, 3)
    header = arrivals.read(arrival, _HEADER_OCTETS_MAX)
    describe_arrival(arrival, header, expected, sent.began, record)
    if not trip.keep:
        _clean_up(arrivals, arrival, trip.sending.sender, record)
    return header


def _clean_up(arrivals: Arrivals[Any], arrival: Arrival, sender: str, record: StageRecord) -> None:
    """Delete the message and what earlier tests left; that it stays is a warning, for it has arrived."""
    try:
        cleaned = arrivals.clean_up(arrival, marked_by=PROBE_HEADER, is_leftover=is_leftover(sender))
    except MailError as error:
        cleaned = CleanUp(deleted=False, problem=error.message)
    record.evidence |= {"deleted": cleaned.deleted, "swept": cleaned.swept}
    if cleaned.problem:
        record.warn(f"the message stays in {arrival.folder}: {cleaned.problem}")


class _SendersMailbox:
    """The mailbox that a bounce goes to, where it is not the one that is read; nothing where it cannot be read.

    What happens there is told only if it is a bounce: the test is not about that mailbox.
    """

    def __init__(self, check: Check | None, expected: Expected, evidence: dict[str, Any], deadline: Deadline) -> None:
        self._side = ObservedSide(check, None, deadline=deadline) if check else None
        self._expected = expected
        self._evidence = evidence
        self._stack = ExitStack()
        self._arrivals: Arrivals[Any] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def look(self) -> None:
        """Raise RefusedError where a report has come that the message was given up."""
        side = self._side
        if side is None:
            return
        newcomers: list[Arrival] | None = None
        with side.observed(), side.watch.stage(Stage.MAILBOX, protocol=side.check.protocol):
            if self._arrivals is None:
                arrivals = self._stack.enter_context(_make_arrivals(side, side.read_login()))
                arrivals.begin(Watch(), newest=_NEWEST_BOUNCES)
                self._arrivals = arrivals
            newcomers = self._arrivals.look()
        if side.recorder.was_interrupted:
            raise KeyboardInterrupt
        if newcomers is None or self._arrivals is None:
            self._side = None  # what fails is not tried again: it may be the login
            return
        try:
            read_reports(self._arrivals, newcomers, self._expected, self._evidence)
        except MailError as error:
            if error.reason == Reason.BOUNCED:
                raise
            self._side = None
        else:
            self._evidence["bounces_read"] = True
        finally:
            self._arrivals.close()


_NEWEST_BOUNCES = 30


@contextmanager
def _naming(expected: Expected, record: StageRecord) -> Iterator[None]:
    """Let the step that Ctrl-C cuts off say what was sent."""
    try:
        yield
    except KeyboardInterrupt:
        record.warn(f"{expected.message_id} was accepted for {expected.recipient}, and not seen yet")
        raise
