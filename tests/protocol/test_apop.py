"""APOP against its RFC's example, and against greetings made to steal."""

from __future__ import annotations

import pytest

from mailctl.errors import CapabilityError, InvalidValueError, ProtocolError
from mailctl.model.secret import Secret
from mailctl.protocol.apop import apop_digest, find_timestamp
from mailctl.protocol.sasl import Login

MROSE = Login("mrose", Secret("tanstaaf"))


def test_example_of_rfc_1939() -> None:
    greeting = b"+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>"
    assert apop_digest(MROSE, greeting) == "c4c9334bac560ecc979e58001b3e22fb"


@pytest.mark.parametrize("timestamp", [b"<12.1.5f.AbC+/d==@mail.example>", b"<1.2@[192.0.2.1]>"])
def test_timestamps_of_real_servers_are_taken(timestamp: bytes) -> None:
    assert find_timestamp(b"+OK ready " + timestamp) == timestamp


@pytest.mark.parametrize("greeting", [b"+OK ready", b"+OK <", b"+OK a > b < c"])
def test_a_greeting_without_timestamp_offers_no_apop(greeting: bytes) -> None:
    with pytest.raises(CapabilityError) as caught:
        apop_digest(MROSE, greeting)
    assert caught.value.reason == "apop-not-offered"


@pytest.mark.parametrize(
    "timestamp",
    [
        b"<no-at-sign>",
        b"<a@b@c>",
        b"<a b@c>",
        b"<a@b\x80\xff>",
        b"<a\0@b>",
        b"<@b>",
        b"<a@>",
        b"<" + b"a" * 600 + b"@b>",
    ],
)
def test_a_timestamp_that_is_no_message_id_is_refused(timestamp: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        apop_digest(MROSE, b"+OK ready " + timestamp)
    assert caught.value.reason == "apop-timestamp"


@pytest.mark.parametrize(
    "login", [Login("m\r\nQUIT", Secret("x")), Login("mrose", Secret("x\ny")), Login("m r", Secret("x"))]
)
def test_what_would_break_the_command_is_refused(login: Login) -> None:
    with pytest.raises(InvalidValueError):
        apop_digest(login, b"+OK ready <1896.697170952@dbc.mtview.ca.us>")
