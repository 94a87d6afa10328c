"""A server's part of SCRAM (RFC 5802) as far as hostile servers play it: the first message, honest or not."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.doubles.conversation import Conversation

SALT = b"W22ZaJ0SNY7soEsUEjb6gQ=="
"""The salt of RFC 7677's example."""


@dataclass(frozen=True, slots=True)
class ScramChallenge:
    """Answer the client's first message, kept as `response`, with nonce, salt and iteration count.

    `prefix`: what the protocol puts before a challenge.
    `nonce`: None for an honest one, which begins with the client's.
    """

    prefix: bytes
    iterations: bytes = b"4096"
    nonce: bytes | None = None

    def play(self, conversation: Conversation) -> None:
        first = b64decode(conversation.captures["response"])
        found = re.search(rb"(?:^|,)r=([^,]+)", first)
        assert found, first
        nonce = found[1] + b"from-the-server" if self.nonce is None else self.nonce
        message = b"r=%s,s=%s,i=%s" % (nonce, SALT, self.iterations)
        conversation.write(self.prefix + b64encode(message) + b"\r\n")
