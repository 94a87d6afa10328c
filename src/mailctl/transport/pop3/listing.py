"""What a POP3 mailbox lists, and the newest of its messages as lists show them. RFC 1939, 2449.

The newest take two round trips where the server offers PIPELINING, however large the mailbox is; else two, and one for
each of them. Newest are those of the highest numbers: servers number messages as they came.

Nothing but TOP reads a message. RETR would have to fetch all of it, and marks it as read at many servers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from mailctl.errors import CapabilityError, MailError, ProtocolError
from mailctl.protocol.message.header_block import HeaderBlock, parse_header_block
from mailctl.protocol.reasons import Reason
from mailctl.transport.pop3.library import Answer, Pop3Transport
from mailctl.transport.pop3.mailbox import Pop3Session

LONE_DOT = re.compile(rb"^\.\r?\n", re.MULTILINE)
_SIZE = re.compile(rb"(\d{1,12}) (\d{1,18})(?: .*)?")
_UID = re.compile(rb"(\d{1,12}) ([\x21-\x7e]{1,255})")


class Summary(Struct, frozen=True, kw_only=True):
    """A message as lists show it. `number`: in this session. `uid`: None where the server gives none.

    `size`: octets, as the server says. `header`: its beginning; without fields where the server does not give it out.
    """

    number: int
    uid: str | None
    size: int
    header: HeaderBlock


def read_uids(transport: Pop3Transport, answer: Answer) -> dict[int, str]:
    """Return the unique ids that follow the answer to UIDL, by the messages' numbers; raises MailError."""
    return {int(found[1]): found[2].decode("ascii") for found in _read_listing(transport, answer, "UIDL", _UID)}


def read_sizes(transport: Pop3Transport, answer: Answer) -> dict[int, int]:
    """Return the octets that follow the answer to LIST, by the messages' numbers; raises MailError."""
    return {int(found[1]): int(found[2]) for found in _read_listing(transport, answer, "LIST", _SIZE)}


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
    sizes = read_sizes(transport, next(answers))
    uids: dict[int, str] = {}
    for answer in answers:
        if answer.ok or answer.reply is None:  # a server that refuses UIDL is listed without
            uids = read_uids(transport, answer)
    newest = sorted(sizes)[-count:]
    headers = session.headers(newest)
    refused = [header for header in headers if isinstance(header, MailError)]
    if refused and len(refused) == len(headers):
        raise refused[0] if session.capabilities.keywords else _without_top(refused[0].reply)
    return [
        Summary(
            number=number,
            uid=uids.get(number),
            size=sizes[number],
            header=parse_header_block(b"" if isinstance(header, MailError) else header),
        )
        for number, header in zip(newest, headers, strict=True)
    ]


def _read_listing(
    transport: Pop3Transport, answer: Answer, command: str, entry: re.Pattern[bytes]
) -> Iterator[re.Match[bytes]]:
    if not answer.ok:
        raise transport.refusal(answer, "does not list the messages", Reason.MAILBOX_REFUSED)
    wire = transport.wire
    with wire.bulk():
        is_last = False
        while not is_last:
            block, is_last = wire.read_block(LONE_DOT)
            for line in block.splitlines():
                found = entry.fullmatch(line.strip())
                if not found:
                    raise ProtocolError(
                        f"the server's answer to {command} is malformed",
                        reason=Reason.MALFORMED_REPLY,
                        reply=wire.redacted(line),
                    )
                yield found


def _without_top(reply: bytes | None = None) -> MailError:
    return CapabilityError(
        "the POP3 server does not offer TOP, without which no header can be read but by fetching whole messages",
        reason=Reason.NOT_OFFERED,
        reply=reply,
        hint="read the mailbox over IMAP, if the server has it: "
        "fetching messages over POP3 would mark them as read at many servers",
        details={"lacking": ["TOP"]},
    )
