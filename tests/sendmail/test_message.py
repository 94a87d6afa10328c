"""The message on standard input, and to whom it goes."""

from __future__ import annotations

import re
import socket

import pytest
from tests.doubles.scripted import ScriptedServer
from tests.sendmail.conftest import Sendmail

TO = "a@example.org"


def body_of(server: ScriptedServer) -> bytes:
    (message,) = server.messages
    return message.partition(b"\r\n\r\n")[2]


def envelope_of(server: ScriptedServer) -> tuple[str, list[str]]:
    said = server.received.decode()
    (sender,) = re.findall("MAIL FROM:<(.*?)>", said)
    return sender, re.findall("RCPT TO:<(.*?)>", said)


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_any_line_end_is_taken(sendmail: Sendmail, line_end: bytes) -> None:
    with sendmail.server() as server:
        assert sendmail(line_end.join([b"Subject: x", b"", b"one", b"", b"two", b""]), TO).code == 0
    assert b"\r\nSubject: x\r\n\r\n" in server.messages[0]
    assert body_of(server) == b"one\r\n\r\ntwo\r\n"


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [([], b"one\r\n"), (["-i"], b"one\r\n..\r\ntwo\r\n...three\r\n"), (["-oi"], b"one\r\n..\r\ntwo\r\n...three\r\n")],
)
def test_a_lone_dot_ends_the_message_unless_told_otherwise(sendmail, arguments, wanted) -> None:
    with sendmail.server() as server:
        assert sendmail("\none\n.\ntwo\n..three\n", *arguments, TO).code == 0
    # As they are on the wire, where leading dots are doubled.
    assert body_of(server) == wanted


def test_a_line_that_only_begins_with_a_dot_ends_nothing(sendmail: Sendmail) -> None:
    with sendmail.server() as server:
        assert sendmail(b"\n.one\n" + b"x" * 65535 + b"\n" + b"y" * 65536 + b".\nend", TO).code == 0
    assert body_of(server).endswith(b"y.\r\nend\r\n")


@pytest.mark.parametrize(
    ("message", "header", "body"),
    [
        ("just text\nFrom: here\n", b"", b"just text\r\nFrom: here\r\n"),
        ("From root Thu Jan  1 00:00:00 2026\nSubject: x\n\nbody\n", b"Subject: x\r\n", b"body\r\n"),
        ("Subject: x\nno field\nmore\n", b"Subject: x\r\n", b"no field\r\nmore\r\n"),
        ("Subject: x", b"Subject: x\r\n", b""),
        ("Subject: x\n.\nlost\n", b"Subject: x\r\n", b""),
        ("", b"", b""),
    ],
)
def test_what_is_no_header_is_body(sendmail, message, header, body) -> None:
    with sendmail.server() as server:
        assert sendmail(message, TO).code == 0
    got, _, rest = server.messages[0].partition(b"\r\n\r\n")
    assert rest == body
    assert (got + b"\r\n").endswith(header)
    assert got.count(b"From:") == 1


def test_a_header_without_an_end_is_refused(sendmail: Sendmail) -> None:
    result = sendmail(b"Subject: x\n" + b" more\n" * 1_000_000, TO)
    assert result.code == 65
    assert "header" in result.err


def test_recipients_are_named_or_taken_from_the_header_or_both(sendmail: Sendmail) -> None:
    message = "To: Ann <a@example.org>, root\nCc: b@example.org,\n c@example.org\nBcc: team: d@example.org;\n\n"
    every = ["a@example.org", "admin@example.org", "b@example.org", "c@example.org", "d@example.org"]
    for arguments, wanted in (
        (["-t"], every),
        (["-t", "a@example.org"], every),
        (["z@example.org"], ["z@example.org"]),
        (["x@example.org, Y <y@example.org>", "z@example.org"], ["x@example.org", "y@example.org", "z@example.org"]),
    ):
        with sendmail.server() as server:
            assert sendmail(message, *arguments).code == 0
        assert sorted(envelope_of(server)[1]) == wanted


def test_a_resent_message_goes_to_the_latest_resendings_recipients(sendmail: Sendmail) -> None:
    message = (
        "Resent-From: m@example.org\nResent-To: new@example.org\nResent-Bcc: hidden@example.org\n"
        "Resent-To: old@example.org\nResent-Cc: older@example.org\nTo: first@example.org\n\n"
    )
    with sendmail.server() as server:
        assert sendmail(message, "-t").code == 0
    assert envelope_of(server)[1] == ["new@example.org", "hidden@example.org"]
    assert b"hidden" not in server.messages[0]


@pytest.mark.parametrize("recipient", ["root", "root@localhost", "Root <root@localhost.localdomain>"])
def test_this_machines_users_are_the_local_recipient(sendmail: Sendmail, recipient: str) -> None:
    with sendmail.server() as server:
        assert sendmail("\n", recipient, "mail@example.org").code == 0
    assert envelope_of(server)[1] == ["admin@example.org", "mail@example.org"]


def test_without_a_local_recipient_they_are_nobody(sendmail: Sendmail) -> None:
    sendmail.config.write_text(sendmail.config.read_text().replace("local_recipient", "# local_recipient"))
    result = sendmail("\n", "root")
    assert result.code == 67
    assert "'root'" in result.err
    assert "--local-recipient" in result.err


@pytest.mark.parametrize(
    ("arguments", "account", "wanted"),
    [
        ([], "", "system@example.org"),
        ([], 'envelope_from = "bounces@example.org"', "bounces@example.org"),
        (["-f", "me@example.com"], 'envelope_from = "bounces@example.org"', "me@example.com"),
        (["-r", "Me <me@example.com>"], "", "me@example.com"),
        (["-froot"], 'envelope_from = "bounces@example.org"', "bounces@example.org"),
        (["-f", "<>"], "", ""),
        (["-f", ""], "", ""),
    ],
)
def test_the_envelopes_sender_is_the_accounts_or_the_one_that_is_given(sendmail, arguments, account, wanted) -> None:
    with sendmail.server(account=account) as server:
        assert sendmail("From: other@example.net\n\n", *arguments, TO).code == 0
    assert envelope_of(server)[0] == wanted


def test_a_user_at_this_machines_bare_name_is_local_as_mailutils_writes_it(sendmail, monkeypatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "web1")
    with sendmail.server() as server:
        assert sendmail("To: root@WEB1, root@web1.example.org\n\n", "-oi", "-f", "root@web1", "-t").code == 0
    assert envelope_of(server) == ("system@example.org", ["admin@example.org", "root@web1.example.org"])


def test_thousands_of_recipients_in_the_header_all_get_the_message(sendmail: Sendmail) -> None:
    bcc = ",\n ".join(f"Number {number} <member{number}@lists.example.org>" for number in range(10_000))
    with sendmail.server() as server:
        result = sendmail(f"To: list@example.org\nBcc: {bcc}\nSubject: x\n\nbody\n", "-t")
    assert result.code == 0, result
    assert server.received.count(b"RCPT TO:<member") == 10_000
    assert b"member" not in server.messages[0]
