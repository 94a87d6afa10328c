"""A server that accepts a token and then has no mailbox for it: a test finds out before it calls that a success."""

from __future__ import annotations

import pytest
from tests.doubles.imap import ImapServer, capability_reply
from tests.doubles.pop3 import Pop3Server, capa_reply
from tests.doubles.scripted import ScriptedServer
from tests.doubles.smtp import SmtpServer, ehlo_reply

from mailctl.errors import AuthenticationError
from mailctl.model.report import Stage
from mailctl.transport.imap.session import open_imap
from mailctl.transport.pop3.session import open_pop3
from mailctl.transport.smtp.session import open_smtp
from mailctl.transport.watch import Watch

LOGIN = ("ann@example.org", "token-canary")
NOT_CONNECTED = b"<tag> BAD User is authenticated but not connected.\r\n"

SERVERS = {
    "imap": ImapServer(security="none", capability=capability_reply(b"SASL-IR", b"AUTH=XOAUTH2"), list=NOT_CONNECTED),
    "pop3": Pop3Server(security="none", capa=capa_reply(b"SASL XOAUTH2"), stat=b"-ERR no mailbox\r\n"),
    "smtp": SmtpServer(security="none", ehlo=ehlo_reply(b"AUTH XOAUTH2"), noop=b"550 5.7.1 no mailbox\r\n"),
}
OPENERS = {"imap": open_imap, "pop3": open_pop3, "smtp": open_smtp}


@pytest.fixture
def log_in(route_to):
    """Return a function that logs in to a scripted server, and lets it end."""

    def run(protocol, *, thorough):
        server = SERVERS[protocol]
        with ScriptedServer(server.script) as double:
            route = route_to(protocol, double.port, security="none", auth="xoauth2", login=LOGIN)
            with OPENERS[protocol](route, Watch(thorough=thorough)):
                pass
        return double

    return run


@pytest.mark.parametrize("protocol", SERVERS)
def test_a_test_says_that_the_login_is_good_for_nothing(log_in, protocol):
    with pytest.raises(AuthenticationError, match="refused the first command") as caught:
        log_in(protocol, thorough=True)
    assert caught.value.stage is Stage.AUTH
    assert caught.value.reason == "login-refused"
    assert caught.value.reply


@pytest.mark.parametrize("protocol", SERVERS)
def test_who_sends_asks_nothing_of_the_kind(log_in, protocol):
    asked = {"imap": b" LIST ", "pop3": b"STAT", "smtp": b"NOOP"}
    assert asked[protocol] not in log_in(protocol, thorough=False).received
