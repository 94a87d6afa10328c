"""What a message that arrived tells: its folder, the way that it took, and what was found of SPF, DKIM and DMARC."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from typing import Any

from mailctl.model.report import Stage
from mailctl.protocol.message.authentication_results import (
    METHODS,
    AuthenticationResults,
    MethodResult,
    find_aligned,
    find_own_results,
    list_authserv_ids,
)
from mailctl.protocol.message.header_block import parse_header_block
from mailctl.protocol.message.received import Hop, trace_hops
from mailctl.services.testing.steps import StepRecorder
from mailctl.services.testing.waiting import Expected
from mailctl.transport.arrivals import Arrival
from mailctl.transport.watch import StageRecord

_SUSPICIOUS = {
    "spf": ("fail", "softfail", "permerror", "temperror", "policy"),
    "dkim": ("fail", "permerror", "temperror", "policy"),
    "dmarc": ("fail", "permerror", "temperror", "bestguessfail"),
}
_JUNK_REMEDY = (
    "see what the receiver found (authentication-results, and its X-Spam fields: `--keep` leaves the message there); "
    "set SPF, DKIM and DMARC of the sender's domain in order, and look at the reputation of the sending server"
)
_RECORDS_REMEDY = (
    "set the records of {domain} as the sending provider says: SPF has to list the sending servers, DKIM's key has to "
    "be published, and DMARC wants one of them to pass for {domain} itself"
)


def describe_arrival(
    arrival: Arrival, octets: bytes, expected: Expected, sent_at: dt.datetime, record: StageRecord
) -> None:
    """Tell in the stage's record where the message is, and which way it took; `octets`: its header at least."""
    header = parse_header_block(octets)
    hops = trace_hops(header, sent_at)
    record.evidence |= {
        "folder": arrival.folder,
        "junk": arrival.is_junk,
        "hops": [_hop_evidence(hop) for hop in hops],
        "clock_skew_seconds": -min([0, *(hop.delay_seconds for hop in hops if hop.delay_seconds is not None)]),
    }
    message_id = header.find("message-id")
    if message_id != expected.message_id:
        record.evidence["message_id_rewritten"] = message_id
    if arrival.is_junk:
        record.warn(f"it was filed as junk, in the folder {arrival.folder}")
        record.remedy = _JUNK_REMEDY


def _hop_evidence(hop: Hop) -> dict[str, Any]:
    return {
        "from": hop.from_host,
        "by": hop.by_host,
        "with": hop.protocol,
        "at": hop.at and hop.at.isoformat(timespec="seconds"),
        "delay_seconds": hop.delay_seconds,
    }


def add_authentication_step(
    recorder: StepRecorder,
    octets: bytes,
    *,
    protocol: str,
    receiving_names: Collection[str],
    authserv_id: str | None,
) -> None:
    """Add the step authentication-results from a message's header; not applicable where nothing can be believed."""
    header = parse_header_block(octets)
    claimed = list_authserv_ids(header)
    own = find_own_results(header, receiving_names=receiving_names, authserv_id=authserv_id)
    if own is None:
        why = (
            f"nothing that is surely the receiving system's own; others' fields do not count: {', '.join(claimed)}"
            if claimed
            else "the receiving system wrote no Authentication-Results"
        )
        recorder.add(
            Stage.AUTHENTICATION_RESULTS,
            protocol,
            evidence={"authserv_id": None, "others": claimed},
            not_applicable=why,
            remedy="if one of them is its own, `--authserv-id ID` says so" if claimed else None,
        )
        return
    domain = (header.find_address("from") or "").rpartition("@")[2].lower()
    found = {method: own.field.find(method, aligned_with=domain) for method in METHODS}
    aligned = find_aligned(own.field, domain)
    recorder.add(
        Stage.AUTHENTICATION_RESULTS,
        protocol,
        evidence={
            "authserv_id": own.field.authserv_id,
            "trust": str(own.trust),
            "from_domain": domain,
            **{method: _result_evidence(result) for method, result in found.items()},
            "aligned": list(aligned),
        },
        warnings=_doubts(own.field, found, domain, aligned=bool(aligned)),
        remedy=_RECORDS_REMEDY.format(domain=domain),
        not_applicable=None if any(found.values()) else "the receiving system tells of neither SPF, DKIM nor DMARC",
    )


def _result_evidence(result: MethodResult | None) -> dict[str, Any] | None:
    return None if result is None else {"result": result.result, "domain": result.domain}


def _doubts(
    field: AuthenticationResults, found: dict[str, MethodResult | None], domain: str, *, aligned: bool
) -> Iterator[str]:
    by = f" by {field.authserv_id}" if field.authserv_id else ""
    for method, result in found.items():
        if result is not None and result.result in _SUSPICIOUS[method]:
            of = f" for {result.domain}" if result.domain else ""
            yield f"{method.upper()}: {result.result}{of}, as found{by}"
    dmarc = found["dmarc"]
    if not aligned and not (dmarc and dmarc.result in ("pass", *_SUSPICIOUS["dmarc"])):
        yield f"neither SPF nor DKIM passes for the domain of From, {domain}"
