"""ManageSieve against a real Dovecot with Pigeonhole, and what only a scripted server does."""

from __future__ import annotations

import pytest
from tests.doubles.scripted import ScriptedServer
from tests.doubles.steps import HANDSHAKE, Expect
from tests.servers.people import ALICE, BOB, TARO, Person

from mailctl.errors import AuthenticationError, MailError, ProtocolError, RefusedError, TemporaryError, TLSError
from mailctl.model.report import Stage
from mailctl.model.secret import Secret
from mailctl.model.server import IncomingAuth, Security, TlsOptions
from mailctl.model.sieve import SieveEndpoint
from mailctl.protocol.sasl import Login
from mailctl.transport.managesieve.scripts import Script
from mailctl.transport.managesieve.session import open_managesieve
from mailctl.transport.route import Route
from mailctl.transport.trace import Trace
from mailctl.transport.watch import Watch

KEEP = 'require ["fileinto"];\r\nif header :contains "subject" "見積" { fileinto "見積書"; }\r\n'


@pytest.fixture
def sieve_route(ca):
    """Return a function that makes a route to a port."""

    def build(port, login=None, *, security="starttls", auth="auto", host="localhost"):
        return Route(
            endpoint=SieveEndpoint(host=host, port=port, security=Security(security), auth=IncomingAuth(auth)),
            tls=TlsOptions(ca_file=str(ca.ca_file)),
            login=login and Login(login.address, Secret(login.password)),
        )

    return build


@pytest.mark.parametrize("person", [ALICE, BOB, TARO], ids=["plain password", "odd password", "any script"])
@pytest.mark.parametrize("auth", ["auto", "plain", "login", "cram-md5", "digest-md5", "scram-sha-1", "scram-sha-256"])
@pytest.mark.parametrize("security", ["none", "starttls"])
def test_every_login_that_dovecot_offers_opens_a_session(dovecot, sieve_route, person, auth, security):
    watch = Watch()
    with open_managesieve(sieve_route(dovecot.sieve_port, person, auth=auth, security=security), watch) as session:
        session.list_scripts()
    assert watch.find(Stage.AUTH).evidence["mechanism"] == ("scram-sha-256" if auth == "auto" else auth)
    assert "fileinto" in session.capabilities.extensions


def test_scripts_are_stored_listed_made_active_and_deleted(dovecot, sieve_route, person):
    with open_managesieve(sieve_route(dovecot.sieve_port, person), Watch()) as session:
        assert session.list_scripts() == []
        session.put_script("規則", KEEP)
        session.put_script('a "b" \\c', "keep;\r\n")
        session.set_active("規則")
        assert sorted(session.list_scripts(), key=lambda script: script.name) == [
            Script('a "b" \\c', is_active=False),
            Script("規則", is_active=True),
        ]
        assert session.get_script("規則") == KEEP
        session.delete_script('a "b" \\c')
        session.set_active(None)
        assert session.list_scripts() == [Script("規則", is_active=False)]


def test_a_script_longer_than_a_quoted_string_is_kept_as_it_is(dovecot, sieve_route, person):
    text = "".join(f"# {number} ✓\r\n" for number in range(2000)) + "keep;\r\n"
    with open_managesieve(sieve_route(dovecot.sieve_port, person), Watch()) as session:
        session.put_script("long", text)
        assert session.get_script("long") == text


def test_a_wrong_script_is_refused_with_the_servers_words_and_the_old_one_stays(dovecot, sieve_route, person):
    with open_managesieve(sieve_route(dovecot.sieve_port, person), Watch()) as session:
        session.put_script("rules", "keep;\r\n")
        with pytest.raises(RefusedError) as caught:
            session.put_script("rules", "fileintoo;\r\n")
        assert "fileintoo" in caught.value.reply.decode()
        assert caught.value.reason == "script-refused"
        with pytest.raises(RefusedError):
            session.check_script('require "no-such-extension";\r\n')
        assert session.check_script("keep;\r\n") is None
        assert session.get_script("rules") == "keep;\r\n"


def test_a_script_that_is_not_there_is_refused(dovecot, sieve_route, person):
    with (
        open_managesieve(sieve_route(dovecot.sieve_port, person), Watch()) as session,
        pytest.raises(RefusedError, match="does not give the script 'none'"),
    ):
        session.get_script("none")


def test_a_wrong_password_is_a_refused_login(dovecot, sieve_route):
    route = sieve_route(dovecot.sieve_port, Person(ALICE.address, "wrong"))
    with pytest.raises(AuthenticationError) as caught, open_managesieve(route, Watch()):
        pass
    assert caught.value.stage == "auth"


def test_the_transcript_shows_no_password(dovecot, sieve_route):
    trace = Trace()
    with open_managesieve(sieve_route(dovecot.sieve_port, BOB, auth="plain"), Watch(), trace=trace) as session:
        session.list_scripts()
    said = "".join(str(line) for line in trace.lines)
    assert "LISTSCRIPTS" in said
    assert BOB.password not in said


def test_the_session_costs_no_more_round_trips_than_the_exchange_needs(dovecot, sieve_route, person):
    with open_managesieve(sieve_route(dovecot.sieve_port, person, auth="plain"), Watch()) as session:
        session.list_scripts()
    # STARTTLS, the handshake, the capabilities that follow it, AUTHENTICATE, LISTSCRIPTS.
    assert session.turns <= 5


GREETING = b'"IMPLEMENTATION" "x"\r\n"SASL" "PLAIN"\r\n"SIEVE" "fileinto"\r\n'
STARTTLS = b'"STARTTLS"\r\n'
LOGGED_IN = (GREETING, b"OK\r\n", Expect(rb'AUTHENTICATE "PLAIN" '), b"OK\r\n")


def refused(sieve_route, *script, security="none", tls=None):
    """Return the error of a session that logs in and lists the scripts."""
    with ScriptedServer(script, tls=tls) as server:
        route = sieve_route(server.port, ALICE, security=security, auth="plain")
        with pytest.raises(MailError) as caught, open_managesieve(route, Watch()) as session:
            session.list_scripts()
    assert ALICE.password.encode() not in server.received
    return caught.value


def test_starttls_that_is_not_offered_is_no_reason_to_go_on_in_the_clear(sieve_route):
    error = refused(sieve_route, GREETING, b"OK\r\n", security="starttls")
    assert (type(error), error.reason) == (TLSError, "starttls-not-offered")


def test_starttls_that_is_refused_for_now_is_temporary(sieve_route):
    script = (GREETING, STARTTLS, b"OK\r\n", Expect(b"STARTTLS"), b'NO (TRYLATER) "busy"\r\n')
    error = refused(sieve_route, *script, security="starttls")
    assert (type(error), error.reason) == (TemporaryError, "rate-limited")
    assert error.reply == b'NO (TRYLATER) "busy"'


def test_what_is_said_before_tls_is_not_taken_for_said_inside_it(sieve_route, server_context):
    script = (GREETING, STARTTLS, b"OK\r\n", Expect(b"STARTTLS"), b"OK\r\n" + GREETING + b"OK\r\n", HANDSHAKE)
    error = refused(sieve_route, *script, security="starttls", tls=server_context)
    assert error.reason == "bytes-before-tls"


def test_a_farewell_in_the_place_of_a_greeting_is_told(sieve_route):
    error = refused(sieve_route, b'BYE (TRYLATER) "too many connections"\r\n')
    assert isinstance(error, TemporaryError)
    assert b"too many connections" in error.reply


@pytest.mark.parametrize(
    "answer",
    [
        b"what?\r\n",
        b'"half\r\n',
        b'OK "text" and more\r\n',
        b"OK (TAG\r\n",
        b"{99999999999999999999}\r\n",
        b"\xff\xfe\r\n",
    ],
)
def test_an_answer_that_is_none_is_a_protocol_error(sieve_route, answer):
    error = refused(sieve_route, *LOGGED_IN, Expect(b"LISTSCRIPTS"), answer)
    assert (type(error), error.reason) == (ProtocolError, "malformed-reply")


def test_a_literal_that_is_announced_too_large_is_not_waited_for(sieve_route):
    error = refused(sieve_route, *LOGGED_IN, Expect(b"LISTSCRIPTS"), b"{99999999999}\r\n")
    assert (type(error), error.reason) == (ProtocolError, "reply-too-long")


def test_names_may_come_as_literals(sieve_route):
    script = (*LOGGED_IN, Expect(b"LISTSCRIPTS"), b'{6}\r\nru"les ACTIVE\r\n"old"\r\n{0}\r\n\r\nOK {4}\r\ndone\r\n')
    with (
        ScriptedServer(script) as server,
        open_managesieve(sieve_route(server.port, ALICE, security="none", auth="plain"), Watch()) as session,
    ):
        assert session.list_scripts() == [Script('ru"les', True), Script("old", False), Script("", False)]
