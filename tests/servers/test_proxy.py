"""The delaying proxy delays as a line does, and counts what a line would."""

from __future__ import annotations

import contextlib
import imaplib
import poplib
import smtplib
import socket
import socketserver
import ssl
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from tests.servers.dovecot import Dovecot
from tests.servers.people import Person
from tests.servers.postfix import Postfix
from tests.servers.proxy import DelayProxy, Traffic


class _Echo(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(b"hello from %s\r\n" % self.client_address[0].encode())
        for line in self.rfile:
            self.wfile.write(line)


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that greets with its client's address and echoes lines."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_every_exchange_takes_its_round_trips_however_much_is_sent(echo: int) -> None:
    delay_seconds = 0.05
    with (
        DelayProxy(echo, delay_seconds=delay_seconds) as proxy,
        socket.create_connection((proxy.host, proxy.port)) as connection,
        connection.makefile("rb") as replies,
    ):
        started = time.monotonic()
        replies.readline()
        # TCP's handshake and the greeting: two round trips before the client knows anything.
        assert time.monotonic() - started >= 4 * delay_seconds
        started = time.monotonic()
        connection.sendall(b"one\r\ntwo\r\nthree\r\n")
        assert [replies.readline() for _ in range(3)] == [b"one\r\n", b"two\r\n", b"three\r\n"]
        took = time.monotonic() - started
        assert 2 * delay_seconds <= took
        connection.sendall(b"x\r\n")
        replies.readline()
        counted = proxy.reset()
    assert counted == Traffic(connections=1, bytes_to_server=20, bytes_to_client=42, turns=2)
    assert proxy.traffic == Traffic()


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no loopback address but 127.0.0.1")
def test_the_server_sees_the_chosen_source(echo: int) -> None:
    with (
        DelayProxy(echo, source="127.0.0.9") as proxy,
        socket.create_connection((proxy.host, proxy.port)) as connection,
    ):
        assert connection.recv(100) == b"hello from 127.0.0.9\r\n"


def test_a_narrow_line_carries_no_more_than_its_rate(echo: int) -> None:
    with (
        DelayProxy(echo, bytes_per_second=400_000) as proxy,
        socket.create_connection((proxy.host, proxy.port)) as connection,
        connection.makefile("rb") as replies,
    ):
        replies.readline()
        started = time.monotonic()
        connection.sendall(b"x" * 99_998 + b"\r\n")
        replies.readline()
        assert time.monotonic() - started >= 0.25


def test_the_end_of_one_direction_leaves_the_other_open(echo: int) -> None:
    with DelayProxy(echo) as proxy, socket.create_connection((proxy.host, proxy.port)) as connection:
        connection.sendall(b"last\r\n")
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as replies:
            assert replies.read().endswith(b"last\r\n")


def test_a_refusal_behind_the_proxy_ends_the_connection() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with (
            DelayProxy(closed.getsockname()[1]) as proxy,
            socket.create_connection((proxy.host, proxy.port)) as connection,
            contextlib.suppress(ConnectionResetError),
        ):
            assert connection.recv(1) == b""


def test_imap_over_tls_is_counted_turn_by_turn(dovecot: Dovecot, person: Person) -> None:
    trust = ssl.create_default_context(cafile=dovecot.ca_file)
    with DelayProxy(dovecot.imaps_port, delay_seconds=0.02) as proxy:
        with imaplib.IMAP4_SSL("localhost", proxy.port, ssl_context=trust) as client:
            client.login(person.address, person.password)
        # Hello; finished; CAPABILITY; LOGIN; LOGOUT.
        assert proxy.traffic.turns == 5


def test_pop3_without_tls_is_refused_to_a_client_from_elsewhere(dovecot: Dovecot, person: Person) -> None:
    with DelayProxy(dovecot.pop3_port, source="127.0.0.9") as proxy:
        client = poplib.POP3("localhost", proxy.port)
        with pytest.raises(poplib.error_proto, match="Plaintext authentication disallowed"):
            client.user(person.address)
        client.close()


def test_smtp_is_counted_turn_by_turn(postfix: Postfix) -> None:
    with DelayProxy(postfix.smtp_port, delay_seconds=0.02) as proxy:
        with smtplib.SMTP("localhost", proxy.port) as client:
            client.ehlo()
            client.noop()
        # EHLO; NOOP; QUIT.
        assert proxy.traffic.turns == 3


def test_connections_are_cut_off_at_the_end_without_a_word(echo: int, capfd: pytest.CaptureFixture[str]) -> None:
    with DelayProxy(echo) as proxy:
        connection = socket.create_connection((proxy.host, proxy.port))
        assert connection.recv(100)
    with connection, contextlib.suppress(ConnectionResetError):
        assert connection.recv(100) == b""
    assert capfd.readouterr().err == ""
