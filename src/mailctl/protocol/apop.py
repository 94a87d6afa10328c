"""APOP, POP3's own challenge-response login (RFC 1939, 7)."""

from __future__ import annotations

import hashlib
import re

from mailctl.errors import CapabilityError, InvalidValueError, Problem, ProtocolError
from mailctl.protocol.envelope import check_command_text
from mailctl.protocol.reasons import Reason
from mailctl.protocol.sasl.mechanism import Login

_DOT_ATOM = rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_TIMESTAMP = re.compile(rb"<" + _DOT_ATOM + rb"@(?:" + _DOT_ATOM + rb"|\[[\x21-\x5a\x5e-\x7e]*\])>")
_TIMESTAMP_BYTES_MAX = 512


def find_timestamp(greeting: bytes) -> bytes | None:
    """Return the timestamp of a POP3 greeting with its angle brackets; None if the server offers no APOP.

    Raises ProtocolError of reason `apop-timestamp` if it is not of the form of a message id (RFC 5322, 3.6.4). A
    crafted one with other bytes would serve an impostor to learn the password by MD5 collisions (CVE-2007-1558).
    """
    start = greeting.find(b"<")
    if start < 0 or b">" not in greeting[start:]:
        return None
    timestamp = greeting[start : greeting.index(b">", start) + 1]
    if len(timestamp) > _TIMESTAMP_BYTES_MAX or not _TIMESTAMP.fullmatch(timestamp):
        raise ProtocolError(
            "the timestamp in the server's greeting is no message id, so APOP is not safe with it",
            reason=Reason.APOP_TIMESTAMP,
            reply=greeting,
        )
    return timestamp


def apop_digest(login: Login, greeting: bytes) -> str:
    """Return the digest that APOP sends after the user name: 32 hex digits.

    Raises CapabilityError of reason `apop-not-offered` if the greeting holds no timestamp, InvalidValueError if the
    user name or the password cannot stand in a command, and what `find_timestamp` raises.
    """
    assert login.secret is not None, "APOP is a login by password"
    check_command_text("user name", login.username)
    if " " in login.username:
        raise InvalidValueError([Problem("user name", "contains a blank, which APOP cannot send")])
    check_command_text("password", login.secret.reveal())
    timestamp = find_timestamp(greeting)
    if timestamp is None:
        raise CapabilityError(
            "the server offers no APOP: its greeting holds no timestamp", reason=Reason.APOP_NOT_OFFERED, reply=greeting
        )
    return hashlib.md5(timestamp + login.secret.reveal().encode(), usedforsecurity=False).hexdigest()
