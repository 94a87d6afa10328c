"""Authentication-Results: how receivers write them, and whose are believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailctl.protocol.message.authentication_results import (
    Trust,
    are_aligned,
    find_aligned,
    find_own_results,
    list_authserv_ids,
    organisational_domain,
    parse_authentication_results,
)
from mailctl.protocol.message.header_block import parse_header_block

GMAIL = b"""\
Delivered-To: a@gmail.com
Received: by 2002:a05:6402:1234:b0:5f0 with SMTP id n1csp; Fri, 20 Nov 2026 10:00:03 -0800 (PST)
ARC-Authentication-Results: i=1; mx.google.com; spf=fail
Return-Path: <bounce@example.org>
Received: from mail.example.org (mail.example.org. [192.0.2.1])
        by mx.google.com with ESMTPS id abc (version=TLS1_3; bits=256/256); Fri, 20 Nov 2026 10:00:02 -0800
Received-SPF: pass (google.com: domain of bounce@example.org designates 192.0.2.1 as permitted sender)
Authentication-Results: mx.google.com;
       dkim=pass header.i=@example.org header.s=s1 header.b=AbC;
       spf=pass (google.com: domain of bounce@example.org; ok) smtp.mailfrom=bounce@example.org;
       dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=example.org
Received: by mail.example.org; Fri, 20 Nov 2026 18:00:01 +0000

"""
MICROSOFT = b"""\
Received: from A.prod.outlook.com by B.namprd12.prod.outlook.com; Fri, 20 Nov 2026 18:00:05 +0000
Authentication-Results: spf=pass (sender IP is 192.0.2.1)
 smtp.mailfrom=contoso.com; dkim=none (message not signed)
 header.d=none;dmarc=fail action=quarantine
 header.from=contoso.com;compauth=fail reason=000
Received: from mail.contoso.com by X.mail.protection.outlook.com; Fri, 20 Nov 2026 18:00:04 +0000

"""
MICROSOFT_SENT = b"""\
Received: from X.outbound.protection.outlook.com by mx.example.test; Fri, 20 Nov 2026 18:00:06 +0000
Authentication-Results: dkim=none (message not signed) header.d=none;dmarc=none action=none header.from=contoso.com;
Received: from A.prod.outlook.com by B.namprd12.prod.outlook.com; Fri, 20 Nov 2026 18:00:05 +0000

"""


def own(header: bytes, *names: str, authserv_id: str | None = None) -> tuple[str | None, Trust] | None:
    found = find_own_results(parse_header_block(header), receiving_names=names, authserv_id=authserv_id)
    return None if found is None else (found.field.authserv_id, found.trust)


def test_gmail_is_known_by_the_first_host_that_received_names() -> None:
    header = parse_header_block(GMAIL)
    found = find_own_results(header, receiving_names=("imap.gmail.com", "gmail.com"))
    assert found
    assert found.trust is Trust.NAME
    results = [(result.method, result.result, result.domain) for result in found.field.results]
    assert results == [
        ("dkim", "pass", "example.org"),
        ("spf", "pass", "example.org"),
        ("dmarc", "pass", "example.org"),
    ]


def test_microsoft_writes_no_authserv_id() -> None:
    found = find_own_results(parse_header_block(MICROSOFT), receiving_names=("outlook.office365.com", "fabrikam.com"))
    assert found
    assert found.field.authserv_id is None
    assert {result.method: result.result for result in found.field.results} == {
        "spf": "pass", "dkim": "none", "dmarc": "fail", "compauth": "fail",
    }  # fmt: skip


def test_what_microsoft_writes_on_what_it_sends_is_not_the_receivers() -> None:
    assert own(MICROSOFT_SENT, "imap.example.test", "example.test") is None


def test_above_every_received_field_nobody_else_can_have_written() -> None:
    header = b"Authentication-Results: scanner; spf=pass\r\nReceived: by mx.example.test; x\r\n\r\n"
    assert own(header) == ("scanner", Trust.POSITION)


def test_a_field_that_the_message_brought_along_does_not_count() -> None:
    header = (
        b"Received: by mx.example.test; x\r\nReceived: by mail.evil.example; x\r\n"
        b"Authentication-Results: trusted.example; spf=pass; dkim=pass; dmarc=pass\r\n\r\n"
    )
    assert own(header, "imap.example.test", "example.test") is None
    assert list_authserv_ids(parse_header_block(header)) == ["trusted.example"]
    assert own(header, authserv_id="Trusted.example") == ("trusted.example", Trust.GIVEN)


def test_only_the_topmost_field_is_looked_at() -> None:
    header = (
        b"Received: by mx.example.test; x\r\nAuthentication-Results: relay.example; spf=fail\r\n"
        b"Authentication-Results: mx.example.test; spf=pass\r\n\r\n"
    )
    assert own(header, "example.test") is None
    assert own(header, "example.test", authserv_id="mx.example.test") == ("mx.example.test", Trust.GIVEN)


def test_of_the_given_authserv_id_the_topmost_counts() -> None:
    header = b"Authentication-Results: a.example; spf=fail\r\nAuthentication-Results: a.example; spf=pass\r\n\r\n"
    found = find_own_results(parse_header_block(header), receiving_names=(), authserv_id="a.example")
    assert found
    assert found.field.results[0].result == "fail"


def test_an_ip_address_is_nobodys_name() -> None:
    header = b"Received: by vm; x\r\nAuthentication-Results: x.0.1; spf=pass\r\n\r\n"
    assert own(header, "127.0.0.1") is None


def test_quoted_values_comments_and_versions() -> None:
    field = parse_authentication_results(
        'mx.example 1 (it; is me); SPF / 1 = Pass reason="a; (b) \\" c" smtp.mailfrom = "x"@Example.ORG ; none'
    )
    assert field.authserv_id == "mx.example"
    assert [(result.method, result.result) for result in field.results] == [("spf", "pass")]


@pytest.mark.parametrize("value", ["", "mx.example; none", "mx.example", ";;;"])
def test_a_field_may_say_nothing(value: str) -> None:
    assert parse_authentication_results(value).results == ()


def test_of_several_signatures_the_one_for_the_domain_of_from_counts() -> None:
    field = parse_authentication_results(
        "mx; dkim=fail header.d=example.org; dkim=pass header.d=provider.example; dkim=pass header.d=mail.example.org"
    )
    best = field.find("dkim", aligned_with="example.org")
    assert best
    assert best.domain == "mail.example.org"
    assert find_aligned(field, "example.org") == ["dkim"]
    assert find_aligned(field, "example.net") == []


@pytest.mark.parametrize(
    ("name", "domain"),
    [("mx.google.com", "google.com"), ("a.b.example.co.uk", "example.co.uk"), ("example.com", "example.com"),
     ("example.co.uk", "example.co.uk"),
     ("mail.xn--3bs854c.xn--6qq79v", "xn--3bs854c.xn--6qq79v"), ("localhost", "localhost"), ("co.uk", "co.uk"),
     ("mx.t-online.de", "t-online.de")],
)  # fmt: skip
def test_the_domain_of_an_organisation_by_its_form(name: str, domain: str) -> None:
    assert organisational_domain(name) == domain


def test_nothing_is_aligned_with_nothing() -> None:
    assert not are_aligned(None, "example.org")
    assert not are_aligned("example.org", None)
    assert are_aligned("Mail.Example.Org", "example.org")


@pytest.mark.parametrize("value", ["(" * 100_000, '"' * 99_999, "a=b;" * 50_000, "=" * 100_000, "a = " * 50_000])
def test_what_is_made_to_be_expensive_is_cheap(value: str) -> None:
    parse_authentication_results(value)


@given(st.text(max_size=300))
def test_anything_is_taken(value: str) -> None:
    parse_authentication_results(value)
