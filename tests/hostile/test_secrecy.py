"""A secret is found in what was sent, however it was sent: a check that finds nothing anywhere would prove nothing."""

from __future__ import annotations

import base64

import pytest
from tests.hostile.secrecy import count_logins, find_secret

SECRET = "Tr0ub4dor & 3"


@pytest.mark.parametrize("before", [b"", b"\0ann\0", b"\0anna\0", b"\0annas\0", b"user=ann\1auth=Bearer "])
@pytest.mark.parametrize("after", [b"", b"\1\1", b"!"])
def test_secret_is_found_in_base64_wherever_it_stands(before, after):
    blob = base64.b64encode(before + SECRET.encode() + after)
    assert find_secret(SECRET, b"AUTH PLAIN " + blob + b"\r\n")


@pytest.mark.parametrize("sent", [b"PASS Tr0ub4dor & 3\r\n", b'A1 LOGIN ann "Tr0ub4dor & 3"\r\n'])
def test_secret_is_found_as_it_stands(sent):
    assert find_secret(SECRET, sent)


def test_other_words_are_no_secret():
    assert not find_secret(SECRET, b"EHLO me\r\nAUTH PLAIN " + base64.b64encode(b"\0ann\0other word") + b"\r\n")


@pytest.mark.parametrize(
    ("protocol", "said", "count"),
    [
        ("smtp", b"EHLO me\r\nAUTH PLAIN x\r\nauth login\r\n", 2),
        ("pop3", b"CAPA\r\nUSER ann\r\nPASS x\r\nAPOP ann x\r\nAUTH PLAIN\r\n", 3),
        ("imap", b"A1 CAPABILITY\r\nA2 LOGIN ann x\r\nA3 AUTHENTICATE PLAIN\r\n", 2),
    ],
)
def test_logins_are_counted(protocol, said, count):
    assert count_logins(protocol, said) == count
