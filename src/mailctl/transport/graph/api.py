"""Calls to Microsoft Graph with one token: limits waited out, answers judged, and nothing that sends done twice."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from mailctl.errors import FateUnknownError, MailError, TemporaryError
from mailctl.model.secret import Secret
from mailctl.protocol import graph
from mailctl.transport.http.exchange import HttpClient, HttpReply
from mailctl.transport.network.limits import Deadline

WAIT_SECONDS_MAX = 300.0
"""How long one call waits in all for Graph's limits to pass, if the deadline leaves that much."""

_LIMITED = (429, 503)
_LOST_BEHIND_GATEWAY = (502, 504)
_BACKOFF_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)


class GraphApi:
    """One mailbox at Graph. `mailbox`: its path, `/me` or `/users/{address}`, which begins that of each call.

    `renew`: returns another token in the place of one that is not taken, None where there is no other. `wait`: sleeps
    for so many seconds.
    """

    def __init__(
        self,
        client: HttpClient,
        token: Secret,
        *,
        renew: Callable[[], Secret] | None = None,
        base_url: str,
        mailbox: str,
        deadline: Deadline,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._token = token
        self._renew = renew
        self._base = base_url.rstrip("/") + mailbox
        self._deadline = deadline
        self._wait = wait

    def call(
        self, method: str, path: str, *, body: bytes = b"", content_type: str | None = None, sends: bool = False
    ) -> HttpReply:
        """Return Graph's answer, whatever it is, once it is none of its limits (429, 503), or one too long to wait for.

        A token that is not taken (401) is replaced, once in a call: nothing was done then. `sends`: this call sends a
        message. If it is not known then whether Graph has taken it, FateUnknownError is raised. Raises NetworkError,
        TLSError, ProtocolError, and what getting another token raises.
        """

        def exchange() -> HttpReply:
            headers = {"Authorization": f"Bearer {self._token.reveal()}"}
            if content_type:
                headers["Content-Type"] = content_type
            return self._exchange(method, self._base + path, headers, body, sends=sends)

        reply = self._patiently(exchange)
        if reply.status != 401 or self._renew is None:
            return reply
        self._client.note("Graph does not take the token: asking the provider for another one")
        self._token = self._renew()
        self._client.redactor.add(self._token.reveal())
        return self._patiently(exchange)

    def post(self, path: str, value: Mapping[str, Any]) -> HttpReply:
        """Return the answer to a JSON object."""
        body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
        return self.call("POST", path, body=body, content_type="application/json")

    def visit(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"") -> HttpReply:
        """Return the answer of a place that Graph named, which brings its own authorisation: the token stays here."""
        for _, value in parse_qsl(urlsplit(url).query):
            self._client.redactor.add(value)
        return self._patiently(lambda: self._client.request(method, url, headers=headers, body=body))

    def refusal(self, reply: HttpReply, doing: str, *, hint: str | None = None) -> MailError:
        """Return the error for an answer that is not the expected one."""
        kind, reason, said = graph.judge(reply.status, reply.body)
        code = graph.parse_error(reply.body).code
        named = {"graph_code": code or None, "request_id": request_id(reply)}
        details: dict[str, object] = {"status": reply.status, **named}
        after = graph.find_retry_after(reply.headers, now=time.time())
        if issubclass(kind, TemporaryError) and after is not None:
            details["retry_after_seconds"] = round(after)
            hint = hint or f"Graph asks to wait {round(after)} seconds"
        answer = f"{reply.status} {code}".rstrip()
        return kind(f"{said} ({doing}: {answer})", reason=reason, reply=reply.shown, hint=hint, details=details)

    def pause(self, attempt: int) -> None:
        """Wait before the next attempt, counted from 0, unless the time is up: then what comes next finds out."""
        seconds = _backoff(attempt)
        if self._has_time_for(seconds):
            self._wait(seconds)

    def _exchange(self, method: str, url: str, headers: Mapping[str, str], body: bytes, *, sends: bool) -> HttpReply:
        try:
            reply = self._client.request(method, url, headers=headers, body=body)
        except MailError as error:
            if sends and self._client.has_sent_request:
                raise _fate_unknown(error) from error
            raise
        if sends and reply.status in _LOST_BEHIND_GATEWAY:
            raise _fate_unknown(self.refusal(reply, "sending"))
        return reply

    def _patiently(self, exchange: Callable[[], HttpReply]) -> HttpReply:
        waited = 0.0
        attempt = 0
        while True:
            reply = exchange()
            if reply.status not in _LIMITED:
                return reply
            asked = graph.find_retry_after(reply.headers, now=time.time())
            seconds = _backoff(attempt) if asked is None else max(asked, 1.0)
            waited += seconds
            if waited > WAIT_SECONDS_MAX or not self._has_time_for(seconds):
                return reply
            self._client.note(f"waiting {seconds:.0f} seconds")
            self._wait(seconds)
            attempt += 1

    def _has_time_for(self, seconds: float) -> bool:
        try:
            return self._deadline.left_seconds() > seconds
        except TimeoutError:
            return False


def request_id(reply: HttpReply) -> str | None:
    """Return Graph's own name for a request, which Microsoft's support asks for."""
    return reply.headers.get("request-id")


def _backoff(attempt: int) -> float:
    return _BACKOFF_SECONDS[min(attempt, len(_BACKOFF_SECONDS) - 1)]


def _fate_unknown(error: MailError) -> FateUnknownError:
    return FateUnknownError(
        f"Graph got the whole message, and then did not say whether it took it: {error.message}",
        reason=error.reason,
        reply=error.reply,
        hint="look into the mailbox's Sent Items before you send it again: it may have been sent",
    )
