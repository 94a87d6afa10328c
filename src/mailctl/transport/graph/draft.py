"""Messages that are too long for one request: a draft, its attachments one after the other, then sent.

https://learn.microsoft.com/en-us/graph/outlook-large-attachments. It takes the permission Mail.ReadWrite beside
Mail.Send.
"""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from mailctl.errors import MailError, NetworkError, ProtocolError
from mailctl.protocol import graph
from mailctl.protocol.graph_message import Attachment, Draft
from mailctl.protocol.reasons import Reason
from mailctl.transport.graph.api import GraphApi
from mailctl.transport.http.exchange import HttpReply

_STALLS_MAX = 4
"""So many attempts in a row that bring an upload no further end it."""

_PERMISSION_HINT = (
    f"a message of this size goes by a draft, which needs the permission {graph.DRAFT_PERMISSION} beside "
    f"{graph.SEND_PERMISSION}: `mailctl oauth setup-script TARGET` tells how it is given"
)


def send_draft(api: GraphApi, draft: Draft) -> HttpReply:
    """Make a draft, upload its attachments, send it; return the answer to that.

    A draft that cannot be finished is deleted. Raises MailError; FateUnknownError if Graph may have sent it.
    """
    path = _create(api, draft)
    try:
        for attachment in draft.attachments:
            _attach(api, path, attachment)
    except MailError:
        with suppress(MailError):  # what went wrong first is what is to be told
            api.call("DELETE", path)
        raise
    return api.call("POST", f"{path}/send", sends=True)


def _create(api: GraphApi, draft: Draft) -> str:
    reply = api.post("/messages", draft.fields)
    if reply.status != 201:
        raise api.refusal(reply, "making a draft", hint=_PERMISSION_HINT if reply.status == 403 else None)
    return f"/messages/{quote(_get_text(reply, 'id'), safe='=')}"


def _attach(api: GraphApi, path: str, attachment: Attachment) -> None:
    if len(attachment.content) > graph.ATTACHMENT_BYTES_MAX:
        _Upload(api, path, attachment).run()
        return
    value: dict[str, Any] = {
        "@odata.type": "#microsoft.graph.fileAttachment",
        "name": attachment.name,
        "contentType": attachment.content_type,
        "contentBytes": b64encode(attachment.content).decode("ascii"),
    }
    reply = api.post(f"{path}/attachments", value | _inline(attachment))
    if reply.status != 201:
        raise api.refusal(reply, f"attaching '{attachment.name}'")


def _inline(attachment: Attachment) -> dict[str, Any]:
    return {"isInline": True, "contentId": attachment.content_id} if attachment.content_id else {}


class _Upload:
    """An attachment on its way, range by range, each going on where Graph says that it wants to."""

    def __init__(self, api: GraphApi, path: str, attachment: Attachment) -> None:
        self._api = api
        self._doing = f"uploading '{attachment.name}'"
        self._content = attachment.content
        item = {
            "attachmentType": "file",
            "name": attachment.name,
            "contentType": attachment.content_type,
            "size": len(attachment.content),
        }
        reply = api.post(f"{path}/attachments/createUploadSession", {"AttachmentItem": item | _inline(attachment)})
        if reply.status not in (200, 201):
            raise api.refusal(reply, self._doing)
        self._url = _get_text(reply, "uploadUrl")

    def run(self) -> None:
        at = stalls = 0
        while at < len(self._content):
            following = self._put(at, stalls)
            stalls = 0 if following > at else stalls + 1
            at = following

    def _put(self, at: int, stalls: int) -> int:
        """Send the range that begins at `at`; return where to go on."""
        piece = self._content[at : at + graph.UPLOAD_BYTES]
        end = at + len(piece)
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Range": f"bytes {at}-{end - 1}/{len(self._content)}",
        }
        try:
            reply = self._api.visit("PUT", self._url, headers=headers, body=piece)
        except NetworkError:
            if stalls >= _STALLS_MAX:
                raise
            return self._find_place(at, stalls)
        if reply.status == 201:
            return len(self._content)
        if reply.status in (200, 202):
            following = graph.find_next_byte(graph.parse_object(reply.body))
            following = end if following is None else following
            if following > at or stalls < _STALLS_MAX:
                return min(following, len(self._content))
        elif (reply.status >= 500 or reply.status == 416) and stalls < _STALLS_MAX:
            return self._find_place(at, stalls)
        raise self._api.refusal(reply, self._doing)

    def _find_place(self, at: int, stalls: int) -> int:
        """Ask where to go on after a range of unknown fate; where that is not told, it is sent once more."""
        self._api.pause(stalls)
        with suppress(NetworkError):
            reply = self._api.visit("GET", self._url, headers={})
            following = graph.find_next_byte(graph.parse_object(reply.body)) if reply.status == 200 else None
            return at if following is None else min(following, len(self._content))
        return at


def _get_text(reply: HttpReply, name: str) -> str:
    value = graph.parse_object(reply.body).get(name)
    if not isinstance(value, str) or not value:
        raise ProtocolError(f"Graph's answer lacks '{name}'", reason=Reason.MALFORMED_REPLY, reply=reply.shown)
    return value
