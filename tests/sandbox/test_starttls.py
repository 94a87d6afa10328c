"""What a man in the middle puts behind STARTTLS in the clear must not count under TLS (CVE-2011-0411)."""

from __future__ import annotations

import socket

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
