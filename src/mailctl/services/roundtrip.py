"""The round trip: a message is sent, and looked for in the mailbox that it was sent to.

That the sending server accepted a message says nothing of its delivery; that it is found does. The mailbox is opened
first: nothing is sent that could not be looked for, and nothing that comes in is missed.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from msgspec.structs import replace

from mailctl.errors import MissingInputError, UsageError
from mailctl.model.report import Stage, Step, TargetReport
from mailctl.model.server import IncomingProtocol
from mailctl.protocol.sasl import Login
from mailctl.services.arrived import add_authentication_step, describe_arrival
from mailctl.services.check import (
    ROUNDTRIP_SECONDS,
    Check,
    CheckOptions,
    Depth,
    GrantSource,
    LoginSource,
    plan_receive,
    plan_send,
)
from mailctl.services.delivery import TokenLogin
from mailctl.services.login_step import described
from mailctl.services.observation import Side, deadline_of, open_imap_side, open_pop3_side, open_sending_side
from mailctl.services.probe import PROBE_HEADER, Probe, is_leftover, make_probe
from mailctl.services.steps import OnStep, Planned
from mailctl.services.targets import Target
from mailctl.services.waiting import FIELD_NAMES, Expected, wait_for
from mailctl.transport.arrivals import Arrivals
from mailctl.transport.imap_arrivals import ImapArrivals
from mailctl.transport.limits import Deadline
from mailctl.transport.pop3_arrivals import Pop3Arrivals
from mailctl.transport.watch import StageRecord

_HEADER_OCTETS_MAX = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class RoundTrip:
    """What is sent by `sending`, and looked for by `reading`.

    `within_seconds`: from the sending server's word that it has the message. `keep`: delete nothing, neither the
    message nor what earlier tests left. `authserv_id`: the only one whose Authentication-Results count.
    """

    sending: Check
    reading: Check
    within_seconds: float = ROUNDTRIP_SECONDS
    keep: bool = False
    authserv_id: str | None = None


class _Sent(NamedTuple):
    """A message that was accepted: when its sending began, when it was accepted (monotonic), and the server's name."""

    began: dt.datetime
    accepted: float
    queue_id: str | None


def plan_sides(
    target: Target,
    reader: Target,
    options: CheckOptions,
    *,
    incoming: CheckOptions,
    recipient: str | None = None,
    sender: str | None = None,
) -> tuple[Check, Check]:
    """Return the tests of the side that sends and of the side that reads.

    `reader`: whose mailbox is read; `incoming`: its options, with the login where one is given; without one it is the
    stored one, else the one that sends. The recipient defaults to the mailbox that is read. Raises UsageError where
    there is none, MissingInputError naming the options that are missing, and what `plan_send` raises.
    """
    if reader.receiving is None:
        raise UsageError(
            f"'{reader.name}' has no mailbox that could be read: it is for sending alone",
            hint="`--read TARGET` names the mailbox that the message goes to: a server of the catalogue, say, with "
            "--incoming-username",
        )
    login = incoming.login or _find_reading_login(target, reader, options)
    mailbox = _find_mailbox_address(reader, login)
    lacks_login = _lacks_login(target, options)
    # The login that sends reads the target's own mailbox, too.
    lacks_reading_login = login is None and not reader.stores_login and not (lacks_login and reader.name == target.name)
    missing = ["--username"] * lacks_login + ["--incoming-username"] * lacks_reading_login
    missing += ["--to"] * (not recipient and not mailbox)
    if missing:
        raise MissingInputError(
            f"missing for a round trip: {', '.join(missing)}",
            hint="\n      ".join(_WHY_MISSING[option] for option in missing),
            details={"missing": missing},
        )
    speaks_for_nobody = not target.sending.address and options.login is None
    sending = plan_send(
        target,
        options,
        depth=Depth.MESSAGE,
        recipient=recipient or mailbox,
        sender=sender or (mailbox if speaks_for_nobody else None),
    )
    reading = plan_receive(reader, dataclasses.replace(incoming, login=login), depth=Depth.AUTH)
    return sending, reading


_WHY_MISSING = {
    "--username": "entries of the catalogue have no login: give one",
    "--incoming-username": "the mailbox to read wants a login: give one",
    "--to": "the user name is no address that the message could go to: name one",
}


def _lacks_login(target: Target, options: CheckOptions) -> bool:
    needs = plan_send(target, options, depth=Depth.TLS).authenticates
    return needs and options.login is None and not target.stores_login


def _find_reading_login(target: Target, reader: Target, options: CheckOptions) -> LoginSource | GrantSource | None:
    """Return the login that reads where none is given for that; None for the one that the settings hold."""
    if reader.name == target.name:
        return options.login
    if reader.stores_login:
        return None
    return options.login or _find_stored_login(target, options)


def _find_stored_login(target: Target, options: CheckOptions) -> LoginSource | GrantSource | None:
    sending = target.sending
    if sending.username is None:
        return None
    if sending.oauth_client is not None:
        return GrantSource(username=sending.username, grant=sending.origin)
    password = sending.password
    if password is None:
        return None
    return LoginSource(
        username=sending.username,
        source=described(password) or "",
        read=lambda: options.read_secret(password),
    )


def _find_mailbox_address(reader: Target, login: LoginSource | GrantSource | None) -> str | None:
    """Return the address of the mailbox that is read, as far as the settings and the login tell."""
    stored = reader.receiving.username if reader.receiving else None
    usernames = [login.username] if login else []
    named = [*usernames, reader.sending.address, stored or ""]
    return next((name for name in named if "@" in name), None)


def run_roundtrip(trip: RoundTrip, on_step: OnStep | None = None) -> TargetReport:
    """Run a round trip and return its report: the steps of both sides, then how the message arrived.

    Ctrl-C as for `run_check`; once the message is sent, the step that it cuts off says which one it is.
    """
    steps: list[Step] = []
    deadline = deadline_of(trip.sending.options)
    protocol = trip.reading.protocol
    planned = [Planned(Stage.ROUNDTRIP, protocol), Planned(Stage.AUTHENTICATION_RESULTS, protocol)]
    sending = Side(trip.sending, on_step, steps=steps, deadline=deadline)
    reading = Side(trip.reading, on_step, steps=steps, deadline=deadline, planned=planned)
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
        warnings=list(dict.fromkeys(warning for report in reports for warning in report.warnings)),
    )


def _travel(trip: RoundTrip, sending: Side, reading: Side, outgoing: Login | None, incoming: Login | None) -> None:
    with _make_arrivals(reading, incoming) as arrivals:
        arrivals.begin(reading.watch)
        probe = make_probe(trip.sending.sender, trip.sending.recipient, test="roundtrip")
        sent = _send(sending, outgoing, probe)
        if sent is None:
            return
        with reading.watch.stage(Stage.ROUNDTRIP, protocol=trip.reading.protocol) as record:
            header = _find(trip, arrivals, probe, sent, reading.deadline, record)
        add_authentication_step(
            reading.recorder,
            header,
            protocol=trip.reading.protocol,
            receiving_names=(trip.reading.endpoint.host, trip.sending.recipient.rpartition("@")[2]),
            authserv_id=trip.authserv_id,
        )


def _make_arrivals(side: Side, login: Login | None) -> Arrivals[Any]:
    logins = _renewing(login)
    if side.check.protocol == IncomingProtocol.IMAP:
        return ImapArrivals(lambda watch: open_imap_side(side, next(logins), watch), FIELD_NAMES)
    return Pop3Arrivals(lambda watch: open_pop3_side(side, next(logins), watch), FIELD_NAMES)


def _renewing(login: Login | None) -> Iterator[Login | None]:
    """Yield the login for one session after the other: a token may end while the message is on its way."""
    yield login
    while True:
        yield login.renewed() if isinstance(login, TokenLogin) else login


def _send(side: Side, login: Login | None, probe: Probe) -> _Sent | None:
    """Send the message; return None where that failed, which its steps tell."""
    check = side.check
    with side.observed(), open_sending_side(side, login) as session:
        began = dt.datetime.now(dt.UTC)
        outcome = session.send(check.envelope_from, [check.recipient], probe.content)
        return _Sent(began, time.monotonic(), outcome.queue_id)
    return None


def _find(
    trip: RoundTrip, arrivals: Arrivals[Any], probe: Probe, sent: _Sent, whole: Deadline, record: StageRecord
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
    )
    record.evidence |= {
        "message_id": probe.message_id,
        "recipient": expected.recipient,
        "within_seconds": trip.within_seconds,
        "folders": list(arrivals.folders),
    }
    with _naming(expected, record):
        deadline = Deadline(trip.within_seconds - (time.monotonic() - sent.accepted), within=whole)
        arrival = wait_for(arrivals, expected, deadline, record.evidence)
    record.evidence["latency_seconds"] = round(time.monotonic() - sent.accepted, 3)
    header = arrivals.read(arrival, _HEADER_OCTETS_MAX)
    describe_arrival(arrival, header, expected, sent.began, record)
    if not trip.keep:
        cleaned = arrivals.clean_up(arrival, marked_by=PROBE_HEADER, is_leftover=is_leftover(trip.sending.sender))
        record.evidence |= {"deleted": cleaned.deleted, "swept": cleaned.swept}
        if cleaned.problem:
            record.warn(f"the message stays in {arrival.folder}: {cleaned.problem}")
    return header


@contextmanager
def _naming(expected: Expected, record: StageRecord) -> Iterator[None]:
    """Let the step that Ctrl-C cuts off say what was sent."""
    try:
        yield
    except KeyboardInterrupt:
        record.warn(f"{expected.message_id} was accepted for {expected.recipient}, and not seen yet")
        raise
