"""Sending through Microsoft Graph: `POST …/sendMail` with the message in base64, or by a draft if it is long.

    route = GraphRoute(token=token, address="system@example.com", app_only=True)
    with open_graph(route, watch) as session:
        outcome = session.send("system@example.com", ["anna@example.org"], message)

Graph answers 202: accepted. Whether the message is delivered is not told; a bounce comes into the mailbox. There is no
envelope: the sender is the mailbox, and the recipients are read from the header (`protocol.graph_message`).
https://learn.microsoft.com/en-us/graph/api/user-sendmail
"""

from __future__ import annotations

import re
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO
from urllib.parse import quote

from msgspec import Struct, field

from mailctl.errors import (
    AuthenticationError,
    FateUnknownError,
    InvalidValueError,
    MailError,
    NetworkError,
    Problem,
    RefusedError,
    TLSError,
)
from mailctl.model.report import Stage
from mailctl.model.secret import Secret
from mailctl.protocol import graph
from mailctl.protocol.envelope import parse_address
from mailctl.protocol.graph_message import Draft, GraphMessage, address_message, can_be_draft, draft_of
from mailctl.protocol.reasons import Reason
from mailctl.protocol.redact import Redactor
from mailctl.transport.content import Content
from mailctl.transport.graph.api import GraphApi, request_id
from mailctl.transport.graph.draft import send_draft
from mailctl.transport.http.exchange import HttpClient, HttpReply
from mailctl.transport.network import dial
from mailctl.transport.network.limits import Deadline
from mailctl.transport.outcome import SendOutcome
from mailctl.transport.route import reaches
from mailctl.transport.trace import Trace
from mailctl.transport.watch import StageRecord, Watch

PROTOCOL = "graph"
TIMEOUT_SECONDS = 60.0
"""For one request; Graph takes some seconds to accept a message."""

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750, 2.1
_DELIVERED = "unknown: accepted is not delivered"


class GraphRoute(Struct, frozen=True, kw_only=True):
    """Everything that it takes to open a session.

    `address`: the mailbox that sends. `app_only`: the token is an application's own, else that mailbox's user's.
    `renew`: returns another token in the place of one that Graph does not take, and raises MailError where there is
    none; None where a token was given. `timeout_seconds`: of a request. `deadline`: bounds the whole. `wait`: sleeps
    while Graph limits how often one may come. `resolve`: turns the host into addresses.
    """

    address: str
    token: Secret
    app_only: bool
    renew: Callable[[], Secret] | None = None
    url: str = graph.GRAPH_URL
    ca_file: str | None = None
    timeout_seconds: float = TIMEOUT_SECONDS
    deadline: Deadline = field(default_factory=Deadline.never)
    wait: Callable[[float], None] = time.sleep
    resolve: dial.Resolve = dial.resolve

    @property
    def mailbox(self) -> str:
        """The path of the mailbox at Graph; raises InvalidValueError for what is no address."""
        user = quote(str(parse_address(self.address)), safe="@")
        return f"/users/{user}" if self.app_only else "/me"


@contextmanager
def open_graph(
    route: GraphRoute, watch: Watch, *, until: Stage = Stage.AUTH, trace: Trace | None = None
) -> Iterator[GraphSession]:
    """Open a session as far as the stage `until`: tcp, tls (certificate) or auth.

    Behind a proxy of the system's there are no stages dns, tcp and tls. Raises InvalidValueError before connecting for
    what is no address; MailError of the stage that fails.
    """
    mailbox = route.mailbox
    with HttpClient(
        protocol=PROTOCOL,
        timeout_seconds=route.timeout_seconds,
        deadline=route.deadline,
        redactor=Redactor([route.token]),
        trace=trace,
        ca_file=route.ca_file,
        resolve=route.resolve,
    ) as client:
        client.connect(route.url, watch, secure=reaches(until, Stage.TLS))
        api = GraphApi(
            client,
            route.token,
            renew=route.renew,
            base_url=route.url,
            mailbox=mailbox,
            deadline=route.deadline,
            wait=route.wait,
        )
        if reaches(until, Stage.AUTH):
            with watch.stage(Stage.AUTH, protocol=PROTOCOL) as record:
                _authenticate(api, route, record, thorough=watch.thorough)
        yield GraphSession(api, watch)


def _authenticate(api: GraphApi, route: GraphRoute, record: StageRecord, *, thorough: bool) -> None:
    """Look at what the token says of itself and, for a test, show it to Graph. Graph has no login.

    That it carries Mail.Send is required of a user's token. An application may have that right without its token
    saying so, by Exchange's role-based access control for applications; then it is a warning.
    """
    token = route.token.reveal()
    claims = graph.read_claims(token)
    record.evidence |= {
        "mechanism": "bearer",
        "flow": "app-only" if route.app_only else "delegated",
        "audience": claims.audience,
        "permissions": list(claims.permissions) if claims.permissions is not None else None,
    }
    if not _TOKEN.fullmatch(token):
        raise AuthenticationError("the access token is none: it has other characters", reason=Reason.LOGIN_REFUSED)
    if claims.is_for_exchange:
        raise AuthenticationError(
            f"the access token is for {claims.audience} (IMAP, POP3, SMTP), not for Graph",
            reason=Reason.LOGIN_REFUSED,
            hint="authorise anew with Graph switched on: one token is for one of the two",
        )
    if claims.permissions is not None:
        _check_permissions(claims, record, app_only=route.app_only)
    if thorough:
        _show_token(api, route, record)


def _check_permissions(claims: graph.TokenClaims, record: StageRecord, *, app_only: bool) -> None:
    if app_only != claims.is_application:
        whose = ("an application's own", "a user's")
        raise AuthenticationError(
            f"the access token is {whose[not claims.is_application]}, and {whose[not app_only]} is needed",
            reason=Reason.LOGIN_REFUSED,
        )
    granted = claims.permissions or ()
    if any(name.partition(".Shared")[0] == graph.SEND_PERMISSION for name in granted):
        return
    said = f"the access token does not carry {graph.SEND_PERMISSION}, but {', '.join(granted) or 'no permission'}"
    if app_only:
        record.warn(f"{said}: sending works only if Exchange's RBAC for Applications grants it")
        return
    raise AuthenticationError(
        said,
        reason=Reason.LOGIN_REFUSED,
        hint=f"add the permission {graph.SEND_PERMISSION} to the app registration, then authorise anew",
    )


def _show_token(api: GraphApi, route: GraphRoute, record: StageRecord) -> None:
    """Ask for the user: what tells whether Graph takes the token, even where it has no right to know the user."""
    reply = api.call("GET", "?$select=mail,userPrincipalName")
    record.reply = reply.shown
    if reply.status == 403:
        record.evidence["mailbox"] = "not looked up: it takes User.Read, which sending does not need"
        return
    if reply.status != 200:
        raise api.refusal(reply, "showing the token")
    user = graph.parse_object(reply.body)
    found = user.get("mail") or user.get("userPrincipalName")
    record.evidence["mailbox"] = found
    if not route.app_only and isinstance(found, str) and found.lower() != route.address.lower():
        record.warn(f"the token is that of {found}: to send as {route.address}, it needs Send As there")


class GraphSession:
    """An open session: a mailbox that messages are sent from."""

    def __init__(self, api: GraphApi, watch: Watch) -> None:
        self._api = api
        self._watch = watch
        self.is_usable = True
        """Whether another message can be sent: Graph was reached, and took the token."""

    def send(self, sender: str, recipients: Sequence[str], message: bytes | BinaryIO) -> SendOutcome:
        """Send a message (stage message); all recipients, or none, are accepted.

        `sender` is not told to Graph, which takes From. Recipients that are in neither To nor Cc go into Bcc, which
        Graph takes out; others whom the header names are taken out of it, with a warning: Graph would send to them.
        Raises InvalidValueError on what is no address; RefusedError, CapabilityError, AuthenticationError;
        TemporaryError for a limit that lasts too long; FateUnknownError if Graph may have taken the message, which
        must then not be sent again.
        """
        if not recipients:
            raise InvalidValueError([Problem("recipient", "there is none")])
        addresses = [parse_address(text, "recipient") for text in recipients]
        whole = message if isinstance(message, bytes) else message.read()
        addressed = address_message(whole, addresses)
        with self._watch.stage(Stage.MESSAGE, protocol=PROTOCOL) as record:
            message_id = Content(addressed.content).message_id
            record.evidence |= {"message_id": message_id, "size": len(addressed.content), "sender": sender}
            if addressed.left_out:
                record.warn(f"taken out of To and Cc, being no recipients: {', '.join(addressed.left_out)}")
            try:
                reply = self._deliver(addressed, record)
            except MailError as error:
                self.is_usable = not _ends_session(error)
                if isinstance(error, FateUnknownError):
                    error.name_message(message_id)
                raise
            record.reply = reply.shown
            record.evidence |= {
                "accepted": list(recipients),
                "request_id": request_id(reply),
                "delivered": _DELIVERED,
            }
        return SendOutcome(tuple(recipients), {}, reply.shown, request_id(reply))

    def _deliver(self, message: GraphMessage, record: StageRecord) -> HttpReply:
        reply = self._send_whole(message, record) if len(message.content) <= graph.MIME_BYTES_MAX else None
        if reply is None or graph.is_too_long(reply.status, reply.body):
            record.evidence["way"] = "draft"
            reply = send_draft(self._api, self._take_apart(message))
        if reply.status != 202:
            raise self._api.refusal(reply, "sending")
        return reply

    def _send_whole(self, message: GraphMessage, record: StageRecord) -> HttpReply:
        record.evidence["way"] = "sendMail"
        return self._api.call(
            "POST", "/sendMail", body=b64encode(message.content), content_type="text/plain", sends=True
        )

    def _take_apart(self, message: GraphMessage) -> Draft:
        if not can_be_draft(message.content):
            raise RefusedError(
                f"the message has {len(message.content)} bytes and is signed or encrypted: Graph takes such a message "
                f"in one request only, of {graph.MIME_BYTES_MAX} bytes at most",
                reason=Reason.MESSAGE_TOO_LARGE,
                hint="send it by SMTP",
                details={"size": len(message.content), "size_max": graph.MIME_BYTES_MAX},
            )
        try:
            return draft_of(message.content)
        except ValueError as error:
            raise RefusedError(
                f"{error}, as Graph needs it for a long message", reason=Reason.MESSAGE_REFUSED
            ) from None


def _ends_session(error: MailError) -> bool:
    """Tell whether the next message would fare no better: Graph is not reached, or takes the token no more."""
    return isinstance(error, NetworkError | TLSError | FateUnknownError) or error.details.get("status") == 401
