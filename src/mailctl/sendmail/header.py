"""A message's header: whom it names as recipients, what it lacks, and what must not leave. RFC 5322, RFC 6409, 8."""

from __future__ import annotations

import os
import re
import time
from typing import NamedTuple

from mailctl.model.address import parse_address
from mailctl.model.resolve import Sending
from mailctl.protocol.message.header_field import encode_words, fold, write_phrase
from mailctl.protocol.message.mailboxes import WrittenMailbox, read_mailboxes

DROPPED = frozenset({"bcc", "resent-bcc", "return-path", "content-length"})
"""Recipients that nobody is to see, and what belongs to a mailbox and not to a message under way."""

_FIELD = r"([!-9;-~]+)[ \t]*:"
_RECIPIENTS = ("to", "cc", "bcc")
_ADDRESS_FIELDS = frozenset({"from", "sender", "reply-to", "to", "cc"})
_TRACE = ("received", "return-path")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Field(NamedTuple):
    """A header field: its `name` in lower case, and its whole `text`, line ends (LF) included; bytes as Latin-1."""

    name: str
    text: str

    @property
    def value(self) -> str:
        """What follows the colon, on one line; decoded as UTF-8, else as Latin-1."""
        unfolded = self.text.partition(":")[2].replace("\n", "").strip()
        try:
            return unfolded.encode("latin-1").decode()
        except UnicodeDecodeError:
            return unfolded

    @property
    def mailboxes(self) -> list[WrittenMailbox]:
        return read_mailboxes(self.value)


def find_field_name(line: str) -> str | None:
    """Return the name of the field that begins in a line, in lower case; None if none does."""
    found = re.match(_FIELD, line)
    return found[1].lower() if found else None


class Header:
    """The fields of a message as it was given."""

    def __init__(self, fields: list[Field]) -> None:
        self._fields = fields
        self._resent = _latest_resending(fields)

    def recipients(self) -> list[WrittenMailbox]:
        """Return those of To, Cc and Bcc; of a message that is resent, those of its latest resending (3.6.6)."""
        fields, prefix = (self._resent, "resent-") if self._resent else (self._fields, "")
        names = {prefix + name for name in _RECIPIENTS}
        return [mailbox for field in fields if field.name in names for mailbox in field.mailboxes]

    def sender(self) -> WrittenMailbox | None:
        """Return the first mailbox of From, if there is one."""
        found = [mailbox for field in self._fields if field.name == "from" for mailbox in field.mailboxes]
        return found[0] if found else None

    def completed(self, sending: Sending, sender_name: str | None) -> str:
        """Return the header as it leaves, without the empty line; line ends are LF, bytes Latin-1."""
        added = self._added(sending, sender_name)
        kept = (_in_ascii(field) for field in self._fields if not self._is_dropped(field, added))
        return "".join(_written(name, value) for name, value in added.items()) + "".join(kept)

    def _is_dropped(self, field: Field, added: dict[str, str]) -> bool:
        return field.name in DROPPED or (field.name == "from" and "From" in added)

    def _added(self, sending: Sending, sender_name: str | None) -> dict[str, str]:
        """Return what is missing. A resent message is its author's: what is missing there is about the resending."""
        if self._resent:
            present, prefix = {field.name for field in self._resent}, "Resent-"
            sender = None
        else:
            present, prefix = {field.name for field in self._fields}, ""
            sender = self.sender()
        added: dict[str, str] = {}
        now = time.time()
        if f"{prefix}Date".lower() not in present:
            added[f"{prefix}Date"] = _date(now)
        if f"{prefix}From".lower() not in present or (not self._resent and (sender is None or sender.is_local)):
            name = (sender and sender.name) or sender_name or sending.sender_name
            added[f"{prefix}From"] = _mailbox_text(name, sending.address)
            if sending.reply_to and not self._resent and "reply-to" not in present:
                added["Reply-To"] = _mailbox_text(None, sending.reply_to)
        if f"{prefix}Message-ID".lower() not in present:
            added[f"{prefix}Message-ID"] = _message_id(now, sending.address)
        return added


def _latest_resending(fields: list[Field]) -> list[Field]:
    """Return the fields of the latest resending, which stands first: up to a trace, or a name that comes again."""
    latest: dict[str, Field] = {}
    for field in fields:
        if field.name.startswith("resent-"):
            if field.name in latest:
                break
            latest[field.name] = field
        elif latest and field.name in _TRACE:
            break
    return list(latest.values())


def _date(seconds: float) -> str:
    """Return a moment as RFC 5322, 3.3 writes it; strftime would write it in the machine's language."""
    at = time.localtime(seconds)
    sign, minutes = ("-" if at.tm_gmtoff < 0 else "+"), abs(at.tm_gmtoff) // 60
    return (
        f"{_DAYS[at.tm_wday]}, {at.tm_mday:02d} {_MONTHS[at.tm_mon - 1]} {at.tm_year:04d} "
        f"{at.tm_hour:02d}:{at.tm_min:02d}:{at.tm_sec:02d} {sign}{minutes // 60:02d}{minutes % 60:02d}"
    )


def _message_id(seconds: float, address: str) -> str:
    domain = parse_address(address).with_ascii_domain.rpartition("@")[2]
    return f"<{int(seconds):x}.{os.getpid():x}.{os.urandom(8).hex()}@{domain}>"


def _mailbox_text(name: str | None, address: str) -> str:
    """Return a mailbox for a field; in ASCII, unless the address itself can only be written in UTF-8 (RFC 6532).

    Raises ValueError if the address is none.
    """
    parsed = parse_address(address)
    text = str(parsed).encode().decode("latin-1") if parsed.needs_smtputf8 else parsed.with_ascii_domain
    name = "".join(character if character.isprintable() else " " for character in name or "").strip()
    return f"{write_phrase(name)} <{text}>" if name else text


def _written(name: str, value: str) -> str:
    """Return a whole field, folded; its line ends are LF."""
    return fold(name, value).replace("\r\n", "\n")


def _in_ascii(field: Field) -> str:
    """Return a field with text beyond ASCII encoded, which few programs on a machine do by themselves.

    What has no ASCII form stays as it is: internationalised addresses, and the parameters of MIME fields.
    """
    if field.text.isascii() or field.name.startswith("content-"):
        return field.text
    name = field.text.partition(":")[0].rstrip()
    if field.name.removeprefix("resent-") not in _ADDRESS_FIELDS:
        return _written(name, encode_words(field.value))
    try:
        return _written(name, ", ".join(_mailbox_text(named, address) for address, named, _ in field.mailboxes))
    except ValueError:
        return field.text
