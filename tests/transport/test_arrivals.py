"""What arrives over IMAP and POP3, with servers that do what real ones rarely do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.doubles.imap import ImapServer
from tests.doubles.pop3 import CAPABILITIES, MESSAGE, Pop3Server, capa_reply
from tests.doubles.scripted import ScriptedServer
from tests.doubles.steps import Close, Part

from mailctl.errors import CapabilityError, MailError, NetworkError, ProtocolError, TemporaryError
from mailctl.model.secret import Secret
from mailctl.model.server import IncomingAuth, IncomingEndpoint, IncomingProtocol, Security
from mailctl.protocol.sasl import Login
from mailctl.transport.imap.arrivals import ImapArrivals
from mailctl.transport.imap.session import open_imap
from mailctl.transport.pop3.arrivals import Pop3Arrivals
from mailctl.transport.pop3.session import open_pop3
from mailctl.transport.route import Route
from mailctl.transport.watch import Watch

FIELDS = ("Message-ID", "X-Probe")


def route(server: ScriptedServer, protocol: IncomingProtocol) -> Route:
    endpoint = IncomingEndpoint(
        protocol=protocol, host="127.0.0.1", port=server.port, security=Security.NONE, auth=IncomingAuth.PLAIN
    )
    return Route(endpoint=endpoint, login=Login("ann", Secret("pw")), timeout_seconds=5)


@contextmanager
def pop3(*servers: Pop3Server) -> Iterator[tuple[Pop3Arrivals, ScriptedServer]]:
    """Arrivals at a server that plays one of these a session."""
    with ScriptedServer(*(server.script for server in servers)) as double:
        way = route(double, IncomingProtocol.POP3)
        with Pop3Arrivals(lambda watch: open_pop3(way, watch), FIELDS) as arrivals:
            yield arrivals, double


@contextmanager
def imap(**points: Part) -> Iterator[tuple[ImapArrivals, ScriptedServer]]:
    with ScriptedServer(ImapServer(security="none", **points).script) as double:  # type: ignore[arg-type]
        way = route(double, IncomingProtocol.IMAP)
        with ImapArrivals(lambda watch: open_imap(way, watch), FIELDS) as arrivals:
            yield arrivals, double


def server(**points: Part) -> Pop3Server:
    return Pop3Server(security="none", **points)  # type: ignore[arg-type]


def two(uid: bytes = b"UID-TWO") -> Pop3Server:
    return server(stat=b"+OK 2 %d\r\n" % (2 * len(MESSAGE)), uidl=b"+OK\r\n1 UID-ONE\r\n2 " + uid + b"\r\n.\r\n")


@pytest.mark.parametrize("missing", [b"UIDL", b"TOP"])
def test_a_pop3_server_that_cannot_tell_new_messages_is_told_of_at_once(missing: bytes) -> None:
    listed = capa_reply(*(name for name in CAPABILITIES if name != missing))
    with pop3(server(capa=listed)) as (arrivals, _), pytest.raises(CapabilityError, match=missing.decode()):
        arrivals.begin(Watch())


def test_each_message_that_came_over_pop3_is_told_once_and_numbers_are_those_of_the_session() -> None:
    moved = server(stat=b"+OK 2 90\r\n", uidl=b"+OK\r\n1 UID-TWO\r\n2 UID-THREE\r\n.\r\n")
    with pop3(server(), two(), moved) as (arrivals, double):
        arrivals.begin(Watch())
        assert [arrival.key for arrival in arrivals.look()] == ["UID-TWO"]
        (third,) = arrivals.look()
        assert third.key == "UID-THREE"
        arrivals.clean_up(third, marked_by="X-Probe", is_leftover=lambda *_: False)
    assert [line for line in double.received.split(b"\r\n") if line.startswith(b"DELE")] == [b"DELE 2"]


def test_no_pop3_session_stays_open_between_two_looks() -> None:
    with pop3(server()) as (arrivals, double):
        arrivals.begin(Watch())
        assert arrivals.look() == []
        assert arrivals.look() == []
    assert double.received.count(b"QUIT\r\n") == 3


def test_a_mailbox_that_is_locked_passes() -> None:
    with pop3(server(), server(verdict=b"-ERR [IN-USE] somebody reads it\r\n"), two()) as (arrivals, _):
        arrivals.begin(Watch())
        with pytest.raises(TemporaryError):
            arrivals.look()
        arrivals.close()
        assert [arrival.key for arrival in arrivals.look()] == ["UID-TWO"]


def test_what_the_pop3_server_did_not_delete_in_the_end_is_told() -> None:
    failing = Pop3Server(
        security="none", stat=b"+OK 2 90\r\n", uidl=b"+OK\r\n1 UID-ONE\r\n2 UID-TWO\r\n.\r\n",
        quit=(b"-ERR some deleted messages not removed\r\n", Close()),
    )  # fmt: skip
    with pop3(server(), failing) as (arrivals, _):
        arrivals.begin(Watch())
        (arrival,) = arrivals.look()
        cleaned = arrivals.clean_up(arrival, marked_by="X-Probe", is_leftover=lambda *_: False)
    assert not cleaned.deleted
    assert "some deleted messages not removed" in str(cleaned.problem)


def test_the_newest_pop3_messages_can_count_as_new() -> None:
    with pop3(two()) as (arrivals, _):
        arrivals.begin(Watch(), newest=1)
        assert [arrival.key for arrival in arrivals.look()] == ["UID-TWO"]


def test_an_imap_server_without_uidnext_is_told_of() -> None:
    status = b"* STATUS INBOX (UIDVALIDITY 7)\r\n<tag> OK done\r\n"
    with imap(status=status) as (arrivals, _), pytest.raises(ProtocolError, match="UIDNEXT"):
        arrivals.begin(Watch())


@pytest.mark.parametrize(
    "status",
    [b"* STATUS INBOX (UIDNEXT\r\n<tag> OK done\r\n", b"* STATUS (((((\r\n<tag> OK done\r\n", b"<tag> BAD what\r\n"],
)
def test_a_malformed_status_is_an_error_of_the_server(status: bytes) -> None:
    with imap(status=status) as (arrivals, _), pytest.raises(MailError):
        arrivals.begin(Watch())


def test_a_connection_that_ends_is_an_error_and_the_next_look_opens_another() -> None:
    with ScriptedServer(
        ImapServer(security="none", close=Close()).script,
        ImapServer(security="none", status=b"<tag> NO [UNAVAILABLE] later\r\n").script,
        ImapServer(security="none").script,
    ) as double:
        way = route(double, IncomingProtocol.IMAP)
        with ImapArrivals(lambda watch: open_imap(way, watch), FIELDS) as arrivals:
            arrivals.begin(Watch(), newest=1)
            assert [arrival.key for arrival in arrivals.look()] == [1, 1]  # the double has it in both folders
            with pytest.raises(NetworkError):
                arrivals.look()
            arrivals.close()
            with pytest.raises(TemporaryError):
                arrivals.look()
            arrivals.close()
            assert arrivals.look() == []


def test_a_junk_folder_that_cannot_hold_messages_is_left_out() -> None:
    listed = b'* LIST () "/" INBOX\r\n* LIST (\\Noselect \\Junk) "/" Junk\r\n<tag> OK listed\r\n'
    with imap(list=listed) as (arrivals, _):
        arrivals.begin(Watch())
        assert (arrivals.folders, arrivals.junk_folder) == (("INBOX",), None)


def test_what_others_do_to_messages_meanwhile_is_no_arrival() -> None:
    fetch = (
        b"* 1 FETCH (FLAGS (\\Seen))\r\n* 3 EXPUNGE\r\n* 1 FETCH (UID 1 BODY[HEADER.FIELDS (X-Probe)]<0> {13}\r\n"
        b"X-Probe: 1\r\n\r\n)\r\n* 2 FETCH (UID 99 FLAGS ())\r\n<tag> OK done\r\n"
    )
    with imap(fetch=fetch.replace(b"{13}", b"{14}")) as (arrivals, _):
        arrivals.begin(Watch(), newest=1)
        assert {arrival.header.find("x-probe") for arrival in arrivals.look()} == {"1"}
