"""What listing mail costs on the real Dovecot, in round trips: the same however much there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from imapclient import IMAPClient
from tests.servers.dovecot import Dovecot
from tests.servers.people import Person

from mailctl.transport.imap.counts import list_with_counts
from mailctl.transport.imap.folders import ImapFolders
from mailctl.transport.imap.listing import ImapListing
from mailctl.transport.imap.mailbox import ImapSession
from mailctl.transport.imap.session import open_imap
from mailctl.transport.watch import Watch

MANY = 3000


def count_turns(
    server: Dovecot, person: Person, route_to: Callable[..., Any], read: Callable[[ImapSession, ImapFolders], object]
) -> int:
    route = route_to("imap", server.imap_port, login=(person.address, person.password))
    with open_imap(route, Watch()) as session:
        folders = ImapFolders(session)
        before = session.turns
        read(session, folders)
        return session.turns - before


@pytest.mark.parametrize("threads", [False, True])
def test_the_newest_messages_take_two_round_trips(
    dovecot: Dovecot, person: Person, route_to: Callable[..., Any], threads: bool
) -> None:
    def read(session: ImapSession, folders: ImapFolders) -> None:
        listing = ImapListing(session, folders).read_newest("INBOX", 50, threads=threads)
        found.append((len(listing.messages), listing.threads is not None))

    found: list[tuple[int, bool]] = []
    dovecot.deliver(person.address, b"Subject: first\r\n\r\n")
    assert count_turns(dovecot, person, route_to, read) == 2
    for number in range(MANY):
        file = dovecot.maildir(person.address) / "new" / f"{1_700_000_000 + number}.M{number}.test"
        file.write_bytes(b"Subject: x\r\n\r\n")
        file.chmod(0o666)
    assert count_turns(dovecot, person, route_to, read) == 2
    assert found == [(1, threads), (50, threads)]


def test_counting_folders_takes_one_round_trip_with_list_status_and_two_without(
    dovecot: Dovecot, bare_dovecot: Dovecot, person: Person, route_to: Callable[..., Any]
) -> None:
    bare_dovecot.add_user(person.address, person.password)
    for server, turns in ((dovecot, 1), (bare_dovecot, 2)):
        assert count_turns(server, person, route_to, list_with_counts) == turns
        with IMAPClient("127.0.0.1", server.imap_port, ssl=False) as client:
            client.login(person.address, person.password)
            for number in range(30):
                client.create_folder(f"folder {number}")
        assert count_turns(server, person, route_to, list_with_counts) == turns
