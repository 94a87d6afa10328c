"""What POP3 servers list: the sizes and the unique ids of messages, by their numbers. RFC 1939, 5 (LIST), 7 (UIDL)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailctl.errors import ProtocolError
from mailctl.protocol.reasons import Reason
from mailctl.transport.pop3.library import Answer, Pop3Transport

LONE_DOT = re.compile(rb"^\.\r?\n", re.MULTILINE)
"""The end of a listing."""

_SIZE = re.compile(rb"(\d{1,12}) (\d{1,18})(?: .*)?")
_UID = re.compile(rb"(\d{1,12}) ([\x21-\x7e]{1,255})")


def read_sizes(transport: Pop3Transport, answer: Answer, bytes_max: int | None = None) -> dict[int, int]:
    """Return the octets of messages that follow the answer to LIST; raises MailError."""
    return {int(found[1]): int(found[2]) for found in _read_listing(transport, answer, "LIST", _SIZE, bytes_max)}


def read_uids(transport: Pop3Transport, answer: Answer, bytes_max: int | None = None) -> dict[int, str]:
    """Return the unique ids that follow the answer to UIDL; raises MailError."""
    return {
        int(found[1]): found[2].decode("ascii") for found in _read_listing(transport, answer, "UIDL", _UID, bytes_max)
    }


def _read_listing(
    transport: Pop3Transport, answer: Answer, command: str, entry: re.Pattern[bytes], bytes_max: int | None = None
) -> Iterator[re.Match[bytes]]:
    if not answer.ok:
        raise transport.refusal(answer, "does not list the messages", Reason.MAILBOX_REFUSED)
    wire = transport.wire
    with wire.bulk(bytes_max):
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
