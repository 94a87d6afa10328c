"""Messages as Microsoft Graph takes them: with all recipients in the header, or taken apart into a draft.

Graph has no envelope: it sends to everybody whom To, Cc and Bcc name, and takes Bcc out itself. So what the envelope
says is written into the header, and what the header says beyond it is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from email import policy
from email.headerregistry import Address as HeaderAddress
from email.message import EmailMessage, Message, MIMEPart
from email.parser import BytesHeaderParser, BytesParser
from typing import Any

from msgspec import Struct

from mailctl.model.address import Address, parse_address
from mailctl.protocol.address_list import Mailbox
from mailctl.protocol.header_field import fold

_LINE_END = re.compile(rb"\r\n|\r|\n")
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*")
_VISIBLE = ("to", "cc")
_SIGNED_OR_ENCRYPTED = ("multipart/signed", "multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime")

_DRAFT_HEADERS_MAX = 5
"""Graph takes so many fields of one's own for a draft, and only such as begin with `X-`."""


class GraphMessage(Struct, frozen=True):
    """A message whose header names exactly its recipients. `content`: with CRLF line ends.

    `left_out`: addresses of To and Cc that are no recipients, and were taken out.
    """

    content: bytes
    left_out: tuple[str, ...] = ()


def address_message(content: bytes, recipients: Sequence[Address]) -> GraphMessage:
    """Return a message that Graph sends to `recipients` alone; who stands in neither To nor Cc gets into Bcc."""
    content = _LINE_END.sub(b"\r\n", content)
    header, rest = _split(content)
    unseen = {_key(recipient): recipient for recipient in recipients}
    wanted = frozenset(unseen)
    left_out: list[str] = []
    fields: list[bytes] = []
    for name, field in _fields(header):
        if name == "bcc":
            continue
        if name not in _VISIBLE:
            fields.append(field)
            continue
        named = _named(field)
        kept = [mailbox for mailbox in named if _key_of(mailbox) in wanted]
        left_out += [mailbox.addr_spec for mailbox in named if _key_of(mailbox) not in wanted]
        for mailbox in kept:
            unseen.pop(_key_of(mailbox), None)
        if len(kept) == len(named):
            fields.append(field)
        elif kept:
            fields.append(_written(name.title(), kept))
    if unseen:
        value = ", ".join(_wire_form(recipient) for recipient in unseen.values())
        fields.append(fold("Bcc", value).encode())
    return GraphMessage(b"".join(fields) + rest, tuple(left_out))


def _split(content: bytes) -> tuple[bytes, bytes]:
    """Return the header with its last line end, and the rest with the empty line that begins it."""
    if content.startswith(b"\r\n"):
        return b"", content
    header, end, body = content.partition(b"\r\n\r\n")
    return (header + b"\r\n", b"\r\n" + body) if end else (content.removesuffix(b"\r\n") + b"\r\n", b"\r\n")


def _fields(header: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the fields with their lower-case names; lines that are no field, without one."""
    at = 0
    while at < len(header):
        found = _FIELD.match(header, at)
        end = found.end() if found else header.index(b"\n", at) + 1
        yield (found[1].decode("ascii").lower() if found else ""), header[at:end]
        at = end


def _named(field: bytes) -> list[HeaderAddress]:
    parsed = BytesHeaderParser(policy=policy.default).parsebytes(field)
    return [address for value in parsed.values() for address in value.addresses]


def _written(name: str, mailboxes: Sequence[HeaderAddress]) -> bytes:
    written = [
        Mailbox(parse_address(mailbox.addr_spec), mailbox.display_name or None).written(international=True)
        for mailbox in mailboxes
    ]
    return fold(name, ", ".join(written)).encode()


def _key(address: Address) -> str:
    return address.with_ascii_domain.lower()


def _key_of(mailbox: HeaderAddress) -> str:
    try:
        return _key(parse_address(mailbox.addr_spec))
    except ValueError:
        return mailbox.addr_spec.lower()


def _wire_form(recipient: Address) -> str:
    return str(recipient) if recipient.needs_smtputf8 else recipient.with_ascii_domain


class Attachment(Struct, frozen=True):
    """A part of a message that is not its text. `content_id`: without angle brackets, of one that the text shows."""

    name: str
    content_type: str
    content: bytes
    content_id: str | None = None


class Draft(Struct, frozen=True):
    """A message taken apart. `fields`: the JSON of a draft, without its attachments."""

    fields: dict[str, Any]
    attachments: tuple[Attachment, ...]


def can_be_draft(content: bytes) -> bool:
    """Tell whether a message may be taken apart: not if it is signed or encrypted, which would be lost."""
    message = BytesHeaderParser(policy=policy.default).parsebytes(content)
    return message.get_content_type() not in _SIGNED_OR_ENCRYPTED


def draft_of(content: bytes) -> Draft:
    """Take a message apart. Of two texts the HTML one is kept: a draft has one. Other fields than X- are lost."""
    message = BytesParser(policy=policy.default).parsebytes(content)
    html, plain = message.get_body(("html",)), message.get_body(("plain",))
    text = html or plain
    fields: dict[str, Any] = {
        "subject": str(message.get("Subject", "")),
        "body": {"contentType": "html" if html else "text", "content": _text_of(text) if text else ""},
        "toRecipients": _recipients(message, "To"),
        "ccRecipients": _recipients(message, "Cc"),
        "bccRecipients": _recipients(message, "Bcc"),
        "replyTo": _recipients(message, "Reply-To"),
        "from": next(iter(_recipients(message, "From")), None),
        "internetMessageId": str(message.get("Message-ID", "")),
        "internetMessageHeaders": _own_headers(message),
    }
    attachments = tuple(
        _attachment(part, number)
        for number, part in enumerate((part for part in _leaves(message) if part not in (html, plain)), 1)
    )
    return Draft({name: value for name, value in fields.items() if value}, attachments)


def _leaves(part: MIMEPart) -> Iterator[MIMEPart]:
    if part.is_multipart() and part.get_content_maintype() == "multipart":
        for inner in part.iter_parts():
            yield from _leaves(inner)
    else:
        yield part


def _text_of(part: MIMEPart) -> str:
    try:
        return str(part.get_content())
    except LookupError:  # a charset that nobody knows
        octets = part.get_payload(decode=True)
        return octets.decode("utf-8", "replace") if isinstance(octets, bytes) else ""


def _attachment(part: MIMEPart, number: int) -> Attachment:
    content_type = part.get_content_type()
    if part.get_content_maintype() == "message":
        inner = part.get_payload()
        whole = inner[0] if isinstance(inner, list) and inner else None
        content = whole.as_bytes(policy=policy.SMTP) if isinstance(whole, Message) else b""
        default_name = f"message-{number}.eml"
    else:
        octets = part.get_payload(decode=True)
        content = octets if isinstance(octets, bytes) else b""
        default_name = f"part-{number}"
    is_shown = part.get_content_disposition() != "attachment"
    content_id = str(part.get("Content-ID", "")).strip().strip("<>") if is_shown else ""
    return Attachment(part.get_filename() or default_name, content_type, content, content_id or None)


def _recipients(message: EmailMessage, name: str) -> list[dict[str, dict[str, str]]]:
    return [
        {
            "emailAddress": {"address": address.addr_spec}
            | ({"name": address.display_name} if address.display_name else {})
        }
        for value in message.get_all(name, [])
        for address in value.addresses
    ]


def _own_headers(message: EmailMessage) -> list[dict[str, str]]:
    own = [{"name": name, "value": str(value)} for name, value in message.items() if name.lower().startswith("x-")]
    return own[:_DRAFT_HEADERS_MAX]
