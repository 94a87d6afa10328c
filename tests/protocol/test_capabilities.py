"""What servers say they can do."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mailctl.protocol.capabilities import parse_capa, parse_ehlo, parse_imap_capabilities


def test_ehlo_of_postfix_with_both_forms_of_auth() -> None:
    capabilities = parse_ehlo(
        [
            b"mail.example.com",
            b"PIPELINING",
            b"SIZE 10240000",
            b"STARTTLS",
            b"AUTH PLAIN LOGIN cram-md5",
            b"AUTH=PLAIN LOGIN DIGEST-MD5",
            b"8BITMIME",
            b"SMTPUTF8",
        ]
    )
    assert capabilities.mechanisms == ("PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5")
    assert capabilities.size_max == 10_240_000
    assert all(map(capabilities.offers, ("PIPELINING", "STARTTLS", "8BITMIME", "SMTPUTF8", "AUTH", "SIZE")))
    assert not capabilities.offers("DSN")


def test_the_servers_own_name_is_no_capability() -> None:
    assert parse_ehlo([b"STARTTLS greets you"]).keywords == ()


def test_keywords_count_in_any_case() -> None:
    assert parse_ehlo([b"mx", b"starttls", b"Auth plain"]).mechanisms == ("PLAIN",)


def test_sizes_without_a_sensible_number_name_no_limit() -> None:
    for line in (b"SIZE", b"SIZE 0", b"SIZE lots", b"SIZE -1", "SIZE １０".encode(), b"SIZE " + b"9" * 5000):
        assert parse_ehlo([b"mx", line]).size_max == 0
    assert parse_ehlo([b"mx"]).size_max is None


def test_capa_of_dovecot() -> None:
    capabilities = parse_capa([b"CAPA", b"TOP", b"UIDL", b"RESP-CODES", b"STLS", b"USER", b"SASL PLAIN LOGIN", b""])
    assert capabilities.mechanisms == ("PLAIN", "LOGIN")
    assert all(map(capabilities.offers, ("TOP", "UIDL", "STLS", "USER", "SASL")))


def test_capability_of_imap() -> None:
    capabilities = parse_imap_capabilities(
        b"IMAP4rev1 SASL-IR LOGINDISABLED starttls AUTH=PLAIN auth=scram-sha-256 AUTH="
    )
    assert capabilities.mechanisms == ("PLAIN", "SCRAM-SHA-256")
    assert capabilities.keywords == ("IMAP4REV1", "SASL-IR", "LOGINDISABLED", "STARTTLS")
    assert capabilities.login_disabled
    assert not parse_imap_capabilities(b"IMAP4rev1").login_disabled


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_any_bytes_are_read_without_failing(lines: list[bytes]) -> None:
    for capabilities in (parse_ehlo(lines), parse_capa(lines), parse_imap_capabilities(b" ".join(lines))):
        assert all(word.isascii() and " " not in word for word in (*capabilities.keywords, *capabilities.mechanisms))
