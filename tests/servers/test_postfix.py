"""The real Postfix, seen with the standard library's client: what the other tests may rely on."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Callable

import pytest
from tests.servers.certificates import CertificateAuthority
from tests.servers.dovecot import Dovecot
from tests.servers.people import BOB, TARO, Person
from tests.servers.postfix import INTERNATIONAL_A_LABELS, REFUSED_RECIPIENTS, Postfix
from tests.servers.processes import wait_for

MESSAGE = b"From: a@example.test\r\nSubject: hello\r\n\r\nA line.\r\n"


def trust(server: Postfix) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=server.ca_file)


def open_plain(server: Postfix) -> smtplib.SMTP:
    return smtplib.SMTP("localhost", server.smtp_port)


def open_starttls(server: Postfix) -> smtplib.SMTP:
    client = smtplib.SMTP("localhost", server.submission_port)
    client.starttls(context=trust(server))
    return client


def open_tls(server: Postfix) -> smtplib.SMTP:
    return smtplib.SMTP_SSL("localhost", server.smtps_port, context=trust(server))


EVERY_SECURITY = pytest.mark.parametrize("opened", [open_plain, open_starttls, open_tls])


@EVERY_SECURITY
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_a_logged_in_sender_reaches_a_mailbox(
    dovecot: Dovecot, postfix: Postfix, person: Person, opened: Callable[[Postfix], smtplib.SMTP], mechanism: str
) -> None:
    with opened(postfix) as client:
        client.ehlo_or_helo_if_needed()
        client.user, client.password = person.address, person.password
        client.auth(mechanism, getattr(client, f"auth_{mechanism.lower().replace('-', '_')}"))
        client.sendmail(person.address, [person.address], MESSAGE)
    wait_for(lambda: len(dovecot.messages(person.address)) == 1, "delivery")
    assert b"Subject: hello" in dovecot.messages(person.address)[0]


def test_what_dovecot_offers_is_offered_in_both_forms(postfix: Postfix) -> None:
    with open_plain(postfix) as client:
        client.ehlo()
        lines = client.ehlo_resp.decode().splitlines()
    mechanisms = "PLAIN LOGIN CRAM-MD5 DIGEST-MD5 SCRAM-SHA-1 SCRAM-SHA-256"
    assert f"AUTH {mechanisms}" in lines
    assert f"AUTH={mechanisms}" in lines


def test_a_password_that_is_hard_to_send_logs_in(postfix: Postfix) -> None:
    with open_tls(postfix) as client:
        client.ehlo()
        code, _ = client.docmd("AUTH PLAIN", smtplib.encode_base64(f"\0{BOB.address}\0{BOB.password}".encode(), eol=""))
    assert code == 235


def test_the_submission_port_offers_no_login_before_tls(postfix: Postfix) -> None:
    with smtplib.SMTP("localhost", postfix.submission_port) as client:
        client.ehlo()
        assert client.has_extn("starttls")
        assert not client.has_extn("auth")
        assert client.mail("a@example.test")[0] == 530


@pytest.mark.parametrize("opened", [open_starttls, open_tls])
def test_submission_is_for_who_logged_in(
    postfix: Postfix, person: Person, opened: Callable[[Postfix], smtplib.SMTP]
) -> None:
    with opened(postfix) as client:
        client.ehlo()
        client.mail("a@example.test")
        assert client.rcpt(person.address)[0] == 554


def test_a_stranger_reaches_local_mailboxes_and_relays_nothing(
    dovecot: Dovecot, postfix: Postfix, person: Person
) -> None:
    with open_plain(postfix) as client:
        refused = client.sendmail("a@elsewhere.test", [person.address, "b@elsewhere.test"], MESSAGE)
    assert refused == {"b@elsewhere.test": (554, b"5.7.1 <b@elsewhere.test>: Relay access denied")}
    wait_for(lambda: len(dovecot.messages(person.address)) == 1, "delivery")


def test_recipients_are_refused_one_by_one(postfix: Postfix, person: Person) -> None:
    with open_plain(postfix) as client:
        refused = client.sendmail(person.address, [person.address, *REFUSED_RECIPIENTS], MESSAGE)
    assert {address: code for address, (code, _) in refused.items()} == {
        address: int(reply[:3]) for address, reply in REFUSED_RECIPIENTS.items()
    }


def test_relayed_mail_is_accepted_and_goes_nowhere(postfix: Postfix, person: Person) -> None:
    with open_tls(postfix) as client:
        client.login(person.address, person.password)
        client.sendmail(person.address, [f"far-{person.address}.elsewhere.test"], MESSAGE)
    relayed = f"to=<far-{person.address}.elsewhere.test>, relay=none"
    wait_for(lambda: relayed in postfix.log(), "the discard logged")


def test_mail_for_an_unknown_mailbox_bounces_to_its_sender(dovecot: Dovecot, postfix: Postfix, person: Person) -> None:
    with open_plain(postfix) as client:
        client.sendmail(person.address, ["unknown@example.test"], MESSAGE)
    wait_for(lambda: len(dovecot.messages(person.address)) == 1, "the bounce")
    assert b"multipart/report; report-type=delivery-status" in dovecot.messages(person.address)[0]


def test_an_internationalised_address_is_reached_with_smtputf8_and_by_a_labels(
    dovecot: Dovecot, postfix: Postfix, person: Person
) -> None:
    already = len(dovecot.messages(TARO.address))
    with open_plain(postfix) as client:
        client.ehlo()
        client.sendmail(person.address, [TARO.address], MESSAGE, mail_options=["SMTPUTF8"])
        client.sendmail(person.address, [f"taro@{INTERNATIONAL_A_LABELS}"], MESSAGE)
    wait_for(lambda: len(dovecot.messages(TARO.address)) == already + 1, "delivery to the UTF-8 address")
    wait_for(lambda: len(dovecot.messages("taro@株式.会社")) >= 1, "delivery to the A-labels")


@pytest.mark.real("postfix")
def test_two_run_side_by_side_each_with_its_options(
    dovecot: Dovecot, postfix: Postfix, ca: CertificateAuthority
) -> None:
    with Postfix(dovecot=dovecot, smtputf8=False, message_size_limit=1000, certificate=ca.expired) as other:
        with open_plain(other) as client:
            client.ehlo()
            assert not client.has_extn("smtputf8")
            assert client.esmtp_features["size"] == "1000"
            assert client.mail("a@example.test", ["SIZE=2000"])[0] == 552
        with (
            socket.create_connection(("localhost", other.smtps_port), timeout=10) as connection,
            pytest.raises(ssl.SSLCertVerificationError, match="expired"),
        ):
            trust(other).wrap_socket(connection, server_hostname="localhost")
        with open_plain(postfix) as client:
            client.ehlo()
            assert client.has_extn("smtputf8")
    assert not other.is_running()
    assert not other.folder.exists()
    assert postfix.is_running()
