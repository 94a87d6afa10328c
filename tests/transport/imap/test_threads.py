"""Threads that are built here, against those that the real Dovecot builds of the same messages."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from email.utils import format_datetime

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from imapclient import IMAPClient
from tests.servers.dovecot import Dovecot
from tests.servers.people import Person

from mailctl.protocol.message.threads import Linked, Thread, build_threads, parse_threads

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
IDS = [f"{name}@x" for name in "abcdefg"]
SUBJECTS = ["", "plan", "Re: plan", "[x] fwd: plan", "other"]
NUMBERS = itertools.count()


@st.composite
def conversations(draw: st.DrawFn) -> list[Linked]:
    """Return messages that refer to those before them, some of which are not there, in the order of their arrival."""
    messages = []
    for place, message_id in enumerate(IDS):
        references = sorted(draw(st.sets(st.sampled_from(IDS[:place]), max_size=3))) if place else []
        messages.append(linked(message_id, draw(st.sampled_from(SUBJECTS)), references, draw(st.integers(0, 5))))
    kept = draw(st.lists(st.sampled_from(messages), min_size=1, unique=True))
    return draw(st.permutations(kept))


def linked(message_id: str, subject: str, references: list[str], hours: int) -> Linked:
    date = NOON + dt.timedelta(hours=hours)
    return Linked(message_id=message_id, references=tuple(references), subject=subject, date=date)


@pytest.fixture
def client(dovecot: Dovecot, person: Person) -> Iterator[IMAPClient]:
    with IMAPClient("127.0.0.1", dovecot.imap_port, ssl=False) as client:
        client.login(person.address, person.password)
        yield client


@given(conversations())
@example([linked("a@x", "plan", [], 0), linked("b@x", "plan", [], 1), linked("c@x", "Re: plan", [], 2)])
@example([linked("b@x", "plan", [], 1), linked("c@x", "", ["a@x"], 1), linked("g@x", "Re: plan", ["a@x"], 0)])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_they_are_the_same(client: IMAPClient, messages: list[Linked]) -> None:
    built = [[(placed.number + 1, placed.depth) for placed in thread] for thread in build_threads(messages)]
    assert built == [[(placed.number, placed.depth) for placed in thread] for thread in ask(client, messages)]


def ask(client: IMAPClient, messages: list[Linked]) -> list[Thread]:
    """Return the threads that the server makes of messages, by their sequence numbers."""
    folder = f"threads{next(NUMBERS)}"
    client.create_folder(folder)
    for one in messages:
        listed = " ".join(f"<{reference}>" for reference in one.references)
        client.append(
            folder,
            f"Message-ID: <{one.message_id}>\r\nReferences: {listed}\r\nSubject: {one.subject}\r\n"
            f"Date: {format_datetime(one.date)}\r\n\r\n",
        )
    client.select_folder(folder)
    _, answers = client._imap.thread("REFERENCES", "UTF-8", "ALL")
    client.close_folder()
    client.delete_folder(folder)
    return parse_threads(b"".join(answers))
