"""POP3 of the sandbox, seen through poplib."""

from __future__ import annotations

import base64
import hmac
import poplib

import pytest


def deliver(clients, login, *subjects: str) -> None:
    with clients.smtp(login=login) as smtp:
        for subject in subjects:
            smtp.sendmail(login.username, [login.username], f"Subject: {subject}\r\n\r\nx\r\n".encode())


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_login_opens_the_inbox(security, clients, alice):
    deliver(clients, alice, "one", "two")
    client = clients.pop3(security, alice)
    count, size = client.stat()
    identifiers = [line.split()[1] for line in client.uidl()[1]]
    top = client.top(2, 0)[1]
    client.quit()

    assert count == 2
    assert size > 0
    assert len(set(identifiers)) == 2
    assert top[-2:] == [b"Subject: two", b""]


def test_apop_takes_the_right_password_and_no_other(clients, alice):
    client = clients.pop3()
    with pytest.raises(poplib.error_proto, match="Authentication failed"):
        client.apop(alice.username, "wrong")
    assert client.apop(alice.username, alice.password.reveal()).startswith(b"+OK")
    client.quit()


def test_user_and_pass_refuse_a_wrong_password(clients, alice):
    client = clients.pop3()
    client.user(alice.username)
    with pytest.raises(poplib.error_proto, match="Authentication failed"):
        client.pass_("wrong")
    client.quit()


@pytest.mark.parametrize("with_initial_response", [True, False])
def test_auth_plain_logs_in(with_initial_response, clients, alice):
    response = base64.b64encode(f"\0{alice.username}\0{alice.password.reveal()}".encode()).decode()
    client = clients.pop3()
    if with_initial_response:
        assert client._shortcmd(f"AUTH PLAIN {response}").startswith(b"+OK")
    else:
        client._putcmd("AUTH PLAIN")
        assert client._getline()[0] == b"+ "
        assert client._shortcmd(response).startswith(b"+OK")
    assert client.stat() == (0, 0)
    client.quit()


def test_auth_cram_md5_logs_in(clients, alice):
    client = clients.pop3()
    client._putcmd("AUTH CRAM-MD5")
    challenge = base64.b64decode(client._getline()[0].removeprefix(b"+ "))
    digest = hmac.new(alice.password.reveal().encode(), challenge, "md5").hexdigest()
    response = base64.b64encode(f"{alice.username} {digest}".encode()).decode()
    assert client._shortcmd(response).startswith(b"+OK")
    client.quit()


def test_an_authentication_can_be_given_up(clients):
    client = clients.pop3()
    client._putcmd("AUTH PLAIN")
    client._getline()
    with pytest.raises(poplib.error_proto, match="given up"):
        client._shortcmd("*")
    assert "SASL" in client.capa()
    client.quit()


def test_no_login_is_offered_or_taken_before_tls(clients, alice):
    client = clients.pop3("none")
    assert {"USER", "SASL"}.isdisjoint(client.capa())
    assert "STLS" in client.capa()
    for command in (f"USER {alice.username}", "AUTH PLAIN AGEAYg==", f"APOP {alice.username} {'0' * 32}"):
        with pytest.raises(poplib.error_proto, match="no login without TLS"):
            client._shortcmd(command)
    client.quit()


def test_a_deletion_counts_from_quit_on(clients, alice):
    deliver(clients, alice, "one", "two")
    dropped = clients.pop3(login=alice)
    dropped.dele(1)
    dropped.close()
    again = clients.pop3(login=alice)
    assert again.stat()[0] == 2
    again.dele(1)
    again.quit()
    after = clients.pop3(login=alice)
    assert [line for line in after.retr(1)[1] if line.startswith(b"Subject")] == [b"Subject: two"]
    assert after.stat()[0] == 1
    after.quit()


def test_a_long_message_full_of_dots_comes_back_whole(clients, alice):
    body = b".\r\n..x\r\n" * 20_000
    with clients.smtp(login=alice) as smtp:
        smtp.sendmail(alice.username, [alice.username], b"Subject: dots\r\n\r\n" + body)
    client = clients.pop3(login=alice)
    lines = client.retr(1)[1]
    client.quit()
    assert b"\r\n".join(lines[lines.index(b"") + 1 :]) + b"\r\n" == body


def test_nonsense_is_answered_and_the_session_goes_on(clients, alice):
    client = clients.pop3(login=alice)
    for command in ("NONSENSE", "RETR", "RETR x", "RETR 1", "DELE 7", "TOP 1", "USER", "\xff\xfe"):
        with pytest.raises(poplib.error_proto):
            client._shortcmd(command)
    assert client.noop().startswith(b"+OK")
    client.quit()
