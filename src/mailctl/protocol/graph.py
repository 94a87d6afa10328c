"""What Microsoft Graph says, and what a token for it says: errors, limits, permissions.

https://learn.microsoft.com/en-us/graph/api/user-sendmail and /graph/errors, /graph/throttling,
/graph/outlook-large-attachments.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from msgspec import Struct

from mailctl.errors import (
    AuthenticationError,
    CapabilityError,
    MailError,
    ProtocolError,
    RefusedError,
    TemporaryError,
)
from mailctl.protocol.reasons import Reason

GRAPH_URL = "https://graph.microsoft.com/v1.0"

MIME_BYTES_MAX = 2_900_000
"""The longest message that goes as one request: base64 makes a third more of it, and requests end near 4,000,000."""

ATTACHMENT_BYTES_MAX = 2_900_000
"""The longest attachment that goes as one request, for the same reason; Microsoft says less than 3 MB."""

UPLOAD_BYTES = 10 * 320 * 1024
"""A range of an upload: below 4 MB, and the multiple of 320 KiB that Graph's upload sessions are made for."""

SEND_PERMISSION = "Mail.Send"
DRAFT_PERMISSION = "Mail.ReadWrite"

_EXCHANGE_AUDIENCES = (
    "https://outlook.office.com",
    "https://outlook.office365.com",
    "00000002-0000-0ff1-ce00-000000000000",
)


class TokenClaims(Struct, frozen=True):
    """What an access token says of itself; unverified, which is for the server that it was made for.

    `permissions`: those that its application (`is_application`) or user has been granted by it; None where the token
    does not tell, as those of personal accounts. `audience`: whom it is for. `user`: whose it is.
    """

    permissions: tuple[str, ...] | None = None
    is_application: bool = False
    audience: str | None = None
    user: str | None = None

    @property
    def is_for_exchange(self) -> bool:
        """Whether it is one for IMAP, POP3 and SMTP, which Graph does not take."""
        return (self.audience or "").rstrip("/") in _EXCHANGE_AUDIENCES


def read_claims(token: str) -> TokenClaims:
    """Return what a token says of itself; nothing if it is no JWT (RFC 7519)."""
    parts = token.split(".")
    if len(parts) != 3:
        return TokenClaims()
    try:
        claims = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return TokenClaims()
    if not isinstance(claims, dict):
        return TokenClaims()
    scopes, roles = claims.get("scp"), claims.get("roles")
    is_application = not isinstance(scopes, str)
    granted = [role for role in roles if isinstance(role, str)] if isinstance(roles, list) else []
    return TokenClaims(
        tuple(granted if is_application else str(scopes).split()),
        is_application,
        _text(claims, "aud"),
        _text(claims, "upn") or _text(claims, "preferred_username") or _text(claims, "unique_name"),
    )


def _text(values: Mapping[str, Any], name: str) -> str | None:
    value = values.get(name)
    return value if isinstance(value, str) and value else None


def parse_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object of an answer; an empty one if it is none, as behind a proxy that answers itself."""
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


class GraphError(Struct, frozen=True):
    """Graph's own words on what is wrong: `code` such as `ErrorAccessDenied`, and `message`; empty if it says none."""

    code: str = ""
    message: str = ""


def parse_error(body: bytes) -> GraphError:
    error = parse_object(body).get("error")
    return (
        GraphError(_text(error, "code") or "", _text(error, "message") or "")
        if isinstance(error, dict)
        else GraphError()
    )


_BY_CODE: dict[str, tuple[type[MailError], Reason, str]] = {
    "ErrorSendAsDenied": (RefusedError, Reason.SENDER_REFUSED, "Graph refuses the sender"),
    "ErrorInvalidUser": (RefusedError, Reason.MAILBOX_REFUSED, "Graph knows no such mailbox"),
    "Request_ResourceNotFound": (RefusedError, Reason.MAILBOX_REFUSED, "Graph knows no such mailbox"),
    "ResourceNotFound": (RefusedError, Reason.MAILBOX_REFUSED, "Graph knows no such mailbox"),
    "ErrorNonExistentMailbox": (RefusedError, Reason.MAILBOX_REFUSED, "Graph knows no such mailbox"),
    "MailboxNotEnabledForRESTAPI": (CapabilityError, Reason.NOT_OFFERED, "Graph cannot use this mailbox"),
    "MailboxNotSupportedForRESTAPI": (CapabilityError, Reason.NOT_OFFERED, "Graph cannot use this mailbox"),
    "ErrorMessageSizeExceeded": (RefusedError, Reason.MESSAGE_TOO_LARGE, "the message is too large"),
    "ErrorAttachmentSizeLimitExceeded": (RefusedError, Reason.MESSAGE_TOO_LARGE, "an attachment is too large"),
    "ErrorExceededMessageLimit": (TemporaryError, Reason.RATE_LIMITED, "the mailbox has sent too much for now"),
}
_BY_STATUS: dict[int, tuple[type[MailError], Reason, str]] = {
    401: (AuthenticationError, Reason.LOGIN_REFUSED, "Graph does not take the token"),
    403: (AuthenticationError, Reason.LOGIN_REFUSED, "the token carries no right to do this"),
    404: (RefusedError, Reason.MAILBOX_REFUSED, "Graph does not find the mailbox"),
    405: (CapabilityError, Reason.NOT_OFFERED, "this is no server for Graph's mail"),
    408: (TemporaryError, Reason.TEMPORARY, "Graph did not get the request in time"),
    409: (TemporaryError, Reason.TEMPORARY, "the mailbox is being changed by somebody else"),
    413: (RefusedError, Reason.MESSAGE_TOO_LARGE, "the message is too large"),
    429: (TemporaryError, Reason.RATE_LIMITED, "Graph limits how often one may come"),
    501: (CapabilityError, Reason.NOT_OFFERED, "this is no server for Graph's mail"),
    507: (RefusedError, Reason.MESSAGE_REFUSED, "the mailbox is full"),
}


def judge(status: int, body: bytes) -> tuple[type[MailError], Reason, str]:
    """Return what an answer other than the expected one amounts to: class, reason and, in a few words, what is said."""
    code = parse_error(body).code
    if code in _BY_CODE:
        return _BY_CODE[code]
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if 400 <= status < 500:
        return RefusedError, Reason.MESSAGE_REFUSED, "Graph refuses the message"
    if status >= 500:
        return TemporaryError, Reason.TEMPORARY, "Graph cannot do it just now"
    return ProtocolError, Reason.PROTOCOL, "the answer is not one of Graph's"


def is_too_long(status: int, body: bytes) -> bool:
    """Tell whether a request was refused for its length, which another way of sending may avoid."""
    return status == 413 or (status == 400 and "maximum request length" in parse_error(body).message.lower())


def find_retry_after(headers: Mapping[str, str], *, now: float) -> float | None:
    """Return the seconds that an answer asks to wait (RFC 9110, 10.2.3); None if it asks for nothing that is a time.

    `headers`: by lower-case name. A date is held against the server's own clock if the answer tells it, else `now`
    (POSIX seconds).
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    until = _find_date(value)
    if until is None:
        return None
    return max(0.0, until - (_find_date(headers.get("date", "")) or now))


def _find_date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None


def find_next_byte(session: Mapping[str, Any]) -> int | None:
    """Return where an upload session wants to go on: the start of the first of its `nextExpectedRanges`."""
    ranges = session.get("nextExpectedRanges") or session.get("NextExpectedRanges")
    first = ranges[0] if isinstance(ranges, list) and ranges else None
    start = first.partition("-")[0] if isinstance(first, str) else ""
    return int(start) if start.isascii() and start.isdigit() and len(start) < 16 else None
