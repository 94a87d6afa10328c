"""The scripted server does what its scripts say, and records what clients do: seen with plain sockets."""

from __future__ import annotations

import socket
import ssl
import threading
import time

import pytest
from tests.doubles.conversation import Ending
from tests.doubles.scripted import ScriptedServer
from tests.doubles.steps import (
    Announce,
    Answer,
    AwaitBytes,
    BreakTls,
    Close,
    Delay,
    Drip,
    Endless,
    Expect,
    NeverRead,
    ReadMessage,
    Repeat,
    Reset,
    Say,
    ScriptError,
    Serve,
    Stall,
    StartTls,
)

GENEROUS_SECONDS = 10


def dial(server):
    return socket.create_connection((server.address, server.port), timeout=GENEROUS_SECONDS)


def read_to_end(connection):
    return b"".join(iter(lambda: connection.recv(65536), b""))


def say(server, text):
    """Say something, and hear the server out."""
    with dial(server) as connection:
        connection.sendall(text)
        return read_to_end(connection)


def test_a_script_is_played_step_by_step_and_the_client_recorded_verbatim():
    script = (Say(b"220 ready\r\n"), Expect(rb"EHLO "), Say(b"250 hello\r\n"), Close())
    with ScriptedServer(script) as server, dial(server) as client, client.makefile("rb") as lines:
        assert lines.readline() == b"220 ready\r\n"
        client.sendall(b"ehlo me\r\nand more")
        assert lines.readline() == b"250 hello\r\n"
        assert lines.readline() == b""
    assert server.received == b"ehlo me\r\nand more"
    assert [conversation.ending for conversation in server.connections] == [Ending.CLOSED]


def test_what_comes_after_the_script_is_recorded_until_the_client_leaves():
    with ScriptedServer(b"454 no\r\n") as server, dial(server) as client:
        assert client.recv(100) == b"454 no\r\n"
        client.sendall(b"AUTH PLAIN c2VjcmV0\r\n")
    assert server.before_tls == b"AUTH PLAIN c2VjcmV0\r\n"
    assert server.connections[0].ending is Ending.CLIENT_LEFT


def test_what_was_sent_to_a_script_that_reads_nothing_is_recorded_in_the_end():
    with ScriptedServer(NeverRead()) as server, dial(server) as client:
        client.sendall(b"all the same")
    assert server.received == b"all the same"
    assert server.connections[0].ending is Ending.STOPPED


def test_a_server_that_never_reads_brings_the_sending_to_a_halt():
    with ScriptedServer(NeverRead()) as server, dial(server) as client:
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.sendall(bytes(32 * 1024 * 1024))


def test_a_client_that_says_what_no_step_foresees_is_the_tests_to_see():
    with (
        pytest.raises(ScriptError, match=r"expected b'EHLO ', but the client said b'HELO me"),
        ScriptedServer((Expect(rb"EHLO "),)) as server,
    ):
        say(server, b"HELO me\r\n")
    assert server.connections[0].ending is Ending.UNFORESEEN


def test_an_error_of_the_test_is_not_hidden_by_that_of_the_script():
    with pytest.raises(LookupError) as caught, ScriptedServer((Expect(rb"EHLO "),)) as server:  # noqa: PT012
        say(server, b"HELO me\r\n")
        raise LookupError
    assert "expected b'EHLO '" in caught.value.__notes__[0]


def test_commands_are_served_in_any_order_with_the_tag_of_each():
    script = Serve(
        (
            Answer(rb"(?P<tag>\w+) NOOP", b"<tag> OK <done>\r\n"),
            Answer(rb"(?P<tag>\w+) STARTTLS", b"<tag> OK one, <tag+1> OK the next\r\n"),
        )
    )
    with ScriptedServer(script) as server, dial(server) as client, client.makefile("rb") as lines:
        client.sendall(b"A9 starttls\r\nA10 NOOP\r\n")
        assert lines.readline() == b"A9 OK one, A10 OK the next\r\n"
        assert lines.readline() == b"A10 OK <done>\r\n"


def test_a_command_without_an_answer_is_the_tests_to_see():
    with (
        pytest.raises(ScriptError, match="no answer is foreseen to the client's b'XYZZY"),
        ScriptedServer(Serve((Answer(rb"QUIT", b"bye\r\n"),))) as server,
    ):
        say(server, b"XYZZY\r\n")


def test_messages_are_read_to_the_lone_dot():
    script = Repeat(2, (ReadMessage(), Say(b"250 taken\r\n")))
    with ScriptedServer(script) as server, dial(server) as client:
        client.sendall(b"Subject: x\r\n\r\n..\r\n.\r\n.\r\n")
        client.shutdown(socket.SHUT_WR)
        assert read_to_end(client) == b"250 taken\r\n250 taken\r\n"
    assert server.messages == [b"Subject: x\r\n\r\n..\r\n", b""]


def test_dripping_says_it_in_pieces():
    script = (Drip(b"220 ok\r\n", interval_seconds=0.01, size=3), Close())
    with ScriptedServer(script) as server, dial(server) as client:
        assert client.recv(100) == b"220"
        assert read_to_end(client) == b" ok\r\n"


def test_an_endless_speech_ends_when_the_client_leaves_and_is_counted():
    with ScriptedServer(Endless(b"220-and\r\n")) as server, dial(server) as client, client.makefile("rb") as stream:
        assert stream.read(900_000) == b"220-and\r\n" * 100_000
    conversation = server.connections[0]
    assert conversation.ending is Ending.CLIENT_LEFT
    assert 900_000 <= conversation.sent_count < 20_000_000


def test_a_reset_is_seen_as_such():
    with ScriptedServer((Expect(rb"QUIT"), Reset())) as server, dial(server) as client:
        client.sendall(b"QUIT\r\n")
        with pytest.raises(ConnectionResetError):
            client.recv(100)
    assert server.connections[0].ending is Ending.RESET


def test_starttls_parts_what_came_before_it_from_what_came_after(server_context, client_context):
    script = (Expect(rb"STARTTLS"), Say(b"220 go\r\n"), StartTls(), Expect(rb"EHLO"), Say(b"250 ok\r\n"))
    with ScriptedServer(script, tls=server_context) as server, dial(server) as client:
        client.sendall(b"STARTTLS\r\n")
        assert client.recv(100) == b"220 go\r\n"
        with client_context.wrap_socket(client, server_hostname="localhost") as secured:
            secured.sendall(b"EHLO me\r\n")
            assert secured.recv(100) == b"250 ok\r\n"
            secured.sendall(b"AUTH\r\n")
    conversation = server.connections[0]
    assert conversation.before_tls == b"STARTTLS\r\n"
    assert conversation.after_tls == b"EHLO me\r\nAUTH\r\n"
    assert conversation.server_name == "localhost"
    assert conversation.tls_version == "TLSv1.3"


def test_tls_may_begin_at_once_and_be_closed_in_good_order(server_context, client_context):
    script = (StartTls(), Say(b"* OK hi\r\n"), Close())
    with (
        ScriptedServer(script, tls=server_context) as server,
        client_context.wrap_socket(dial(server), server_hostname="localhost", suppress_ragged_eofs=False) as secured,
    ):
        assert read_to_end(secured) == b"* OK hi\r\n"
    assert server.connections[0].ending is Ending.CLOSED
    assert server.after_tls == b""


def test_a_tls_session_can_be_broken(server_context, client_context):
    with (
        ScriptedServer((StartTls(), BreakTls()), tls=server_context) as server,
        client_context.wrap_socket(dial(server), server_hostname="localhost") as secured,
        pytest.raises(ssl.SSLError),
    ):
        secured.recv(100)


def test_a_certificate_that_the_client_refuses_is_no_fault_of_the_script(server_context):
    suspicious = ssl.create_default_context()
    with (
        ScriptedServer(StartTls(), tls=server_context) as server,
        dial(server) as client,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        suspicious.wrap_socket(client, server_hostname="localhost")
    assert server.connections[0].ending is Ending.TLS_FAILED
    assert server.received == b""


@pytest.mark.parametrize("before", [(), AwaitBytes()], ids=["unread", "read"])
def test_what_a_client_says_in_the_place_of_a_handshake_is_recorded(before, server_context):
    script = (Expect(rb"STARTTLS"), Say(b"220 go\r\n"), before, StartTls())
    with ScriptedServer(script, tls=server_context) as server, dial(server) as client:
        client.sendall(b"STARTTLS\r\n")
        assert client.recv(100) == b"220 go\r\n"
        client.sendall(b"AUTH PLAIN c2VjcmV0\r\n")
    assert server.before_tls == b"STARTTLS\r\nAUTH PLAIN c2VjcmV0\r\n"
    assert server.connections[0].ending is Ending.TLS_FAILED


def test_each_connection_has_its_script_and_the_last_serves_all_others():
    with ScriptedServer(b"first", b"rest") as server:
        for expected in (b"first", b"rest", b"rest"):
            with dial(server) as client:
                assert client.recv(100) == expected
    assert len(server.connections) == 3


def test_connections_are_served_side_by_side():
    with ScriptedServer(Stall(), b"second") as server, dial(server), dial(server) as second:
        assert second.recv(100) == b"second"


@pytest.mark.parametrize("script", [Stall(), NeverRead(), Drip(b"220 x", 0.05), Endless(b"x", 0.05)], ids=repr)
def test_a_client_that_stays_for_ever_is_the_tests_to_see(script):
    with (
        pytest.raises(ScriptError, match=r"stayed for more than 0\.1 seconds"),
        ScriptedServer(script, longest_seconds=0.1) as server,
        dial(server) as client,
    ):
        read_to_end(client)


@pytest.mark.parametrize("address", ["127.0.0.2", "::1"])
def test_any_loopback_address_can_be_served_on_a_given_port(address):
    with ScriptedServer(b"here") as first:
        try:
            second = ScriptedServer(b"there", address=address, port=first.port)
        except OSError as error:
            pytest.skip(f"this machine has no {address}: {error}")
        with second, dial(first) as here, dial(second) as there:
            assert (here.recv(100), there.recv(100)) == (b"here", b"there")


@pytest.mark.parametrize(
    "script",
    [Stall(), NeverRead(), Delay(3600), Drip(b"220 x", 3600), Endless(b"x"), Expect(rb"x"), StartTls(), Close()],
    ids=repr,
)
def test_leaving_ends_whatever_is_going_on(script, server_context):
    reached = threading.Event()
    before = threading.active_count()
    began = time.monotonic()
    with ScriptedServer((Announce(reached), script), tls=server_context) as server:
        client = dial(server)
        assert reached.wait(GENEROUS_SECONDS)
    assert time.monotonic() - began < GENEROUS_SECONDS
    assert threading.active_count() == before
    assert server.connections[0].ending in (Ending.STOPPED, Ending.CLOSED)
    client.close()
