"""What a folder holds, however much that is: with servers that tell ranges of UIDs, and with those that do not."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from tests.doubles.conversation import Conversation
from tests.doubles.imap import CAPABILITIES, ImapServer, capability_reply
from tests.doubles.scripted import ScriptedServer

from mailctl.errors import InvalidValueError, ProtocolError
from mailctl.transport.imap.appending import ImapAppending
from mailctl.transport.imap.filing import ImapFiling
from mailctl.transport.imap.folders import ImapFolders
from mailctl.transport.imap.listing import ImapListing
from mailctl.transport.imap.session import open_imap
from mailctl.transport.watch import Watch

Route = Callable[..., Any]
OPENED = b"* %d EXISTS\r\n* OK [UIDVALIDITY 7] as ever\r\n<tag> OK [READ-ONLY] opened\r\n"
FIRST_UID = 4_000_000_000


class Numbered:
    """Says the UIDs of the messages that a search is among; the n-th message has the n-th UID from the first on."""

    def __init__(self, exists: int) -> None:
        self._exists = exists

    def play(self, conversation: Conversation) -> None:
        tag, among = re.findall(rb"(\S+) UID SEARCH (?:(\d+:[*\d]+) )?UID", conversation.received)[-1]
        first, _, last = (among or b"1:*").partition(b":")
        numbers = range(int(first), (self._exists if last == b"*" else int(last)) + 1)
        uids = b" ".join(b"%d" % (FIRST_UID + number) for number in numbers)
        conversation.write(b"* SEARCH %b\r\n%b OK done\r\n" % (uids, tag))


def list_uids(route_to: Route, server: ImapServer, first: int) -> tuple[list[int], list[bytes]]:
    """Return the UIDs of INBOX from one on, and the searches that it took."""
    with ScriptedServer(server.script) as double:
        with open_imap(route_to("imap", double.port, security="none", login=("a", "b")), Watch()) as session:
            filing = ImapFiling(session, ImapFolders(session))
            filing.examine("INBOX")
            found = filing.list_uids(first)
        return found, re.findall(rb"UID SEARCH ([^\r\n]*)", double.received)


@pytest.mark.parametrize(
    ("exists", "ranges"),
    [
        (0, [b""]),
        (50_000, [b""]),
        (50_001, [b"50001:* ", b"1:50000 "]),
        (120_000, [b"100001:* ", b"50001:100000 ", b"1:50000 "]),
    ],
)
def test_a_folder_is_searched_in_parts_that_one_line_can_tell(
    route_to: Route, exists: int, ranges: list[bytes]
) -> None:
    server = ImapServer(security="none", examine=OPENED % exists, search=Numbered(exists))
    found, searches = list_uids(route_to, server, FIRST_UID + 3)
    assert searches == [b"%bUID %d:*" % (part, FIRST_UID + 3) for part in ranges]
    assert found == list(range(FIRST_UID + 3, FIRST_UID + exists + 1))


def esearching(told: bytes) -> ImapServer:
    return ImapServer(
        security="none",
        capability=capability_reply(*CAPABILITIES, b"ESEARCH"),
        examine=OPENED % 900_000,
        search=b'* ESEARCH (TAG "<tag>") UID%b\r\n<tag> OK done\r\n' % told,
    )


def test_ranges_are_told_at_once_where_the_server_knows_them(route_to: Route) -> None:
    found, searches = list_uids(route_to, esearching(b" ALL 2,5:3,100:900000"), 4)
    assert searches == [b"RETURN (ALL) UID 4:*"]
    assert found == [4, 5, *range(100, 900_001)]


def test_a_search_that_finds_nothing_finds_nothing(route_to: Route) -> None:
    assert list_uids(route_to, esearching(b""), 1)[0] == []


def test_more_than_a_folder_can_hold_is_not_believed(route_to: Route) -> None:
    with pytest.raises(ProtocolError):
        list_uids(route_to, esearching(b" ALL 1:4294967295"), 1)


FETCHED = b"* 1 FETCH (UID 1 RFC822.SIZE %s FLAGS %s BODY[HEADER.FIELDS (SUBJECT)] %s)\r\n<tag> OK done\r\n"


@pytest.mark.parametrize(
    "answer",
    [FETCHED % (b"big", b"()", b'""'), FETCHED % (b"1", b"5", b'""'), FETCHED % (b"1", b"()", b"5")],
    ids=["size", "flags", "header"],
)
def test_what_is_no_message_is_a_malformed_answer(route_to: Route, answer: bytes) -> None:
    server = ImapServer(fetch=answer)
    with (
        ScriptedServer(server.script) as double,
        open_imap(route_to("imap", double.port, security="none", login=("a", "b")), Watch()) as session,
        pytest.raises(ProtocolError) as caught,
    ):
        list(ImapFiling(session, ImapFolders(session)).fetch([1], ["subject"]))
    assert caught.value.reason == "malformed-reply"


@pytest.mark.parametrize("date", [b"31-Dec-9999 23:59:59 -1200", b"31-Dec-9999 23:59:59 +0000"])
def test_a_time_that_no_calendar_has_is_a_malformed_answer(route_to: Route, date: bytes) -> None:
    answer = b'* 1 FETCH (UID 1 FLAGS () RFC822.SIZE 1 INTERNALDATE "%s")\r\n<tag> OK done\r\n' % date
    server = ImapServer(fetch=answer)
    with (
        ScriptedServer(server.script) as double,
        open_imap(route_to("imap", double.port, security="none", login=("a", "b")), Watch()) as session,
        pytest.raises(ProtocolError) as caught,
    ):
        ImapListing(session, ImapFolders(session)).read_newest("INBOX", 5)
    assert caught.value.reason == "malformed-reply"


def test_a_limit_of_more_digits_than_a_number_has_is_none(route_to: Route) -> None:
    server = ImapServer(security="none", capability=capability_reply(*CAPABILITIES, b"APPENDLIMIT=" + b"9" * 5000))
    with (
        ScriptedServer(server.script) as double,
        open_imap(route_to("imap", double.port, security="none", login=("a", "b")), Watch()) as session,
    ):
        assert ImapAppending(session, ImapFolders(session), "INBOX").octets_max is None


def test_a_folder_that_somebody_named_like_a_command_is_no_command(route_to: Route) -> None:
    server = ImapServer(
        security="none",
        capability=capability_reply(*CAPABILITIES, b"UTF8=ACCEPT"),
        enable=b"* ENABLED UTF8=ACCEPT\r\n<tag> OK done\r\n",
    )
    with ScriptedServer(server.script) as double:
        with open_imap(route_to("imap", double.port, security="none", login=("a", "b")), Watch()) as session:
            folders = ImapFolders(session)
            assert folders.is_utf8
            filing = ImapFiling(session, folders)
            with pytest.raises(InvalidValueError, match="would end the command"):
                filing.examine('x"\r\nz DELETE "INBOX')
        assert b"DELETE" not in double.received


def test_a_short_answer_does_not_fill_the_memory(route_to: Route) -> None:
    with pytest.raises(ProtocolError):
        list_uids(route_to, esearching(b" ALL 1:5000000"), 1)
