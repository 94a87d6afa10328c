"""requests-oauthlib over the guarded HTTP of `transport.http`, with nothing of what it sends coming out.

So its requests have a deadline over everything, a cap on the answer, and no redirects; and neither its log nor its
exceptions, which hold tokens, are seen by anybody.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from requests_oauthlib import OAuth2Session  # type: ignore[import-untyped]  # the package has no types

from mailctl.errors import AuthenticationError, MailError, NetworkError, ProtocolError
from mailctl.oauth.endpoints import named_https, require_safe
from mailctl.protocol.reasons import Reason
from mailctl.protocol.redact import Redactor
from mailctl.transport.http.exchange import HttpClient
from mailctl.transport.network.limits import Deadline, Limits

REPLY_BYTES_MAX = 256 * 1024
"""Far more than tokens take, which are of some thousand bytes."""

_TALKATIVE = ("oauthlib", "requests_oauthlib.oauth2_session")
"""Loggers that write requests and replies, with the secrets in them, at DEBUG."""

T = TypeVar("T")


class _GuardedAdapter(BaseAdapter):
    """Sends whatever the session has to send to one endpoint, whose name in the session may be another one."""

    def __init__(self, endpoint: str, http: HttpClient) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._http = http

    def send(self, request: PreparedRequest, *_: Any, **__: Any) -> Response:
        body = request.body or b""
        answer = self._http.request(
            request.method or "POST",
            self._endpoint,
            headers={name: str(value) for name, value in request.headers.items()},
            body=body if isinstance(body, bytes) else str(body).encode(),
        )
        if 300 <= answer.status < 400:
            raise ProtocolError(
                f"the provider answers with a redirect (HTTP {answer.status}), which is not followed",
                reason=Reason.PROTOCOL,
                hint="the endpoint's URL has to be the final one",
            )
        reply = Response()
        reply.status_code = answer.status
        reply.headers = CaseInsensitiveDict(answer.headers)
        reply.raw = io.BytesIO(answer.body)
        reply.encoding = "utf-8"  # RFC 8259, 8.1
        reply.request = request
        reply.url = self._endpoint
        return reply

    def close(self) -> None:
        """Nothing: the connections are the HttpClient's."""


@contextmanager
def open_session(url: str, deadline: Deadline, ca_file: str | None, **options: Any) -> Iterator[tuple[Any, str]]:
    """Open a session of requests-oauthlib for one endpoint; `options` are those of OAuth2Session.

    Yields the session, and the URL by which the endpoint is named to it. To be used inside `speak` alone.
    """
    require_safe(url)
    for name in _TALKATIVE:
        logging.getLogger(name).disabled = True
    with (
        HttpClient(
            protocol="oauth",
            timeout_seconds=deadline.left_seconds(),
            deadline=deadline,
            redactor=Redactor(),
            ca_file=ca_file,
            limits=Limits(reply_bytes=REPLY_BYTES_MAX),
        ) as http,
        OAuth2Session(**options) as session,
    ):
        session.trust_env = False
        session.headers.clear()
        session.mount("https://", _GuardedAdapter(url, http))
        yield session, named_https(url)


def speak(call: Callable[[], T], doing: str) -> T:
    """Return what a call of the libraries returns; raise what it raises as MailError.

    That error comes without chained exceptions and without the libraries' frames, as both hold what was sent.
    """
    failure: MailError
    try:
        return call()
    except AuthenticationError as error:
        failure = error
    except MailError as error:
        failure = error
        failure.message = f"{error.message} ({doing})"
        failure.args = (failure.message,)
    except TimeoutError:
        failure = NetworkError(f"no complete answer in time ({doing})", reason=Reason.TIMED_OUT)
    except Exception:  # noqa: BLE001 - of two libraries, and none may be seen with its contents
        failure = ProtocolError(f"the answer cannot be understood ({doing})", reason=Reason.MALFORMED_REPLY)
    failure.__context__ = failure.__cause__ = None
    raise failure.with_traceback(None)
