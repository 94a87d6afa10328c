"""POP3 sessions against a scripted server: round trips, logins, and what the mailbox says."""

from __future__ import annotations

import pytest
from tests.doubles.pop3 import MESSAGE, Pop3Server, capa_reply
from tests.doubles.scripted import ScriptedServer
from tests.doubles.steps import Close, Expect

from mailctl.errors import (
    AuthenticationError,
    CapabilityError,
    NetworkError,
    ProtocolError,
    RefusedError,
    TemporaryError,
    TLSError,
)
from mailctl.model.report import Stage
from mailctl.transport.pop3.session import open_pop3
from mailctl.transport.watch import Watch

LOGIN = ("ann@example.org", "Tr0ub4dor & 3")
BARE = capa_reply(b"TOP", b"UIDL", b"USER")


@pytest.fixture
def serve(route_to):
    """Return a function that opens a session with a scripted server and hands it to `act`."""

    def run(server, act=lambda session: session, *, watch=None, tls=None, login=LOGIN, until=Stage.AUTH, **options):
        with ScriptedServer(server.script, tls=tls) as double:
            route = route_to("pop3", double.port, security=server.security, login=login, **options)
            with open_pop3(route, watch or Watch(), until=until) as session:
                result = act(session)
        return result, double

    return run


def test_a_survey_takes_one_round_trip_where_commands_are_pipelined(serve):
    watch = Watch()

    def act(session):
        before = session.turns
        assert session.survey() == 1
        return session.turns - before

    turns, _ = serve(Pop3Server(security="none"), act, auth="cram-md5", watch=watch)
    assert turns == 1
    evidence = watch.find(Stage.MAILBOX).evidence
    assert evidence == {"messages": 1, "size": len(MESSAGE), "unique_ids": 1, "top_bytes": len(MESSAGE)}
    assert watch.find(Stage.MAILBOX).reply == b"+OK 1 %d" % len(MESSAGE)


def test_a_survey_asks_one_by_one_where_it_must(serve):
    def act(session):
        before = session.turns
        assert session.survey() == 1
        return session.turns - before

    turns, _ = serve(Pop3Server(security="none", capa=BARE), act, auth="login-command")
    assert turns == 3


def test_an_empty_mailbox_has_no_first_message_and_that_is_fine(serve):
    server = Pop3Server(security="none", stat=b"+OK 0 0\r\n", uidl=b"+OK\r\n.\r\n", top=b"-ERR no such message\r\n")
    count, _ = serve(server, lambda session: session.survey(), auth="plain")
    assert count == 0


def test_a_server_without_capa_is_logged_in_to_by_user_and_pass(serve, server_context):
    watch = Watch()
    server = Pop3Server(security="tls", capa=b"-ERR what?\r\n")
    serve(server, lambda session: session.survey(), watch=watch, tls=server_context)
    assert watch.find(Stage.AUTH).evidence["mechanism"] == "login-command"
    assert watch.find(Stage.CAPABILITIES).evidence == {"capabilities": [], "mechanisms": []}


def test_auto_sends_no_password_in_the_clear(serve):
    with pytest.raises(CapabilityError):
        serve(Pop3Server(security="none", capa=BARE))


def test_stls_takes_no_capa_before_it(serve, server_context):
    turns, double = serve(Pop3Server(), lambda s: s.turns, auth="plain", tls=server_context)
    assert turns == 4  # STLS, the handshake, CAPA, AUTH
    assert double.before_tls == b"STLS\r\n"


@pytest.mark.parametrize(
    ("capa", "stls", "error", "reason"),
    [
        (capa_reply(b"USER"), b"-ERR what?\r\n", TLSError, "starttls-not-offered"),
        (capa_reply(b"USER", b"STLS"), b"-ERR not now\r\n", TLSError, "starttls-refused"),
        (capa_reply(b"USER", b"STLS"), b"-ERR [SYS/TEMP] busy\r\n", TemporaryError, "rate-limited"),
    ],
)
def test_why_there_is_no_tls_is_told_apart(serve, server_context, capa, stls, error, reason):
    with pytest.raises(error) as caught:
        serve(Pop3Server(capa_before_tls=capa, stls=stls), tls=server_context)
    assert caught.value.reason == reason
    assert caught.value.stage is Stage.TLS


@pytest.mark.parametrize(("length", "in_one_line"), [(20, True), (2000, False)])
def test_an_initial_response_that_is_too_long_goes_on_a_line_of_its_own(serve, server_context, length, in_one_line):
    server = Pop3Server(security="tls", capa=capa_reply(b"SASL XOAUTH2"))
    login = ("ann@example.org", "t" * length)
    _, double = serve(server, login=login, auth="xoauth2", tls=server_context)
    assert (b"AUTH XOAUTH2\r\n" not in double.received) is in_one_line


@pytest.mark.parametrize(
    ("greeting", "error"),
    [
        (b"-ERR go away\r\n", RefusedError),
        (b"-ERR [SYS/TEMP] later\r\n", TemporaryError),
        (b"220 smtp.example ESMTP\r\n", ProtocolError),
        (Close(), NetworkError),
    ],
)
def test_a_greeting_that_is_none_is_refused(serve, greeting, error):
    with pytest.raises(error) as caught:
        serve(Pop3Server(security="none", greeting=greeting))
    assert caught.value.stage is Stage.GREETING


@pytest.mark.parametrize(
    ("verdict", "error"),
    [(b"-ERR [AUTH] no\r\n", AuthenticationError), (b"-ERR [IN-USE] locked\r\n", TemporaryError)],
)
def test_a_refused_login_is_told_from_a_locked_mailbox(serve, verdict, error):
    for auth, point in (("plain", "verdict"), ("login-command", "password")):
        server = Pop3Server(security="none", **{point: verdict})
        with pytest.raises(error) as caught:
            serve(server, auth=auth)
        assert caught.value.reply == verdict.strip()


@pytest.mark.parametrize("stat", [b"+OK\r\n", b"+OK one 100\r\n", b"+OK -1 5\r\n"])
def test_an_answer_that_makes_no_sense_is_a_protocol_error(serve, stat):
    with pytest.raises(ProtocolError):
        serve(Pop3Server(security="none", stat=stat), lambda session: session.stat(), auth="plain")


def test_a_challenge_that_is_none_is_answered_by_breaking_off(serve):
    auth = (b"+ not base64!\r\n", Expect(rb"\*\r\n"), b"-ERR as you like\r\n")
    server = Pop3Server(security="none", capa=capa_reply(b"SASL CRAM-MD5"), auth=auth)
    with pytest.raises(ProtocolError) as caught:
        serve(server, auth="cram-md5")
    assert caught.value.reason == "sasl-challenge"


def test_messages_come_without_their_doubled_dots(serve):
    message, _ = serve(
        Pop3Server(security="none", retr=b"+OK\r\nSubject: x\r\n\r\n..\r\n..a\r\n.\r\n"),
        lambda session: session.retrieve(1),
        auth="plain",
    )
    assert message == b"Subject: x\r\n\r\n.\r\n.a\r\n"


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        (b"+OK\r\na\n.\n+OK b\r\n..c\r\n.\r\n", b"a\r\n.\r\n+OK b\r\n.c\r\n"),
        (b"+OK\r\na\n.\r\n+OK b\r\n.\r\n", b"a\r\n.\r\n+OK b\r\n"),
        (b"+OK\na\n..b\n.\n", b"a\r\n.b\r\n"),
    ],
)
def test_a_lone_dot_ends_a_message_only_behind_a_line_end_that_the_server_uses_itself(serve, sent, text):
    server = Pop3Server(security="none", retr=sent, stat=b"+OK 3 4\r\n")
    read, _ = serve(server, lambda session: (session.retrieve(1), session.stat()), auth="plain")
    assert read == (text, (3, 4))
