"""A provider on loopback that answers with recorded replies, and notes what it was asked."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs

from mailctl.model.oauth import OAuthClient, Provider
from mailctl.oauth.registration import Registration


@dataclass(frozen=True)
class Reply:
    """`body`: bytes, or what is sent as JSON, or a function that makes it from what was asked.

    `drips`: the status line is followed by header bytes without end.
    """

    status: int = 200
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    drips: bool = False

    def content(self, asked: Asked) -> bytes:
        body = self.body(asked) if callable(self.body) else self.body
        return body if isinstance(body, bytes) else json.dumps(body).encode()


@dataclass(frozen=True)
class Asked:
    path: str
    form: dict[str, str]
    headers: dict[str, str]

    @property
    def everything(self) -> str:
        return " ".join([*self.form.values(), *self.headers.values()])


TOKENS = Reply(body={"access_token": "at-1", "token_type": "Bearer", "expires_in": 3600})


class ScriptedProvider:
    """Answers each request with the next of its replies, and the last one again and again. Runs inside `with`."""

    def __init__(self, *replies: Reply, context: ssl.SSLContext | None = None) -> None:
        self.replies = list(replies)
        self.asked: list[Asked] = []
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = False
        if context:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        scheme = "https" if context else "http"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def registration(self, provider: Provider = Provider.CUSTOM, **secrets: Any) -> Registration:
        """Return a client whose endpoints are all here."""
        client = OAuthClient(
            name="test",
            provider=provider,
            client_id="client-id-1",
            authorize_url=f"{self.url}/authorize",
            token_url=f"{self.url}/token",
            device_url=f"{self.url}/device",
            revoke_url=f"{self.url}/revoke",
        )
        return Registration(client=client, **secrets)

    def _next_reply(self) -> Reply:
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                form = {name: values[0] for name, values in parse_qs(content).items()}
                provider.asked.append(Asked(self.path, form, dict(self.headers)))
                reply = provider._next_reply()
                if reply.drips:
                    self._drip()
                    return
                self.send_response(reply.status)
                self.send_header("Content-Type", "application/json")
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                with suppress(OSError):  # the client may have read enough
                    self.wfile.write(reply.content(provider.asked[-1]))

            def _drip(self) -> None:
                with suppress(OSError):  # the client may have had enough
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                    while not provider._closing.wait(0.02):
                        self.wfile.write(b"x")

            def log_message(self, *_: object) -> None:
                pass

        return Handler
