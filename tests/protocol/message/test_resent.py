"""What a message that is sent on looks like."""

from __future__ import annotations

from mailctl.model.address import parse_address
from mailctl.protocol.message.resent import resend

ME, OTHER = parse_address("me@example.test"), parse_address("you@example.net")


def test_traces_of_delivery_go_and_all_else_stays_as_it_is() -> None:
    rest = b"Received: by x\r\nDelivered-To: another@example.test\r\nSubject: x\r\n\r\nReturn-Path: <a>\r\n"
    content = b"Return-Path:\r\n <a@example.test>\r\nDelivered-To: me@example.test\r\n" + rest
    resent = resend(content, ME, OTHER, "<1@example.test>")
    fields, _, kept = resent.partition(b"Received:")
    assert b"Received:" + kept == rest
    assert b"Resent-From: me@example.test\r\nResent-To: you@example.net\r\n" in fields
    assert b"Return-Path" not in fields
