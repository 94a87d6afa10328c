"""The wire keeps deadlines over whole replies, caps, and a minimum rate of bulk data."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress

import pytest

from mailctl.errors import NetworkError, ProtocolError
from mailctl.protocol.redact import Redactor
from mailctl.transport.network.limits import Deadline, Limits
from mailctl.transport.network.wire import Wire
from mailctl.transport.trace import Speaker, Trace

GENEROUS_SECONDS = 20


@contextmanager
def wired(*, timeout_seconds=GENEROUS_SECONDS, limits=None, secrets=(), trace=None):
    """Yield a wire and the other end of its connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far = listener.accept()[0]
    with far:
        deadline = Deadline.never()
        wire = Wire(
            near,
            peer="mail.example:25",
            protocol="smtp",
            timeout_seconds=timeout_seconds,
            deadline=deadline,
            limits=limits or Limits(),
            redactor=Redactor(secrets),
            connecting=Deadline(timeout_seconds),
            trace=trace,
        )
        try:
            yield wire, far
        finally:
            wire.close()


def read_to_end(wire):
    while True:
        wire.read_line()


def test_lines_are_read_however_they_arrive():
    with wired() as (wire, far):
        far.sendall(b"220 one\r\n250 tw")
        assert wire.read_line() == b"220 one\r\n"
        far.sendall(b"o\n")
        assert wire.read_line() == b"250 two\n"


def test_a_reply_that_drips_is_late_however_often_it_drips():
    stop = threading.Event()
    with wired(timeout_seconds=0.5) as (wire, far):

        def drip():
            while not stop.wait(0.05):
                far.send(b"x")

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            with pytest.raises(NetworkError) as caught:
                wire.read_line()
        finally:
            stop.set()
            dripping.join()
    assert caught.value.reason == "timed-out"
    assert wire.is_broken


@pytest.mark.parametrize("end", [b"", b"\r\n"])
def test_a_line_over_the_cap_is_refused(end):
    with wired(limits=Limits(line_bytes=100)) as (wire, far):
        far.sendall(b"x" * 101 + end)
        with pytest.raises(ProtocolError) as caught:
            wire.read_line()
    assert caught.value.reason == "reply-too-long"


@pytest.mark.parametrize("limits", [Limits(reply_bytes=1000), Limits(reply_lines=10)], ids=["bytes", "lines"])
def test_a_reply_over_the_cap_is_refused_and_the_next_has_a_cap_of_its_own(limits):
    with wired(limits=limits) as (wire, far):
        far.sendall(b"x" * 98 + b"\r\n" + b"250-x\r\n" * 8 + b"250-y\r\n" * 1000)
        for _ in range(9):
            wire.read_line()
        wire.begin_reply()
        with pytest.raises(ProtocolError):
            read_to_end(wire)


def test_a_literal_over_the_cap_is_refused_unread():
    with wired(limits=Limits(bulk_bytes=1000)) as (wire, _), pytest.raises(ProtocolError):
        wire.read_exactly(1001)


def test_bulk_data_has_time_as_long_as_it_flows_and_none_when_it_stalls():
    limits = Limits(bulk_bytes_per_second=1000)
    with wired(timeout_seconds=0.5, limits=limits) as (wire, far):

        def send():
            # 10,000 bytes in 1 s: twice the time-out, ten times the rate that is asked for; then nothing.
            pause = threading.Event()
            for _ in range(20):
                far.sendall(b"x" * 498 + b"\r\n")
                pause.wait(0.05)

        sending = threading.Thread(target=send)
        sending.start()
        count = 0
        with pytest.raises(NetworkError) as caught, wire.bulk():  # noqa: PT012
            while True:
                count += len(wire.read_line())
        sending.join()
    assert count == 10_000
    assert caught.value.reason == "timed-out"


def test_bulk_data_goes_in_one_packet_with_the_commands_that_come_before():
    """In two, the second answer would wait for the first to be acknowledged."""
    trace, packets = Trace(), []
    with wired(trace=trace) as (wire, far):
        reading = threading.Thread(target=lambda: packets.append(far.recv(1000)))
        reading.start()
        wire.send_bulk([b"hello\r\n"], after=b"MAIL FROM:<>\r\nBDAT 7 LAST\r\n")
        reading.join()
    assert packets == [b"MAIL FROM:<>\r\nBDAT 7 LAST\r\nhello\r\n"]
    said = [line.text for line in trace.lines]
    assert said == ["MAIL FROM:<>", "BDAT 7 LAST", "7 bytes of bulk data"]


def test_more_bulk_data_than_the_cap_is_refused():
    with wired(limits=Limits(bulk_bytes=100_000)) as (wire, far):

        def send():
            with suppress(OSError):  # the wire is closed when it has had enough
                far.sendall(b"x\r\n" * 200_000)

        sending = threading.Thread(target=send)
        sending.start()
        with pytest.raises(ProtocolError) as caught, wire.bulk():
            read_to_end(wire)
        wire.close()
        sending.join()
    assert caught.value.reason == "reply-too-long"


def test_round_trips_are_counted_by_turns():
    with wired() as (wire, far):
        far.sendall(b"220 hi\r\n")
        wire.read_line()
        assert wire.turns == 0
        wire.send(b"A\r\nB\r\n")
        far.sendall(b"250 a\r\n250 b\r\n")
        wire.read_line()
        wire.read_line()
        assert wire.turns == 1


def test_what_came_before_tls_is_refused_whether_read_or_not():
    with wired() as (wire, far):
        wire.refuse_early_data()
        far.sendall(b"220 go\r\nextra")
        wire.read_line()
        with pytest.raises(ProtocolError) as caught:
            wire.refuse_early_data()
    assert caught.value.reason == "bytes-before-tls"
    with wired() as (wire, far):
        far.sendall(b"e")
        far.shutdown(socket.SHUT_WR)
        wire._socket.recv(1, socket.MSG_PEEK)
        with pytest.raises(ProtocolError):
            wire.refuse_early_data()


def test_the_transcript_holds_no_secret_even_if_it_is_split_over_lines():
    trace = Trace()
    with wired(secrets=["correct horse"], trace=trace) as (wire, far):
        wire.send(b"PASS correct horse\r\n")
        far.sendall(b"535-not correct \r\n535 horse\r\n")
        wire.read_line()
        wire.read_line()
        wire.close()
    said = [(line.speaker, line.text) for line in trace.lines]
    assert said[0] == (Speaker.CLIENT, "PASS [redacted]")
    assert not any("horse" in text for _, text in said)
    assert {speaker for speaker, _ in said[1:]} == {Speaker.SERVER}


@pytest.mark.parametrize("end", ["closed", "silent"])
@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (b"535-5.7.8 no\r\n535 you said correct ho", b"535-5.7.8 no\r\n535 you said [redacted]"),
        (b"535-you said correct \r\n535 ho", b"535-you said [redacted]\r\n535 [redacted]"),
        (b"535-you said correct\r\n", b"535-you said [redacted]\r\n"),
        (b"535-5.7.8 no\r\n", b"535-5.7.8 no\r\n"),
    ],
)
def test_what_came_of_a_reply_that_breaks_off_is_shown_without_half_a_secret(end, said, shown):
    trace = Trace()
    timeout_seconds = 0.3 if end == "silent" else GENEROUS_SECONDS
    with wired(secrets=["correct horse"], trace=trace, timeout_seconds=timeout_seconds) as (wire, far):
        wire.send(b"PASS correct horse\r\n")
        far.sendall(said)
        if end == "closed":
            far.shutdown(socket.SHUT_WR)
        with pytest.raises(NetworkError) as caught:
            read_to_end(wire)
        wire.close()
    assert caught.value.reply == shown
    assert not any("correct" in line.text or "ho" in line.text.split() for line in trace.lines)


def test_a_very_long_reply_is_cut_off_without_leaving_half_a_secret():
    with wired(secrets=["correct horse"]) as (wire, _):
        for shift in range(20):
            said = wire.redacted(b"x" * (32 * 1024 - shift) + b"correct horse" + b"y" * 1000)
            assert b"corr" not in said
            assert said.endswith(b"[...]")


def test_many_literals_count_together_until_something_is_sent_again():
    with wired(limits=Limits(bulk_bytes=10_000)) as (wire, far):
        for _ in range(2):
            wire.send(b"a FETCH 1 BODY[]\r\n")
            far.sendall(b"x" * 6000)
            wire.read_exactly(6000)
        far.sendall(b"x" * 6000)
        with pytest.raises(ProtocolError) as caught:
            wire.read_exactly(6000)
    assert caught.value.reason == "reply-too-long"
