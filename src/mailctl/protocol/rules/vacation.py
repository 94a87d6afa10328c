"""Which messages get an out-of-office answer, and which never do. RFC 3834; 5230, 4.5 and 4.6.

The rules are to make no loops, to answer no list and no program, and to tell no stranger that somebody is away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from mailctl.model.account import mailbox_key
from mailctl.protocol.message.delivery_status import may_be_report
from mailctl.protocol.message.header_block import HeaderBlock
from mailctl.protocol.message.header_text import list_addresses

FIELDS = (
    "return-path", "from", "sender", "to", "cc", "bcc", "resent-to", "resent-cc", "resent-bcc", "subject", "message-id",
    "references", "in-reply-to", "auto-submitted", "precedence", "list-id", "list-post", "list-help",
    "list-unsubscribe", "list-subscribe", "list-owner", "list-archive", "mailing-list", "x-auto-response-suppress",
    "x-spam-flag", "x-autoreply", "x-autorespond", "feedback-id", "content-type", "x-failed-recipients",
)  # fmt: skip
"""What is looked at, in small letters."""

_LIST_FIELDS = (
    "list-id", "list-post", "list-help", "list-unsubscribe", "list-subscribe", "list-owner", "list-archive",
    "mailing-list", "feedback-id",
)  # fmt: skip
_TO_US = ("to", "cc", "bcc", "resent-to", "resent-cc", "resent-bcc")
"""Where the account is to be named (RFC 5230, 4.5)."""
_PROGRAMS = re.compile(
    r"(mailer-?daemon|majordomo|listserv|list|owner|postmaster|root|bounces?|no-?_?reply|do-?_?not-?_?reply"
    r"|notifications?|alerts?)(\+.*)?|owner-.*|.*-(owner|request|bounces?|noreply)|bounces?[+-].*",
    re.IGNORECASE,
)
"""Local parts that programs send from (RFC 3834, 2; RFC 5230, 4.6; and their like today)."""


def find_sender(header: HeaderBlock) -> str | None:
    """Return whom an answer goes to: the envelope's sender, as delivery notes it (RFC 3834, 4), else From's address."""
    path = header.find("return-path")
    if path is not None:
        return path.strip().removeprefix("<").removesuffix(">") or None
    return header.find_address("from")


def why_unanswered(header: HeaderBlock, own: Iterable[str]) -> str | None:
    """Return why a message gets no answer; None where it may. `own`: the addresses of whom it came to."""
    ours = {mailbox_key(address) for address in own}
    sender = find_sender(header)
    if not sender or "@" not in sender:
        return "it has no sender to answer: it is a notice of the mail system"
    if mailbox_key(sender) in ours:
        return "it is from the account itself"
    if _PROGRAMS.fullmatch(sender.rpartition("@")[0]):
        return f"{sender} is a program's address"
    return _why_automatic(header) or _why_not_to_us(header, ours)


def _why_automatic(header: HeaderBlock) -> str | None:
    if may_be_report(header):
        return "it is a report: of a delivery, or that something was read"
    submitted = (header.find("auto-submitted") or "no").partition(";")[0].strip().lower()
    if submitted != "no":
        return f"it is automatic mail (Auto-Submitted: {submitted})"
    precedence = (header.find("precedence") or "").strip().lower()
    if precedence in ("bulk", "list", "junk", "auto_reply"):
        return f"it is bulk mail (Precedence: {precedence})"
    for name in _LIST_FIELDS:
        if header.find(name) is not None:
            return f"it is from a mailing list ({name.title()})"
    if header.find("x-autoreply") is not None or header.find("x-autorespond") is not None:
        return "it is an automatic answer"
    suppressed = {word.strip().lower() for word in (header.find("x-auto-response-suppress") or "").split(",")}
    if suppressed & {"all", "oof", "autoreply"}:
        return "it asks for no automatic answer (X-Auto-Response-Suppress)"
    if (header.find("x-spam-flag") or "").strip().lower() == "yes":
        return "it is marked as spam"
    return None


def _why_not_to_us(header: HeaderBlock, ours: set[str]) -> str | None:
    values = [value for name in _TO_US for value in header.find_all(name)]
    if any(mailbox_key(address) in ours for value in values for address in list_addresses(value)):
        return None
    return "it does not name the account in To, Cc or Bcc"
