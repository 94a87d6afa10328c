"""The real Dovecot, seen with the standard library's clients: what the other tests may rely on."""

from __future__ import annotations

import imaplib
import json
import poplib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs

import pytest
from scramp import ScramClient
from tests.servers.certificates import CertificateAuthority
from tests.servers.dovecot import SPECIAL_FOLDERS, Dovecot
from tests.servers.people import PEOPLE, Person

MESSAGE = b"From: a@example.test\r\nSubject: hello\r\n\r\nA line.\r\n"


def trust(server: Dovecot) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=server.ca_file)


def open_imap(server: Dovecot, security: str = "tls") -> imaplib.IMAP4:
    if security == "tls":
        return imaplib.IMAP4_SSL("localhost", server.imaps_port, ssl_context=trust(server))
    client = imaplib.IMAP4("localhost", server.imap_port)
    if security == "starttls":
        client.starttls(trust(server))
    return client


def open_pop3(server: Dovecot, security: str = "tls") -> poplib.POP3:
    if security == "tls":
        return poplib.POP3_SSL("localhost", server.pop3s_port, context=trust(server))
    client = poplib.POP3("localhost", server.pop3_port)
    if security == "starttls":
        client.stls(trust(server))
    return client


def shake_hands(port: int, context: ssl.SSLContext) -> None:
    with (
        socket.create_connection(("localhost", port), timeout=10) as connection,
        context.wrap_socket(connection, server_hostname="localhost"),
    ):
        pass


def log_in(client: imaplib.IMAP4, person: Person) -> None:
    client.authenticate("PLAIN", lambda _: f"\0{person.address}\0{person.password}".encode())


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
def test_imap_gives_the_delivered_message_over_every_security(dovecot: Dovecot, person: Person, security: str) -> None:
    dovecot.deliver(person.address, MESSAGE)
    with open_imap(dovecot, security) as client:
        client.login(person.address, person.password)
        assert client.select("INBOX", readonly=True) == ("OK", [b"1"])
        _, parts = client.fetch("1", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        assert b"Subject: hello" in parts[0][1]


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
def test_pop3_gives_the_delivered_message_over_every_security(dovecot: Dovecot, person: Person, security: str) -> None:
    dovecot.deliver(person.address, MESSAGE)
    client = open_pop3(dovecot, security)
    client.user(person.address)
    client.pass_(person.password)
    assert client.stat()[0] == 1
    assert b"Subject: hello" in client.retr(1)[1]
    client.quit()


def test_all_password_mechanisms_are_offered_where_passwords_can_be_recovered(dovecot: Dovecot) -> None:
    with open_imap(dovecot) as client:
        offered = {name.removeprefix("AUTH=") for name in client.capabilities if name.startswith("AUTH=")}
    assert offered == {"PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "EXTERNAL"}


def test_hashed_passwords_leave_plain_and_login(hashed_dovecot: Dovecot) -> None:
    with open_imap(hashed_dovecot) as client:
        assert {name for name in client.capabilities if name.startswith("AUTH=")} == {"AUTH=PLAIN", "AUTH=LOGIN"}


@pytest.mark.parametrize("somebody", PEOPLE, ids=["plain", "hard-to-send", "non-ascii"])
@pytest.mark.parametrize("server", ["dovecot", "hashed_dovecot"])
@pytest.mark.real("dovecot")
def test_every_kind_of_password_logs_in(request: pytest.FixtureRequest, server: str, somebody: Person) -> None:
    with open_imap(request.getfixturevalue(server)) as client:
        log_in(client, somebody)
        assert client.state == "AUTH"


def test_a_wrong_password_is_refused(dovecot: Dovecot, person: Person) -> None:
    with open_imap(dovecot) as client, pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        client.login(person.address, "wrong")


def test_cram_md5_logs_in(dovecot: Dovecot, person: Person) -> None:
    with open_imap(dovecot) as client:
        client.login_cram_md5(person.address, person.password)
        assert client.state == "AUTH"


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1", "SCRAM-SHA-256"])
def test_scram_logs_in_and_the_server_proves_itself(dovecot: Dovecot, person: Person, mechanism: str) -> None:
    scram = ScramClient([mechanism], person.address, person.password)
    steps = iter([lambda _: scram.get_client_first(), lambda _: _final(scram, _), lambda _: _proven(scram, _)])
    with open_imap(dovecot) as client:
        client.authenticate(mechanism, lambda challenge: next(steps)(challenge.decode()).encode())
        assert client.state == "AUTH"


def _final(scram: ScramClient, challenge: str) -> str:
    scram.set_server_first(challenge)
    return scram.get_client_final()


def _proven(scram: ScramClient, challenge: str) -> str:
    scram.set_server_final(challenge)
    return ""


def test_apop_logs_in(dovecot: Dovecot, person: Person) -> None:
    client = open_pop3(dovecot, "none")
    assert client.apop(person.address, person.password).startswith(b"+OK")
    client.quit()


def test_external_logs_in_by_the_client_certificate(dovecot: Dovecot, person: Person, ca: CertificateAuthority) -> None:
    pair = ca.client(person.address)
    context = trust(dovecot)
    context.load_cert_chain(pair.certificate, pair.key)
    with imaplib.IMAP4_SSL("localhost", dovecot.imaps_port, ssl_context=context) as client:
        client.authenticate("EXTERNAL", lambda _: b"")
        assert client.state == "AUTH"


def test_logins_are_disabled_without_tls_for_a_client_from_elsewhere(dovecot: Dovecot) -> None:
    address = ("127.0.0.1", dovecot.imap_port)
    with socket.create_connection(address, timeout=10, source_address=("127.0.0.9", 0)) as connection:
        assert b"LOGINDISABLED" in connection.recv(4096)


def test_every_mailbox_has_its_special_folders(dovecot: Dovecot, person: Person) -> None:
    with open_imap(dovecot) as client:
        log_in(client, person)
        _, lines = client.list()
    for name in SPECIAL_FOLDERS:
        assert any(f"\\{name}) ".encode() in line and line.endswith(name.encode()) for line in lines)


def test_the_quota_is_told(dovecot: Dovecot, person: Person) -> None:
    with open_imap(dovecot) as client:
        log_in(client, person)
        _, (roots, quotas) = client.getquotaroot("INBOX")
    assert roots == [b'INBOX "User quota"']
    assert b"STORAGE 0 1048576" in quotas[0]


def test_messages_are_read_from_the_disk_oldest_first_and_by_folder(dovecot: Dovecot, person: Person) -> None:
    for number in range(3):
        dovecot.deliver(person.address, f"Subject: {number}\r\n\r\n".encode())
    with open_imap(dovecot) as client:
        log_in(client, person)
        client.create("Spam/Caf&AOk-")
        client.append("Spam/Caf&AOk-", "", "", b"Subject: filed\r\n\r\n")
    assert [message.splitlines()[-2] for message in dovecot.messages(person.address)] == [
        b"Subject: 0",
        b"Subject: 1",
        b"Subject: 2",
    ]
    assert [message.splitlines()[0] for message in dovecot.messages(person.address, "Spam/Café")] == [b"Subject: filed"]


def test_managesieve_answers(dovecot: Dovecot) -> None:
    with socket.create_connection(("127.0.0.1", dovecot.sieve_port), timeout=10) as connection:
        assert b'"IMPLEMENTATION" "Dovecot' in connection.recv(4096)


@pytest.mark.real("dovecot")
def test_folders_can_have_a_prefix_and_another_separator(ca: CertificateAuthority, person: Person) -> None:
    with Dovecot(ca=ca, folder_prefix="INBOX.", separator=".") as server:
        server.add_user(person.address, person.password)
        with open_imap(server) as client:
            log_in(client, person)
            assert client.namespace()[1] == [b'(("INBOX." ".")) NIL NIL']
            client.append("INBOX.Sent", "", "", MESSAGE)
        assert len(server.messages(person.address, "INBOX.Sent")) == 1


@pytest.mark.real("dovecot")
def test_the_certificate_and_the_lowest_tls_version_can_be_chosen(ca: CertificateAuthority) -> None:
    with Dovecot(ca=ca, certificate=ca.expired, ssl_min_protocol="TLSv1.3") as server:
        with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
            shake_hands(server.imaps_port, trust(server))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        shake_hands(server.pop3s_port, context)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(ssl.SSLError, match=r"PROTOCOL_VERSION|EOF"):
            shake_hands(server.pop3s_port, context)


@pytest.mark.real("dovecot")
@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
def test_it_can_listen_on_ipv6(ca: CertificateAuthority) -> None:
    with Dovecot(ca=ca, ipv6=True) as server, imaplib.IMAP4_SSL("::1", server.imaps_port, ssl_context=trust(server)):
        pass


@pytest.mark.real("dovecot")
def test_nothing_is_left_after_its_end(ca: CertificateAuthority, person: Person) -> None:
    with Dovecot(ca=ca) as server:
        server.add_user(person.address, person.password)
        client = open_imap(server)
        log_in(client, person)
        assert server.is_running()
    client.shutdown()
    assert not server.is_running()
    assert not server.folder.exists()


@pytest.fixture
def introspection() -> Iterator[tuple[str, Callable[[], list[str]]]]:
    """An authorisation server's introspection endpoint (RFC 7662) to which the one token `good` is active."""
    asked: list[str] = []

    class Endpoint(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            asked.append(form["token"][0])
            answer = {"active": form["token"] == ["good"], "email": "alice@example.test"}
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Endpoint) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://client:secret@127.0.0.1:{server.server_port}/introspect", lambda: asked
        server.shutdown()
        thread.join()


@pytest.mark.real("dovecot")
def test_tokens_are_asked_of_the_introspection_endpoint(
    ca: CertificateAuthority, introspection: tuple[str, Callable[[], list[str]]]
) -> None:
    url, asked = introspection
    with Dovecot(ca=ca, introspection_url=url) as server:
        server.add_user("alice@example.test", "unused")
        with open_imap(server) as client:
            client.authenticate("XOAUTH2", lambda _: b"user=alice@example.test\1auth=Bearer good\1\1")
            assert client.state == "AUTH"
        with open_imap(server) as client, pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
            client.authenticate("XOAUTH2", lambda _: b"user=alice@example.test\1auth=Bearer bad\1\1")
    assert asked() == ["good", "bad"]
