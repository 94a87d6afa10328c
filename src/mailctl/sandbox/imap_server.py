"""IMAP over the sandbox's store: Twisted's server, with what it lacks or has wrong.

Added: no login without TLS, SPECIAL-USE (RFC 6154), UIDPLUS' APPENDUID (RFC 4315), sections of messages byte for
byte with partial fetches, `\\Seen` set by reading, a SEARCH that needs no reactor.
"""

# ruff: noqa: N802, N803, N815, A002, ARG002 - names and signatures are Twisted's

from __future__ import annotations

import ssl
from collections.abc import Callable
from copy import copy
from typing import Any, BinaryIO

from twisted.mail import imap4

from mailctl.sandbox.authentication import CHALLENGERS, StorePortal
from mailctl.sandbox.imap_account import IMAPAccount, IMAPMessage, SelectedFolder
from mailctl.sandbox.store import MessageStore
from mailctl.sandbox.twisted_bridge import Untimed, exhaust

Write = Callable[[bytes], None]

# Twisted's mail package is not annotated: what mypy infers of it does not hold.
_Base: Any = imap4.IMAP4Server
_collapse: Callable[[list[object]], bytes] = imap4.collapseNestedLists
_parse_set: Callable[[bytes], imap4.MessageSet] = imap4.parseIdList


class IMAPServer(Untimed, _Base):  # type: ignore[misc]  # see _Base
    """One IMAP session (RFC 3501).

    `tls_context`: what STARTTLS starts; None on a port that speaks TLS from the first byte.
    """

    IDENT = b"mailctl sandbox ready"

    def __init__(self, store: MessageStore, tls_context: ssl.SSLContext | None) -> None:
        super().__init__(CHALLENGERS, tls_context, scheduler=exhaust)
        self.portal = StorePortal(store, IMAPAccount)

    @property
    def _secure(self) -> bool:
        return self.ctx is None or self.startedTLS

    def connectionMade(self) -> None:
        super().connectionMade()
        self.canStartTLS = True

    def capabilities(self) -> dict[bytes, list[bytes] | None]:
        if not self._secure:
            return {b"LOGINDISABLED": None, b"STARTTLS": None}
        extensions = (b"IDLE", b"NAMESPACE", b"SPECIAL-USE", b"UIDPLUS")
        return {b"AUTH": list(self.challengers), **dict.fromkeys(extensions)}

    def authenticate(self, chal: Any, tag: bytes) -> None:
        if self._secure:
            super().authenticate(chal, tag)
        else:
            self.sendNegativeResponse(tag, b"[PRIVACYREQUIRED] no login without TLS: give STARTTLS first")

    def sendContinuationRequest(self, msg: bytes | None = None) -> None:
        self.sendLine(b"+ " + (msg or b""))  # the blank is not optional (RFC 3501, 9: continue-req)

    def _respond(self, state: bytes, tag: bytes | None, message: bytes | str) -> None:
        # Twisted gives some texts as str and then fails to join them with bytes.
        super()._respond(state, tag, message.encode() if isinstance(message, str) else message)

    def _cbAppendGotMailbox(
        self,
        selected: SelectedFolder | None,
        tag: bytes,
        flags: list[bytes] | None,
        date: bytes | None,
        message: BinaryIO,
    ) -> None:
        if selected is None:
            self.sendNegativeResponse(tag, b"[TRYCREATE] no such mailbox")
            return
        added = selected.append(message.read(), [flag.decode() for flag in flags or ()], date)
        self.sendPositiveResponse(tag, b"[APPENDUID %d %d] appended" % (selected.getUIDValidity(), added.uid))

    def _cbSelectWork(self, mbox: SelectedFolder | None, cmdName: bytes, tag: bytes) -> None:
        if mbox is not None:  # both are required (RFC 3501, 6.3.1)
            permanent = " ".join(mbox.getFlags()) if mbox.isWriteable() else ""
            self.sendPositiveResponse(message=b"[PERMANENTFLAGS (%b)]" % permanent.encode())
            self.sendPositiveResponse(message=b"[UIDNEXT %d]" % mbox.getUIDNext())
        super()._cbSelectWork(mbox, cmdName, tag)

    def do_UID(self, tag: bytes, command: bytes, line: bytes) -> None:
        if command.upper() == b"EXPUNGE":  # UIDPLUS (RFC 4315, 2.1)
            for number in self.mbox.expunge(_parse_set(line)):
                self.sendUntaggedResponse(b"%d EXPUNGE" % number)
            self.sendPositiveResponse(tag, b"UID EXPUNGE completed")
        else:
            super().do_UID(tag, command, line)

    select_UID = (do_UID, *_Base.select_UID[1:])

    def connectionLost(self, reason: object) -> None:
        if self.mbox is not None:
            self.mbox.removeListener(self)
        super().connectionLost(reason)

    # FETCH: Twisted's own puts headers together from a dictionary, leaves out the host of an address without a domain,
    # and gives out more than a partial fetch asks for.

    def spew_envelope(self, id: int, msg: IMAPMessage, _w: Write, _f: object = None) -> None:
        _w(b"ENVELOPE " + _collapse([msg.envelope()]))

    def spew_rfc822header(self, id: int, msg: IMAPMessage, _w: Write, _f: object = None) -> None:
        _w(b"RFC822.HEADER " + _literal(msg.header))

    def spew_rfc822text(self, id: int, msg: IMAPMessage, _w: Write, _f: object = None) -> None:
        msg.mark_seen()
        _w(b"RFC822.TEXT " + _literal(msg.body))

    def spew_rfc822(self, id: int, msg: IMAPMessage, _w: Write, _f: object = None) -> None:
        msg.mark_seen()
        _w(b"RFC822 " + _literal(msg.content))

    def spew_rfc822size(self, id: int, msg: IMAPMessage, _w: Write, _f: object = None) -> None:
        _w(b"RFC822.SIZE %d" % len(msg.content))

    def spew_body(self, part: Any, id: int, msg: IMAPMessage, _w: Write, _f: object = None) -> None:
        if not (part.header or part.text or part.mime or part.empty):
            super().spew_body(part, id, msg, _w, _f)  # BODY alone is the structure
            return
        if not part.peek:
            msg.mark_seen()
        octets, whole = _section(part, msg), copy(part)
        whole.partialBegin = None
        label = whole.getBytes()
        if part.partialBegin is not None:
            octets = octets[part.partialBegin : part.partialBegin + part.partialLength]
            label += b"<%d>" % part.partialBegin
        _w(label + b" " + _literal(octets))


def _section(section: Any, message: IMAPMessage) -> bytes:
    """Return the octets of a section as Twisted has parsed it (RFC 3501, 6.4.5); raises IndexError for no such part."""
    part = message.find_part(section.part)
    if section.mime:
        return part.header
    if section.header or section.text:
        inner = part.getSubPart(0) if section.part else part
        if section.text:
            return inner.body
        names = [name.decode().strip('"') for name in section.header.fields]
        return inner.header_fields(names, others=section.header.negate)
    return part.body if section.part else part.content


def _literal(octets: bytes) -> bytes:
    return b"{%d}\r\n%b" % (len(octets), octets)
