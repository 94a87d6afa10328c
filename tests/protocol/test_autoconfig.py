"""Thunderbird's autoconfig files: what they say, and what nobody is to make of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailctl.model.discovery import Offer
from mailctl.model.server import Protocol, Security
from mailctl.protocol.autoconfig import DOCUMENT_BYTES_MAX, Autoconfig, AutoconfigError, parse_autoconfig

FILE = """<?xml version="1.0" encoding="UTF-8"?>
<clientConfig version="1.1">
  <emailProvider id="example.org">
    <domain>example.org</domain>
    <domain>example.com</domain>
    <displayName>メール &amp; Co</displayName>
    <incomingServer type="imap">
      <hostname>imap.%EMAILDOMAIN%</hostname>
      <port>993</port>
      <socketType>SSL</socketType>
      <username>%EMAILADDRESS%</username>
      <authentication>OAuth2</authentication>
      <authentication>password-cleartext</authentication>
    </incomingServer>
    <incomingServer type="pop3">
      <hostname>%EMAILLOCALPART%.pop.example.org</hostname>
      <port>110</port>
      <socketType>STARTTLS</socketType>
      <authentication>password-cleartext</authentication>
    </incomingServer>
    <incomingServer type="exchange"><hostname>ews.example.org</hostname></incomingServer>
    <outgoingServer type="smtp">
      <hostname>smtp.example.org</hostname>
      <port>25</port>
      <socketType>plain</socketType>
      <authentication>client-IP-address</authentication>
    </outgoingServer>
  </emailProvider>
</clientConfig>
"""


def parse(text: str | bytes, *, local_part: str | None = "ann") -> Autoconfig:
    return parse_autoconfig(
        text.encode() if isinstance(text, str) else text, local_part=local_part, domain="example.org"
    )


def test_what_a_file_says() -> None:
    assert parse(FILE) == Autoconfig(
        ("example.org", "example.com"),
        "メール & Co",
        (
            Offer(Protocol.IMAP, "imap.example.org", 993, Security.TLS, ("OAuth2", "password-cleartext")),
            Offer(Protocol.POP3, "ann.pop.example.org", 110, Security.STARTTLS, ("password-cleartext",)),
            Offer(Protocol.SMTP, "smtp.example.org", 25, Security.NONE, ("client-IP-address",)),
        ),
    )


def test_a_host_that_depends_on_the_address_is_left_out_for_a_domain_alone() -> None:
    assert [offer.protocol for offer in parse(FILE, local_part=None).offers] == [Protocol.IMAP, Protocol.SMTP]


@pytest.mark.parametrize(
    ("is_", "becomes"),
    [
        ("<port>993</port>", "<port>99999</port>"),
        ("<port>993</port>", ""),
        ("<socketType>SSL</socketType>", "<socketType>magic</socketType>"),
        ("imap.%EMAILDOMAIN%", "imap example"),
        ("imap.%EMAILDOMAIN%", "imap.%UNKNOWN%"),
        ("imap.%EMAILDOMAIN%", "imap.example.org&#13;&#10;X: y"),
    ],
)
def test_a_server_that_breaks_a_rule_does_not_hide_the_others(is_: str, becomes: str) -> None:
    assert is_ in FILE
    assert [offer.protocol for offer in parse(FILE.replace(is_, becomes, 1)).offers] == [Protocol.POP3, Protocol.SMTP]


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><clientConfig>&b;</clientConfig>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><clientConfig><domain>&a;</domain></clientConfig>'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (BOMB, "document type"),
        (OUTSIDE, "document type"),
        ("<a>" * 5000, "too deeply nested"),
        (f"<a>{'<b/>' * 6000}</a>", "too many"),
        ("<html><body>Not found</body></html>", "no autoconfig file"),
        ("<clientConfig/>", "no autoconfig file"),
        ("", "no XML"),
        ("<clientConfig>", "no XML"),
        (b"<?xml version='1.0' encoding='x-none'?><clientConfig/>", "no XML|encoding"),
        ("<a>" + "x" * DOCUMENT_BYTES_MAX + "</a>", "larger than 256 kB"),
    ],
)
def test_what_is_none_or_hostile_is_refused(text: str | bytes, why: str) -> None:
    with pytest.raises(AutoconfigError, match=why):
        parse(text)


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(noise: bytes) -> None:
    for text in (noise, FILE.encode()[:600] + noise + FILE.encode()[600:]):
        try:
            parse(text)
        except AutoconfigError:
            continue
