"""Mail services in the DNS: SRV and MX records in their text form."""

from __future__ import annotations

from mailctl.model.server import Protocol, Security
from mailctl.protocol.service_records import SERVICES, parse_exchangers, parse_targets

IMAPS = next(service for service in SERVICES if service.label == "_imaps._tcp")


def test_targets_come_by_priority_and_then_by_weight() -> None:
    records = ["10 1 993 b.example.org.", "10 9 993 c.example.org.", "0 0 1993 A.example.org."]
    targets = parse_targets(IMAPS, records)
    assert [(offer.host, offer.port) for offer in targets.offers] == [
        ("a.example.org", 1993), ("c.example.org", 993), ("b.example.org", 993),
    ]  # fmt: skip
    assert {(offer.protocol, offer.security) for offer in targets.offers} == {(Protocol.IMAP, Security.TLS)}
    assert not targets.refused


def test_a_single_dot_says_that_there_is_no_such_service() -> None:
    assert parse_targets(IMAPS, ["0 0 0 ."]) == ((), True)
    assert parse_targets(IMAPS, []) == ((), False)


def test_records_that_break_a_rule_are_left_out() -> None:
    records = ["x", "0 0 0 a.example.org.", "0 0 70000 a.example.org.", r"0 0 993 a\032b.example.org.", "0 0 993"]
    assert parse_targets(IMAPS, records) == ((), False)


def test_exchangers_come_by_preference() -> None:
    assert parse_exchangers(["20 b.example.org.", "5 A.example.org."]) == ["a.example.org", "b.example.org"]


def test_a_null_exchanger_is_none() -> None:
    assert parse_exchangers(["0 ."]) == []
