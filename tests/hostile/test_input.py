"""Words that would do harm, from either side, and addresses that don't answer: cases 83-85 and 90."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from tests.doubles.black_hole import open_black_hole
from tests.doubles.imap import ImapServer
from tests.doubles.pop3 import Pop3Server
from tests.doubles.scripted import ScriptedServer
from tests.doubles.smtp import SmtpServer
from tests.hostile.client import PASSWORD, USER, resolving_to, run, told_by
from tests.hostile.secrecy import count_logins, find_secret

from mailctl.errors import AuthenticationError, InvalidValueError, MailctlError, NetworkError, ProtocolError
from mailctl.model.report import Stage
from mailctl.protocol.replies import printable

VILE = b"\x1b[2J\x07 \xff\xfe \x9b \x00 \xe2\x80\xae evil"
NEVER_SHOWN = ("\x1b", "\x07", "\x9b", "\x00", "\u202e")


@pytest.mark.parametrize(
    "deviation",
    [
        SmtpServer(verdict=b"535 5.7.8 " + VILE + b"\r\n"),
        Pop3Server(verdict=b"-ERR " + VILE + b"\r\n"),
        ImapServer(verdict=b"<tag> NO " + VILE + b"\r\n"),
    ],
    ids=["smtp", "pop3", "imap"],
)
def test_case_83_vile_characters_in_a_refusal(deviation, context_for, ca):
    with (
        ScriptedServer(deviation.script, tls=context_for("good")) as server,
        pytest.raises((AuthenticationError, ProtocolError)) as caught,
    ):
        run(server, deviation, ca)
    assert not any(character in caught.value.message for character in NEVER_SHOWN)
    assert not any(character in printable(caught.value.reply or b"") for character in NEVER_SHOWN)


@pytest.mark.parametrize(
    "deviation",
    [
        SmtpServer(greeting=b"220 " + VILE + b"\r\n"),
        SmtpServer(ehlo=b"250-mail.example\r\n250-AUTH PLAIN\r\n250 " + VILE + b"\r\n"),
        Pop3Server(greeting=b"+OK " + VILE + b"\r\n"),
        Pop3Server(uidl=b"+OK\r\n1 " + VILE + b"\r\n.\r\n"),
        Pop3Server(top=b"+OK\r\nSubject: " + VILE + b"\r\n\r\n.\r\n"),
        ImapServer(greeting=b"* OK " + VILE + b"\r\n"),
        ImapServer(list=b'* LIST () "/" "' + VILE + b'"\r\n<tag> OK done\r\n'),
    ],
    ids=["smtp_greeting", "smtp_ehlo", "pop3_greeting", "pop3_uidl", "pop3_top", "imap_greeting", "imap_list"],
)
def test_case_83_vile_characters_elsewhere_are_survived_or_refused(deviation, context_for, ca):
    last = Stage.ENVELOPE if isinstance(deviation, SmtpServer) else Stage.MAILBOX
    with ScriptedServer(deviation.script, tls=context_for("good")) as server:
        try:
            watch = run(server, deviation, ca, until=last)
        except ProtocolError as error:
            assert not any(character in error.message for character in NEVER_SHOWN)  # noqa: PT017 - either is right
        else:
            assert watch.find(last)


BREAKING = {"cr": "\r", "lf": "\n", "crlf": "\r\n", "nul": "\0"}


@pytest.mark.parametrize("breaking", BREAKING.values(), ids=BREAKING)
@pytest.mark.parametrize("setting", ["user", "password", "host"])
@pytest.mark.parametrize(
    ("good", "auth"),
    [
        (SmtpServer(), "plain"),
        (SmtpServer(), "login"),
        (SmtpServer(), "cram-md5"),
        (Pop3Server(), "login-command"),
        (Pop3Server(), "plain"),
        (Pop3Server(), "auto"),
        (ImapServer(), "login-command"),
        (ImapServer(), "plain"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_case_84_line_ends_and_nul_are_refused_before_connecting(good, auth, setting, breaking, context_for, ca):
    values = {"user": USER, "password": PASSWORD, "host": "localhost"}
    values[setting] += f"{breaking}QUIT"
    with ScriptedServer(good.script, tls=context_for("good")) as server, pytest.raises(InvalidValueError) as caught:
        run(server, good, ca, auth=auth, **values)
    assert server.connections == []
    assert not find_secret(values["password"], caught.value.message.encode())


@pytest.mark.parametrize("breaking", BREAKING.values(), ids=BREAKING)
@pytest.mark.parametrize("setting", ["sender", "recipient", "ehlo_name"])
def test_case_84_line_ends_and_nul_in_an_envelope_are_refused(setting, breaking, context_for, ca):
    good = SmtpServer()
    value = {"sender": "a@example.org", "recipient": "b@example.org", "ehlo_name": "me.example"}[setting]
    with ScriptedServer(good.script, tls=context_for("good")) as server, pytest.raises(InvalidValueError):
        run(server, good, ca, until=Stage.MESSAGE, **{setting: f"{value}{breaking}DATA"})
    assert b"MAIL FROM" not in server.received
    assert b"DATA" not in server.received


@pytest.mark.parametrize("character", ["\x01", "\t", "\x1b", "\x7f", "\x85", "\u2028"], ids=ascii)
@pytest.mark.parametrize("auth", ["login-command", "plain"])
@pytest.mark.parametrize("good", [Pop3Server(), ImapServer()], ids=["pop3", "imap"])
def test_case_85_control_characters_in_a_password_arrive_or_are_refused(good, auth, character, context_for, ca):
    protocol = "pop3" if isinstance(good, Pop3Server) else "imap"
    password = f"ab{character}cdefgh"
    with ScriptedServer(good.script, tls=context_for("good")) as server:
        try:
            run(server, good, ca, auth=auth, password=password)
        except MailctlError as error:
            assert not find_secret(password, error.message.encode())  # noqa: PT017 - refusing is right, too
            assert count_logins(protocol, server.received) == 0
        else:
            assert find_secret(password, server.after_tls)


@pytest.mark.parametrize("good", [SmtpServer(), Pop3Server(), ImapServer()], ids=["smtp", "pop3", "imap"])
def test_case_90_black_holed_address_leaves_time_for_the_second(good, context_for, ca):
    with ScriptedServer(good.script, tls=context_for("good")) as server, ExitStack() as stack:
        enter_black_hole(stack, "127.0.0.2", server.port)
        watch = run(server, good, ca, timeout_seconds=5, resolve=resolving_to("127.0.0.2", "127.0.0.1"))
    assert watch.find(Stage.TCP).evidence["address"] == "127.0.0.1"
    assert count_logins(watch.find(Stage.AUTH).protocol, server.after_tls) == 1


def test_case_90_black_holes_alone_meet_the_deadline(ca):
    with ExitStack() as stack:
        port = enter_black_hole(stack, "127.0.0.1", 0)
        enter_black_hole(stack, "127.0.0.2", port)
        with pytest.raises(NetworkError) as caught:
            run(port, SmtpServer(), ca, timeout_seconds=0.5, resolve=resolving_to("127.0.0.2", "127.0.0.1"))
    assert caught.value.stage is Stage.TCP
    assert caught.value.reason == "timed-out"


def enter_black_hole(stack, address, port):
    try:
        return stack.enter_context(open_black_hole(address, port))
    except OSError as error:
        pytest.skip(f"no black hole on this machine: {error}")


def test_what_is_told_of_a_good_server_is_told_by_its_stages(context_for, ca):
    good = SmtpServer(greeting=b"220 a word of welcome\r\n")
    with ScriptedServer(good.script, tls=context_for("good")) as server:
        assert "a word of welcome" in told_by(run(server, good, ca))
