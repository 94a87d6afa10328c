"""Exit codes, and the one line that goes with each: callers send again at 75, and at no other."""

from __future__ import annotations

import re

import pytest
from tests.doubles.conversation import Conversation
from tests.doubles.smtp import TAKE_MESSAGE, ehlo_reply
from tests.doubles.steps import Close, Reset, Say
from tests.sendmail.conftest import Sendmail

from mailctl import errors
from mailctl.protocol.reasons import Reason
from mailctl.sendmail.sysexits import sysexit_for

TO = "a@example.org"
MESSAGE = "Subject: x\n\nbody\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no recipients"),
        (["-t"], "no recipients"),
        (["-bs"], "-bs"),
        (["--no", TO], "--no"),
        (["-f"], "-f"),
    ],
)
def test_64_for_what_cannot_be_understood(sendmail: Sendmail, arguments: list[str], said: str) -> None:
    result = sendmail(MESSAGE, *arguments)
    assert result.code == 64
    assert result.err.startswith("mailctl-sendmail: ")
    assert said in result.err


@pytest.mark.parametrize("recipient", ["a b@example.org", "@example.org", "a@exa mple.org", "a@b@", "a@example.org\nx"])
def test_65_for_what_is_no_address(sendmail: Sendmail, recipient: str) -> None:
    result = sendmail(MESSAGE, recipient)
    assert result.code == 65
    assert "recipient" in result.err


@pytest.mark.parametrize(
    "smuggled", ["a@example.org\nRCPT TO:<b@example.org>", "a\r\nx:b@example.org", "a:\nb@example.org"]
)
def test_65_for_a_line_end_in_an_address_of_the_command_line(sendmail: Sendmail, smuggled: str) -> None:
    for arguments in ([smuggled], ["-f", smuggled, TO]):
        with sendmail.server() as server:
            result = sendmail(MESSAGE, *arguments)
        assert (result.code, server.connections) == (65, [])
        assert "which would end the command" in result.err


@pytest.mark.parametrize(
    ("deviation", "code", "said"),
    [
        ({"rcpt": b"550 5.1.1 nobody\r\n"}, 67, "550 5.1.1 nobody"),
        ({"rcpt": b"450 4.2.1 later\r\n"}, 75, "450 4.2.1 later"),
        ({"mail": b"550 5.7.60 not as them\r\n"}, 77, "5.7.60"),
        ({"mail": b"451 4.3.0 later\r\n"}, 75, "4.3.0"),
        ({"data": b"554 5.6.0 no\r\n"}, 65, "5.6.0"),
        ({"data": (TAKE_MESSAGE, b"554 5.7.1 spam\r\n")}, 65, "5.7.1 spam"),
        ({"data": (TAKE_MESSAGE, b"452 4.3.1 full\r\n")}, 75, "4.3.1 full"),
        ({"greeting": b"554 5.7.1 not from there\r\n"}, 69, "5.7.1"),
        ({"greeting": b"421 4.7.0 busy\r\n"}, 75, "4.7.0"),
        ({"greeting": (Close(),)}, 75, "closed"),
        ({"mail": (Reset(),)}, 75, ""),
        ({"greeting": b"HTTP/1.1 400\r\n"}, 69, "is a port for HTTP"),
        ({"mail": b"530 5.7.0 log in\r\n"}, 77, "5.7.0"),
        ({"ehlo": ehlo_reply(b"PIPELINING", b"SIZE 10")}, 65, "10"),
        ({"data": (TAKE_MESSAGE, Close())}, 74, "look for the message"),
        ({"data": (TAKE_MESSAGE, Reset())}, 74, "look for the message"),
        ({"data": (TAKE_MESSAGE, Say(b"nonsense\r\n"))}, 74, "look for the message"),
    ],
)
def test_what_a_server_says_is_told_by_code_and_line(sendmail, deviation, code, said) -> None:
    with sendmail.server(**deviation) as server:
        result = sendmail(MESSAGE, TO)
    assert (result.code, result.err.count("\n")) == (code, 0)
    assert said in result.err
    assert len(server.connections) == 1


class InTurn:
    """Says one thing after the other, one each time."""

    def __init__(self, *sayings: bytes) -> None:
        self._sayings = iter(sayings)

    def play(self, conversation: Conversation) -> None:
        conversation.write(next(self._sayings))


@pytest.mark.parametrize("refusal", [b"550 5.1.1 nobody\r\n", b"450 4.2.0 later\r\n"])
def test_some_recipients_refused_is_told_and_is_no_reason_to_send_again(sendmail: Sendmail, refusal: bytes) -> None:
    with sendmail.server(rcpt=InTurn(b"250 ok\r\n", refusal)) as server:
        result = sendmail(MESSAGE, "ok@example.org", "no@example.org")
    assert result.code == 67
    assert re.search(r"sent to ok@example.org, so do not send it again; .* no@example.org: \d{3} ", result.err)
    assert len(server.messages) == 1


def test_a_foreign_sender_that_is_refused_is_named_beside_the_accounts(sendmail: Sendmail) -> None:
    with sendmail.server(data=(TAKE_MESSAGE, b"550 5.7.1 not you\r\n")):
        result = sendmail("From: www@web.example.net\n\n", TO)
    assert "from www@web.example.net" in result.err
    assert "system@example.org" in result.err


def test_an_inactive_account_is_69_and_nothing_is_contacted(sendmail: Sendmail) -> None:
    with sendmail.server(account="active = false") as server:
        result = sendmail(MESSAGE, TO)
    assert result.code == 69
    assert "inactive" in result.err
    assert server.connections == []


def test_an_account_that_was_never_set_is_69(sendmail: Sendmail) -> None:
    sendmail.config.write_text("schema_version = 1\n")
    result = sendmail(MESSAGE, TO)
    assert result.code == 69
    assert "never set" in result.err


def test_settings_that_are_missing_or_broken_are_78(sendmail: Sendmail) -> None:
    sendmail.config.write_text("[sysmail]\naddress = 5\nserver = 'x'\n[[servers]]\ncode = ''\n")
    result = sendmail(MESSAGE, TO)
    assert result.code == 78
    assert str(sendmail.config) in result.err
    assert "line 2" in result.err
    sendmail.config.unlink()
    result = sendmail(MESSAGE, TO)
    assert result.code == 78
    assert str(sendmail.config) in result.err


@pytest.mark.parametrize("password", ["", 'password = "env:MAILCTL_TEST_NOT_SET"', 'password = "file:missing"'])
def test_a_secret_that_is_missing_is_78(sendmail: Sendmail, password: str) -> None:
    sendmail.configure(account=f'username = "u"\n{password}', server='auth = "plain"')
    assert sendmail(MESSAGE, TO).code == 78


def test_a_login_that_is_refused_is_77(sendmail: Sendmail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILCTL_TEST_PASSWORD", "hunter2")
    account = 'username = "u"\npassword = "env:MAILCTL_TEST_PASSWORD"'
    with sendmail.server(verdict=b"535 5.7.8 wrong\r\n") as server:
        sendmail.configure(server.port, account=account, server='auth = "plain"')
        result = sendmail(MESSAGE, TO)
    assert (result.code, server.messages) == (77, [])
    assert "5.7.8" in result.err
    assert "hunter2" not in result.err


def test_an_unknown_tenant_is_67(sendmail: Sendmail, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "acme" in sendmail(MESSAGE, "--tenant", "acme", TO).err
    for code in ("acme", " "):
        monkeypatch.setenv("MAILCTL_TENANT", code)
        result = sendmail(MESSAGE, TO)
        assert result.code == 67
        assert f"'{code}', which MAILCTL_TENANT names" in result.err


def test_a_host_without_an_address_is_68(sendmail: Sendmail) -> None:
    sendmail.config.write_text(sendmail.config.read_text().replace("127.0.0.1", "mail.invalid"))
    assert sendmail(MESSAGE, TO).code in (68, 75)  # 75 where the machine has no name server to ask


def test_a_port_where_nobody_listens_is_75(sendmail: Sendmail) -> None:
    with sendmail.server():
        pass
    assert sendmail(MESSAGE, TO).code == 75


MESSAGE_REASONS = [
    Reason.SENDER_REFUSED,
    Reason.RECIPIENT_REFUSED,
    Reason.MESSAGE_REFUSED,
    Reason.MESSAGE_TOO_LARGE,
    Reason.GREETING_REFUSED,
]


@pytest.mark.parametrize("reason", MESSAGE_REASONS)
def test_a_reason_makes_nothing_temporary_of_what_is_not_nor_the_reverse(reason: Reason | None) -> None:
    assert sysexit_for(errors.FateUnknownError("x", reason=reason)) == 74
    assert sysexit_for(errors.TemporaryError("x", reason=reason)) == 75
    assert sysexit_for(errors.RefusedError("x", reason=reason)) in (65, 67, 69, 77)


def test_an_exception_that_nobody_foresaw_is_70() -> None:
    assert sysexit_for(KeyError("x")) == 70


def test_an_international_address_is_refused_before_anything_is_contacted_where_nothing_is_known_of_the_server(
    sendmail: Sendmail,
) -> None:
    with sendmail.server() as server:
        result = sendmail(MESSAGE, "山田太郎@株式.会社")
    assert (result.code, server.connections) == (69, [])
    assert "山田太郎@株式.会社" in result.err
    assert "--smtputf8" in result.err


@pytest.mark.parametrize(
    ("header", "arguments", "said"),
    [
        ("", ("-f", "山@example.org", TO), "山@example.org"),
        ("From: 山@example.org\n", (TO,), "header"),
        ("Cc: 太郎 <山@example.org>\n", (TO,), "header"),
    ],
)
def test_no_utf8_headers_are_used_unless_the_settings_say_so(sendmail, header, arguments, said) -> None:
    with sendmail.server(ehlo=ehlo_reply(b"SMTPUTF8", b"8BITMIME")) as server:
        result = sendmail(f"{header}Subject: x\n\nbody\n", *arguments)
    assert (result.code, server.messages) == (69, [])
    assert said in result.err
    assert f"`mailctl --config {sendmail.config} sysmail set --smtputf8`" in result.err
    assert b"MAIL" not in server.received


def test_an_international_address_goes_where_the_server_takes_it(sendmail: Sendmail) -> None:
    with sendmail.server(account="smtputf8 = true", ehlo=ehlo_reply(b"SMTPUTF8", b"8BITMIME")) as server:
        result = sendmail("To: 山田太郎@株式.会社\n\n", "-t")
    assert result.code == 0
    assert "RCPT TO:<山田太郎@株式.会社>".encode() in server.received
    assert "To: 山田太郎@株式.会社\r\n".encode() in server.messages[0]
