"""The good servers satisfy the standard library's clients, in every security mode: what they refuse is a deviation."""

from __future__ import annotations

import imaplib
import poplib
import smtplib

import pytest
from tests.doubles.conversation import Ending
from tests.doubles.imap import ImapServer
from tests.doubles.pop3 import MESSAGE, Pop3Server
from tests.doubles.scripted import ScriptedServer
from tests.doubles.smtp import SmtpServer, ehlo_reply
from tests.doubles.steps import Say

TIMEOUT_SECONDS = 10
USER, PASSWORD = "ann", "correct horse"

securities = pytest.mark.parametrize("security", ["none", "starttls", "tls"])


def serve(server, context):
    return ScriptedServer(server.script, tls=context)


def open_smtp(server, context, security):
    if security == "tls":
        return smtplib.SMTP_SSL("localhost", server.port, timeout=TIMEOUT_SECONDS, context=context)
    client = smtplib.SMTP("localhost", server.port, timeout=TIMEOUT_SECONDS)
    if security == "starttls":
        client.starttls(context=context)
    return client


def open_pop3(server, context, security):
    if security == "tls":
        return poplib.POP3_SSL("localhost", server.port, timeout=TIMEOUT_SECONDS, context=context)
    client = poplib.POP3("localhost", server.port, timeout=TIMEOUT_SECONDS)
    if security == "starttls":
        client.stls(context)
    return client


def open_imap(server, context, security):
    if security == "tls":
        return imaplib.IMAP4_SSL("localhost", server.port, timeout=TIMEOUT_SECONDS, ssl_context=context)
    client = imaplib.IMAP4("localhost", server.port, timeout=TIMEOUT_SECONDS)
    if security == "starttls":
        client.starttls(context)
    return client


@securities
def test_smtp_takes_a_login_and_a_message(security, server_context, client_context):
    with (
        serve(SmtpServer(security=security), server_context) as server,
        open_smtp(server, client_context, security) as client,
    ):
        client.login(USER, PASSWORD)
        client.sendmail("a@example.org", ["b@example.org"], b"Subject: x\r\n\r\n.\r\n")
    assert server.messages == [b"Subject: x\r\n\r\n..\r\n"]
    assert server.connections[0].ending is Ending.CLOSED
    assert (b"AUTH CRAM-MD5" in server.after_tls) == (security != "none")


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
@pytest.mark.parametrize("initial", [True, False])
def test_smtp_carries_on_a_dialogue_that_suits_the_mechanism(mechanism, initial):
    offer = Say(ehlo_reply(b"AUTH " + mechanism.encode()))
    with serve(SmtpServer(security="none", ehlo=offer), None) as server, open_smtp(server, None, "none") as client:
        client.login(USER, PASSWORD, initial_response_ok=initial)
    assert server.received.startswith(b"ehlo ")


@securities
def test_pop3_takes_a_login_and_has_one_message(security, server_context, client_context):
    with serve(Pop3Server(security=security), server_context) as server:
        client = open_pop3(server, client_context, security)
        client.user(USER)
        client.pass_(PASSWORD)
        assert client.stat() == (1, len(MESSAGE))
        assert client.uidl()[1] == [b"1 UID-ONE"]
        assert b"\r\n".join(client.retr(1)[1]) + b"\r\n" == MESSAGE
        assert b"STLS" not in client.capa()
        client.quit()
    secured = security != "none"
    assert (b"PASS correct horse\r\n" in server.after_tls) is secured
    assert (b"PASS correct horse\r\n" in server.before_tls) is not secured


def test_pop3_offers_apop():
    with serve(Pop3Server(security="none"), None) as server:
        client = open_pop3(server, None, "none")
        assert client.apop(USER, "tanstaaf") == b"+OK welcome"
        client.quit()
    assert b"APOP ann c4c9334bac560ecc979e58001b3e22fb\r\n" in server.received  # the digest of RFC 1939's example


@securities
def test_imap_takes_a_login_and_has_one_message(security, server_context, client_context):
    with serve(ImapServer(security=security), server_context) as server:
        client = open_imap(server, client_context, security)
        client.login(USER, PASSWORD)
        assert client.select("INBOX", readonly=True) == ("OK", [b"1"])
        assert client.uid("SEARCH", "ALL") == ("OK", [b"1"])
        assert client.fetch("1", "(BODY[])")[1][0][1] == b"Subject: x\r\n"
        assert len(client.list()[1]) == 2
        client.logout()
    assert (b'LOGIN ann "correct horse"' in server.after_tls) is (security != "none")


def test_imap_asks_for_literals():
    with serve(ImapServer(security="none"), None) as server:
        client = open_imap(server, None, "none")
        client.literal = b"correct horse"
        assert client._simple_command("LOGIN", USER)[0] == "OK"
        client.logout()
    assert b" LOGIN ann {13}\r\ncorrect horse\r\n" in server.received
