"""Whose certificate is taken, in which version of TLS, and who may begin TLS at all: cases 27-32 and 34."""

from __future__ import annotations

import ast
import ssl
from pathlib import Path
from types import SimpleNamespace

import pytest
import trustme
from tests.doubles.imap import ImapServer
from tests.doubles.pop3 import Pop3Server
from tests.doubles.scripted import ScriptedServer
from tests.doubles.smtp import SmtpServer
from tests.hostile.client import resolving_to, run
from tests.hostile.tls_cases import WRONG_CERTIFICATES

import mailctl
from mailctl.errors import TLSError
from mailctl.model.report import Stage

servers = pytest.mark.parametrize(
    "good",
    [kind(security=security) for security in ("tls", "starttls") for kind in (SmtpServer, Pop3Server, ImapServer)],
    ids=lambda good: f"{type(good).__name__}-{good.security}",
)


def test_case_27_each_wrong_certificate_has_its_own_reason(context_for, ca):
    good = SmtpServer(security="tls")
    reasons = {}
    for certificate in WRONG_CERTIFICATES:
        with ScriptedServer(good.script, tls=context_for(certificate)) as server, pytest.raises(TLSError) as caught:
            run(server, good, ca)
        reasons[certificate] = caught.value.reason
    assert len(set(reasons.values())) == len(WRONG_CERTIFICATES), reasons


@servers
def test_case_28_ip_address_against_names_is_refused(good, context_for, ca):
    with ScriptedServer(good.script, tls=context_for("dns_names_only")) as server, pytest.raises(TLSError) as caught:
        run(server, good, ca, host="127.0.0.1")
    assert caught.value.stage is Stage.CERTIFICATE


@servers
def test_case_28_ip_address_among_the_names_is_accepted(good, context_for, ca):
    with ScriptedServer(good.script, tls=context_for("ip_addresses_only")) as server:
        run(server, good, ca, host="127.0.0.1")
    assert server.connections[0].server_name is None  # RFC 6066, 3: no literal addresses


@servers
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_case_29_tls_1_2_and_1_3_are_accepted(version, good, ca):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca.good.certificate, ca.good.key)
    context.minimum_version = context.maximum_version = version
    with ScriptedServer(good.script, tls=context) as server:
        run(server, good, ca)
    assert server.connections[0].tls_version == version.name.replace("_", ".")


@servers
def test_case_31_verification_is_off_for_one_server_and_said(good, context_for, ca):
    with ScriptedServer(good.script, tls=context_for("expired")) as server:
        watch = run(server, good, ca, verify=False)
        assert any("verif" in warning for record in watch.records for warning in record.warnings)
        with pytest.raises(TLSError):
            run(server, good, ca)


TLS_MAKERS = {
    "SSLContext",
    "create_default_context",
    "_create_unverified_context",
    "_create_stdlib_context",
    "wrap_socket",
    "wrap_bio",
    "get_server_certificate",
    "SMTP_SSL",
    "POP3_SSL",
    "IMAP4_SSL",
    "starttls",
    "stls",
}
OWN_CONTEXTS = {"transport/network/tls.py"}


def test_case_32_tls_begins_in_one_place_alone():
    package = Path(mailctl.__file__).parent
    makers = {}
    for path in package.rglob("*.py"):
        name = path.relative_to(package).as_posix()
        tree = ast.parse(path.read_text(encoding="utf-8"))
        called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
        names = {node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "") for node in called}
        used = names & TLS_MAKERS
        if used and not name.startswith("sandbox/"):  # the sandbox is a server
            makers[name] = used
    assert set(makers) == OWN_CONTEXTS, makers


@servers
def test_case_34_trailing_dot_is_neither_asked_for_nor_checked(good, context_for, ca):
    with ScriptedServer(good.script, tls=context_for("dns_names_only")) as server:
        run(server, good, ca, host="localhost.")
    assert server.connections[0].server_name == "localhost"


@servers
def test_case_34_idn_is_the_same_a_label_in_dns_sni_and_check(good, tmp_path):
    stranger = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    stranger.issue_cert("xn--bcher-kva.example").configure_cert(context)
    stranger.cert_pem.write_to_path(tmp_path / "ca.pem")
    asked = []
    with ScriptedServer(good.script, tls=context) as server:
        run(
            server,
            good,
            SimpleNamespace(ca_file=tmp_path / "ca.pem"),
            host="bücher.example",
            resolve=resolving_to("127.0.0.1", asked=asked),
        )
    assert asked == ["xn--bcher-kva.example"]
    assert server.connections[0].server_name == "xn--bcher-kva.example"


@servers
def test_case_34_ipv6_literal_is_checked_as_an_address(good, context_for, ca):
    try:
        server = ScriptedServer(good.script, tls=context_for("ip_addresses_only"), address="::1")
    except OSError as error:
        pytest.skip(f"this machine has no ::1: {error}")
    with server:
        run(server, good, ca, host="::1")
    assert server.connections[0].server_name is None
