"""A loopback server that answers as Microsoft Graph does, in the shapes of Microsoft's documents.

    with GraphServer(token=token_for("Mail.Send")) as server:
        server.script("POST", "/sendMail", throttled(7))
        ...  # talk to server.url
    assert server.sent[0].mime == message

It knows one mailbox. What is scripted for a method and the end of a path is answered first, an entry a request; then
it does what Graph does: sendMail with MIME, drafts, attachments, upload sessions, sending of drafts, and its users.
Requests are recorded whole. The answers are those of the documents `user: sendMail`, `attachment:
createUploadSession`, `Attach large files to Outlook messages` and `Microsoft Graph error responses`.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import sys
import threading
from base64 import b64decode, urlsafe_b64encode
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import unquote, urlsplit

UPLOAD_TOKEN = "eyJhbGciOiJSUzI1NiIsImtpZCI6IktmYUNIUlN6bllHMmNI"
REQUEST_ID = "24e7991e-01ae-4cc2-8e06-532a96fd8948"


def token_for(*permissions: str, app_only: bool = False, audience: str = "https://graph.microsoft.com") -> str:
    """An access token as Entra makes them, with a signature that nobody checks."""
    granted = {"roles": list(permissions), "idtyp": "app"} if app_only else {"scp": " ".join(permissions)}
    claims = {"aud": audience, "iss": "https://sts.windows.net/72aa88bf/", "appid": "11111111-2222", **granted}
    parts = (json.dumps(part).encode() for part in ({"typ": "JWT", "alg": "RS256"}, claims))
    signature = b"a-signature-that-nobody-checks-0123456789"
    return ".".join(urlsafe_b64encode(part).rstrip(b"=").decode() for part in (*parts, signature))


@dataclass(frozen=True)
class Answer:
    status: int
    value: object = None
    headers: dict[str, str] = field(default_factory=dict)
    reason: str | None = None


@dataclass(frozen=True)
class Lost:
    """The connection ends without an answer, after the request was read; `acted`: and acted upon."""

    acted: bool = False


@dataclass(frozen=True)
class Closed:
    """The connection ends while the request is still being sent."""


@dataclass(frozen=True)
class Raw:
    """Bytes in the place of an answer; then nothing more is said, until the server ends."""

    said: bytes


def refused(status: int, code: str, message: str, **headers: str) -> Answer:
    error = {
        "code": code,
        "message": message,
        "innerError": {"date": "2026-10-18T08:30:00", "request-id": REQUEST_ID, "client-request-id": REQUEST_ID},
    }
    return Answer(status, {"error": error}, {name.replace("_", "-"): value for name, value in headers.items()})


def throttled(seconds: object) -> Answer:
    return refused(
        429, "ApplicationThrottled", "Application is over its MailboxConcurrency limit.", Retry_After=str(seconds)
    )


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Sent:
    """A message that was taken: `mime`, or what a draft held."""

    mailbox: str
    mime: bytes | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    attachments: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class _Upload:
    draft: str
    item: dict[str, Any]
    received: bytearray = field(default_factory=bytearray)


class GraphServer:
    """The server, as a context manager. `tls`: speaks https if given. `mailbox`: the one that it knows.

    `takes`: whether a token is good; unless it is set, `token` alone is.
    """

    def __init__(self, *, token: str, mailbox: str = "system@contoso.com", tls: ssl.SSLContext | None = None) -> None:
        self.token = token
        self.takes: Callable[[str], bool] = lambda given: given == self.token
        self.mailbox = mailbox
        self.requests: list[Request] = []
        self.sent: list[Sent] = []
        self.drafts: dict[str, Sent] = {}
        self.connections = 0
        self._uploads: dict[str, _Upload] = {}
        self._scripts: dict[tuple[str, str], deque[object]] = defaultdict(deque)
        self._ended = threading.Event()
        self._server = _Server(("127.0.0.1", 0), self)
        # What is not read stays with the client, and is not handed over.
        self._server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        self.port = self._server.server_port
        self.url = f"{'https' if tls else 'http'}://localhost:{self.port}/v1.0"
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def script(self, method: str, path_end: str, *answers: object) -> None:
        """Answer the next requests of that kind so."""
        self._scripts[method, path_end].extend(answers)

    def calls(self) -> list[str]:
        """The requests in short: `POST /me/sendMail`."""
        return [f"{request.method} {request.path.removeprefix('/v1.0')}" for request in self.requests]

    def bodies(self, path_end: str) -> list[dict[str, Any]]:
        return [json.loads(request.body) for request in self.requests if request.path.endswith(path_end)]

    def find_scripted(self, method: str, path: str) -> object | None:
        for (wanted, end), answers in self._scripts.items():
            if answers and method == wanted and path.endswith(end):
                return answers.popleft()
        return None

    def wait_for_end(self) -> None:
        self._ended.wait(30)

    def act(self, request: Request) -> Answer:
        if request.path.startswith("/upload/"):
            return self._receive(request)
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or not self.takes(token):
            return refused(401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")
        found = re.fullmatch(r"/v1\.0/(?:me|users/([^/]+))(/.*)?", request.path)
        if found is None:
            return refused(400, "BadRequest", "Resource not found for the segment.")
        mailbox = unquote(found[1]) if found[1] else self.mailbox
        if mailbox != self.mailbox:
            code = "ErrorInvalidUser" if found[2] else "Request_ResourceNotFound"
            return refused(404, code, f"The requested user '{mailbox}' is invalid.")
        return self._act_on_mailbox(request, found[2] or "")

    def _act_on_mailbox(self, request: Request, path: str) -> Answer:
        accepted = Answer(202, headers={"request-id": REQUEST_ID})
        if (request.method, path) == ("GET", ""):
            return Answer(200, {"mail": self.mailbox, "userPrincipalName": self.mailbox})
        if (request.method, path) == ("POST", "/sendMail"):
            try:
                mime = b64decode(request.body, validate=True)
            except ValueError:
                return refused(400, "ErrorMimeContentInvalidBase64String", "Invalid base64 string for MIME content.")
            self.sent.append(Sent(self.mailbox, mime))
            return accepted
        if (request.method, path) == ("POST", "/messages"):
            name = f"AAMkADI5MAAIT3drCAA{len(self.drafts)}="
            self.drafts[name] = Sent(self.mailbox, fields=json.loads(request.body))
            return Answer(201, {"id": name, "isDraft": True})
        found = re.fullmatch(r"/messages/([^/]+)(/.*)?", path)
        draft = self.drafts.get(unquote(found[1])) if found else None
        if found is None or draft is None:
            return refused(404, "ErrorItemNotFound", "The specified object was not found in the store.")
        return self._act_on_draft(request, unquote(found[1]), found[2] or "", draft, accepted)

    def _act_on_draft(self, request: Request, name: str, path: str, draft: Sent, accepted: Answer) -> Answer:
        if request.method == "DELETE":
            del self.drafts[name]
            return Answer(204)
        if path == "/attachments":
            draft.attachments.append(json.loads(request.body))
            return Answer(201, {"id": f"{name}att"})
        if path == "/attachments/createUploadSession":
            key = f"{len(self._uploads)}"
            self._uploads[key] = _Upload(name, json.loads(request.body)["AttachmentItem"])
            place = f"{self.url.removesuffix('/v1.0')}/upload/Users('a8e8e219')/AttachmentSessions('{key}')"
            return Answer(
                201,
                {
                    "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#microsoft.graph.uploadSession",
                    "uploadUrl": f"{place}?authtoken={UPLOAD_TOKEN}",
                    "expirationDateTime": "2026-10-19T01:09:30.7671707Z",
                    "nextExpectedRanges": ["0-"],
                },
            )
        assert path == "/send"
        self.sent.append(self.drafts.pop(name))
        return accepted

    def _receive(self, request: Request) -> Answer:
        key = re.search(r"AttachmentSessions\('(\d+)'\)", request.path)
        assert key
        upload = self._uploads[key[1]]
        if request.method == "GET":
            return Answer(200, {"nextExpectedRanges": [f"{len(upload.received)}-"]})
        found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", request.headers["content-range"])
        assert found
        start, end, total = (int(number) for number in found.groups())
        assert (end - start + 1, total) == (len(request.body), upload.item["size"])
        assert request.headers["content-type"] == "application/octet-stream"
        if start != len(upload.received):
            return Answer(416, {"error": {"code": "InvalidRange", "message": "Uploaded fragment is out of order."}})
        upload.received += request.body
        if len(upload.received) < total:
            return Answer(200, {"nextExpectedRanges": [str(len(upload.received))]})
        self.drafts[upload.draft].attachments.append({**upload.item, "content": bytes(upload.received)})
        return Answer(201, headers={"Location": "https://outlook.office.com/api/v2.0/Users('a8')/Attachments('AA')"})


class _Server(ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self, address: tuple[str, int], graph: GraphServer) -> None:
        self.graph = graph
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # A small window and, where it can be had, small segments: the client's kernel holds a multiple of both. A
        # client that is told to be `Closed` is then still sending.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        if sys.platform == "linux":
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1000)
        super().server_bind()

    def handle_error(self, *_: object) -> None:
        """Nothing: a client that leaves in the middle is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 20
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.graph.connections += 1

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _serve(self) -> None:
        graph = self.server.graph
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        scripted = graph.find_scripted(self.command, url.path)
        if isinstance(scripted, Closed):
            self.close_connection = True
            return
        body = self.rfile.read(int(headers.get("content-length", "0")))
        request = Request(self.command, url.path, url.query, headers, body)
        graph.requests.append(request)
        if isinstance(scripted, Lost):
            if scripted.acted:
                graph.act(request)
            self.close_connection = True
        elif isinstance(scripted, Raw):
            self.wfile.write(scripted.said)
            self.wfile.flush()
            graph.wait_for_end()
            self.close_connection = True
        else:
            self._answer(scripted if isinstance(scripted, Answer) else graph.act(request))

    def _answer(self, answer: Answer) -> None:
        value = answer.value
        body = value if isinstance(value, bytes) else json.dumps(value).encode() if value is not None else b""
        self.send_response(answer.status, answer.reason)
        for name, text in answer.headers.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""
