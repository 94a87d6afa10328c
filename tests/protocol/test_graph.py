"""What Graph's answers and tokens are read as."""

from __future__ import annotations

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailctl.errors import MailError
from mailctl.protocol.graph import (
    TokenClaims,
    find_next_byte,
    find_retry_after,
    judge,
    parse_error,
    parse_object,
    read_claims,
)

NOW = 1_000_000_000.0  # 2001-09-09T01:46:40Z


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "120"}, 120),
        ({"retry-after": " 0 "}, 0),
        ({"retry-after": "Sun, 09 Sep 2001 01:47:00 GMT"}, 20),
        ({"retry-after": "Sun, 09 Sep 2001 01:46:00 GMT"}, 0),
        ({"retry-after": "Sun, 18 Oct 2026 08:31:00 GMT", "date": "Sun, 18 Oct 2026 08:30:48 GMT"}, 12),
        ({"retry-after": "Sun, 09 Sep 2001 01:47:00 GMT", "date": "today"}, 20),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "²"}, None),
        ({}, None),
    ],
)
def test_the_time_to_wait_is_read(headers, seconds):
    assert find_retry_after(headers, now=NOW) == seconds


@pytest.mark.parametrize(
    ("session", "start"),
    [
        ({"nextExpectedRanges": ["2097152"]}, 2097152),
        ({"nextExpectedRanges": ["0-"]}, 0),
        ({"NextExpectedRanges": ["12345-55232", "77829-99375"]}, 12345),
        ({"nextExpectedRanges": []}, None),
        ({"nextExpectedRanges": ["-5"]}, None),
        ({"nextExpectedRanges": [7]}, None),
        ({}, None),
    ],
)
def test_an_upload_says_where_it_wants_to_go_on(session, start):
    assert find_next_byte(session) == start


def token(claims: bytes) -> str:
    return f"e30.{urlsafe_b64encode(claims).decode().rstrip('=')}.c2ln"


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        (
            token(b'{"aud": "https://graph.microsoft.com", "scp": "Mail.Send User.Read", "upn": "a@b.example"}'),
            TokenClaims(("Mail.Send", "User.Read"), False, "https://graph.microsoft.com", "a@b.example"),
        ),
        (
            token(b'{"aud": "00000003-0000-0000-c000-000000000000", "roles": ["Mail.Send"]}'),
            TokenClaims(("Mail.Send",), True, "00000003-0000-0000-c000-000000000000"),
        ),
        (token(b'{"roles": "Mail.Send", "aud": 7}'), TokenClaims((), True)),
        (token(b"[]"), TokenClaims()),
        (token(b"\xff"), TokenClaims()),
        ("a.b.c", TokenClaims()),
        ("EwB4A8l6BAAU", TokenClaims()),
    ],
)
def test_a_token_is_read_without_trust(text, claims):
    assert read_claims(text) == claims


@given(st.text(max_size=60) | st.text(".eyJ", max_size=20))
def test_no_token_breaks_its_reading(text):
    assert isinstance(read_claims(text), TokenClaims)


@given(
    st.integers(100, 599), st.binary(max_size=80) | st.sampled_from([b'{"error": 1}', b'{"error": {"code": 1}}', b"[]"])
)
def test_any_answer_amounts_to_something(status, body):
    kind, reason, said = judge(status, body)
    assert issubclass(kind, MailError)
    assert reason
    assert said
    assert isinstance(parse_object(body), dict)
    assert parse_error(body).code == ""
