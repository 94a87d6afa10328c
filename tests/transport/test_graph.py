"""Sending through Microsoft Graph, against a server that answers in the shapes that Microsoft documents."""

from __future__ import annotations

import json
import logging
import socket
import ssl
import traceback
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cache

import pytest
from tests.doubles.connect_proxy import ConnectProxy
from tests.doubles.graph import (
    REQUEST_ID,
    UPLOAD_TOKEN,
    Answer,
    Closed,
    GraphServer,
    Lost,
    Raw,
    refused,
    throttled,
    token_for,
)

from mailctl.errors import (
    AuthenticationError,
    CapabilityError,
    FateUnknownError,
    InvalidValueError,
    MailError,
    NetworkError,
    ProtocolError,
    RefusedError,
    TemporaryError,
    TLSError,
)
from mailctl.exits import exit_for
from mailctl.model.report import Stage
from mailctl.model.secret import Secret
from mailctl.protocol.remedies import find_remedy
from mailctl.transport.graph.sending import GraphRoute, open_graph
from mailctl.transport.network.dial import Address, Resolution
from mailctl.transport.network.limits import Deadline
from mailctl.transport.trace import Trace
from mailctl.transport.watch import Watch

MAILBOX = "system@contoso.com"
TOKEN = token_for("Mail.Send", "Mail.ReadWrite")
APP_TOKEN = token_for("Mail.Send", "Mail.ReadWrite", app_only=True)
MESSAGE = (
    b"From: System <system@contoso.com>\r\nTo: anna@example.org\r\nSubject: Disk full\r\n"
    b"Message-ID: <1@contoso.com>\r\n\r\nIt is.\r\n"
)
CHUNK = 10 * 320 * 1024


@pytest.fixture
def server(server_context):
    with GraphServer(token=TOKEN, mailbox=MAILBOX, tls=server_context) as running:
        yield running


@pytest.fixture
def app_server():
    with GraphServer(token=APP_TOKEN, mailbox=MAILBOX) as running:
        yield running


class Opening:
    """What a test opens sessions with: the watch, the transcript, and how long was waited."""

    def __init__(self, ca_file: str) -> None:
        self.watch = Watch(thorough=False)
        self.trace = Trace()
        self.waited: list[float] = []
        self._ca_file = ca_file

    def __call__(self, server: GraphServer, **options: object):
        until = options.pop("until", Stage.AUTH)
        known = {"app_only": server.token == APP_TOKEN, "deadline": Deadline(30), "url": server.url, "address": MAILBOX}
        token = Secret(str(options.pop("token", server.token)))
        route = GraphRoute(token=token, ca_file=self._ca_file, wait=self.waited.append, **(known | options))
        return open_graph(route, self.watch, until=until, trace=self.trace)

    def evidence(self, stage: Stage) -> dict:
        return self.watch.find(stage, protocol="graph").evidence

    @property
    def stages(self) -> list[Stage]:
        return [record.stage for record in self.watch.records]


@pytest.fixture
def opening(ca):
    return Opening(str(ca.ca_file))


def send(opening, server, message=MESSAGE, recipients=("anna@example.org",), **options):
    with opening(server, **options) as session:
        return session.send(MAILBOX, recipients, message)


@cache
def with_attachment(*sizes: int, html: bool = False) -> bytes:
    message = EmailMessage(policy=policy.SMTP)
    message["From"], message["To"], message["Subject"] = f"System <{MAILBOX}>", "Anna <anna@example.org>", "Bericht 山"
    message["Message-ID"], message["X-Mailctl-Probe"] = "<1@contoso.com>", "abc"
    message.set_content("text\n")
    if html:
        message.add_alternative("<p>text</p>\n", subtype="html")
    for number, size in enumerate(sizes):
        content = bytes([65 + number]) * size
        message.add_attachment(content, maintype="application", subtype="pdf", filename=f"{number}.pdf")
    return message.as_bytes()


# Sending


def test_a_users_token_sends_the_message_as_it_is(opening, server):
    outcome = send(opening, server)
    assert server.calls() == ["POST /me/sendMail"]
    assert server.requests[0].headers["content-type"] == "text/plain"
    assert server.sent[0].mime == MESSAGE
    assert (outcome.accepted, outcome.refused) == (("anna@example.org",), {})
    assert outcome.reply == b"HTTP 202 Accepted"
    assert outcome.queue_id == REQUEST_ID


def test_an_application_names_the_mailbox(opening, app_server):
    send(opening, app_server)
    assert app_server.calls() == ["POST /users/system@contoso.com/sendMail"]


def test_accepted_is_not_called_delivered(opening, server):
    send(opening, server)
    assert opening.evidence(Stage.MESSAGE) == {
        "message_id": "<1@contoso.com>",
        "size": len(MESSAGE),
        "sender": MAILBOX,
        "way": "sendMail",
        "accepted": ["anna@example.org"],
        "request_id": REQUEST_ID,
        "delivered": "unknown: accepted is not delivered",
    }


def test_a_session_is_opened_stage_by_stage_over_one_connection(opening, server):
    with opening(server) as session:
        session.send(MAILBOX, ["anna@example.org"], MESSAGE)
        session.send(MAILBOX, ["anna@example.org"], MESSAGE)
    connecting = [Stage.DNS, Stage.TCP, Stage.TLS, Stage.CERTIFICATE, Stage.AUTH]
    assert opening.stages == [*connecting, Stage.MESSAGE, Stage.MESSAGE]
    assert opening.evidence(Stage.TLS)["version"] == "TLSv1.3"
    assert len(server.sent) == 2
    assert server.connections == 1


@pytest.mark.parametrize(
    ("until", "stages"),
    [
        (Stage.TCP, [Stage.DNS, Stage.TCP]),
        (Stage.TLS, [Stage.DNS, Stage.TCP, Stage.TLS, Stage.CERTIFICATE]),
        (Stage.AUTH, [Stage.DNS, Stage.TCP, Stage.TLS, Stage.CERTIFICATE, Stage.AUTH]),
    ],
)
def test_a_session_is_opened_as_far_as_wanted(opening, server, until, stages):
    with opening(server, until=until):
        pass
    assert opening.stages == stages
    assert server.requests == []


def test_recipients_who_stand_nowhere_get_into_bcc(opening, server):
    send(opening, server, recipients=["anna@example.org", "boss@example.org", "x@bücher.example"])
    sent = message_from_bytes(server.sent[0].mime, policy=policy.default)
    assert sent["To"] == "anna@example.org"
    assert sent["Bcc"] == "boss@example.org, x@xn--bcher-kva.example"
    assert sent.get_content() == "It is.\r\n"


def test_who_is_no_recipient_is_taken_out_of_the_header(opening, server):
    message = (
        b"From: root\nTo: root, =?utf-8?q?J=C3=BCrgen?= <j@example.org>\nCc: other@example.org\n"
        b"Bcc: old@example.org\nSubject: Cron\n\nx\n"
    )
    send(opening, server, message=message, recipients=["J@Example.org", "admin@example.org"])
    sent = message_from_bytes(server.sent[0].mime, policy=policy.default)
    assert sent["To"] == "Jürgen <j@example.org>"
    assert sent["Cc"] is None
    assert sent.get_all("Bcc") == ["admin@example.org"]
    assert opening.watch.find(Stage.MESSAGE).warnings == [
        "taken out of To and Cc, being no recipients: root, other@example.org"
    ]


def test_nothing_is_sent_for_what_is_no_address(opening, server):
    with opening(server) as session:
        for recipients in ([], ["anna@example.org\r\nBcc: x@example.org"]):
            with pytest.raises(InvalidValueError):
                session.send(MAILBOX, recipients, MESSAGE)
    assert server.requests == []


# Before sending


def test_a_test_shows_the_token_to_graph(opening, server):
    opening.watch = Watch(thorough=True)
    with opening(server):
        pass
    assert [(request.path, request.query) for request in server.requests] == [
        ("/v1.0/me", "$select=mail,userPrincipalName")
    ]
    assert opening.evidence(Stage.AUTH) == {
        "mechanism": "bearer",
        "flow": "delegated",
        "audience": "https://graph.microsoft.com",
        "permissions": ["Mail.Send", "Mail.ReadWrite"],
        "mailbox": MAILBOX,
    }
    assert "days_left" in opening.evidence(Stage.CERTIFICATE)
    assert server.sent == []


def test_a_token_that_may_not_look_up_users_is_a_good_one(opening, server):
    opening.watch = Watch(thorough=True)
    server.script(
        "GET",
        "/me",
        refused(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."),
    )
    with opening(server):
        pass
    assert opening.evidence(Stage.AUTH)["mailbox"].startswith("not looked up")


def test_the_token_of_another_user_is_a_warning(opening, server):
    opening.watch = Watch(thorough=True)
    with opening(server, address="other@contoso.com"):
        pass
    assert opening.watch.find(Stage.AUTH).warnings == [
        "the token is that of system@contoso.com: to send as other@contoso.com, it needs Send As there"
    ]


@pytest.mark.parametrize("thorough", [True, False])
def test_a_users_token_without_mail_send_fails_before_sending(opening, server, thorough):
    opening.watch = Watch(thorough=thorough)
    with pytest.raises(AuthenticationError) as caught, opening(server, token=token_for("User.Read", "Mail.Read")):
        pass
    assert caught.value.stage is Stage.AUTH
    assert caught.value.message == "the access token does not carry Mail.Send, but User.Read, Mail.Read"
    assert opening.evidence(Stage.AUTH)["permissions"] == ["User.Read", "Mail.Read"]
    assert server.requests == []


def test_an_application_may_have_its_right_from_exchange(opening):
    token = token_for("User.Read.All", app_only=True)
    with GraphServer(token=token, mailbox=MAILBOX) as server:
        send(opening, server, app_only=True)
    (warning,) = opening.watch.find(Stage.AUTH).warnings
    assert "RBAC for Applications" in warning


@pytest.mark.parametrize(
    ("token", "app_only", "said"),
    [
        (token_for("Mail.Send", audience="https://outlook.office365.com"), False, "not for Graph"),
        (APP_TOKEN, False, "an application's own, and a user's is needed"),
        (TOKEN, True, "a user's, and an application's own is needed"),
        ("not a token\r\nX-Injected: 1", False, "other characters"),
    ],
)
def test_a_token_that_cannot_be_right_is_not_shown_to_graph(opening, server, token, app_only, said):
    with pytest.raises(AuthenticationError, match=said), opening(server, token=token, app_only=app_only):
        pass
    assert server.requests == []


def test_an_opaque_token_is_left_to_graph(opening):
    with GraphServer(token="EwB4A8l6BAAU/opaque+token==", mailbox=MAILBOX) as server:
        send(opening, server)
        assert len(server.sent) == 1
    assert opening.evidence(Stage.AUTH)["permissions"] is None


# Refusals

REFUSALS = [
    (refused(401, "InvalidAuthenticationToken", "Lifetime validation failed."), AuthenticationError, "login-refused"),
    (refused(403, "ErrorAccessDenied", "Access is denied."), AuthenticationError, "login-refused"),
    (refused(403, "ErrorSendAsDenied", "does not have the right to send mail"), RefusedError, "sender-refused"),
    (refused(404, "ErrorInvalidUser", "The requested user 'x' is invalid."), RefusedError, "mailbox-refused"),
    (refused(404, "MailboxNotEnabledForRESTAPI", "The mailbox is inactive."), CapabilityError, "not-offered"),
    (refused(400, "ErrorInvalidRecipients", "At least one recipient is not valid."), RefusedError, "message-refused"),
    (refused(400, "ErrorMimeContentInvalidBase64String", "Invalid base64"), RefusedError, "message-refused"),
    (refused(400, "ErrorMessageSizeExceeded", "exceeds the maximum"), RefusedError, "message-too-large"),
    (refused(403, "ErrorExceededMessageLimit", "Cannot send mail."), TemporaryError, "rate-limited"),
    (refused(500, "ErrorInternalServerError", "An internal server error."), TemporaryError, "temporary"),
    (Answer(405, b"<html>Method not allowed</html>"), CapabilityError, "not-offered"),
    (Answer(200, b"<html>Please log in to the hotel's network</html>"), ProtocolError, "protocol"),
    (Answer(302, headers={"Location": "https://elsewhere.example/"}), ProtocolError, "protocol"),
]


@pytest.mark.parametrize(("answer", "kind", "reason"), REFUSALS)
def test_what_graph_refuses_is_told_in_its_own_words(opening, server, answer, kind, reason):
    server.script("POST", "/sendMail", answer)
    with pytest.raises(kind) as caught:
        send(opening, server)
    error = caught.value
    assert (error.reason, error.stage, error.protocol) == (reason, Stage.MESSAGE, "graph")
    assert error.details["status"] == answer.status
    said = json.dumps(answer.value).encode() if isinstance(answer.value, dict) else answer.value or b""
    assert error.reply.endswith(said)
    assert len(server.requests) == 1
    remedy = find_remedy(
        host="localhost", protocol="graph", stage=Stage.MESSAGE, reason=reason, reply=error.reply.decode()
    )
    assert remedy.remedy


def test_an_unknown_mailbox_is_found_before_sending(opening, app_server):
    opening.watch = Watch(thorough=True)
    with pytest.raises(RefusedError) as caught, opening(app_server, address="nobody@contoso.com"):
        pass
    assert (caught.value.reason, caught.value.stage) == ("mailbox-refused", Stage.AUTH)


def test_an_expired_token_ends_the_session_and_a_refused_message_does_not(opening, server):
    with opening(server) as session:
        server.script("POST", "/sendMail", REFUSALS[5][0], REFUSALS[0][0])
        with pytest.raises(RefusedError):
            session.send(MAILBOX, ["anna@example.org"], MESSAGE)
        assert session.is_usable
        with pytest.raises(AuthenticationError):
            session.send(MAILBOX, ["anna@example.org"], MESSAGE)
        assert not session.is_usable


def expired():
    return refused(401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")


def test_a_token_that_is_not_taken_is_replaced_and_the_message_sent_once(opening, server):
    renewed = []

    def renew():
        renewed.append(TOKEN)
        return Secret(TOKEN)

    with opening(server, token=token_for("Mail.Send", "Mail.Read"), renew=renew) as session:
        session.send(MAILBOX, ["anna@example.org"], MESSAGE)
        session.send(MAILBOX, ["anna@example.org"], MESSAGE)
        server.script("POST", "/sendMail", expired())
        session.send(MAILBOX, ["anna@example.org"], MESSAGE)
    assert (len(renewed), len(server.sent)) == (2, 3)
    assert any("asking the provider for another one" in line.text for line in opening.trace.lines)


def test_a_token_is_replaced_once_in_a_call(opening, server):
    renewed = []

    def renew():
        renewed.append(TOKEN)
        return Secret(TOKEN)

    with opening(server, renew=renew) as session:
        server.script("POST", "/sendMail", expired(), expired())
        with pytest.raises(AuthenticationError, match="does not take the token"):
            session.send(MAILBOX, ["anna@example.org"], MESSAGE)
        assert not session.is_usable
    assert (len(renewed), server.sent) == (1, [])


def test_why_there_is_no_other_token_is_told(opening, server):
    def renew():
        raise AuthenticationError("the authorisation of sysmail is broken: revoked", reason="grant-dead")

    with opening(server, renew=renew) as session:
        server.script("POST", "/sendMail", expired())
        with pytest.raises(AuthenticationError, match="is broken: revoked") as caught:
            session.send(MAILBOX, ["anna@example.org"], MESSAGE)
    assert caught.value.stage is Stage.MESSAGE


# Limits


def test_what_graph_asks_to_wait_is_waited(opening, server):
    server.script("POST", "/sendMail", throttled(7), refused(503, "ServiceUnavailable", "Busy.", Retry_After="2"))
    send(opening, server)
    assert opening.waited == [7, 2]
    assert len(server.sent) == 1


def test_without_a_time_to_wait_the_pauses_grow(opening, server):
    busy = refused(503, "ServiceUnavailable", "Busy.")
    server.script("POST", "/sendMail", busy, busy, busy)
    send(opening, server, deadline=Deadline(300))
    assert opening.waited == [1, 2, 4]


@pytest.mark.parametrize(("asked", "deadline"), [(31, 30), (301, 900), (10**9, 10**12)])
def test_a_limit_that_lasts_too_long_is_told(opening, server, asked, deadline):
    server.script("POST", "/sendMail", throttled(asked))
    with pytest.raises(TemporaryError) as caught:
        send(opening, server, deadline=Deadline(deadline))
    error = caught.value
    assert (error.reason, exit_for(error)) == ("rate-limited", 14)
    assert error.details["retry_after_seconds"] == asked
    assert error.hint == f"Graph asks to wait {asked} seconds"
    assert opening.waited == []


def test_limits_without_end_are_given_up(opening, server):
    server.script("POST", "/sendMail", *[throttled(100)] * 9)
    with pytest.raises(TemporaryError):
        send(opening, server, deadline=Deadline(900))
    assert opening.waited == [100, 100, 100]


# Connections that are lost


@pytest.mark.parametrize(
    "answer",
    [
        Lost(),
        Lost(acted=True),
        Raw(b"HTTP/1.1 202 Accep"),
        Raw(b"what is this?\r\n\r\n"),
        refused(504, "GatewayTimeout", "The gateway did not receive a response."),
    ],
)
def test_a_message_of_unknown_fate_is_never_sent_again(opening, server, answer):
    server.script("POST", "/sendMail", answer)
    with opening(server, timeout_seconds=2) as session:
        with pytest.raises(FateUnknownError) as caught:
            session.send(MAILBOX, ["anna@example.org"], MESSAGE)
        assert not session.is_usable
    assert exit_for(caught.value) == 17
    assert len(server.requests) == 1


def test_a_message_that_was_not_handed_over_has_no_unknown_fate(opening, server):
    server.script("POST", "/sendMail", Closed())
    with pytest.raises(NetworkError) as caught:
        send(opening, server, message=MESSAGE + b"x" * 2_800_000)
    assert caught.value.reason in ("closed", "reset")
    assert server.sent == []


def test_an_answer_that_drips_ends_with_its_time(opening, server):
    server.script("GET", "/me", Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"))
    opening.watch = Watch(thorough=True)
    with pytest.raises(NetworkError) as caught, opening(server, timeout_seconds=2):
        pass
    assert caught.value.reason == "timed-out"


def test_an_answer_without_end_is_cut_off(opening, server):
    server.script("GET", "/me", Answer(200, b"x" * (5 * 1024 * 1024)))
    opening.watch = Watch(thorough=True)
    with pytest.raises(ProtocolError) as caught, opening(server):
        pass
    assert caught.value.reason == "reply-too-long"


def test_nobody_there(opening, server):
    with pytest.raises(NetworkError) as caught, opening(server, url="https://localhost:1/v1.0"):
        pass
    assert (caught.value.reason, caught.value.stage) == ("refused", Stage.TCP)


def test_a_bad_certificate_is_shown_and_nothing_said(opening, distant_server):
    with pytest.raises(TLSError) as caught, opening(distant_server):
        pass
    assert distant_server.requests == []
    assert (caught.value.reason, caught.value.stage) == ("certificate-host", Stage.CERTIFICATE)
    assert opening.evidence(Stage.CERTIFICATE)["names"] == ["elsewhere.example.test"]


@pytest.mark.parametrize("url", ["http://graph.microsoft.com/v1.0", "ftp://localhost/", "https://", "https://a:b@c/"])
def test_the_token_goes_over_https_alone(opening, server, url):
    with pytest.raises(ProtocolError), opening(server, url=url):
        pass


# Long messages


def test_a_long_message_goes_by_a_draft(opening, server):
    message = with_attachment(100, 2 * CHUNK + 5, html=True)
    outcome = send(opening, server, message=message, recipients=["anna@example.org", "boss@example.org"])
    assert outcome.accepted == ("anna@example.org", "boss@example.org")
    (sent,) = server.sent
    assert sent.fields == {
        "subject": "Bericht 山",
        "body": {"contentType": "html", "content": "<p>text</p>\r\n"},
        "toRecipients": [{"emailAddress": {"address": "anna@example.org", "name": "Anna"}}],
        "bccRecipients": [{"emailAddress": {"address": "boss@example.org"}}],
        "from": {"emailAddress": {"address": MAILBOX, "name": "System"}},
        "internetMessageId": "<1@contoso.com>",
        "internetMessageHeaders": [{"name": "X-Mailctl-Probe", "value": "abc"}],
    }
    small, large = sent.attachments
    assert (small["name"], small["contentType"], small["@odata.type"]) == (
        "0.pdf",
        "application/pdf",
        "#microsoft.graph.fileAttachment",
    )
    assert (large["name"], large["size"]) == ("1.pdf", 2 * CHUNK + 5)
    assert large["content"] == b"B" * (2 * CHUNK + 5)
    assert server.drafts == {}
    assert opening.evidence(Stage.MESSAGE)["way"] == "draft"


def test_the_places_of_uploads_do_not_get_the_token(opening, server):
    send(opening, server, message=with_attachment(CHUNK + 1))
    puts = [request for request in server.requests if request.method == "PUT"]
    assert [request.headers["content-range"] for request in puts] == [
        f"bytes 0-{CHUNK - 1}/{CHUNK + 1}",
        f"bytes {CHUNK}-{CHUNK}/{CHUNK + 1}",
    ]
    assert not any("authorization" in request.headers for request in puts)


@pytest.mark.parametrize(
    "too_long",
    [
        Answer(413, b"<html>413 Request Entity Too Large</html>"),
        refused(400, "BadRequest", "The maximum request length supported is 4MB."),
    ],
)
def test_a_message_that_is_too_long_after_all_goes_by_a_draft(opening, server, too_long):
    server.script("POST", "/sendMail", too_long)
    send(opening, server, message=with_attachment(10))
    assert server.calls()[:2] == ["POST /me/sendMail", "POST /me/messages"]
    assert len(server.sent) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Lost(),
        Lost(acted=True),
        refused(500, "ErrorInternalServerError", "An internal server error occurred."),
        Answer(200, {"nextExpectedRanges": ["0-"]}),
    ],
)
@pytest.mark.parametrize("at", [0, 1])
def test_an_upload_goes_on_where_it_was_interrupted(opening, server, fault, at):
    size = CHUNK + 5
    passed = [] if at == 0 else [None]
    server.script("PUT", "AttachmentSessions('0')", *passed, fault)
    send(opening, server, message=with_attachment(size))
    assert server.sent[0].attachments[0]["content"] == b"A" * size


def test_an_upload_that_gets_no_further_is_given_up_and_its_draft_deleted(opening, server):
    server.script("PUT", "AttachmentSessions('0')", *[refused(500, "ErrorInternalServerError", "No.")] * 9)
    with pytest.raises(TemporaryError):
        send(opening, server, message=with_attachment(CHUNK))
    assert (server.drafts, server.sent) == ({}, [])
    assert server.calls()[-1].startswith("DELETE /me/messages/")


def test_a_draft_whose_sending_is_unknown_is_left_alone(opening, server):
    server.script("POST", "/send", Lost(acted=True))
    with pytest.raises(FateUnknownError):
        send(opening, server, message=with_attachment(CHUNK))
    assert len(server.sent) == 1
    assert not any(call.startswith("DELETE") for call in server.calls())


def test_without_the_right_to_make_drafts_it_is_named(opening, server):
    server.script("POST", "/messages", refused(403, "ErrorAccessDenied", "Access is denied."))
    with pytest.raises(AuthenticationError) as caught:
        send(opening, server, message=with_attachment(CHUNK))
    assert "Mail.ReadWrite" in caught.value.hint


def test_a_long_signed_message_is_not_taken_apart(opening, server):
    signed = MESSAGE.replace(b"Subject:", b'Content-Type: multipart/signed; boundary="x"\r\nSubject:')
    with pytest.raises(RefusedError) as caught:
        send(opening, server, message=signed + b"x" * 3_000_000)
    assert caught.value.reason == "message-too-large"
    assert server.requests == []


# Secrets


def everything_about(error: MailError) -> str:
    told = "".join(traceback.format_exception(error)) + repr(error.__dict__)
    cause: BaseException | None = error
    while cause is not None:
        told += repr(cause) + repr(getattr(cause, "__dict__", ""))
        cause = cause.__cause__ or cause.__context__
    return told


@pytest.mark.parametrize(
    ("method", "path_end", "answer"),
    [
        ("POST", "/sendMail", refused(401, "InvalidAuthenticationToken", f"Bearer {TOKEN} is no good")),
        ("POST", "/sendMail", Lost()),
        ("POST", "/messages", Raw(b"nonsense\r\n\r\n")),
        ("PUT", "AttachmentSessions('0')", refused(403, "AccessDenied", f"?authtoken={UPLOAD_TOKEN}")),
        ("POST", "/messages", Answer(201, b"x", {"Content-Encoding": "gzip"})),
    ],
)
def test_no_token_is_told(opening, server, caplog, method, path_end, answer):
    caplog.set_level(logging.DEBUG)
    server.script(method, path_end, answer)
    message = MESSAGE if path_end == "/sendMail" else with_attachment(CHUNK)
    with pytest.raises(MailError) as caught:
        send(opening, server, message=message, timeout_seconds=1)
    told = everything_about(caught.value) + caplog.text + repr(opening.watch.records)
    told += "".join(line.text for line in opening.trace.lines)
    for secret in (TOKEN, TOKEN.split(".")[2], UPLOAD_TOKEN):
        assert secret not in told


def test_the_transcript_says_what_was_asked_and_answered(opening, server):
    server.script("POST", "/sendMail", Answer(413))
    send(opening, server)
    lines = [(line.speaker, line.text.replace(server.url, "")) for line in opening.trace.lines]
    assert lines[-6:] == [
        ("client", f"POST /me/sendMail ({len(server.requests[0].body)} bytes)"),
        ("server", "HTTP 413 Request Entity Too Large"),
        ("client", f"POST /me/messages ({len(server.requests[1].body)} bytes)"),
        ("server", "HTTP 201 Created"),
        ("client", "POST /me/messages/AAMkADI5MAAIT3drCAA0=/send"),
        ("server", "HTTP 202 Accepted"),
    ]


def test_the_transcript_leaves_out_what_places_of_uploads_carry(opening, server):
    send(opening, server, message=with_attachment(CHUNK))
    (put,) = [line.text for line in opening.trace.lines if line.text.startswith("PUT ")]
    assert put.endswith(f"/AttachmentSessions('0')?authtoken=[...] ({CHUNK} bytes)")


# Proxies


def resolve_loopback(host, port, deadline):
    """Resolve the proxy's address, and refuse to know any other name: that is for the proxy."""
    assert host == "127.0.0.1"
    return Resolution((Address(host, port, socket.AF_INET),))


@pytest.fixture
def distant_server(ca):
    """A server of another name, which only a proxy reaches."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca.wrong_host.certificate, ca.wrong_host.key)
    with GraphServer(token=TOKEN, mailbox=MAILBOX, tls=context) as server:
        yield server


DISTANT = "https://elsewhere.example.test/v1.0"


def test_the_systems_proxy_is_used(opening, distant_server, monkeypatch):
    with ConnectProxy(distant_server.port) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "")
        send(opening, distant_server, url=DISTANT, resolve=resolve_loopback)
        (connect,) = proxy.connects
    assert connect.startswith("CONNECT elsewhere.example.test:443 ")
    assert len(distant_server.sent) == 1
    assert opening.stages == [Stage.AUTH, Stage.MESSAGE]


def test_a_proxy_that_refuses_is_named(opening, distant_server, monkeypatch):
    with ConnectProxy(distant_server.port, refuses=True) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "")
        with pytest.raises(NetworkError, match="the proxy does not connect") as caught:
            send(opening, distant_server, url=DISTANT, resolve=resolve_loopback)
    assert caught.value.reply == b"Tunnel connection failed: 403 Forbidden"


def test_a_proxy_of_another_kind_is_refused(opening, distant_server, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "socks5://user:proxy-password@127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    with pytest.raises(NetworkError, match="socks5") as caught:
        send(opening, distant_server, url=DISTANT)
    assert "proxy-password" not in everything_about(caught.value)


def test_credentials_of_netrc_are_not_sent(opening, server, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    send(opening, server)
    assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
