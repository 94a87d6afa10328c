"""IMAP sessions against a scripted server: round trips, logins, and what the mailbox says."""

from __future__ import annotations

import base64

import pytest
from tests.doubles.imap import CAPABILITIES, ImapServer, capability_reply
from tests.doubles.scripted import ScriptedServer
from tests.doubles.steps import HANDSHAKE, Close, Expect

from mailctl.errors import (
    AuthenticationError,
    CapabilityError,
    NetworkError,
    ProtocolError,
    RefusedError,
    TemporaryError,
)
from mailctl.model.report import Stage
from mailctl.transport.imap.session import open_imap
from mailctl.transport.trace import Trace
from mailctl.transport.watch import Watch

LOGIN = ("ann@example.org", "Tr0ub4dor & 3")
GREETING = b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=CRAM-MD5] ready\r\n"
WELCOME = b"<tag> OK [CAPABILITY IMAP4rev1 NAMESPACE QUOTA] welcome\r\n"


@pytest.fixture
def serve(route_to):
    """Return a function that opens a session with a scripted server and hands it to `act`."""

    def run(server, act=lambda session: session, *, watch=None, tls=None, login=LOGIN, trace=None, **options):
        with ScriptedServer(server.script, tls=tls) as double:
            route = route_to("imap", double.port, security=server.security, login=login, **options)
            with open_imap(route, watch or Watch(), trace=trace) as session:
                result = act(session)
        return result, double

    return run


def test_what_the_server_tells_unasked_is_not_asked_for(serve):
    server = ImapServer(security="none", greeting=GREETING, verdict=WELCOME)
    turns, double = serve(server, lambda session: session.turns, auth="plain")
    assert turns == 1
    assert b"CAPABILITY" not in double.received


def test_capabilities_are_asked_for_where_they_were_not_told(serve):
    (keywords, turns), _ = serve(
        ImapServer(security="none"), lambda session: (session.capabilities.keywords, session.turns), auth="plain"
    )
    assert "NAMESPACE" in keywords
    assert turns == 3


def test_what_the_server_can_do_for_who_has_logged_in_is_evidence_of_the_login(serve):
    watch = Watch()
    serve(ImapServer(security="none", greeting=GREETING, verdict=WELCOME), auth="plain", watch=watch)
    assert watch.find(Stage.CAPABILITIES).evidence["capabilities"] == ["IMAP4REV1", "SASL-IR"]
    assert watch.find(Stage.AUTH).evidence["capabilities"] == ["IMAP4REV1", "NAMESPACE", "QUOTA"]


def test_a_status_without_a_text_is_taken(serve):
    bare = ImapServer(
        security="none",
        capability=b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n<tag> OK\r\n",
        verdict=b"<tag> OK\r\n",
        list=b'* LIST () "/" INBOX\r\n<tag> OK\r\n',
        status=b"<tag> NO\r\n",
        examine=b"* 3 EXISTS\r\n<tag> OK\r\n",
    )
    mailbox, _ = serve(bare, lambda session: session.survey(), auth="plain")
    assert mailbox.messages == 3


@pytest.mark.parametrize(
    "said", [b"220 mail.example ESMTP\r\n", b"<tag> MAYBE so\r\n", b"Z9 OK of somebody else's command\r\n"]
)
def test_what_is_no_answer_is_refused_in_its_own_words(serve, said):
    with pytest.raises(ProtocolError) as caught:
        serve(ImapServer(security="none", capability=said), auth="plain")
    assert caught.value.reply
    assert caught.value.reply.split()[1:] == said.split()[1:]


def test_a_survey_takes_one_round_trip(serve):
    watch = Watch()

    def act(session):
        before = session.turns
        return session.survey(), session.turns - before

    (mailbox, turns), double = serve(
        ImapServer(security="none", greeting=GREETING, verdict=WELCOME), act, auth="plain", watch=watch
    )
    assert turns == 1
    assert (mailbox.messages, mailbox.unseen) == (1, 0)
    assert [(folder.name, folder.role) for folder in mailbox.folders] == [("INBOX", "inbox"), ("Junk", "junk")]
    assert [(quota.resource, quota.used, quota.limit) for quota in mailbox.quota] == [("STORAGE", 10, 512)]
    assert b"SELECT" not in double.received
    assert watch.find(Stage.MAILBOX).evidence["namespace"] == [["", "/"]]


def test_alerts_are_shown_to_people_without_what_is_not_for_them(serve):
    watch = Watch()
    server = ImapServer(
        security="none",
        verdict=b"<tag> OK [ALERT] your password Tr0ub4dor & 3 ends soon\r\n",
        examine=b"* OK [alert] going down \x1b[31mat noon\r\n* 1 EXISTS\r\n<tag> OK opened\r\n",
    )
    serve(server, lambda session: session.survey(), auth="plain", watch=watch)
    assert watch.find(Stage.AUTH).warnings == ["the server alerts: your password [redacted] ends soon"]
    assert watch.find(Stage.MAILBOX).warnings == ["the server alerts: going down \\x1b[31mat noon"]


@pytest.mark.parametrize(
    ("used", "limit", "warns"), [(10, 512, False), (500, 512, True), (600, 512, True), (9, 0, False)]
)
def test_a_mailbox_that_is_nearly_full_is_a_warning(serve, used, limit, warns):
    watch = Watch()
    quota = b'* QUOTAROOT INBOX ""\r\n* QUOTA "" (STORAGE %d %d)\r\n<tag> OK done\r\n' % (used, limit)
    server = ImapServer(security="none", greeting=GREETING, verdict=WELCOME, quota=quota)
    serve(server, lambda session: session.survey(), auth="plain", watch=watch)
    assert [f"{used} of {limit}" in warning for warning in watch.find(Stage.MAILBOX).warnings] == [True] * warns


def test_folders_in_other_scripts_and_odd_names_are_read(serve):
    listed = (
        b'* LIST (\\HasNoChildren) "/" "&U,BTFw-"\r\n* LIST (\\Noselect) NIL "a \\"b\\""\r\n'
        b'* LIST () "/" {5}\r\nx\r\n]y\r\n* LIST () "/" 2024\r\n<tag> OK listed\r\n'
    )
    mailbox, _ = serve(ImapServer(security="none", list=listed), lambda session: session.survey(), auth="plain")
    assert [(folder.name, folder.separator, folder.selectable) for folder in mailbox.folders] == [
        ("台北", "/", True),
        ('a "b"', None, False),
        ("x\r\n]y", "/", True),
        ("2024", "/", True),
    ]


def test_the_tokens_user_having_no_mailbox_is_a_refusal_of_the_mailbox(serve):
    refusal = b"<tag> BAD User is authenticated but not connected.\r\n"
    with pytest.raises(RefusedError) as caught:
        serve(
            ImapServer(security="none", list=refusal, examine=refusal, status=refusal),
            lambda session: session.survey(),
            auth="plain",
        )
    assert caught.value.reply == b"BAD User is authenticated but not connected."
    assert caught.value.stage is Stage.MAILBOX


@pytest.mark.parametrize(
    "password", ["plain", 'quo"ted\\', "ünïcode", "tab\tbed", " "], ids=["plain", "quoted", "utf-8", "control", "blank"]
)
@pytest.mark.parametrize("literal_plus", [True, False])
def test_login_sends_any_password_in_a_form_that_holds_it(serve, server_context, password, literal_plus):
    capabilities = (b"LITERAL+",) if literal_plus else ()
    server = ImapServer(security="tls", capability=capability_reply(*capabilities))
    _, double = serve(server, auth="login-command", login=("ann", password), tls=server_context)
    command = next(text for text in double.received.split(b" LOGIN ")[1:])
    if password.isascii() and password.isprintable():
        quoted = password.replace("\\", "\\\\").replace('"', '\\"')
        assert command.startswith(b'"ann" "%s"\r\n' % quoted.encode())
    else:
        size = b"{%d%b}" % (len(password.encode()), b"+" if literal_plus else b"")
        assert command.startswith(b'"ann" %s\r\n%s\r\n' % (size, password.encode()))


def test_a_refused_literal_ends_the_login(route_to, server_context):
    script = (
        HANDSHAKE,
        b"* OK hi\r\n",
        Expect(rb"(?P<tag>\S+) CAPABILITY"),
        capability_reply(),
        Expect(rb"(?P<tag>\S+) LOGIN"),
        b"<tag> NO no literals here\r\n",
    )
    with ScriptedServer(script, tls=server_context) as double:
        route = route_to("imap", double.port, security="tls", auth="login-command", login=("ann", "ünïcode"))
        with pytest.raises(AuthenticationError), open_imap(route, Watch()):
            pass
    assert "ünïcode".encode() not in double.received


def test_without_sasl_ir_the_response_waits_for_the_servers_request(serve):
    capabilities = tuple(word for word in CAPABILITIES if word != b"SASL-IR")
    server = ImapServer(security="none", capability=capability_reply(*capabilities))
    _, double = serve(server, auth="plain")
    assert b"AUTHENTICATE PLAIN\r\n" in double.received
    assert base64.b64encode(b"\0ann@example.org\0Tr0ub4dor & 3") + b"\r\n" in double.received


@pytest.mark.parametrize(
    ("verdict", "error", "reason"),
    [
        (b"<tag> NO [AUTHENTICATIONFAILED] no\r\n", AuthenticationError, "login-refused"),
        (b"<tag> NO [UNAVAILABLE] later\r\n", TemporaryError, "temporary"),
        (b"<tag> BAD what?\r\n", AuthenticationError, "login-refused"),
        (b"* BYE enough\r\n", NetworkError, "closed"),
        (b"* BYE [UNAVAILABLE] later\r\n", TemporaryError, "closed"),
    ],
)
def test_refusals_of_a_login_are_told_apart(serve, verdict, error, reason):
    with pytest.raises(error) as caught:
        serve(ImapServer(security="none", verdict=verdict), auth="plain")
    assert caught.value.reason == reason
    assert caught.value.stage is Stage.AUTH


@pytest.mark.parametrize(
    ("greeting", "error"),
    [
        (b"* BYE go away\r\n", RefusedError),
        (b"* BYE [UNAVAILABLE] later\r\n", TemporaryError),
        (b"* NO\r\n", ProtocolError),
        (b"* PREAUTH welcome\r\n", ProtocolError),
        (b"A1 OK hi\r\n", ProtocolError),
        (b"* 3 EXISTS\r\n", ProtocolError),
        (b"+OK pop3\r\n", ProtocolError),
        (Close(), NetworkError),
    ],
)
def test_a_greeting_that_is_none_is_refused(serve, greeting, error):
    with pytest.raises(error) as caught:
        serve(ImapServer(security="none", greeting=greeting))
    assert caught.value.stage is Stage.GREETING


def test_an_answer_to_a_tag_that_was_not_given_is_refused(serve):
    with pytest.raises(ProtocolError):
        serve(ImapServer(security="none", capability=b"<tag+1> OK so soon\r\n" + capability_reply()), auth="plain")


def test_logindisabled_forbids_login_and_no_other(serve):
    server = ImapServer(security="none", capability=capability_reply(b"LOGINDISABLED", b"AUTH=CRAM-MD5"))
    with pytest.raises(CapabilityError) as caught:
        serve(server, auth="login-command")
    assert caught.value.reason == "login-disabled"
    watch = Watch()
    serve(server, watch=watch)
    assert watch.find(Stage.AUTH).evidence["mechanism"] == "cram-md5"


def test_imapclient_goes_on_on_the_same_connection(serve):
    def act(session):
        session.survey()
        return session.client.search("ALL"), session.client.fetch([1], ["BODY[]"])

    (numbers, fetched), _ = serve(ImapServer(security="none"), act, auth="plain")
    assert numbers == [1]
    assert fetched[1][b"BODY[]"] == b"Subject: x\r\n"


def test_a_transcript_holds_neither_passwords_nor_proofs(serve, server_context):
    trace = Trace()
    server = ImapServer(security="tls", capability=capability_reply(b"AUTH=CRAM-MD5"))
    serve(server, auth="cram-md5", tls=server_context, trace=trace)
    said = [line.text for line in trace.lines]
    assert any("AUTHENTICATE CRAM-MD5" in text for text in said)
    assert "[redacted]" in said
