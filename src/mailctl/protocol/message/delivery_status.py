"""Delivery status notifications: what a mail system says of a message that it could not deliver (RFC 3464, 6522, 6533).

Parts are looked at one level deep, however deeply they are nested, so that a hostile message costs no more than its
octets. What old systems write in their own way has no status, and is shown as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice

from msgspec import Struct

from mailctl.protocol.message.header_block import HeaderBlock, parse_header_block
from mailctl.protocol.message.mime_entity import Entity, parse_kind

OCTETS_MAX = 128 * 1024
"""How much of a message is looked at: the report stands before the message that is returned."""

_PARTS_MAX = 20
_EXPLANATION_CHARACTERS = 1000
_STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
_DAEMONS = ("mailer-daemon", "postmaster", "mail-daemon")


class RecipientStatus(Struct, frozen=True, kw_only=True):
    """What became of the message for a recipient.

    `action`: failed, delayed, delivered, relayed or expanded. `status`: of RFC 3463, such as 5.1.1. `diagnostic`: the
    words of the server that said no, `remote_mta` its name.
    """

    recipient: str | None
    action: str
    status: str | None
    diagnostic: str | None
    remote_mta: str | None


class DeliveryReport(Struct, frozen=True, kw_only=True):
    """A report on a delivery. `reporting_mta`: who wrote it. `explanation`: what it says to people.

    `recipients`: none where a system writes in its own way, which it does of messages that it gives up.
    """

    reporting_mta: str | None
    recipients: tuple[RecipientStatus, ...]
    explanation: str

    def find_failure(self) -> RecipientStatus | None:
        """Return the first recipient for whom the delivery was given up; None if there is none."""
        return next((status for status in self.recipients if status.action == "failed"), None)

    @property
    def gives_up(self) -> bool:
        return not self.recipients or self.find_failure() is not None


def may_be_report(header: HeaderBlock) -> bool:
    """Tell by its header whether a message may report on a delivery, and so is worth being read."""
    if (header.find("return-path") or "").replace(" ", "") == "<>" or header.find("x-failed-recipients"):
        return True
    sender = (header.find_address("from") or "").partition("@")[0].lower()
    return parse_kind(header) == "multipart/report" or sender in _DAEMONS


def find_delivery_report(message: bytes, *, mentions: Iterable[str]) -> DeliveryReport | None:
    """Return the report that a message is, if it names the message reported on by one of the `mentions`; else None.

    `mentions`: its Message-ID, or whatever else nobody could guess. `message`: OCTETS_MAX of it are enough.
    """
    entity = Entity(message[:OCTETS_MAX])
    if not may_be_report(entity.header):
        return None
    inner = [entity] if entity.boundary is None else islice(entity.parts(), _PARTS_MAX)
    parts = [(part.kind, part.decoded()) for part in inner]
    wanted = [mention.encode() for mention in mentions]
    # The octets as they came too: a system's own way may keep the returned message out of the parts.
    places = (message[:OCTETS_MAX], *(content for _, content in parts))
    if not any(mention in place for place in places for mention in wanted):
        return None
    statuses = [content for kind, content in parts if kind in _STATUS_TYPES]
    groups = [parse_header_block(group) for group in _groups(statuses[0])] if statuses else []
    texts = [content for kind, content in parts if kind == "text/plain"] or [content for _, content in parts] or [b""]
    return DeliveryReport(
        reporting_mta=_typed(groups[0].find("reporting-mta")) if groups else None,
        recipients=tuple(_recipient(group) for group in groups[1:] if group.find("action")),
        explanation=texts[0].decode("utf-8", "replace").strip()[:_EXPLANATION_CHARACTERS],
    )


def _recipient(group: HeaderBlock) -> RecipientStatus:
    return RecipientStatus(
        recipient=_typed(group.find("original-recipient")) or _typed(group.find("final-recipient")),
        action=(group.find("action") or "").partition(" ")[0].lower(),
        status=(group.find("status") or "").partition(" ")[0] or None,
        diagnostic=_typed(group.find("diagnostic-code")),
        remote_mta=_typed(group.find("remote-mta")),
    )


def _typed(value: str | None) -> str | None:
    """Return a value in one line without its type: `smtp; 550 no such user` → `550 no such user`."""
    if value is None:
        return None
    kind, separator, rest = value.partition(";")
    return " ".join((rest if separator else kind).split()) or None


def _groups(content: bytes) -> Iterator[bytes]:
    """Yield the groups of fields in a status: that of the message, then one a recipient."""
    for group in re.split(rb"\n[ \t]*\n", content.replace(b"\r\n", b"\n")):
        if group.strip():
            yield group.lstrip(b"\n")
