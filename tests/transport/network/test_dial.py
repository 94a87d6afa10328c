"""Names become addresses and addresses connections, both families side by side, within one deadline."""

from __future__ import annotations

import socket
import time

import pytest
from tests.doubles.black_hole import open_black_hole
from tests.doubles.scripted import ScriptedServer
from tests.doubles.steps import Stall

from mailctl.errors import NetworkError
from mailctl.transport.network.dial import Address, Dialler, Resolution, resolve
from mailctl.transport.network.limits import Deadline

GENEROUS_SECONDS = 20


def address(ip: str, port: int) -> Address:
    return Address(ip, port, socket.AF_INET6 if ":" in ip else socket.AF_INET)


def own_address() -> str:
    """An IPv4 address of this machine that is not loopback; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError as error:
            pytest.skip(f"this machine has loopback addresses alone: {error}")
        return probe.getsockname()[0]


def dead_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.mark.parametrize("ip", ["192.0.2.1", "2001:db8::1"])
def test_an_ip_address_needs_no_dns(ip):
    assert resolve(ip, 25, Deadline(0.0001)) == Resolution((address(ip, 25),))


def test_a_name_of_this_machine_is_resolved():
    found = resolve("localhost", 25, Deadline(GENEROUS_SECONDS))
    assert {a.ip for a in found.addresses} & {"127.0.0.1", "::1"}
    assert {a.port for a in found.addresses} == {25}


def test_a_name_that_nobody_can_resolve_is_a_network_error_at_dns():
    with pytest.raises(NetworkError) as caught:
        resolve("mail.invalid", 25, Deadline(GENEROUS_SECONDS))
    assert caught.value.reason in ("nxdomain", "servfail", "dns", "timed-out", "no-address")
    assert "mail.invalid" in caught.value.message


def test_the_second_address_is_tried_where_the_first_does_not_answer():
    with open_black_hole("127.0.0.2") as port, ScriptedServer(Stall(), port=port):
        dialler = Dialler([address("127.0.0.2", port), address("127.0.0.1", port)])
        with dialler.connect(Deadline(GENEROUS_SECONDS)) as connected:
            assert connected.getpeername()[0] == "127.0.0.1"
    assert dialler.address.ip == "127.0.0.1"
    assert [attempt.outcome for attempt in dialler.attempts] == ["no-answer-yet", "connected"]


def test_the_second_address_is_tried_at_once_where_the_first_refuses():
    with ScriptedServer(Stall()) as server:
        dialler = Dialler([address("127.0.0.3", server.port), address("127.0.0.1", server.port)])
        with dialler.connect(Deadline(GENEROUS_SECONDS)):
            pass
    assert [attempt.outcome for attempt in dialler.attempts] == ["refused", "connected"]


def test_all_addresses_refusing_is_a_refusal_that_names_them():
    port = dead_port()
    dialler = Dialler([address("127.0.0.1", port), address("127.0.0.2", port)])
    with pytest.raises(NetworkError) as caught:
        dialler.connect(Deadline(GENEROUS_SECONDS))
    assert caught.value.reason == "refused"
    assert caught.value.message == "the connection was refused (127.0.0.1, 127.0.0.2)"


def test_no_answer_at_all_ends_with_the_deadline():
    began = time.monotonic()
    with open_black_hole() as port, pytest.raises(NetworkError) as caught:
        Dialler([address("127.0.0.1", port)]).connect(Deadline(0.3))
    assert caught.value.reason == "timed-out"
    assert time.monotonic() - began < GENEROUS_SECONDS


def test_a_broken_family_beside_a_working_one_is_a_warning():
    own = own_address()
    with ScriptedServer(Stall(), address=own) as server:
        dialler = Dialler([address("2001:db8::1", server.port), address(own, server.port)])
        with dialler.connect(Deadline(GENEROUS_SECONDS)):
            pass
    assert [warning.partition(" (")[0] for warning in dialler.warnings()] == ["IPv6 is broken"]
    assert dialler.warnings()[0].endswith("IPv4 is fine")


def test_localhost_answering_at_one_of_its_addresses_is_no_warning():
    with ScriptedServer(Stall()) as server:
        dialler = Dialler([address("::1", server.port), address("127.0.0.1", server.port)])
        with dialler.connect(Deadline(GENEROUS_SECONDS)):
            pass
    assert dialler.warnings() == []


def test_a_survey_learns_of_the_other_addresses_too():
    with ScriptedServer(Stall()) as server:
        dialler = Dialler([address("127.0.0.1", server.port), address("127.0.0.4", server.port)])
        with dialler.connect(Deadline(GENEROUS_SECONDS), survey=True):
            dialler.end_survey(Deadline(GENEROUS_SECONDS))
    assert [attempt.outcome for attempt in dialler.attempts] == ["connected", "refused"]


def test_families_alternate_beginning_with_the_preferred_one():
    port = dead_port()
    ips = ["::1", "::2", "127.0.0.1", "127.0.0.2"]
    dialler = Dialler([address(ip, port) for ip in ips])
    with pytest.raises(NetworkError):
        dialler.connect(Deadline(GENEROUS_SECONDS))
    assert [attempt.address.ip for attempt in dialler.attempts] == ["::1", "127.0.0.1", "::2", "127.0.0.2"]


def test_the_source_address_can_be_chosen():
    with ScriptedServer(Stall()) as server:
        dialler = Dialler([address("127.0.0.1", server.port)], source_address="127.0.0.9")
        with dialler.connect(Deadline(GENEROUS_SECONDS)) as connected:
            assert connected.getsockname()[0] == "127.0.0.9"
