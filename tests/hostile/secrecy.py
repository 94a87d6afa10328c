"""What must not be among the bytes that a server received."""

from __future__ import annotations

import base64
import re

LOGIN_COMMANDS = {
    "smtp": re.compile(rb"^AUTH ", re.MULTILINE | re.IGNORECASE),
    "pop3": re.compile(rb"^(PASS|APOP|AUTH \S)", re.MULTILINE | re.IGNORECASE),
    "imap": re.compile(rb"^\S+ (LOGIN|AUTHENTICATE) ", re.MULTILINE | re.IGNORECASE),
}
"""One match for each attempt to log in."""


def forms_of(secret: str) -> set[bytes]:
    """Return how a secret can show in what is sent: as it is, and in base64 wherever it may begin in a group."""
    raw = secret.encode()
    forms = {raw, raw.hex().encode()}
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + raw)
        # The first and the last group also hold bits of what stands beside the secret.
        forms.add(encoded[4 if offset else 0 : -4])
    return forms


def find_secret(secret: str, received: bytes) -> bytes | None:
    """Return the form in which a secret was sent, None if it was not."""
    return next((form for form in forms_of(secret) if form in received), None)


def count_logins(protocol: str, received: bytes) -> int:
    return len(LOGIN_COMMANDS[protocol].findall(received))
