"""Sending and receiving against real Dovecot and Postfix: every security with every login that the server offers."""

from __future__ import annotations

import secrets

import pytest
from tests.servers.dovecot import Dovecot
from tests.servers.people import ALICE, BOB, TARO
from tests.servers.postfix import INTERNATIONAL_A_LABELS
from tests.servers.proxy import DelayProxy

from mailctl.errors import AuthenticationError, CapabilityError, NetworkError, RefusedError, TemporaryError, TLSError
from mailctl.model.report import Stage
from mailctl.model.server import TlsOptions
from mailctl.transport.imap.session import open_imap
from mailctl.transport.pop3.session import open_pop3
from mailctl.transport.smtp.session import open_smtp
from mailctl.transport.trace import Trace
from mailctl.transport.watch import Watch

SECURITIES = ("none", "starttls", "tls")
BY_PASSWORD = ("auto", "plain", "login", "cram-md5", "digest-md5", "scram-sha-1", "scram-sha-256")


def login_of(person):
    return person.address, person.password


def incoming_port(dovecot, protocol, security):
    ports = {"imap": (dovecot.imap_port, dovecot.imaps_port), "pop3": (dovecot.pop3_port, dovecot.pop3s_port)}
    return ports[protocol][security == "tls"]


def smtp_port(postfix, security):
    return {"none": postfix.smtp_port, "starttls": postfix.submission_port, "tls": postfix.smtps_port}[security]


@pytest.mark.parametrize("security", SECURITIES)
@pytest.mark.parametrize("auth", BY_PASSWORD)
@pytest.mark.parametrize("sender", [ALICE, BOB], ids=["plain password", "odd password"])
def test_smtp_logs_in_by_every_method_over_every_security(postfix, route_to, security, auth, sender):
    watch = Watch()
    route = route_to("smtp", smtp_port(postfix, security), security=security, auth=auth, login=login_of(sender))
    with open_smtp(route, watch) as session:
        outcome = session.envelope(sender.address, [ALICE.address])
    assert outcome.accepted == (ALICE.address,)
    mechanism = watch.find(Stage.AUTH).evidence["mechanism"]
    assert mechanism == ("scram-sha-256" if auth == "auto" else auth)


@pytest.mark.parametrize("security", SECURITIES)
@pytest.mark.parametrize("auth", [*BY_PASSWORD, "login-command"])
@pytest.mark.parametrize("protocol", ["imap", "pop3"])
@pytest.mark.parametrize("reader", [ALICE, BOB], ids=["plain password", "odd password"])
def test_mailboxes_open_by_every_method_over_every_security(dovecot, route_to, protocol, security, auth, reader):
    watch = Watch()
    port = incoming_port(dovecot, protocol, security)
    route = route_to(protocol, port, security=security, auth=auth, login=login_of(reader))
    with (open_imap if protocol == "imap" else open_pop3)(route, watch) as session:
        session.survey()
    assert isinstance(watch.find(Stage.MAILBOX).evidence["messages"], int)
    assert watch.find(Stage.AUTH).evidence["attempts"] == 1


@pytest.mark.parametrize("security", ["none", "tls"])
def test_apop_logs_in(dovecot, route_to, security):
    route = route_to(
        "pop3", incoming_port(dovecot, "pop3", security), security=security, apop=True, login=login_of(ALICE)
    )
    with open_pop3(route, Watch()) as session:
        assert session.stat()


def test_apop_is_not_used_with_a_timestamp_from_before_tls(dovecot, route_to):
    route = route_to("pop3", dovecot.pop3_port, security="starttls", apop=True, login=login_of(ALICE))
    with pytest.raises(CapabilityError) as caught, open_pop3(route, Watch()):
        pass
    assert caught.value.reason == "apop-not-offered"


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_client_certificate_logs_in(dovecot, ca, route_to, protocol):
    pair = ca.client(ALICE.address)
    tls = TlsOptions(ca_file=str(ca.ca_file), client_cert=str(pair.certificate), client_key=str(pair.key))
    port = incoming_port(dovecot, protocol, "tls")
    route = route_to(protocol, port, security="tls", auth="external", login=(ALICE.address, ""), tls=tls)
    with (open_imap if protocol == "imap" else open_pop3)(route, Watch()) as session:
        session.survey()


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_server_that_has_hashes_alone_is_logged_in_to_by_plain(hashed_dovecot, route_to, protocol):
    watch = Watch()
    port = incoming_port(hashed_dovecot, protocol, "starttls")
    route = route_to(protocol, port, security="starttls", login=login_of(BOB))
    with (open_imap if protocol == "imap" else open_pop3)(route, watch):
        pass
    assert watch.find(Stage.AUTH).evidence["mechanism"] == "plain"
    with (
        pytest.raises(CapabilityError) as caught,
        (open_imap if protocol == "imap" else open_pop3)(
            route_to(protocol, port, security="starttls", auth="cram-md5", login=login_of(BOB)), Watch()
        ),
    ):
        pass
    assert "PLAIN" in caught.value.message


@pytest.mark.parametrize("auth", ["login-command", "plain"])
def test_an_internationalised_login_works(dovecot, route_to, auth):
    route = route_to("imap", dovecot.imaps_port, security="tls", auth=auth, login=login_of(TARO))
    with open_imap(route, Watch()) as session:
        assert session.survey().messages >= 0


@pytest.mark.parametrize(
    ("protocol", "open_session"),
    [("smtp", open_smtp), ("imap", open_imap), ("pop3", open_pop3)],
    ids=["smtp", "imap", "pop3"],
)
def test_a_wrong_password_is_one_refused_attempt(dovecot, postfix, route_to, protocol, open_session):
    password = secrets.token_urlsafe(12)
    port = postfix.smtps_port if protocol == "smtp" else incoming_port(dovecot, protocol, "tls")
    watch, trace = Watch(), Trace()
    route = route_to(protocol, port, security="tls", auth="plain", login=(ALICE.address, password))
    with pytest.raises(AuthenticationError) as caught, open_session(route, watch, trace=trace):
        pass
    assert caught.value.reason == "login-refused"
    assert caught.value.reply
    attempts = [line.text for line in trace.lines if line.text.startswith("AUTH ") or " AUTHENTICATE " in line.text]
    assert len(attempts) == 1
    assert not any(password in line.text for line in trace.lines)


def test_a_message_is_sent_and_seen_by_imap_and_pop3(postfix, dovecot, person, route_to):
    message = f"From: {ALICE.address}\r\nMessage-ID: <seen@example.test>\r\nSubject: seen\r\n\r\n.dots\r\n".encode()
    sender = route_to("smtp", postfix.smtps_port, security="tls", auth="plain", login=login_of(ALICE))
    with open_smtp(sender, Watch()) as session:
        outcome = session.send(ALICE.address, [person.address], message)
    assert outcome.queue_id
    assert outcome.queue_id in postfix.log()
    dovecot_route = {"security": "tls", "login": login_of(person)}
    for _ in range(600):  # the delivery agent works in its own time; each look is a whole session
        with open_imap(route_to("imap", dovecot.imaps_port, **dovecot_route), Watch()) as imap:
            if imap.survey().messages:
                break
    with open_pop3(route_to("pop3", dovecot.pop3s_port, **dovecot_route), Watch()) as pop3:
        assert pop3.survey() == 1
        assert b"Message-ID: <seen@example.test>\r\n" in pop3.top(1)
        assert pop3.retrieve(1).endswith(b"\r\n.dots\r\n")
        assert list(pop3.uidl()) == [1]


def test_folders_bear_their_roles_and_namespaces_are_told(ca, route_to):
    with Dovecot(ca=ca, folder_prefix="INBOX.", separator=".") as server:
        server.add_user(ALICE.address, ALICE.password)
        with open_imap(route_to("imap", server.imaps_port, security="tls", login=login_of(ALICE)), Watch()) as session:
            mailbox = session.survey()
    assert {folder.role: folder.name for folder in mailbox.folders if folder.role} == {
        "inbox": "INBOX",
        "drafts": "INBOX.Drafts",
        "sent": "INBOX.Sent",
        "junk": "INBOX.Junk",
        "trash": "INBOX.Trash",
        "archive": "INBOX.Archive",
    }
    assert mailbox.namespaces == (("INBOX.", "."),)


def test_an_international_message_is_sent_with_smtputf8_and_only_where_needed(postfix, route_to):
    domain = TARO.address.partition("@")[2]
    trace = Trace()
    route = route_to("smtp", postfix.smtps_port, security="tls", auth="plain", login=login_of(TARO))
    with open_smtp(route, Watch(), trace=trace) as session:
        outcome = session.send(TARO.address, [TARO.address], "Subject: 件名\r\n\r\n本文\r\n".encode())
        assert session.envelope(ALICE.address, [f"taro@{domain}"]).accepted
    assert outcome.accepted == (TARO.address,)
    said = [line.text for line in trace.lines]
    assert any(text.startswith(f"MAIL FROM:<{TARO.address}>") and text.endswith(" SMTPUTF8") for text in said)
    assert f"MAIL FROM:<{ALICE.address}>" in said
    assert f"RCPT TO:<taro@{INTERNATIONAL_A_LABELS}>" in said


@pytest.mark.parametrize(
    ("recipient", "error"), [("nobody@example.test", RefusedError), ("later@example.test", TemporaryError)]
)
def test_refused_recipients_are_told_apart(postfix, route_to, recipient, error):
    route = route_to("smtp", postfix.smtps_port, security="tls", auth="plain", login=login_of(ALICE))
    with open_smtp(route, Watch()) as session, pytest.raises(error) as caught:
        session.envelope(ALICE.address, [recipient])
    assert list(caught.value.details["refused"]) == [recipient]


def test_the_certificate_is_described(dovecot, route_to):
    watch = Watch(thorough=True)
    with open_imap(route_to("imap", dovecot.imaps_port, security="tls"), watch, until=Stage.CERTIFICATE):
        pass
    evidence = watch.find(Stage.CERTIFICATE).evidence
    assert evidence["matched_name"] == "localhost"
    assert "127.0.0.1" in evidence["names"]
    assert evidence["days_left"] > 21
    assert len(evidence["public_key_sha256"]) == 64
    assert evidence["verified"] is True
    pin = f"sha256:{evidence['public_key_sha256']}"
    right = route_to("imap", dovecot.imaps_port, security="tls", tls=TlsOptions(verify=False, pins=(pin,)))
    with open_imap(right, watch, until=Stage.CERTIFICATE):
        pass
    wrong = route_to(
        "imap", dovecot.imaps_port, security="tls", tls=TlsOptions(verify=False, pins=("sha256:" + "0" * 64,))
    )
    with pytest.raises(TLSError) as caught, open_imap(wrong, watch, until=Stage.AUTH):
        pass
    assert caught.value.reason == "pin-mismatch"
    assert caught.value.details["public_key_sha256"] == evidence["public_key_sha256"]


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_tls_on_a_cleartext_port_names_the_wrong_setting(dovecot, route_to, protocol):
    port = incoming_port(dovecot, protocol, "none")
    open_session = open_imap if protocol == "imap" else open_pop3
    with pytest.raises(TLSError) as caught, open_session(route_to(protocol, port, security="tls"), Watch()):
        pass
    assert caught.value.stage is Stage.TLS
    assert caught.value.reason == "wrong-version"


def test_cleartext_on_a_tls_port_names_the_wrong_setting(dovecot, route_to):
    route = route_to("imap", dovecot.imaps_port, security="starttls", timeout_seconds=0.5)
    with pytest.raises(NetworkError) as caught, open_imap(route, Watch()):
        pass
    assert caught.value.stage is Stage.GREETING
    assert "security" in caught.value.hint


def test_login_is_not_tried_where_the_server_has_switched_it_off(dovecot, route_to):
    # Dovecot shows LOGINDISABLED only to clients of other addresses than its own.
    with DelayProxy(dovecot.imap_port, source="127.0.0.9") as proxy:
        for auth in ("login-command", "plain", "auto"):
            route = route_to("imap", proxy.port, host=proxy.host, auth=auth, login=login_of(ALICE))
            trace = Trace()
            if auth == "auto":
                with open_imap(route, Watch(), trace=trace):
                    continue
            with pytest.raises(CapabilityError), open_imap(route, Watch(), trace=trace):
                pass
            assert not any(" LOGIN " in line.text or "AUTHENTICATE" in line.text for line in trace.lines)
