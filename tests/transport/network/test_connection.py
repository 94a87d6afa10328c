"""A connection comes about observed: what is gathered beside it costs no time, and tells why it failed."""

from __future__ import annotations

import socket

import pytest
from tests.doubles.black_hole import open_black_hole
from tests.doubles.dns import DnsServer
from tests.doubles.scripted import ScriptedServer
from tests.doubles.steps import Stall

from mailctl.errors import NetworkError
from mailctl.model.report import Stage
from mailctl.transport.network.connection import Destination, open_connection
from mailctl.transport.network.dial import Address, Attempt, Dialler, Resolution
from mailctl.transport.network.limits import Deadline
from mailctl.transport.watch import StageRecord, Watch

GENEROUS_SECONDS = 20


def to(*ips: str):
    """Return a resolver that answers by these addresses."""
    return lambda _host, port, _deadline: Resolution(tuple(Address(ip, port, socket.AF_INET) for ip in ips))


def test_a_stage_is_told_of_when_what_is_gathered_beside_the_next_one_is_there(monkeypatch):
    told: list[StageRecord] = []
    watch = Watch(thorough=True, on_end=told.append)
    zone = {"mail.example.org": {"A": ["127.0.0.1"]}, "example.org": {"MX": ["10 mx.example.org."]}}
    with ScriptedServer(Stall()) as server, DnsServer(zone) as dns:
        monkeypatch.setenv("MAILCTL_NAMESERVER", dns.place)
        destination = Destination(host="mail.example.org", port=server.port, protocol="smtp")
        connected, _ = open_connection(destination, watch, Deadline(GENEROUS_SECONDS), resolve=to("127.0.0.1"))
        with connected:
            assert [record.stage for record in told] == [Stage.DNS]
            with watch.stage(Stage.GREETING, protocol="smtp"):
                pass
    assert [record.stage for record in told] == [Stage.DNS, Stage.TCP, Stage.GREETING]
    assert told[0].evidence["related"] == {"mx": ["10 mx.example.org."]}


def test_sending_asks_no_name_server(monkeypatch):
    watch = Watch()
    with ScriptedServer(Stall()) as server, DnsServer({}) as dns:
        monkeypatch.setenv("MAILCTL_NAMESERVER", dns.place)
        destination = Destination(host="mail.example.org", port=server.port, protocol="smtp")
        connected, _ = open_connection(destination, watch, Deadline(GENEROUS_SECONDS), resolve=to("127.0.0.1"))
        connected.close()
    assert dns.asked == []


def test_the_domain_of_the_login_is_asked_about(monkeypatch):
    watch = Watch(thorough=True)
    zone = {"example.com": {"MX": ["5 mx.example.com."]}}
    with ScriptedServer(Stall()) as server, DnsServer(zone) as dns:
        monkeypatch.setenv("MAILCTL_NAMESERVER", dns.place)
        destination = Destination(
            host="mail.provider.example", port=server.port, protocol="imap", username="ann@example.com"
        )
        connected, _ = open_connection(destination, watch, Deadline(GENEROUS_SECONDS), resolve=to("127.0.0.1"))
        connected.close()
        watch.settle()
    assert {"example.com MX", "_imaps._tcp.example.com SRV", "_imap._tcp.example.com SRV"} <= set(dns.asked)


def test_port_25_that_is_blocked_is_told_from_a_server_that_is_off():
    ip = "127.0.25.1"
    try:
        hole = open_black_hole(ip, 25)
        hole.__enter__()
    except PermissionError:
        pytest.skip("this user may not listen on port 25")
    try:
        with ScriptedServer(Stall(), address=ip, port=587):
            watch = Watch(thorough=True)
            destination = Destination(host=ip, port=25, protocol="smtp")
            whole = Deadline(GENEROUS_SECONDS)
            with pytest.raises(NetworkError) as caught:
                open_connection(destination, watch, Deadline(0.3), resolve=to(ip), whole=whole)
    finally:
        hole.__exit__(None, None, None)
    assert caught.value.reason == "port-blocked"
    assert caught.value.message == "port 25 does not answer, and 587 of the same server does"
    assert watch.records[-1].evidence["open_ports"] == [587]


def test_an_address_that_does_not_answer_beside_one_that_does_is_a_warning():
    dialler = Dialler([])
    for ip, outcome in (("192.0.2.1", "connected"), ("192.0.2.2", "refused"), ("2001:db8::1", "connected")):
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        dialler.attempts.append(Attempt(Address(ip, 25, family), outcome=outcome))
    assert dialler.warnings() == ["1 of 2 IPv4 addresses do not answer (192.0.2.2: refused)"]
