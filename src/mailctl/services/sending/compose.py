"""Messages from drafts: the header, the parts, and whom the envelope names.

A draft's own fields: `Message-ID`, `Date` and `Reply-To` are honoured (a script may have to know its message's
identifier, and a form answers to whoever filled it in) and replace ours; a field that an option, the sender's
settings or the composition itself provides is refused. `Bcc` never gets into a message.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from email.parser import BytesHeaderParser
from email.utils import format_datetime, localtime, parsedate_to_datetime
from pathlib import Path

from msgspec import Struct

from mailctl.durable import cause_of
from mailctl.errors import BugError, InvalidValueError, Problem
from mailctl.model.address import Address
from mailctl.model.resolve import Sending
from mailctl.model.values import ascii_host, shown
from mailctl.protocol.envelope import parse_address
from mailctl.protocol.message.address_list import Mailbox, parse_mailboxes
from mailctl.protocol.message.header_field import check_field_text, fold, write_text
from mailctl.protocol.message.mime_part import Part, make_attachment, make_inline, make_multipart, make_text

_OPTION = "has an option of its own"
_SETTING = "is that of the settings: `mailctl sysmail set` changes it"
_COMPOSED = "is made by mailctl"
_REFUSED_FIELDS = {
    **dict.fromkeys(("to", "cc", "bcc", "subject"), _OPTION),
    **dict.fromkeys(("from", "sender", "return-path"), _SETTING),
    **dict.fromkeys(("mime-version", "resent-bcc"), _COMPOSED),
}
_SINGLE_FIELDS = frozenset({"message-id", "date", "reply-to", "in-reply-to", "references"})
_ADDRESS_FIELDS = frozenset({"reply-to", "disposition-notification-to"})
_FIELD_NAME = re.compile(r"[!-9;-~]{1,70}")
_MESSAGE_ID = re.compile(r"<[^<>@\s]+@[^<>@\s]+>", re.ASCII)


class Attachment(Struct, frozen=True):
    """A file, by its path or its content; it is read when the message is composed."""

    filename: str
    source: Path | bytes

    def read(self) -> bytes:
        """Return the content; raises InvalidValueError naming a file that cannot be read."""
        if isinstance(self.source, bytes):
            return self.source
        try:
            return self.source.read_bytes()
        except OSError as error:
            raise InvalidValueError([Problem("attach", f"{self.source} cannot be read: {cause_of(error)}")]) from None


class Picture(Struct, frozen=True):
    """A picture inside the HTML, which names it by `cid:` and its `content_id` (RFC 2392)."""

    content_id: str
    filename: str
    content: bytes


class Field(Struct, frozen=True):
    """A field of a draft's own: text, or the addresses that it holds."""

    name: str
    value: str | tuple[Mailbox, ...]


class Draft(Struct, frozen=True, kw_only=True):
    """What somebody wants to say to whom. Texts are plain strings; `fields` are those of `parse_field`."""

    to: tuple[Mailbox, ...] = ()
    cc: tuple[Mailbox, ...] = ()
    bcc: tuple[Mailbox, ...] = ()
    subject: str | None = None
    text: str | None = None
    html: str | None = None
    pictures: tuple[Picture, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    fields: tuple[Field, ...] = ()


class Roles(Struct, frozen=True, kw_only=True):
    """In whose name a message goes out: From, where bounces go, and where answers go."""

    sender: Mailbox
    envelope_sender: Address
    reply_to: tuple[Mailbox, ...] = ()


class Message(Struct, frozen=True, kw_only=True):
    """A message that is ready to be sent.

    `message_id`: with its angle brackets. `content`: octets with CRLF line ends. `sender`, `recipients`: those of the
    envelope.
    """

    message_id: str
    content: bytes
    sender: str
    recipients: tuple[str, ...]


def roles_of(sending: Sending) -> Roles:
    """Return the roles that the settings give to who sends."""
    reply_to = (Mailbox(parse_address(sending.reply_to)),) if sending.reply_to else ()
    return Roles(
        sender=Mailbox(parse_address(sending.address), sending.sender_name),
        envelope_sender=parse_address(sending.envelope_from),
        reply_to=reply_to,
    )


def parse_field(text: str) -> Field:
    """Parse `Name: value`, a field that a draft may have.

    Raises ValueError, whose text names the field and the rule.
    """
    name, colon, value = text.partition(":")
    value = value.strip(" \t")
    if not colon or not _FIELD_NAME.fullmatch(name):
        raise ValueError(f"{shown(text)} is not a header field, which is written 'Name: value'")
    try:
        check_field_text(value)
    except ValueError as error:
        raise ValueError(f"{name} {error}") from None
    lowered = name.lower()
    why = _COMPOSED if lowered.startswith("content-") else _REFUSED_FIELDS.get(lowered)
    if why:
        raise ValueError(f"{name} {why}")
    if lowered == "message-id" and not _MESSAGE_ID.fullmatch(value):
        raise ValueError(f"{name} is written <name@domain>, in ASCII")
    if lowered == "date":
        return Field(name, _parse_date(value))
    if lowered in _ADDRESS_FIELDS:
        return Field(name, parse_mailboxes(value))
    return Field(name, value)


def _parse_date(text: str) -> str:
    try:
        return format_datetime(parsedate_to_datetime(text))
    except (TypeError, ValueError):
        raise ValueError("Date is written like 'Fri, 01 May 2026 12:00:00 +0000' (RFC 5322)") from None


def check_single(fields: Sequence[Field]) -> None:
    """Raise ValueError if a field that a message has once at most (RFC 5322, 3.6) is there twice."""
    names = [field.name.lower() for field in fields]
    for name in _SINGLE_FIELDS:
        if names.count(name) > 1:
            raise ValueError(f"{name} is there twice")


def compose(draft: Draft, roles: Roles) -> Message:
    """Return the message of a draft; raises InvalidValueError where a file that it attaches cannot be read."""
    visible = _visible(draft, roles)
    fields = _fields(draft, roles, international=any(address.needs_smtputf8 for address in visible))
    body = _body(draft)
    header = "".join(fold(name, value) for name, value in fields).encode() + b"MIME-Version: 1.0\r\n" + body.header
    expected = [name for name, _ in (*fields, ("MIME-Version", "1.0"), *body.fields)]
    # What a reader makes of it is what was meant: nothing that was given has become a field of its own.
    if BytesHeaderParser().parsebytes(header).keys() != expected:
        raise BugError("the message's header is not the one that was meant, so nothing was sent")
    return Message(
        message_id=next(value for name, value in fields if name == "Message-ID"),
        content=b"".join([header, b"\r\n", *body.body]),
        sender=str(roles.envelope_sender),
        recipients=tuple(str(mailbox.address) for mailbox in _unique([*draft.to, *draft.cc, *draft.bcc])),
    )


def find_international(draft: Draft, roles: Roles) -> Address | None:
    """Return the first address of a message that only SMTPUTF8 can carry (RFC 6531), None if there is none."""
    addresses = [*_visible(draft, roles), roles.envelope_sender, *(mailbox.address for mailbox in draft.bcc)]
    return next((address for address in addresses if address.needs_smtputf8), None)


def _visible(draft: Draft, roles: Roles) -> list[Address]:
    """Return the addresses that are in the header."""
    own = [mailbox for field in draft.fields if not isinstance(field.value, str) for mailbox in field.value]
    return [mailbox.address for mailbox in (roles.sender, *_reply_to(draft, roles), *draft.to, *draft.cc, *own)]


def _reply_to(draft: Draft, roles: Roles) -> tuple[Mailbox, ...]:
    """Return where answers go, unless a field of the draft's own says it."""
    return () if any(field.name.lower() == "reply-to" for field in draft.fields) else roles.reply_to


def _unique(mailboxes: Sequence[Mailbox]) -> list[Mailbox]:
    unique: dict[str, Mailbox] = {}
    for mailbox in mailboxes:
        unique.setdefault(mailbox.address.with_ascii_domain, mailbox)
    return list(unique.values())


def _fields(draft: Draft, roles: Roles, *, international: bool) -> list[tuple[str, str]]:
    def written(mailboxes: Sequence[Mailbox]) -> str:
        return ", ".join(mailbox.written(international=international) for mailbox in mailboxes)

    own = {field.name.lower(): str(field.value) for field in draft.fields}
    fields = [
        ("Date", own.get("date") or format_datetime(localtime())),
        ("From", written([roles.sender])),
    ]
    if reply_to := _reply_to(draft, roles):
        fields.append(("Reply-To", written(reply_to)))
    if draft.to:
        fields.append(("To", written(_unique(draft.to))))
    elif not draft.cc:
        fields.append(("To", "undisclosed-recipients:;"))
    if draft.cc:
        fields.append(("Cc", written(_unique(draft.cc))))
    if draft.subject is not None:
        fields.append(("Subject", write_text(draft.subject)))
    fields.append(("Message-ID", own.get("message-id") or _make_message_id(roles.sender.address)))
    fields += (
        (field.name, write_text(field.value) if isinstance(field.value, str) else written(field.value))
        for field in draft.fields
        if field.name.lower() not in ("date", "message-id")
    )
    return fields


def _make_message_id(sender: Address) -> str:
    """Return a new Message-ID of the sender's domain."""
    domain = sender.domain if sender.domain.startswith("[") else ascii_host(sender.domain)
    return f"<{secrets.token_hex(16)}.mailctl@{domain}>"


def _body(draft: Draft) -> Part:
    texts = [make_text(draft.text, "plain")] if draft.text is not None else []
    if draft.html is not None:
        texts.append(_html(draft.html, draft.pictures))
    parts = [make_multipart("alternative", texts)] if len(texts) > 1 else texts
    parts += [make_attachment(attachment.filename, attachment.read()) for attachment in draft.attachments]
    if len(parts) == 1 and not draft.attachments:
        return parts[0]
    return make_multipart("mixed", parts) if parts else make_text("", "plain")


def _html(html: str, pictures: Sequence[Picture]) -> Part:
    part = make_text(html, "html")
    if not pictures:
        return part
    inside = [make_inline(picture.filename, picture.content, picture.content_id) for picture in pictures]
    return make_multipart("related", [part, *inside], type="text/html")
