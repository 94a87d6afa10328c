"""SMTP of the sandbox, seen through smtplib."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage

import pytest

from mailctl.sandbox import Login, Sandbox


def read_inbox(clients, login: Login) -> list[bytes]:
    client = clients.imap(login=login)
    client.select()
    messages = [client.fetch(number, "(BODY.PEEK[])")[1][0][1] for number in client.search(None, "ALL")[1][0].split()]
    client.logout()
    return messages


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_message_is_seen_by_imap_and_pop3_at_once(security, clients, alice, bob):
    with clients.smtp(security, alice) as smtp:
        smtp.sendmail(alice.username, [bob.username], b"Subject: to both\r\n\r\nhello\r\n.a dot\r\n")

    (by_imap,) = read_inbox(clients, bob)
    pop3 = clients.pop3(login=bob)
    by_pop3 = b"\r\n".join(pop3.retr(1)[1]) + b"\r\n"
    pop3.quit()
    assert by_imap.endswith(b"Subject: to both\r\n\r\nhello\r\n.a dot\r\n")
    assert by_pop3 == by_imap
    assert read_inbox(clients, alice) == []


def test_each_recipient_gets_a_copy_with_its_trace(clients, alice, bob):
    with clients.smtp(login=alice) as smtp:
        smtp.sendmail(alice.username, [alice.username, bob.username], b"Subject: two\r\n\r\n")

    (copy,) = read_inbox(clients, bob)
    assert copy.startswith(b"Return-Path: <alice@sandbox.test>\r\nDelivered-To: bob@sandbox.test\r\nReceived: from ")
    assert len(read_inbox(clients, alice)) == 1


def test_an_unknown_recipient_is_refused_and_the_known_one_served(clients, alice, bob):
    with clients.smtp(login=alice) as smtp:
        refused = smtp.sendmail(alice.username, ["nobody@sandbox.test", bob.username], b"Subject: x\r\n\r\n")

    assert refused == {"nobody@sandbox.test": (550, b"5.1.1 No such mailbox")}
    assert len(read_inbox(clients, bob)) == 1


def test_nothing_leaves_the_sandbox(clients, alice):
    with clients.smtp(login=alice) as smtp, pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
        smtp.sendmail(alice.username, ["someone@example.org"], b"Subject: x\r\n\r\n")

    assert caught.value.recipients["someone@example.org"][0] == 550


def test_a_detail_after_a_plus_sign_is_delivered_to_the_user(clients, alice, bob):
    with clients.smtp(login=alice) as smtp:
        smtp.sendmail(alice.username, ["bob+orders@sandbox.test"], b"Subject: x\r\n\r\n")

    assert len(read_inbox(clients, bob)) == 1


def test_an_internationalised_address_is_served_with_smtputf8_alone(clients, alice, sandbox: Sandbox):
    zoe = sandbox.logins[2]
    message = EmailMessage()
    message["Subject"] = "Grüße"
    message["From"], message["To"] = alice.username, zoe.username
    message.set_content("für Zoë")
    with clients.smtp(login=alice) as smtp:
        smtp.send_message(message)  # which asks for SMTPUTF8 where an address needs it
        assert smtp.mail(alice.username) == (250, b"2.1.0 OK")
        assert smtp.docmd(f"RCPT TO:<{zoe.username}>".encode().decode("latin-1"))[0] in (501, 553)

    client = clients.imap()
    client.authenticate("PLAIN", lambda _: f"\0{zoe.username}\0{zoe.password.reveal()}".encode())
    client.select()
    received = client.fetch("1", "(BODY[])")[1][0][1]
    client.logout()
    assert b"UTF8SMTPSA" in received
    assert "Subject: Grüße\r\n".encode() in received


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_every_mechanism_takes_the_right_password_and_no_other(mechanism, clients, alice):
    for password, code in (("wrong", 535), (alice.password.reveal(), 235)):
        with clients.smtp() as smtp:
            smtp.ehlo()
            smtp.user, smtp.password = alice.username, password
            authobject = getattr(smtp, "auth_" + mechanism.lower().replace("-", "_"))
            try:
                answered = smtp.auth(mechanism, authobject)[0]
            except smtplib.SMTPAuthenticationError as error:
                answered = error.smtp_code
            assert answered == code


def test_nobody_sends_without_a_login(clients, alice):
    with clients.smtp() as smtp:
        smtp.ehlo()
        assert smtp.mail(alice.username) == (530, b"5.7.0 Authentication required")


def test_no_login_is_offered_or_taken_before_tls(clients, alice):
    with clients.smtp("none") as smtp:
        smtp.ehlo()
        assert smtp.has_extn("starttls")
        assert not smtp.has_extn("auth")
        assert smtp.docmd("AUTH", "PLAIN AGEAYg==")[0] == 530
        assert smtp.mail(alice.username)[0] == 530


def test_its_extensions_are_those_of_a_submission_server(clients):
    with clients.smtp() as smtp:
        smtp.ehlo()
        assert {"size", "8bitmime", "smtputf8", "pipelining", "auth"} <= smtp.esmtp_features.keys()


def test_a_message_over_the_announced_size_is_refused(clients, alice):
    with clients.smtp(login=alice) as smtp:
        limit = int(smtp.esmtp_features["size"])
        assert smtp.mail(alice.username, [f"SIZE={limit + 1}"])[0] == 552


def test_its_certificate_holds_for_its_ca_alone(sandbox: Sandbox):
    with pytest.raises(ssl.SSLCertVerificationError):
        smtplib.SMTP_SSL(sandbox.host, sandbox.ports["smtps"], context=ssl.create_default_context())


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_its_certificate_names_every_form_of_loopback_and_passes_strict_verification(name, clients, sandbox: Sandbox):
    import socket

    context = clients.tls
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    with (
        socket.create_connection((sandbox.host, sandbox.ports["smtps"])) as plain,
        context.wrap_socket(plain, server_hostname=name) as secured,
    ):
        assert secured.version() in ("TLSv1.2", "TLSv1.3")
