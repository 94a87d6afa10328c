"""The newest messages of a POP3 mailbox as lists show them. RFC 1939, 2449 (PIPELINING).

The newest take two round trips where the server offers PIPELINING, however large the mailbox is; else two, and one for
each of them. Newest are those of the highest numbers: servers number messages as they came.

Nothing but TOP reads a message. RETR would have to fetch all of it, and marks it as read at many servers.
"""

from __future__ import annotations

from msgspec import Struct

from mailctl.errors import CapabilityError, MailError
from mailctl.protocol.message.header_block import HeaderBlock, parse_header_block
from mailctl.protocol.reasons import Reason
from mailctl.transport.pop3.mailbox import Pop3Session
from mailctl.transport.pop3.replies import read_sizes, read_uids

_FIELDS = {"received", "date", "from", "to", "subject", "message-id", "in-reply-to", "references"}
_NO_FIELDS = HeaderBlock(())
_LISTING_BYTES_MAX = 16 * 1024 * 1024
"""So much is said of a mailbox of some hundred thousands of messages."""


class Summary(Struct, frozen=True, kw_only=True):
    """A message as lists show it. `number`: in this session. `uid`: None where the server gives none.

    `size`: octets, as the server says. `header`: the fields that lists show, of the beginning of its header; none where
    the server does not give it out.
    """

    number: int
    uid: str | None
    size: int
    header: HeaderBlock


def list_newest(session: Pop3Session, count: int) -> list[Summary]:
    """Return the newest messages, oldest first.

    Raises CapabilityError where the server has no TOP; RefusedError or TemporaryError where it lists no messages, or
    gives out no header of any.
    """
    if not session.may_have("TOP"):
        raise _without_top()
    transport = session.transport
    has_uids = session.may_have("UIDL")
    answers = session.ask(["LIST", *(["UIDL"] if has_uids else [])])
    sizes = read_sizes(transport, next(answers), _LISTING_BYTES_MAX)
    uids: dict[int, str] = {}
    for answer in answers:
        if answer.ok or answer.reply is None:  # a server that refuses UIDL is listed without
            uids = read_uids(transport, answer, _LISTING_BYTES_MAX)
    newest = sorted(sizes)[-count:]
    found: list[Summary] = []
    refused: list[MailError] = []
    for number, header in zip(newest, session.headers(newest), strict=True):
        if isinstance(header, MailError):
            refused.append(header)
        fields = _NO_FIELDS if isinstance(header, MailError) else _read_fields(header)
        found.append(Summary(number=number, uid=uids.get(number), size=sizes[number], header=fields))
    if refused and len(refused) == len(found):
        raise refused[0] if session.capabilities.keywords else _without_top(refused[0].reply)
    return found


def _read_fields(header: bytes) -> HeaderBlock:
    """Return what lists are made of; of thousands of messages the rest would be much."""
    return HeaderBlock(tuple(field for field in parse_header_block(header).fields if field.name in _FIELDS))


def _without_top(reply: bytes | None = None) -> MailError:
    return CapabilityError(
        "the POP3 server does not offer TOP, without which no header can be read but by fetching whole messages",
        reason=Reason.NOT_OFFERED,
        reply=reply,
        hint="read the mailbox over IMAP, if the server has it: "
        "fetching messages over POP3 would mark them as read at many servers",
        details={"lacking": ["TOP"]},
    )
