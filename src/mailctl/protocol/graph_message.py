"""Messages as Microsoft Graph takes them: with all recipients in the header, or taken apart into a draft.

Graph has no envelope: it sends to everybody whom To, Cc and Bcc name, and takes Bcc out itself. So what the envelope
says is written into the header, and what the header says beyond it is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from email import policy
from email.message import Message, MIMEPart
from email.parser import BytesHeaderParser, BytesParser
from typing import Any

from msgspec import Struct

from mailctl.model.address import Address, parse_address
from mailctl.protocol.message.address_list import Mailbox, parse_mailboxes
from mailctl.protocol.message.encoded_words import decode_words
from mailctl.protocol.message.header_field import fold
from mailctl.protocol.message.mailboxes import read_mailboxes

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
    header, rest = _split(content if content.endswith(b"\n") else content + b"\r\n")
    wanted = frozenset(map(_key, recipients))
    unseen = {_key(recipient): recipient for recipient in recipients}
    left_out: list[str] = []
    fields: list[bytes] = []
    for name, field in _fields(header):
        if name == "bcc":
            continue
        if name not in _VISIBLE:
            fields.append(field)
            continue
        named = _read_addresses(_value(field))
        kept = [mailbox for mailbox in named.mailboxes if _key(mailbox.address) in wanted]
        left_out += [str(mailbox.address) for mailbox in named.mailboxes if mailbox not in kept]
        left_out += named.others
        for mailbox in kept:
            unseen.pop(_key(mailbox.address), None)
        if named.is_plain and len(kept) == len(named.mailboxes):
            fields.append(field)
        elif kept:
            fields.append(_written(name.title(), kept))
    if unseen:
        fields.append(_written("Bcc", [Mailbox(recipient) for recipient in unseen.values()]))
    return GraphMessage(b"".join(fields) + rest, tuple(left_out))


def _split(content: bytes) -> tuple[bytes, bytes]:
    """Return the header, which ends where a line is none of its own, and the rest with the empty line before it."""
    at = 0
    while found := _FIELD.match(content, at):
        at = found.end()
    header, rest = content[:at], content[at:]
    return header, rest if rest.startswith(b"\r\n") else b"\r\n" + rest


def _fields(header: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the fields with their lower-case names."""
    for found in _FIELD.finditer(header):
        yield found[1].decode("ascii").lower(), found[0]


def _value(field: bytes) -> str:
    """Return what follows the colon, on one line."""
    return field.partition(b":")[2].replace(b"\r\n", b"").decode("utf-8", "replace").strip()


class _Named(Struct, frozen=True):
    """Whom a field names. `others`: what stands there and is no address. `is_plain`: no reader takes it otherwise."""

    mailboxes: tuple[Mailbox, ...]
    others: tuple[str, ...] = ()
    is_plain: bool = True


def _read_addresses(value: str) -> _Named:
    """Read an address field: strictly, or else (comments, groups, `root`) for what addresses can be found in it."""
    try:
        return _Named(parse_mailboxes(value))
    except ValueError:
        mailboxes: list[Mailbox] = []
        others: list[str] = []
        for address, name, _ in read_mailboxes(value):
            try:
                mailboxes.append(Mailbox(parse_address(address), name if name.isprintable() else None))
            except ValueError:
                others += [address] * bool(address)
        return _Named(tuple(mailboxes), tuple(others), is_plain=False)


def _written(name: str, mailboxes: Sequence[Mailbox]) -> bytes:
    written = (mailbox.written(international=mailbox.address.needs_smtputf8) for mailbox in mailboxes)
    return fold(name, ", ".join(written)).encode()


def _key(address: Address) -> str:
    return address.with_ascii_domain.lower()


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
    message = BytesHeaderParser(policy=policy.compat32).parsebytes(content)
    return message.get_content_type() not in _SIGNED_OR_ENCRYPTED


def draft_of(content: bytes) -> Draft:
    """Take a message apart. Of two texts the HTML one is kept: a draft has one. Other fields than X- are lost.

    Raises ValueError if its parts cannot be read.
    """
    header, _ = _split(content)
    values = {name: _value(field) for name, field in reversed([*_fields(header)])}
    try:
        message = BytesParser(policy=policy.default).parsebytes(content)
        html, plain = message.get_body(("html",)), message.get_body(("plain",))
        others = [part for part in _leaves(message) if part is not html and part is not plain]
        attachments = tuple(_attachment(part, number) for number, part in enumerate(others, 1))
        text = html or plain
        body = {"contentType": "html" if html else "text", "content": _text_of(text) if text else ""}
    except (IndexError, AttributeError) as error:  # the library breaks on some malformed parameters
        raise ValueError("the message's parts cannot be read as MIME") from error
    fields: dict[str, Any] = {
        "subject": decode_words(values.get("subject", "")),
        "body": body,
        "toRecipients": _recipients(values.get("to", "")),
        "ccRecipients": _recipients(values.get("cc", "")),
        "bccRecipients": _recipients(values.get("bcc", "")),
        "replyTo": _recipients(values.get("reply-to", "")),
        "from": next(iter(_recipients(values.get("from", ""))), None),
        "internetMessageId": values.get("message-id"),
        "internetMessageHeaders": _own_headers(header),
    }
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


def _recipients(value: str) -> list[dict[str, dict[str, str]]]:
    return [
        {
            "emailAddress": {"address": mailbox.address.with_ascii_domain}
            | ({"name": decode_words(mailbox.name)} if mailbox.name else {})
        }
        for mailbox in _read_addresses(value).mailboxes
    ]


def _own_headers(header: bytes) -> list[dict[str, str]]:
    own = [
        {"name": field.partition(b":")[0].strip().decode("ascii"), "value": _value(field)}
        for name, field in _fields(header)
        if name.startswith("x-")
    ]
    return own[:_DRAFT_HEADERS_MAX]
