"""What a man in the middle puts behind STARTTLS in the clear must not count under TLS (CVE-2011-0411)."""

from __future__ import annotations

import socket
import ssl

import pytest

from mailctl.sandbox import Sandbox


@pytest.mark.parametrize(
    ("protocol", "start", "begun", "injected", "asked", "answer"),
    [
        ("smtp", b"EHLO x\r\nSTARTTLS\r\n", b"220 Ready", b"EHLO y\r\nNOOP\r\n", b"VRFY x\r\n", b"252 "),
        ("imap", b"a STARTTLS\r\n", b"a OK", b"b NOOP\r\nc CAPABILITY\r\nd NO", b"e NOOP\r\n", b"e OK"),
        ("pop3", b"STLS\r\n", b"+OK Begin", b"CAPA\r\nCAPA\r\nNO", b"NOOP\r\n", b"-ERR"),
    ],
)
def test_nothing_injected_before_tls_is_answered_under_it(
    protocol, start, begun, injected, asked, answer, clients, sandbox: Sandbox
):
    with socket.create_connection((sandbox.host, sandbox.ports[protocol]), timeout=10) as plain:
        plain.sendall(start + injected)
        heard = b""
        while begun not in heard or not heard.endswith(b"\r\n"):
            heard += plain.recv(4096)
        with clients.tls.wrap_socket(plain, server_hostname=sandbox.host) as secured:
            secured.sendall(asked)
            assert secured.recv(4096).startswith(answer)


@pytest.mark.parametrize(("protocol", "start"), [("imap", b"a STARTTLS\r\n"), ("pop3", b"STLS\r\n")])
def test_a_client_that_leaves_instead_of_shaking_hands_does_no_harm(protocol, start, clients, alice, sandbox: Sandbox):
    with socket.create_connection((sandbox.host, sandbox.ports[protocol]), timeout=10) as plain:
        plain.recv(4096)
        plain.sendall(start)
        plain.recv(4096)
    client = clients.imap("starttls", alice)
    assert client.noop()[0] == "OK"
    client.logout()


@pytest.mark.parametrize(
    ("protocol", "start", "begun", "asked", "answer"),
    [
        ("smtp", b"EHLO x\r\nSTARTTLS\r\n", b"220 Ready", b"VRFY x\r\n", b"252 "),
        ("imap", b"a STARTTLS\r\n", b"a OK", b"b NOOP\r\n", b"b OK"),
        ("pop3", b"STLS\r\n", b"+OK Begin", b"CAPA\r\n", b"+OK"),
    ],
)
def test_a_command_that_comes_with_the_end_of_the_handshake_is_answered(
    protocol, start, begun, asked, answer, clients, sandbox: Sandbox
):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    secured = clients.tls.wrap_bio(incoming, outgoing, server_hostname=sandbox.host)
    with socket.create_connection((sandbox.host, sandbox.ports[protocol]), timeout=10) as plain:
        plain.sendall(start)
        heard = b""
        while begun not in heard or not heard.endswith(b"\r\n"):
            heard += plain.recv(4096)
        while True:
            try:
                secured.do_handshake()
                break
            except ssl.SSLWantReadError:
                plain.sendall(outgoing.read())
                incoming.write(plain.recv(65536))
        secured.write(asked)
        plain.sendall(outgoing.read())  # the client's Finished and its command, in one segment
        while True:
            incoming.write(plain.recv(65536))
            try:
                assert secured.read(4096).startswith(answer)
                break
            except ssl.SSLWantReadError:  # session tickets come first
                continue
