"""TLS contexts, pins, and certificates that are shown because they do not hold."""

from __future__ import annotations

import contextlib
import datetime as dt
import gc
import select
import socket
import ssl
import struct
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID
from tests.doubles.graph import GraphServer
from tests.doubles.imap import ImapServer
from tests.doubles.pop3 import Pop3Server
from tests.doubles.scripted import ScriptedServer
from tests.doubles.smtp import SmtpServer
from tests.servers.proxy import DelayProxy

from mailctl.errors import TLSError
from mailctl.model.report import Stage
from mailctl.model.secret import Secret
from mailctl.model.server import TlsOptions
from mailctl.protocol.redact import Redactor
from mailctl.transport.http.exchange import HttpClient
from mailctl.transport.imap.session import open_imap
from mailctl.transport.network.certificate import (
    certificate_evidence,
    describe,
    explain_failure,
    find_finer_reason,
    find_matching_name,
)
from mailctl.transport.network.limits import Deadline
from mailctl.transport.network.tls import build_context, check_pins, shake_hands
from mailctl.transport.pop3.session import open_pop3
from mailctl.transport.smtp.session import open_smtp
from mailctl.transport.watch import Watch

NOW = dt.datetime.now(dt.UTC)
LATER = NOW + dt.timedelta(days=90)
OPEN = {"smtp": (open_smtp, SmtpServer), "pop3": (open_pop3, Pop3Server), "imap": (open_imap, ImapServer)}


def certificate(*, names=(), common_name="mail.example.org", issuer_at=None, issuer_names=()):
    """Return a certificate in DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(LATER)
    )
    if names:
        alternative = x509.SubjectAlternativeName([x509.DNSName(text) for text in names])
        builder = builder.add_extension(alternative, critical=False)
    if issuer_names:
        issuer = x509.IssuerAlternativeName([x509.DNSName(text) for text in issuer_names])
        builder = builder.add_extension(issuer, critical=False)
    if issuer_at:
        location = x509.UniformResourceIdentifier(issuer_at)
        place = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, location)
        builder = builder.add_extension(x509.AuthorityInformationAccess([place]), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize("protocol", OPEN)
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_that_does_not_hold_is_shown_without_a_login(route_to, ca, protocol, security):
    open_session, server = OPEN[protocol]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca.wrong_host.certificate, ca.wrong_host.key)
    watch = Watch()
    with ScriptedServer(server(security=security).script, tls=context) as double:
        route = route_to(protocol, double.port, security=security, auth="plain", login=("ann", "hunter22"))
        with pytest.raises(TLSError) as caught, open_session(route, watch):
            pass
    assert caught.value.stage is Stage.CERTIFICATE
    assert caught.value.message.endswith("it is for elsewhere.example.test")
    assert caught.value.details["names"] == ["elsewhere.example.test"]
    assert watch.find(Stage.CERTIFICATE).evidence["verified"] is False
    assert watch.find(Stage.TLS).error is None
    assert len(double.connections) == 2
    assert b"AUTH" not in double.received


@pytest.mark.parametrize("others", [(), ("sha256:" + "0" * 64,)])
def test_a_pin_is_what_counts_where_the_authority_is_unknown(route_to, ca, server_context, others):
    der = x509.load_pem_x509_certificate(ca.good.certificate.read_bytes()).public_bytes(serialization.Encoding.DER)
    pin = f"sha256:{certificate_evidence([der], 'localhost', verified=False)['public_key_sha256']}"
    with ScriptedServer(SmtpServer().script, tls=server_context) as double:
        tls = TlsOptions(verify=False, pins=(*others, pin))
        with open_smtp(route_to("smtp", double.port, security="starttls", tls=tls), Watch()) as session:
            assert session.capabilities.keywords


@pytest.mark.parametrize("contents", [None, b"", b"no PEM"])
def test_a_ca_file_that_cannot_be_used_is_named(tmp_path, contents):
    path = tmp_path / "ca.pem"
    if contents is not None:
        path.write_bytes(contents)
    with pytest.raises(TLSError) as caught:
        build_context(TlsOptions(ca_file=str(path)))
    assert caught.value.reason == "ca-file"
    assert str(path) in caught.value.message


@pytest.mark.parametrize(("passphrase", "works"), [("open sesame", True), ("wrong", False), (None, False)])
def test_an_encrypted_client_key_is_opened_by_its_passphrase_and_nobody_is_asked(ca, tmp_path, passphrase, works):
    pair = ca.client("ann")
    key = serialization.load_pem_private_key(pair.key.read_bytes(), password=None)
    encrypted = tmp_path / "key.pem"
    encrypted.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"open sesame"),
        )
    )
    options = TlsOptions(client_cert=str(pair.certificate), client_key=str(encrypted))
    secret = Secret(passphrase) if passphrase else None
    if works:
        build_context(options, passphrase=secret)
        return
    with pytest.raises(TLSError) as caught:
        build_context(options, passphrase=secret)
    assert caught.value.reason == "client-certificate"


def test_verification_is_on_unless_it_is_said_otherwise():
    assert build_context(TlsOptions()).verify_mode is ssl.CERT_REQUIRED
    assert build_context(TlsOptions()).check_hostname
    assert build_context(TlsOptions()).minimum_version is ssl.TLSVersion.TLSv1_2
    assert build_context(TlsOptions(verify=False)).verify_mode is ssl.CERT_NONE


@pytest.mark.parametrize(
    ("names", "host", "match"),
    [
        (["a.example.org", "MAIL.example.org"], "mail.example.org", "MAIL.example.org"),
        (["*.example.org"], "mail.example.org", "*.example.org"),
        (["*.example.org"], "a.mail.example.org", None),
        (["*.example.org"], "example.org", None),
        (["*.0.0.1"], "127.0.0.1", None),
        (["m*.example.org"], "mail.example.org", None),
        (["127.0.0.1"], "127.0.0.1", "127.0.0.1"),
        ([], "mail.example.org", None),
    ],
)
def test_the_name_that_covers_the_host_is_found(names, host, match):
    assert find_matching_name(names, host) == match


def test_reasons_are_refined_by_what_the_certificate_says():
    host = "mail.example.org"
    assert find_finer_reason([certificate()], host, "certificate-host") == "certificate-common-name"
    assert find_finer_reason([certificate()], "other.example.org", "certificate-host") == "certificate-host"
    assert find_finer_reason([certificate(names=[host])], host, "certificate-host") == "certificate-host"
    known_issuer = certificate(issuer_at="http://ca.example/issuer.cer")
    assert find_finer_reason([known_issuer], host, "certificate-unknown-ca") == "certificate-chain"
    assert find_finer_reason([known_issuer] * 2, host, "certificate-unknown-ca") == "certificate-unknown-ca"
    assert find_finer_reason([certificate()], host, "certificate-unknown-ca") == "certificate-unknown-ca"


def test_what_a_certificate_says_cannot_draw_on_the_terminal():
    evidence = certificate_evidence([certificate(common_name="x\x1b[2J\u202e")], "mail.example.org", verified=False)
    said = describe("certificate-unknown-ca", evidence)
    assert said.isprintable()
    assert "\\x1b" in said


def test_a_connection_that_is_reset_before_the_handshake_is_closed():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connected = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        accepted.close()
        select.select([connected], [], [], 10)
        with pytest.raises(TLSError) as caught:
            shake_hands(connected, build_context(TlsOptions()), "localhost", Deadline(10), "here")
    assert caught.value.reason == "handshake-reset"
    del connected, caught
    gc.collect()  # a socket that was left open is an error of the test run


@pytest.mark.parametrize("delay_seconds", [0, 0.02], ids=["near", "far"])
def test_a_connection_to_a_server_that_speaks_in_the_clear_is_closed(delay_seconds):
    def serve_until_closed(listener):
        accepted, _ = listener.accept()
        with accepted:
            accepted.settimeout(10)
            accepted.recv(4096)
            accepted.sendall(b"220 ready\r\n")
            with contextlib.suppress(ConnectionResetError):  # as what the server said was never read
                while accepted.recv(4096):
                    pass

    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        DelayProxy(listener.getsockname()[1], delay_seconds=delay_seconds) as proxy,
        ThreadPoolExecutor(1) as thread,
    ):
        served = thread.submit(serve_until_closed, listener)
        connected = socket.create_connection((proxy.host, proxy.port))
        with pytest.raises(TLSError) as caught:
            shake_hands(connected, build_context(TlsOptions()), "localhost", Deadline(10), "here")
        served.result()
    assert caught.value.reason == "wrong-version"


def test_a_token_fetched_over_https_is_no_hindrance_to_mail_over_tls(route_to, ca, server_context):
    with (
        GraphServer(token="t", tls=server_context) as graph,
        HttpClient(
            protocol="oauth", timeout_seconds=10, deadline=Deadline(10), redactor=Redactor(), ca_file=str(ca.ca_file)
        ) as client,
    ):
        assert client.request("GET", graph.url, headers={}).status == 401
        with (
            ScriptedServer(ImapServer(security="tls").script, tls=server_context) as double,
            open_imap(route_to("imap", double.port, security="tls"), Watch()) as session,
        ):
            assert session.capabilities
        assert client.request("GET", graph.url, headers={}).status == 401


def test_a_certificate_that_others_than_openssl_cannot_read_is_no_accident():
    twice = certificate(names=["mail.example.org"], issuer_names=["mail.example.org"])
    # The second extension bears the name of the first: issuerAltName that of subjectAltName (RFC 5280, 4.2.1).
    twice = twice.replace(bytes.fromhex("0603551d12"), bytes.fromhex("0603551d11"))
    failure = TLSError("it does not hold", reason="certificate-self-signed")
    assert explain_failure(failure, [twice], "mail.example.org") == {"verified": False}
    with pytest.raises(TLSError) as caught:
        check_pins(TlsOptions(verify=False, pins=(f"sha256:{'0' * 64}",)), [b"no certificate"], "mail.example.org:993")
    assert caught.value.reason == "pin-mismatch"
