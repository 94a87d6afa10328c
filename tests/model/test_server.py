"""A server's fields: defaults and pairings of port and security, hosts, and what excludes what."""

from __future__ import annotations

from typing import Any

import pytest

from mailctl.errors import ExclusiveSettingsError, InvalidValueError, MailctlError
from mailctl.model.decode import decode_or_raise
from mailctl.model.server import DEFAULT_PORTS, Protocol, Security, Server, pairing_warning


def server(smtp: dict[str, Any] | None = None, incoming: dict[str, Any] | None = None, **fields: Any) -> Server:
    return decode_or_raise(
        Server,
        {
            "code": "hq",
            "name": "Headquarters",
            "smtp": {"host": "mail.example.org", **(smtp or {})},
            "incoming": {"protocol": "imap", "host": "mail.example.org", **(incoming or {})},
            **fields,
        },
    )


def refusal(smtp: dict[str, Any] | None = None, incoming: dict[str, Any] | None = None, **fields: Any) -> MailctlError:
    with pytest.raises((InvalidValueError, ExclusiveSettingsError)) as caught:
        server(smtp, incoming, **fields)
    return caught.value


@pytest.mark.parametrize(
    ("given", "port", "security"),
    [
        ({}, 465, "tls"),
        ({"security": "none"}, 25, "none"),
        ({"security": "starttls"}, 587, "starttls"),
        ({"security": "tls"}, 465, "tls"),
        ({"port": 465}, 465, "tls"),
        ({"port": "587"}, 587, "starttls"),
        ({"port": 25}, 25, "starttls"),
        ({"port": 2525, "security": "none"}, 2525, "none"),
    ],
)
def test_smtp_port_and_security_complete_each_other(given: dict[str, Any], port: int, security: str) -> None:
    smtp = server(smtp=given).smtp
    assert (smtp.port, smtp.security) == (port, security)


@pytest.mark.parametrize("scheme", ["ssl://", "tls://"])
@pytest.mark.parametrize(
    ("given", "port", "security"),
    [
        ({}, 465, "tls"),
        ({"port": 2465}, 2465, "tls"),
        ({"port": 587}, 587, "tls"),
        ({"security": "starttls"}, 587, "starttls"),
    ],
)
def test_a_scheme_before_the_host_stands_for_tls_where_no_security_is_given(
    scheme: str, given: dict[str, Any], port: int, security: str
) -> None:
    smtp = server(smtp={"host": f"{scheme}mail.example.org", **given}).smtp
    assert (smtp.host, smtp.port, smtp.security) == ("mail.example.org", port, security)


@pytest.mark.parametrize(
    ("protocol", "given", "port", "security"),
    [
        ("imap", {}, 993, "tls"),
        ("imap", {"security": "none"}, 143, "none"),
        ("imap", {"security": "starttls"}, 143, "starttls"),
        ("imap", {"port": 143}, 143, "starttls"),
        ("imap4", {"port": 993}, 993, "tls"),
        ("pop3", {}, 995, "tls"),
        ("pop3", {"security": "none"}, 110, "none"),
        ("pop3", {"port": 110}, 110, "starttls"),
        ("pop3", {"port": 995}, 995, "tls"),
    ],
)
def test_incoming_port_and_security_complete_each_other(
    protocol: str, given: dict[str, Any], port: int, security: str
) -> None:
    incoming = server(incoming={"protocol": protocol, **given}).incoming
    assert (incoming.port, incoming.security) == (port, security)


def test_a_port_that_tells_no_security_needs_it_named() -> None:
    assert str(refusal(smtp={"port": 2525})) == (
        "smtp.security: is missing, and port 2525 does not tell it: name none, starttls or tls"
    )


def test_a_bad_port_is_one_problem_only() -> None:
    message = str(refusal(smtp={"port": "２５"}))
    assert message == "smtp.port: '２５' is not a port: a port is a whole number from 1 to 65535, in ASCII digits"


@pytest.mark.parametrize("port", ["0", "65536", "+25", " 25", "25 ", "2_5", "", "99999999999", "-1", "25.0"])
def test_ports_that_are_no_ports_are_refused(port: str) -> None:
    assert "smtp.port" in str(refusal(smtp={"port": port}))


@pytest.mark.parametrize("seconds", ["9", "121", "０", "ten", "10.5", "-10"])
def test_timeouts_outside_10_to_120_are_refused(seconds: str) -> None:
    assert f"'{seconds}' is not a time-out" in str(refusal(incoming={"timeout": seconds}))


@pytest.mark.parametrize("scheme", ["ssl", "tls"])
def test_a_scheme_before_the_host_means_tls(scheme: str) -> None:
    smtp = server(smtp={"host": f"{scheme}://mail.example.org"}).smtp
    assert (smtp.host, smtp.port, smtp.security) == ("mail.example.org", 465, "tls")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("MAIL.株式.会社", "mail.株式.会社"),
        ("192.0.2.25", "192.0.2.25"),
        ("[2001:DB8::1]", "2001:db8::1"),
        ("mail.example.org.", "mail.example.org."),
        ("localhost", "localhost"),
        ("mail_relay.example.org", "mail_relay.example.org"),
    ],
)
def test_hosts_of_every_kind_are_kept(given: str, kept: str) -> None:
    assert server(smtp={"host": given}).smtp.host == kept


@pytest.mark.parametrize(
    "host",
    ["", " ", "mail example", "mail.example.org:25", "http://mail", "256.1.1.1", "1.2.3", "-x.org", "a..b", "a\r\nb",
     "x" * 64 + ".org", "mail.example.org\x00", "\u202emoc.live", "user@mail.example.org", "[::1", "mail/../x"],
)  # fmt: skip
def test_hosts_that_are_no_hosts_are_refused(host: str) -> None:
    assert "smtp.host" in str(refusal(smtp={"host": host}))


@pytest.mark.parametrize("code", ["hq", "本社", "a.b-c_d", "x" * 200, "sysmail2", "日本-1"])
def test_codes_in_any_script_are_taken(code: str) -> None:
    assert server(code=code).code == code


def test_codes_are_compared_after_nfc() -> None:
    assert server(code="cafe\u0301").code == "café"


@pytest.mark.parametrize(
    "code", ["", "a b", "a\tb", "a@b", "a:b", "-a", "sysmail", "a\x00b", "a\u200eb", "a\u3000b", " a"]
)
def test_codes_that_break_a_rule_are_refused(code: str) -> None:
    assert str(refusal(code=code)).startswith("code: ")


@pytest.mark.parametrize("name", ["", "  ", "\u3000", "a\nb", "a\x1b[31m"])
def test_blank_names_and_control_characters_are_refused(name: str) -> None:
    assert str(refusal(name=name)).startswith("name: ")


def test_apop_is_for_pop3_without_another_login() -> None:
    assert server(incoming={"protocol": "pop3", "apop": True}).incoming.apop
    with_imap = refusal(incoming={"apop": True})
    with_other = refusal(incoming={"protocol": "pop3", "apop": True, "auth": "plain"})
    assert isinstance(with_imap, ExclusiveSettingsError)
    assert isinstance(with_other, ExclusiveSettingsError)


def test_client_certificate_and_key_go_together() -> None:
    assert "client_cert: needs client_key" in str(refusal(tls={"client_cert": "c.pem"}))


def test_pins_are_normalised() -> None:
    assert server(tls={"pins": ["sha256:" + "AB:" * 31 + "CD"]}).tls.pins == ("sha256:" + "ab" * 31 + "cd",)
    assert "pin" in str(refusal(tls={"pins": ["sha256:12"]}))


def test_all_problems_are_named_at_once() -> None:
    error = refusal(smtp={"port": "0", "timeout": "5"}, incoming={"protocol": "pop4"}, code="a@b", bogus=1)
    assert isinstance(error, InvalidValueError)
    assert [problem.where for problem in error.problems] == [
        "code", "smtp.port", "smtp.timeout", "incoming.protocol", "bogus",
    ]  # fmt: skip


@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("security", Security)
def test_usual_pairings_are_not_warned_of(protocol: Protocol, security: Security) -> None:
    assert pairing_warning(protocol, DEFAULT_PORTS[protocol][security], security) is None


@pytest.mark.parametrize(
    ("protocol", "port", "security", "said"),
    [
        ("smtp", 465, "starttls", "port 465 of SMTP usually goes with security tls, not starttls"),
        ("imap", 993, "none", "port 993 of IMAP usually goes with security tls, not none"),
        ("imap", 443, "tls", "port 443 is a web server's"),
        ("smtp", 587, "tls", "port 587 of SMTP usually goes with security starttls, not tls"),
        ("pop3", 143, "tls", "port 143 is usually IMAP's"),
        ("imap", 143, "tls", "port 143 of IMAP usually goes with security starttls, not tls"),
    ],
)
def test_contradictory_pairings_are_warned_of(protocol: str, port: int, security: str, said: str) -> None:
    assert said in str(pairing_warning(Protocol(protocol), port, Security(security)))


def test_verification_off_is_always_said() -> None:
    assert any("verification is off" in warning for warning in server(tls={"verify": False}).warnings)
