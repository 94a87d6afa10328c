"""Questions to name servers, answered by a real one on loopback."""

from __future__ import annotations

import pytest
from tests.doubles.dns import DnsServer

from mailctl.errors import InvalidValueError, NetworkError
from mailctl.transport.network.limits import Deadline
from mailctl.transport.network.resolver import NameServers, Records

ZONE = {
    "example.org": {"MX": ["20 b.example.org.", "10 a.example.org."], "A": ["192.0.2.1"]},
    "www.example.org": {"CNAME": ["web.example.org."]},
    "web.example.org": {"CNAME": ["example.org."]},
    "many.example.org": {"TXT": [f'"{"x" * 200} {number}"' for number in range(40)]},
}


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch):
    with DnsServer(ZONE, fails={"broken.example.org"}, silent={"silent.example.org"}) as server:
        monkeypatch.setenv("MAILCTL_NAMESERVER", server.place)

        def ask(name: str, kind: str, seconds: float = 5) -> Records:
            return NameServers().ask(name, kind, Deadline(seconds))

        yield ask


def test_the_records_and_who_said_so(ask) -> None:
    records = ask("example.org", "MX")
    assert set(records.values) == {"10 a.example.org.", "20 b.example.org."}
    assert [records.name_server] == NameServers().shown


def test_the_chain_of_aliases(ask) -> None:
    records = ask("www.example.org", "A")
    assert records.values == ("192.0.2.1",)
    assert records.aliases == ("web.example.org", "example.org")


def test_an_answer_that_is_too_long_for_udp_comes_by_tcp(ask) -> None:
    assert len(ask("many.example.org", "TXT").values) == 40


def test_a_name_without_records_of_the_type_has_an_empty_answer(ask) -> None:
    assert ask("example.org", "AAAA").values == ()


@pytest.mark.parametrize(
    ("name", "reason"),
    [("nowhere.test", "nxdomain"), ("broken.example.org", "servfail"), ("silent.example.org", "timed-out")],
)
def test_the_kinds_of_failure_are_told_apart(ask, name: str, reason: str) -> None:
    with pytest.raises(NetworkError) as refused:
        ask(name, "A", 0.2)
    assert refused.value.reason == reason
    assert refused.value.details["resolvers"] == NameServers().shown


def test_no_name_server_to_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    with DnsServer({}) as gone:
        pass
    monkeypatch.setenv("MAILCTL_NAMESERVER", gone.place)
    with pytest.raises(NetworkError) as refused:
        NameServers().ask("example.org", "A", Deadline(0.3))
    assert refused.value.reason in ("unreachable", "timed-out")  # as the system tells of a closed port or not


@pytest.mark.parametrize("text", ["dns.example.org", "192.0.2.1:0", "1.2.3", "[::1]:x"])
def test_a_name_server_is_an_address(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("MAILCTL_NAMESERVER", text)
    with pytest.raises(InvalidValueError) as refused:
        NameServers()
    assert refused.value.problems[0].where == "MAILCTL_NAMESERVER"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("192.0.2.1", "192.0.2.1:53"),
        ("::1", "[::1]:53"),
        ("[::1]:5353", "[::1]:5353"),
        ("127.0.0.1:54", "127.0.0.1:54"),
    ],
)
def test_forms_of_a_name_server(monkeypatch: pytest.MonkeyPatch, text: str, place: str) -> None:
    monkeypatch.setenv("MAILCTL_NAMESERVER", text)
    assert NameServers().shown == [place]
