"""Each step of a test fails in its own way: scripted servers provoke what real ones do only on bad days."""

from __future__ import annotations

import re
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from tests.doubles.black_hole import open_black_hole
from tests.doubles.dns import DnsServer, resolving_by
from tests.doubles.imap import ImapServer, capability_reply
from tests.doubles.pop3 import Pop3Server, capa_reply
from tests.doubles.scripted import ScriptedServer
from tests.doubles.smtp import GO_AHEAD, SmtpServer, ehlo_reply
from tests.doubles.steps import AwaitBytes, Close, Delay, Part, ReadMessage, Say, Stall
from tests.servers.certificates import CertificateAuthority, KeyPair

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl, Result

Step = dict[str, Any]
LOGIN = ("--username", "ann@example.org", "--password-from", "env:PASSWORD")
SEND = ("test", "send", "hq")
RECEIVE = ("test", "receive", "hq")


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", "Tr0ub4dor & 3")


@pytest.fixture
def add(mailctl: Mailctl, ca: CertificateAuthority) -> Callable[..., None]:
    """Add the server hq, one of whose sides is that of the test."""

    def add(side: str, port: int, security: str, *options: str, host: str = "localhost") -> None:
        sides = {
            "smtp": ("--smtp-host", host, "--smtp-port", str(port), "--smtp-security", security, "--smtp-auth", "plain",
                     "--incoming-protocol", "imap", "--incoming-host", "unused.example.org"),
        }  # fmt: skip
        incoming = (
            "--smtp-host", "unused.example.org", "--incoming-protocol", side, "--incoming-host", host,
            "--incoming-port", str(port), "--incoming-security", security, "--incoming-auth", "plain",
        )  # fmt: skip
        mailctl.must(
            "server", "add", "hq", "--name", "HQ", "--ca-file", ca.ca_file, *sides.get(side, incoming), *options
        )

    return add


def context(pair: KeyPair) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(pair.certificate, pair.key)
    return made


def found(result: Result, name: str) -> Step:
    steps: list[Step] = result.json["targets"][0]["steps"]
    return next(step for step in steps if step["name"] == name)


def failure(result: Result) -> Step:
    steps: list[Step] = result.json["targets"][0]["steps"]
    return next(step for step in steps if step["status"] in ("fail", "error"))


# Settings


def test_settings_that_are_unusual_are_a_warning_before_anything_is_connected(
    mailctl: Mailctl, add: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    add("smtp", 465, "starttls", host="smtp.gmail.com")
    with DnsServer({}) as dns, resolving_by(dns):
        monkeypatch.setenv("MAILCTL_NAMESERVER", dns.place)
        login = ("--username", "ann", "--password-from", "env:PASSWORD")
        step = found(mailctl(*SEND, "--depth", "auth", *login, "-o", "json"), "settings")
    assert step["status"] == "warn"
    assert "port 465 of SMTP usually goes with security tls" in step["cause"]
    assert " --smtp-security tls` changes the settings" in step["remedy"]
    assert "takes the whole address for a user name" in step["cause"]


@pytest.mark.parametrize(
    ("password", "cause"),
    [
        ("", "the environment variable PASSWORD is empty"),
        ("secret\nmore", "the password contains a line feed (LF), which would end the command"),
    ],
)
@pytest.mark.parametrize("words", [SEND, RECEIVE])
def test_what_cannot_be_a_password_fails_where_it_is_read(
    mailctl: Mailctl, add: Any, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], password: str, cause: str
) -> None:
    add("smtp" if words is SEND else "imap", 1, "tls")
    monkeypatch.setenv("PASSWORD", password)
    result = mailctl(*words, "--depth", "auth", *LOGIN, "-o", "json")
    step = failure(result)
    assert (result.code, step["name"], step["cause"]) == (6, "secret", cause)
    assert "more" not in result.out.replace(step["remedy"], "")


def test_an_empty_user_name_is_no_login(mailctl: Mailctl, add: Any) -> None:
    add("smtp", 1, "tls")
    result = mailctl(*SEND, "--depth", "auth", "--username", "", "--password-from", "env:PASSWORD")
    assert (result.code, result.err) == (2, "error: --username is empty: nobody is to log in with that\n")


def test_a_host_in_any_script_is_shown_as_it_goes_into_the_dns(
    mailctl: Mailctl, add: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    add("smtp", 587, "starttls", host="メール.株式.会社")
    with DnsServer({}) as dns, resolving_by(dns):
        monkeypatch.setenv("MAILCTL_NAMESERVER", dns.place)
        result = mailctl(*SEND, "--depth", "connect", "-o", "json")
    assert found(result, "settings")["evidence"]["host_ascii"] == "xn--4dkua4c.xn--w0tp6r.xn--6oq404h"
    assert f"{found(result, 'settings')['evidence']['host_ascii']} A" in dns.asked


# DNS

ZONE = {
    "example.org": {"MX": ["10 mx.example.org."]},
    "_imaps._tcp.example.org": {"SRV": ["0 1 993 imap.example.org."]},
    "known.example.org": {"A": ["192.0.2.9"]},
    "dangling.example.org": {"CNAME": ["gone.example.net."]},
    "bare.example.org": {"CNAME": ["example.org."]},
}


@pytest.mark.parametrize(
    ("host", "reason", "said"),
    [
        ("gone.example.org", "nxdomain", "the name gone.example.org does not exist"),
        ("example.org", "no-address", "the name example.org exists, but has no address"),
        ("broken.example.org", "servfail", "the name servers fail"),
        ("known.example.org", "dns", "though the DNS has addresses for it"),
        ("dangling.example.org", "nxdomain", "is an alias of gone.example.net, which does not exist (asked: 127."),
        ("bare.example.org", "no-address", "is an alias of example.org, which exists, but has no address"),
    ],
)
def test_kinds_of_dns_failure_are_told_apart(
    mailctl: Mailctl, add: Any, monkeypatch: pytest.MonkeyPatch, host: str, reason: str, said: str
) -> None:
    add("imap", 993, "tls", host=host)
    with DnsServer(ZONE, fails={"broken.example.org"}) as dns:
        monkeypatch.setenv("MAILCTL_NAMESERVER", dns.place)
        result = mailctl(*RECEIVE, "--depth", "connect", "-o", "json")
    step = failure(result)
    assert (result.code, step["name"], step["evidence"]["reason"]) == (10, "dns", reason)
    assert said in step["cause"]
    assert step["evidence"]["resolvers"] == [dns.place]
    assert step["evidence"]["resolver"] == dns.place
    assert step["evidence"]["aliases"] == [name.removesuffix(".") for name in ZONE.get(host, {}).get("CNAME", ())]
    if reason in ("nxdomain", "no-address"):
        assert step["next"] == "mailctl server discover example.org"


def test_a_domain_without_a_server_is_told_its_own_servers(
    mailctl: Mailctl, add: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    add("imap", 993, "tls", host="example.org")
    with DnsServer(ZONE) as dns:
        monkeypatch.setenv("MAILCTL_NAMESERVER", dns.place)
        step = failure(mailctl(*RECEIVE, "--depth", "connect", "-o", "json"))
    assert "IMAPS 0 1 993 imap.example.org" in step["remedy"]
    assert step["evidence"]["related"] == {"mx": ["10 mx.example.org."], "imaps": ["0 1 993 imap.example.org."]}


def test_aliases_and_who_answered_are_shown(mailctl: Mailctl, add: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    zone = {"mail.example.org": {"CNAME": ["lb.example.net."]}, "lb.example.net": {"A": ["127.0.0.1"]}}
    with (
        ScriptedServer(SmtpServer(security="none").script) as server,
        DnsServer(zone) as dns,
        resolving_by(dns),
    ):
        add("smtp", server.port, "none", host="mail.example.org")
        monkeypatch.setenv("MAILCTL_NAMESERVER", dns.place)
        result = mailctl(*SEND, "--depth", "connect", "-o", "json")
    step = found(result, "dns")
    assert (result.code, step["status"]) == (0, "pass")
    assert step["evidence"]["aliases"] == ["lb.example.net"]
    assert step["evidence"]["addresses"] == step["evidence"]["dns_addresses"] == ["127.0.0.1"]
    assert step["evidence"]["resolver"] == dns.place


def test_a_dns_that_answers_otherwise_outside_is_a_warning(
    mailctl: Mailctl, add: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, outside = ({"mail.example.org": {"A": [address]}} for address in ("127.0.0.1", "8.8.8.8"))
    with (
        ScriptedServer(SmtpServer(security="none").script) as server,
        DnsServer(inside) as own,
        DnsServer(outside) as other,
        resolving_by(own),
    ):
        add("smtp", server.port, "none", host="mail.example.org")
        monkeypatch.setenv("MAILCTL_NAMESERVER", other.place)
        result = mailctl(*SEND, "--depth", "connect", "-o", "json")
    step = found(result, "dns")
    assert (result.code, step["status"]) == (0, "warn")
    assert "127.0.0.1" in step["cause"]
    assert "8.8.8.8" in step["cause"]
    assert found(result, "tcp")["evidence"]["address"] == "127.0.0.1"


# TCP


def test_a_port_where_nobody_listens(mailctl: Mailctl, add: Any) -> None:
    add("smtp", 1, "starttls", host="127.0.0.1")
    result = mailctl(*SEND, "--depth", "connect", "-o", "json")
    step = failure(result)
    assert (result.code, step["name"], step["evidence"]["reason"]) == (10, "tcp", "refused")
    assert step["evidence"]["attempts"][0]["outcome"] == "refused"
    assert step["next"] == "mailctl server edit hq --smtp-port PORT"


def test_no_answer_within_the_time_of_the_whole_test_says_whose_time_it_was(mailctl: Mailctl, add: Any) -> None:
    with open_black_hole() as port:
        add("smtp", port, "starttls", host="127.0.0.1")
        result = mailctl(*SEND, "--depth", "connect", "--timeout", "0.3", "-o", "json")
    step = failure(result)
    assert (result.code, step["name"], step["evidence"]["reason"]) == (10, "tcp", "timed-out")
    assert "--timeout" in step["cause"]
    assert step["next"] == "mailctl test send hq --depth connect --timeout SECONDS"


# Greeting


@pytest.mark.parametrize(
    ("side", "greeting", "speaks"),
    [
        ("smtp", b"* OK [CAPABILITY IMAP4rev1] ready\r\n", "IMAP"),
        ("smtp", b"+OK ready\r\n", "POP3"),
        ("smtp", b"SSH-2.0-OpenSSH_9.2p1\r\n", "SSH"),
        ("imap", b"220 mail.example ESMTP\r\n", "SMTP"),
        ("imap", b"+OK ready\r\n", "POP3"),
        ("pop3", b"220 mail.example ESMTP\r\n", "SMTP"),
        ("pop3", b"* OK ready\r\n", "IMAP"),
        ("pop3", b'"IMPLEMENTATION" "Dovecot Pigeonhole"\r\n', "ManageSieve"),
    ],
)
def test_a_greeting_of_another_protocol_is_named(
    mailctl: Mailctl, add: Any, side: str, greeting: bytes, speaks: str
) -> None:
    with ScriptedServer(greeting) as server:
        add(side, server.port, "none")
        result = mailctl(*(SEND if side == "smtp" else RECEIVE), "--depth", "connect", "-o", "json")
    step = failure(result)
    assert (result.code, step["name"], step["evidence"]["reason"]) == (18, "greeting", "other-protocol")
    assert f"is a port for {speaks}, not {side.upper()}" in step["cause"]
    assert step["reply"] == greeting.decode().strip()


def test_an_endless_refusal_leaves_room_for_what_is_said_of_it(mailctl: Mailctl, add: Any) -> None:
    said = b"".join(b"554-%d of the reasons\r\n" % number for number in range(500)) + b"554 go away\r\n"
    with ScriptedServer((said, Close())) as server:
        add("smtp", server.port, "none")
        shown = mailctl(*SEND, "--depth", "connect").out
        told = failure(mailctl(*SEND, "--depth", "connect", "-o", "json"))
    assert len(shown.splitlines()) < 40
    assert "554-19 of the reasons" in shown
    assert "and 481 lines more" in shown
    assert told["reply"].endswith("554 go away")


CAPABILITIES_TOLD: dict[str, tuple[str, Any, str]] = {
    "POP3 without SASL": ("pop3", Pop3Server(security="none", capa=capa_reply(b"USER", b"UIDL")), "logins: USER; UIDL"),
    "a small SIZE": (
        "smtp",
        SmtpServer(security="none", ehlo=ehlo_reply(b"SIZE 1000", b"AUTH PLAIN")),
        "logins: PLAIN; messages up to 1000 bytes",
    ),
    "a usual SIZE": (
        "smtp",
        SmtpServer(security="none", ehlo=ehlo_reply(b"SIZE 25000000", b"AUTH PLAIN")),
        "logins: PLAIN; messages up to 25.0 MB",
    ),
}


@pytest.mark.parametrize("case", CAPABILITIES_TOLD)
def test_what_a_server_can_do_is_told_in_a_line(mailctl: Mailctl, add: Any, case: str) -> None:
    side, double, said = CAPABILITIES_TOLD[case]
    with ScriptedServer(double.script) as server:
        add(side, server.port, "none")
        shown = mailctl(*(SEND if side == "smtp" else RECEIVE), *LOGIN, "--depth", "auth").out
    assert said in " ".join(shown.split())


@pytest.mark.parametrize(
    ("greeting", "code", "said"),
    [
        (b"554 5.7.1 go away\r\n", 13, "block list"),
        (b"421 4.7.0 too many connections from 192.0.2.1\r\n", 14, "wait some minutes"),
    ],
)
def test_being_turned_away_at_the_door(mailctl: Mailctl, add: Any, greeting: bytes, code: int, said: str) -> None:
    with ScriptedServer(greeting) as server:
        add("smtp", server.port, "starttls")
        result = mailctl(*SEND, "--depth", "tls", "-o", "json")
    step = failure(result)
    assert (result.code, step["name"]) == (code, "greeting")
    assert said in step["remedy"]
    assert [found(result, name)["status"] for name in ("tls", "certificate")] == ["skipped", "skipped"]


def test_a_server_that_waits_for_tls_is_found_out_without_a_login(
    mailctl: Mailctl, add: Any, ca: CertificateAuthority
) -> None:
    with ScriptedServer(ImapServer(security="tls").script, tls=context(ca.good)) as server:
        add("imap", server.port, "starttls", "--incoming-timeout", "10")
        result = mailctl(*RECEIVE, *LOGIN, "-o", "json")
    step = failure(result)
    assert (result.code, step["name"], step["evidence"]["reason"]) == (11, "greeting", "tls-expected")
    assert step["next"] == "mailctl server edit hq --incoming-security tls"
    assert b"ann" not in server.received


def test_a_server_that_loses_patience_while_it_waits_for_tls_is_found_out_too(
    mailctl: Mailctl, add: Any, ca: CertificateAuthority
) -> None:
    with ScriptedServer(Close(), ImapServer(security="tls").script, tls=context(ca.good)) as server:
        add("imap", server.port, "starttls")
        result = mailctl(*RECEIVE, *LOGIN, "-o", "json")
    step = failure(result)
    assert (result.code, step["name"], step["evidence"]["reason"]) == (11, "greeting", "tls-expected")
    assert step["next"] == "mailctl server edit hq --incoming-security tls"


def test_connecting_alone_says_where_the_greeting_is_that_comes_inside_tls(
    mailctl: Mailctl, add: Any, ca: CertificateAuthority
) -> None:
    with ScriptedServer(SmtpServer(security="tls").script, tls=context(ca.good)) as server:
        add("smtp", server.port, "tls")
        result = mailctl(*SEND, "--depth", "connect", "-o", "json")
    step = found(result, "greeting")
    assert (result.code, step["status"]) == (0, "skipped")
    assert "--depth tls" in step["cause"]


# TLS

SPOKEN_IN_CLEAR: dict[str, tuple[Part, str]] = {
    "at once": (b"220 mail.example ESMTP ready\r\n", "220 mail.example ESMTP ready"),
    "once the client has begun": ((AwaitBytes(), b"220 late\r\n"), "220 late"),
    "as an answer to TLS": ((AwaitBytes(), b"500 5.5.1 pardon?\r\n"), "500 5.5.1 pardon?"),
}


@pytest.mark.parametrize("when", SPOKEN_IN_CLEAR)
def test_a_server_that_speaks_in_the_clear_where_tls_begins_is_told_in_one_way(
    mailctl: Mailctl, add: Any, when: str
) -> None:
    script, said = SPOKEN_IN_CLEAR[when]
    with ScriptedServer(script) as server:
        add("smtp", server.port, "tls")
        result = mailctl(*SEND, "--depth", "tls", "-o", "json")
    step = failure(result)
    assert (result.code, step["name"], step["evidence"]["reason"]) == (11, "tls", "wrong-version")
    assert (
        step["evidence"]["problem"] == f"the server does not speak TLS here, but in the clear (localhost:{server.port})"
    )
    # An answer may come before it is looked for, on loopback addresses alone; then OpenSSL has read it.
    assert (step["reply"] or said).rstrip() == said


@pytest.mark.parametrize("then", [Delay(0.05), AwaitBytes()], ids=["a moment later", "as an answer to TLS"])
def test_a_server_that_agrees_to_tls_and_goes_on_in_the_clear_is_not_told_to_be_wrongly_set_up(
    mailctl: Mailctl, add: Any, then: Part
) -> None:
    with ScriptedServer(SmtpServer(starttls=(GO_AHEAD, then, b"250 2.0.0 injected\r\n", Stall())).script) as server:
        add("smtp", server.port, "starttls")
        result = mailctl(*SEND, *LOGIN, "--depth", "auth", "-o", "json")
    step = failure(result)
    assert (result.code, step["name"], step["evidence"]["reason"]) == (11, "tls", "bytes-before-tls")
    assert "attack" in step["cause"]
    assert step["next"] == "mailctl server edit hq --smtp-security tls"
    assert server.after_tls == b""


def test_another_protocol_in_the_clear_is_named_where_tls_begins(mailctl: Mailctl, add: Any) -> None:
    with ScriptedServer(b"* OK [CAPABILITY IMAP4rev1] ready\r\n") as server:
        add("smtp", server.port, "tls")
        result = mailctl(*SEND, "--depth", "tls", "-o", "json")
    step = failure(result)
    assert (result.code, step["name"], step["evidence"]["reason"]) == (18, "tls", "other-protocol")
    assert "is a port for IMAP, not SMTP" in step["cause"]


@pytest.mark.parametrize(
    ("script", "security"),
    [
        (SmtpServer(security="tls", handshake=Stall()).script, "tls"),
        (SmtpServer(starttls=(GO_AHEAD, Stall())).script, "starttls"),
    ],
)
def test_a_handshake_that_does_not_end_is_the_networks_fault_as_every_time_out_is(
    mailctl: Mailctl, add: Any, script: Part, security: str
) -> None:
    with ScriptedServer(script) as server:
        add("smtp", server.port, security)
        result = mailctl(*SEND, "--depth", "tls", "--timeout", "0.8", "-o", "json")
    step = failure(result)
    assert (result.code, step["name"], step["evidence"]["reason"]) == (10, "tls", "handshake-timed-out")


@pytest.mark.parametrize(
    ("script", "security", "code", "reason", "next_command"),
    [
        (
            b"220 mail.example ESMTP ready\r\n",
            "tls",
            11,
            "wrong-version",
            "mailctl server edit hq --smtp-security starttls",
        ),
        (
            SmtpServer(ehlo_before_tls=ehlo_reply(b"SIZE 1000")).script,
            "starttls",
            11,
            "starttls-not-offered",
            "mailctl server edit hq --smtp-security tls",
        ),
        (
            SmtpServer(starttls=b"502 5.5.1 no\r\n").script,
            "starttls",
            11,
            "starttls-refused",
            "mailctl test send hq --depth tls --transcript",
        ),
        (
            SmtpServer(starttls=b"454 4.7.0 too many TLS sessions\r\n").script,
            "starttls",
            14,
            "rate-limited",
            "mailctl test send hq --depth tls",
        ),
    ],
    ids=["greets-in-clear", "not-offered", "refused", "rate-limited"],
)
def test_what_is_wrong_with_tls_is_one_of_several_things(
    mailctl: Mailctl, add: Any, script: Part, security: str, code: int, reason: str, next_command: str
) -> None:
    with ScriptedServer(script) as double:
        add("smtp", double.port, security)
        result = mailctl(*SEND, "--depth", "tls", "-o", "json")
    step = failure(result)
    assert (result.code, step["name"], step["evidence"]["reason"]) == (code, "tls", reason)
    assert step["next"] == next_command


def test_a_certificate_that_fails_leaves_tls_its_version_and_shows_the_chain(
    mailctl: Mailctl, add: Any, ca: CertificateAuthority
) -> None:
    with ScriptedServer(SmtpServer().script, tls=context(ca.wrong_host)) as server:
        add("smtp", server.port, "starttls")
        result = mailctl(*SEND, "--depth", "tls", "-o", "json")
    tls = found(result, "tls")
    assert (tls["status"], tls["evidence"]["version"], tls["evidence"]["sni"]) == ("pass", "TLSv1.3", "localhost")
    assert tls["evidence"]["cipher"]
    step = failure(result)
    assert (result.code, step["name"], step["evidence"]["reason"]) == (11, "certificate", "certificate-host")
    assert step["evidence"]["names"] == ["elsewhere.example.test"]
    assert step["evidence"]["chain"][0]["issuer"] == step["evidence"]["issuer"]
    assert "elsewhere.example.test" in step["cause"]


def test_a_certificate_that_has_ended_and_is_taken_all_the_same_is_said_to_have_ended(
    mailctl: Mailctl, add: Any, ca: CertificateAuthority
) -> None:
    with ScriptedServer(SmtpServer().script, tls=context(ca.expired)) as server:
        add("smtp", server.port, "starttls", "--no-tls-verify")
        result = mailctl(*SEND, "--depth", "tls", "-o", "json")
    step = found(result, "certificate")
    assert (result.code, step["status"]) == (0, "warn")
    assert re.search(r"the certificate ended \d+ days? ago; renew it", step["cause"])


def test_an_intermediate_certificate_that_the_server_leaves_out_is_thought_of(
    mailctl: Mailctl, add: Any, tmp_path: Path
) -> None:
    root = trustme.CA(organization_name="Root")
    issued = root.create_child_ca().issue_cert("localhost")
    root.cert_pem.write_to_path(str(tmp_path / "root.pem"))
    issued.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    for name, pems in (("leaf.pem", issued.cert_chain_pems[:1]), ("whole.pem", issued.cert_chain_pems)):
        (tmp_path / name).write_bytes(b"".join(pem.bytes() for pem in pems))
    results = []
    for name in ("whole.pem", "leaf.pem"):
        pair = KeyPair(tmp_path / name, tmp_path / "key.pem")
        with ScriptedServer(SmtpServer().script, tls=context(pair)) as server:
            mailctl.add_server(
                name, "--smtp-host", "localhost", "--smtp-port", str(server.port), "--smtp-security", "starttls",
                "--ca-file", str(tmp_path / "root.pem"),
            )  # fmt: skip
            results.append(mailctl("test", "send", name, "--depth", "tls", "-o", "json"))
    whole, leaf = results
    assert (whole.code, found(whole, "certificate")["evidence"]["issuer_sent"]) == (0, True)
    step = failure(leaf)
    assert (leaf.code, step["name"], step["evidence"]["issuer_sent"]) == (11, "certificate", False)
    assert step["evidence"]["issuer"] in step["evidence"]["problem"]
    assert "does not send" in step["evidence"]["problem"]
    assert "full chain" in step["remedy"]


@pytest.fixture
def proxy(tmp_path: Path) -> tuple[Path, KeyPair]:
    """An inspecting proxy's authority, and the certificate that it shows for this machine."""
    authority = trustme.CA(organization_name="Zscaler Inc.")
    issued = authority.issue_cert("localhost")
    pair = KeyPair(tmp_path / "proxy.pem", tmp_path / "proxy.key")
    issued.cert_chain_pems[0].write_to_path(str(pair.certificate))
    issued.private_key_pem.write_to_path(str(pair.key))
    authority.cert_pem.write_to_path(str(tmp_path / "proxy-ca.pem"))
    return tmp_path / "proxy-ca.pem", pair


def test_a_proxy_that_looks_into_connections_is_named(mailctl: Mailctl, add: Any, proxy: tuple[Path, KeyPair]) -> None:
    with ScriptedServer(SmtpServer().script, tls=context(proxy[1])) as server:
        add("smtp", server.port, "starttls")
        result = mailctl(*SEND, "--depth", "tls", "-o", "json")
    step = failure(result)
    assert (result.code, step["evidence"]["reason"]) == (11, "certificate-intercepted")
    assert "O=Zscaler Inc." in step["cause"]


def test_a_proxy_that_this_machine_was_made_to_trust_is_a_warning(
    mailctl: Mailctl, add: Any, proxy: tuple[Path, KeyPair]
) -> None:
    with ScriptedServer(SmtpServer().script, tls=context(proxy[1])) as server:
        add("smtp", server.port, "starttls", "--ca-file", str(proxy[0]))
        result = mailctl(*SEND, "--depth", "tls", "-o", "json")
    step = found(result, "certificate")
    assert (result.code, step["status"]) == (0, "warn")
    assert "O=Zscaler Inc." in step["cause"]
    assert "looks into this connection" in step["cause"]


# Secret


@pytest.mark.skipif(sys.platform == "win32", reason="rights are POSIX's")
@pytest.mark.parametrize("test", [("receive", "hq"), ("all",)])
def test_what_is_warned_of_does_not_stand_among_the_steps(
    mailctl: Mailctl, add: Any, tmp_path: Path, test: tuple[str, ...]
) -> None:
    password = tmp_path / "password"
    password.write_text("secret")
    password.chmod(0o644)
    login = ["--username", "ann@example.org", "--password-from", f"file:{password}"]
    add("pop3", 1, "none", host="127.0.0.1")
    mailctl.must("server", "edit", "hq", "--smtp-host", "127.0.0.1", "--smtp-port", "1", "--smtp-security", "none")
    mailctl.must("account", "add", "ann@example.org", "--server", "hq", *login)
    given = login if test[0] == "receive" else ()
    program = [sys.executable, "-m", "mailctl", "--config", str(mailctl.config), "test", *test, *given]
    shown = subprocess.run(program, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout
    lines = shown.splitlines()
    assert lines[0 if test == ("all",) else -1].startswith("warning: everybody on this machine can read")
    assert shown.count("warning:") == 1


# Capabilities and login


def test_what_to_do_about_a_login_that_is_not_offered_is_said_once(mailctl: Mailctl, add: Any) -> None:
    with ScriptedServer(SmtpServer(security="none", ehlo=ehlo_reply(b"SIZE 1000", b"AUTH CRAM-MD5")).script) as server:
        add("smtp", server.port, "none")
        step = failure(mailctl(*SEND, "--depth", "auth", *LOGIN, "-o", "json"))
    assert step["cause"] == "the server does not offer the configured login method plain; it offers: CRAM-MD5"
    assert step["remedy"] == "set one that the step `capabilities` lists, or auto; nothing weaker is tried in its place"


def test_a_connection_that_ends_after_the_login_is_not_blamed_on_the_port(mailctl: Mailctl, add: Any) -> None:
    with ScriptedServer(ImapServer(security="none", examine=Close()).script) as server:
        add("imap", server.port, "none")
        step = failure(mailctl(*RECEIVE, *LOGIN, "-o", "json"))
    assert (step["name"], step["evidence"]["reason"]) == ("mailbox", "closed")
    assert step["cause"] == step["evidence"]["problem"]
    assert "port" not in step["remedy"]


@pytest.mark.parametrize(
    ("side", "double", "auth"),
    [
        ("smtp", SmtpServer(ehlo=ehlo_reply(b"SIZE 1000000")), "auto"),
        ("smtp", SmtpServer(ehlo=ehlo_reply(b"SIZE 1000000")), "plain"),
        ("imap", ImapServer(capability=capability_reply(b"LOGINDISABLED")), "auto"),
        ("imap", ImapServer(capability=capability_reply(b"LOGINDISABLED")), "login-command"),
    ],
)
def test_a_server_that_offers_no_login_inside_tls_leads_neither_to_tls_nor_to_auto(
    mailctl: Mailctl, add: Any, ca: CertificateAuthority, side: str, double: Any, auth: str
) -> None:
    with ScriptedServer(double.script, tls=context(ca.good)) as server:
        add(side, server.port, "starttls", f"--{'smtp' if side == 'smtp' else 'incoming'}-auth", auth)
        result = mailctl(*(SEND if side == "smtp" else RECEIVE), *LOGIN, "--depth", "auth", "-o", "json")
    step = failure(result)
    assert (result.code, step["name"], step["evidence"]["reason"]) == (18, "auth", "no-login-offered")
    assert "--depth auth --transcript" in step["next"]


def test_a_login_without_tls_that_is_not_offered_leads_to_starttls(mailctl: Mailctl, add: Any) -> None:
    with ScriptedServer(SmtpServer(security="none", ehlo=ehlo_reply(b"STARTTLS")).script) as server:
        add("smtp", server.port, "none", "--smtp-auth", "auto")
        result = mailctl(*SEND, "--depth", "auth", *LOGIN, "-o", "json")
    step = failure(result)
    assert (result.code, step["evidence"]["reason"]) == (18, "login-needs-tls")
    assert step["next"] == "mailctl server edit hq --smtp-security starttls"


def test_pop3_that_wants_tls_first_is_understood_by_its_words(mailctl: Mailctl, add: Any) -> None:
    refusal = b"-ERR no login without TLS: give STLS first\r\n"
    with ScriptedServer(Pop3Server(security="none", user=refusal).script) as server:
        add("pop3", server.port, "none", "--incoming-auth", "login-command")
        step = failure(mailctl(*RECEIVE, *LOGIN, "-o", "json"))
    assert step["next"] == "mailctl server edit hq --incoming-security starttls"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (LOGIN, "--username ann@example.org --password-from env:PASSWORD"),
        (
            ("--username", "ann@example.org", "--password-stdin"),
            "--username ann@example.org --password-stdin",
        ),
    ],
)
def test_the_next_command_of_a_refused_login_keeps_what_was_given(
    mailctl: Mailctl, add: Any, given: tuple[str, ...], kept: str
) -> None:
    with ScriptedServer(SmtpServer(security="none", verdict=b"535 5.7.8 no\r\n").script) as server:
        add("smtp", server.port, "none")
        result = mailctl(*SEND, "--to", "bob@example.net", *given, "-o", "json", stdin=b"wrong")
    assert result.code == 12
    assert failure(result)["next"] == f"mailctl test send hq {kept} --depth auth --transcript"


def test_the_next_command_of_a_refused_message_keeps_whom_it_was_for(mailctl: Mailctl, add: Any) -> None:
    too_large: Part = (Say(b"354 go\r\n"), ReadMessage(), b"552 5.3.4 too big\r\n")
    with ScriptedServer(SmtpServer(security="none", data=too_large).script) as server:
        add("smtp", server.port, "none")
        step = failure(mailctl(*SEND, "--to", "bob@example.net", *LOGIN, "-o", "json"))
    login = "--username ann@example.org --password-from env:PASSWORD"
    assert step["next"] == f"mailctl test send hq {login} --to bob@example.net --depth envelope"


def test_what_may_have_been_sent_is_not_to_be_tried_again(mailctl: Mailctl, add: Any) -> None:
    lost: Part = (Say(b"354 go\r\n"), ReadMessage(), Close())
    with ScriptedServer(SmtpServer(security="none", data=lost).script) as server:
        add("smtp", server.port, "none")
        result = mailctl(*SEND, "--to", "bob@example.net", *LOGIN, "-o", "json")
    step = failure(result)
    assert (result.code, step["next"]) == (17, None)
    assert "Message-ID" in step["remedy"]
    assert "try again" not in step["remedy"]


@pytest.mark.parametrize("reference", ["file:/nowhere/password", "command:sh -c 'exit 3'"])
def test_a_secret_that_cannot_be_had_has_a_remedy(mailctl: Mailctl, add: Any, reference: str) -> None:
    add("smtp", 587, "starttls")
    result = mailctl(*SEND, "--depth", "auth", "--username", "ann", "--password-from", reference, "-o", "json")
    step = failure(result)
    assert (result.code, step["name"], step["status"]) == (6, "secret", "error")
    assert step["remedy"]


# On a terminal


def test_steps_that_were_not_run_share_a_line(mailctl: Mailctl, add: Any) -> None:
    add("smtp", 1, "starttls", host="127.0.0.1")
    out = mailctl(*SEND, "--to", "bob@example.net", *LOGIN).out
    skipped = "  skip  greeting, tls, certificate, capabilities, auth, message: not run, because tcp failed"
    assert out.splitlines().count(skipped) == 1
    assert out.count("the connection was refused") == 1


def test_a_verdict_with_warnings_says_why_the_exit_code_is_16(
    mailctl: Mailctl, add: Any, ca: CertificateAuthority
) -> None:
    with ScriptedServer(SmtpServer().script, tls=context(ca.good)) as server:
        add("smtp", server.port, "starttls")
        result = mailctl(*SEND, "--depth", "tls", "--fail-on", "warn", "--min-cert-days", "999999")
    assert result.code == 16
    assert "which --fail-on warn turns into exit code 16" in result.out


def test_the_transcript_is_shown_although_quiet(mailctl: Mailctl, add: Any) -> None:
    with ScriptedServer(SmtpServer(security="none").script) as server:
        add("smtp", server.port, "none")
        result = mailctl("--quiet", *SEND, "--depth", "connect", "--transcript")
    assert "220 mail.example ESMTP ready" in result.err
