"""What listing a POP3 mailbox costs in round trips: with PIPELINING the same however much there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.doubles.pop3 import Pop3Server, capa_reply
from tests.doubles.scripted import ScriptedServer
from tests.servers.dovecot import Dovecot
from tests.servers.people import Person

from mailctl.transport.pop3.listing import Summary, list_newest
from mailctl.transport.pop3.session import open_pop3
from mailctl.transport.watch import Watch

LOGIN = ("ann@example.org", "correct horse")
MANY = 3000


@pytest.fixture
def count_turns(route_to: Callable[..., Any]) -> Callable[..., tuple[int, list[Summary]]]:
    """Return a function that lists a mailbox's newest messages, and tells in how many round trips."""

    def run(port: int, login: tuple[str, str] = LOGIN, count: int = 50) -> tuple[int, list[Summary]]:
        with open_pop3(route_to("pop3", port, login=login), Watch()) as session:
            before = session.turns
            found = list_newest(session, count)
            return session.turns - before, found

    return run


def test_the_newest_messages_take_two_round_trips(
    dovecot: Dovecot, person: Person, count_turns: Callable[..., tuple[int, list[Summary]]]
) -> None:
    login = (person.address, person.password)
    dovecot.deliver(person.address, b"Subject: first\r\n\r\n")
    turns, found = count_turns(dovecot.pop3_port, login)
    assert (turns, len(found)) == (2, 1)
    maildir = dovecot.maildir(person.address)
    for number in range(MANY):
        file = maildir / "tmp" / f"{1_700_000_000 + number}.M{number}.test"
        file.write_bytes(b"Subject: x\r\n\r\n")
        file.chmod(0o666)
        file.rename(maildir / "new" / file.name)  # at once: the last session may still be looking there
    turns, found = count_turns(dovecot.pop3_port, login)
    assert turns == 2
    assert [summary.number for summary in found] == list(range(MANY + 1 - 49, MANY + 2))
    turns, found = count_turns(dovecot.pop3_port, login, count=5000)
    assert [summary.number for summary in found] == list(range(1, MANY + 2))
    assert turns < MANY / 100


@pytest.mark.parametrize(("capabilities", "turns"), [((b"PIPELINING",), 2), ((), 2 + 30)])
def test_without_pipelining_each_message_takes_one(
    count_turns: Callable[..., tuple[int, list[Summary]]], capabilities: tuple[bytes, ...], turns: int
) -> None:
    server = Pop3Server(
        security="none",
        capa=capa_reply(b"TOP", b"UIDL", b"SASL CRAM-MD5", *capabilities),
        list=b"+OK\r\n" + b"".join(b"%d 100\r\n" % number for number in range(1, 101)) + b".\r\n",
    )
    with ScriptedServer(server.script) as double:
        assert count_turns(double.port, count=30)[0] == turns
