"""What a server decides on an envelope and on a message, SMTP's and Graph's alike."""

from __future__ import annotations

from msgspec import Struct


class Refusal(Struct, frozen=True):
    """The `code` that refused a recipient, and the whole `reply`, verbatim but for secrets."""

    code: int
    reply: str

    @property
    def is_temporary(self) -> bool:
        return self.code // 100 == 4


class EnvelopeOutcome(Struct, frozen=True):
    """`accepted` recipients as they were given, and those `refused`, with what the server said to each."""

    accepted: tuple[str, ...]
    refused: dict[str, Refusal] = {}


class SendOutcome(EnvelopeOutcome, frozen=True):
    """`reply`: the server's words on taking the message, verbatim. `queue_id`: its name for it, if it tells."""

    reply: bytes = b""
    queue_id: str | None = None
