"""Waiting for a message that was sent: looks with growing pauses, until it is there, has bounced, or the time is up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from msgspec import Struct

from mailctl.errors import MailError, NetworkError, NotArrivedError, RefusedError, TemporaryError
from mailctl.protocol.message.delivery_status import OCTETS_MAX, DeliveryReport, find_delivery_report, may_be_report
from mailctl.protocol.reasons import Reason
from mailctl.services.testing.probe import PROBE_HEADER
from mailctl.transport.arrivals import Arrival, Arrivals
from mailctl.transport.network.limits import Deadline

FIELD_NAMES = ("Message-ID", PROBE_HEADER, "Return-Path", "From", "Content-Type", "X-Failed-Recipients")
"""The header fields by which the message is known, and what may be a report on it."""

_NO_JUNK = {
    "imap": "no junk folder is known there, so none was looked at",
    "pop3": "POP3 shows the inbox alone: a junk folder can be looked at over IMAP",
}
_FIRST_PAUSE_SECONDS = 0.1
_ELSEWHERE_AFTER_SECONDS = 4.0
_PAUSE_SECONDS_MAX = 5.0
_PAUSE_GROWTH = 1.5


class Expected(Struct, frozen=True, kw_only=True):
    """The message that is waited for.

    `message_id`: with its angle brackets. `token`: the value of its PROBE_HEADER. `server`: the host that accepted it,
    as `queue_id`. `bounces_to`: the envelope's sender. `doubt`: why it may never come here, None if nothing tells.
    """

    message_id: str
    token: str
    recipient: str
    queue_id: str | None
    server: str
    bounces_to: str
    within_seconds: float
    doubt: str | None = None

    def is_in(self, arrival: Arrival) -> bool:
        """Tell whether a message is it: some systems on the way give messages another Message-ID."""
        header = arrival.header
        return header.find("message-id") == self.message_id or header.find(PROBE_HEADER.lower()) == self.token


def wait_for(
    arrivals: Arrivals[Any],
    expected: Expected,
    deadline: Deadline,
    evidence: dict[str, Any],
    look_elsewhere: Callable[[], None],
) -> Arrival:
    """Return the message once it is there; `evidence` is told of the looks.

    `look_elsewhere`: looks for a bounce where else it may have gone, each time that the waiting has lasted twice as
    long as the last time, and at the end.
    An error of the network, or one that passes, ends a look and not the waiting. Raises RefusedError for a report that
    the message was given up, NotArrivedError when the time is up, other MailErrors of a look, and those of the last one
    where none had come to an end: what has arrived is then not known.
    """
    trouble: MailError | None = None
    delay: DeliveryReport | None = None
    evidence |= {"looks": 0, "others": 0}
    began, elsewhere_after = time.monotonic(), _ELSEWHERE_AFTER_SECONDS
    for pause in _pauses():
        try:
            newcomers = arrivals.look()
            trouble = None
            evidence["looks"] += 1
            found = next((arrival for arrival in newcomers if expected.is_in(arrival)), None)
            if found is not None:
                return found
            evidence["others"] += len(newcomers)
            delay = read_reports(arrivals, newcomers, expected, evidence) or delay
        except (NetworkError, TemporaryError) as error:
            trouble = error
            arrivals.close()
        if time.monotonic() - began > elsewhere_after:
            elsewhere_after *= 2
            look_elsewhere()
        try:
            time.sleep(min(pause, deadline.left_seconds()))
        except TimeoutError:
            break
    look_elsewhere()
    if trouble and not evidence["looks"]:
        raise _never_seen(expected, trouble)
    raise _not_arrived(arrivals, expected, evidence, trouble, delay)


def _pauses() -> Iterator[float]:
    pause = _FIRST_PAUSE_SECONDS
    while True:
        yield pause
        pause = min(pause * _PAUSE_GROWTH, _PAUSE_SECONDS_MAX)


def read_reports(
    arrivals: Arrivals[Any], newcomers: Iterable[Arrival], expected: Expected, evidence: dict[str, Any]
) -> DeliveryReport | None:
    """Return a report that the message is delayed, if one came in; raise RefusedError for one that it was given up."""
    delay = None
    for arrival in newcomers:
        if not may_be_report(arrival.header):
            continue
        message = arrivals.read(arrival, OCTETS_MAX)
        report = find_delivery_report(message, mentions=(expected.message_id, expected.token))
        if report is None:
            continue
        status = report.find_failure() or next(iter(report.recipients), None)
        evidence["report"] = {
            "reporting_mta": report.reporting_mta,
            "remote_mta": status and status.remote_mta,
            "recipient": status and status.recipient,
            "action": status.action if status else "failed",
            "status": status and status.status,
            "diagnostic": (status and status.diagnostic) or report.explanation,
        }
        if report.gives_up:
            raise _bounced(report, expected)
        if status and status.action == "delayed":
            delay = report
    return delay


def _bounced(report: DeliveryReport, expected: Expected) -> RefusedError:
    status = report.find_failure()
    who = (status and status.remote_mta) or report.reporting_mta or "a mail system"
    said = (status and status.diagnostic) or report.explanation
    recipient = (status and status.recipient) or expected.recipient
    return RefusedError(
        f"the message bounced: {who} did not take it for {recipient}", reason=Reason.BOUNCED, reply=said.encode()
    )


def _never_seen(expected: Expected, trouble: MailError) -> MailError:
    """Return the error of a mailbox that could not be looked at, as one of the whole waiting."""
    return type(trouble)(
        f"the message was accepted, but in {expected.within_seconds:g} s its mailbox could not be looked at: "
        f"{trouble.message}",
        reason=trouble.reason,
        reply=trouble.reply,
        hint=f"whether {expected.message_id} has arrived is not known: that mailbox has to answer first",
    )


def _not_arrived(
    arrivals: Arrivals[Any],
    expected: Expected,
    evidence: dict[str, Any],
    trouble: MailError | None,
    delay: DeliveryReport | None,
) -> NotArrivedError:
    folders = " and ".join(arrivals.folders)
    message = f"the message was accepted, but not seen in {folders} within {expected.within_seconds:g} s"
    status = next(iter(delay.recipients), None) if delay else None
    reply = status.diagnostic.encode() if status and status.diagnostic else None
    if delay:
        message += f"; {delay.reporting_mta or 'a mail system'} reports that it is delayed"
    if trouble:
        message += f"; the last look failed: {trouble.message}"
        reply = reply or trouble.reply
    known_as = f"as {expected.queue_id}, " * bool(expected.queue_id) + f"Message-ID {expected.message_id}"
    hints = [expected.doubt] if expected.doubt else []
    if trouble:
        hints.append("find out first why the mailbox could not be looked at any more")
    hints.append(f"look for it in the queue and the log of {expected.server} ({known_as})")
    if not evidence["bounces_read"]:
        hints.append(f"a bounce would go to {expected.bounces_to}, whose mailbox was not read: look there")
    if arrivals.junk_folder is None:
        hints.append(_NO_JUNK[arrivals.protocol])
    hints.append("a system that puts strangers off (greylisting) takes some minutes: `--within 600` waits longer")
    return NotArrivedError(message, reason=Reason.NOT_ARRIVED, reply=reply, hint="\n".join(hints))
