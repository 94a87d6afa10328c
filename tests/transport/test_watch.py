"""A watch records the stages as they happen, the failing one with its error."""

from __future__ import annotations

import pytest

from mailctl.errors import RefusedError
from mailctl.model.report import Stage
from mailctl.transport.watch import Watch


def test_stages_are_recorded_in_order_with_their_evidence():
    told = []
    watch = Watch(on_begin=lambda record: told.append(("begin", record.stage)), on_end=lambda r: told.append(r.stage))
    with watch.stage(Stage.DNS, protocol="smtp") as record:
        record.evidence["addresses"] = ["192.0.2.1"]
    with watch.stage(Stage.TCP, protocol="smtp") as record:
        record.warn("slow")
    assert [record.stage for record in watch.records] == [Stage.DNS, Stage.TCP]
    assert watch.records[0].evidence == {"addresses": ["192.0.2.1"]}
    assert watch.records[1].warnings == ["slow"]
    assert told == [("begin", Stage.DNS), Stage.DNS, ("begin", Stage.TCP), Stage.TCP]


def test_an_error_is_told_where_it_happened_and_goes_on():
    watch = Watch()
    with pytest.raises(RefusedError) as caught, watch.stage(Stage.ENVELOPE, protocol="smtp"):
        raise RefusedError("no", reason="sender-refused", reply=b"550 no")
    assert (caught.value.stage, caught.value.protocol) == (Stage.ENVELOPE, "smtp")
    assert watch.records[0].error is caught.value
    assert watch.records[0].reply == b"550 no"


def test_what_a_server_put_into_evidence_is_escaped():
    watch = Watch()
    with watch.stage(Stage.CAPABILITIES) as record:
        record.evidence |= {"capabilities": ["X\x1b[2J", "SIZE"], "size": 5, "a\u202eb": None}
    assert watch.records[0].evidence == {"capabilities": ["X\\x1b[2J", "SIZE"], "size": 5, "a\\u{202e}b": None}


def test_a_foreign_exception_passes_and_is_no_finding():
    watch = Watch()
    with pytest.raises(KeyboardInterrupt), watch.stage(Stage.TCP):
        raise KeyboardInterrupt
    assert watch.records[0].error is None


def test_the_last_record_of_a_stage_is_found_by_its_protocol():
    watch = Watch()
    for protocol in ("smtp", "imap"):
        with watch.stage(Stage.AUTH, protocol=protocol):
            pass
    assert watch.find(Stage.AUTH).protocol == "imap"
    assert watch.find(Stage.AUTH, protocol="smtp").protocol == "smtp"
    assert watch.find(Stage.MESSAGE) is None
