"""XOAUTH2 and OAUTHBEARER against real Dovecot and Postfix, each token being checked by a real authorisation server."""

from __future__ import annotations

import pytest
from tests.servers.dovecot import Dovecot
from tests.servers.people import ALICE, BOB, TARO
from tests.servers.processes import find_free_ports

from mailctl.errors import AuthenticationError, TemporaryError
from mailctl.model.report import Stage
from mailctl.transport.imap.session import open_imap
from mailctl.transport.pop3.session import open_pop3
from mailctl.transport.smtp.session import open_smtp
from mailctl.transport.trace import Trace
from mailctl.transport.watch import Watch

OPENERS = {"imap": open_imap, "pop3": open_pop3, "smtp": open_smtp}

pytestmark = pytest.mark.parametrize("auth", ["xoauth2", "oauthbearer"])
over_every_protocol = pytest.mark.parametrize(
    "protocol",
    [
        pytest.param("imap", marks=pytest.mark.real("dovecot")),
        pytest.param("pop3", marks=pytest.mark.real("dovecot")),
        pytest.param("smtp", marks=pytest.mark.real("postfix")),
    ],
)


@pytest.fixture
def port_of(protocol, request):
    """Return a function that tells the protocol's port for a security."""

    def port(security):
        if protocol == "smtp":
            postfix = request.getfixturevalue("oauth_postfix")
            return postfix.smtps_port if security == "tls" else postfix.submission_port
        dovecot = request.getfixturevalue("oauth_dovecot")
        name = protocol + ("s" if security == "tls" else "") + "_port"
        return getattr(dovecot, name)

    return port


@pytest.fixture
def route(protocol, auth, port_of, route_to):
    """Return a function that makes a route for a user and a token."""

    def build(user, token, security="tls"):
        return route_to(protocol, port_of(security), security=security, auth=auth, login=(user, token))

    return build


def use(protocol, session, user):
    """Do what the server lets only the user do who is logged in."""
    if protocol == "smtp":
        assert session.envelope(user, ["somebody@elsewhere.test"]).accepted
    else:
        session.survey()


@over_every_protocol
@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("length", ["long", "short"])
def test_a_token_of_any_length_logs_in(protocol, auth, security, length, route, authorisation_server):
    clients = authorisation_server.clients
    client = clients.native if length == "long" else clients.desktop
    token = authorisation_server.get_tokens(ALICE.address, client=client)["access_token"]
    watch, trace = Watch(), Trace()
    with OPENERS[protocol](route(ALICE.address, token, security), watch, trace=trace) as session:
        use(protocol, session, ALICE.address)
    assert watch.find(Stage.AUTH).evidence.items() >= {"mechanism": auth, "attempts": 1}.items()
    assert not any(token in line.text for line in trace.lines)


@over_every_protocol
def test_an_internationalised_user_logs_in(protocol, auth, route, authorisation_server):
    token = authorisation_server.get_tokens(TARO.address)["access_token"]
    with OPENERS[protocol](route(TARO.address, token), Watch()) as session:
        use(protocol, session, TARO.address)


def expired(server):
    token = server.get_tokens(BOB.address)["access_token"]
    server.expire_access_tokens(BOB.address)
    return token


def of_somebody_else(server):
    return server.get_tokens(ALICE.address)["access_token"]


@over_every_protocol
@pytest.mark.parametrize("bad_token", [expired, of_somebody_else])
def test_a_bad_token_is_refused_once_and_the_servers_word_is_kept(
    protocol, auth, bad_token, route, authorisation_server
):
    token = bad_token(authorisation_server)
    watch, trace = Watch(), Trace()
    bad = route(BOB.address, token)
    with pytest.raises(AuthenticationError) as caught, OPENERS[protocol](bad, watch, trace=trace):
        pass
    assert caught.value.reason == "login-refused"
    assert caught.value.details["challenge"]["status"] == {"xoauth2": "401", "oauthbearer": "invalid_token"}[auth]
    assert watch.find(Stage.AUTH).evidence["attempts"] == 1
    assert not any(token in line.text for line in trace.lines)


@pytest.fixture(scope="module")
def cut_off_dovecot(ca):
    """A Dovecot whose authorisation server does not answer."""
    (port,) = find_free_ports(1)
    with Dovecot(ca=ca, introspection_url=f"http://mail-server:secret@127.0.0.1:{port}/introspect") as server:
        yield server


# Postfix 3.7 makes 535 of it, which cannot be told from a bad token.
@pytest.mark.real("dovecot")
@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_token_that_cannot_be_checked_is_no_bad_token(protocol, auth, route_to, cut_off_dovecot):
    port = {"imap": cut_off_dovecot.imaps_port, "pop3": cut_off_dovecot.pop3s_port}[protocol]
    route = route_to(protocol, port, security="tls", auth=auth, login=(ALICE.address, "token"))
    with pytest.raises(TemporaryError) as caught, OPENERS[protocol](route, Watch()):
        pass
    assert caught.value.stage is Stage.AUTH
