"""SMTP sessions against a scripted server: round trips, envelopes, and what is sent when."""

from __future__ import annotations

import base64
import io
import socket

import pytest
from tests.doubles.scripted import ScriptedServer
from tests.doubles.smtp import TAKE_MESSAGE, SmtpServer, ehlo_reply
from tests.doubles.steps import Close, Expect, ReadOctets, Reset, Stall, as_steps

from mailctl.errors import (
    AuthenticationError,
    CapabilityError,
    FateUnknownError,
    InvalidValueError,
    NetworkError,
    RefusedError,
    TemporaryError,
    TLSError,
)
from mailctl.model.report import Stage
from mailctl.transport.smtp.session import open_smtp
from mailctl.transport.watch import Watch

LOGIN = ("ann@example.org", "Tr0ub4dor & 3")
MESSAGE = b"Message-ID: <1@example.org>\r\nSubject: x\r\n\r\n.dot\r\n"
NO_EXTENSIONS = ehlo_reply(b"HELP")
CHUNKING = ehlo_reply(b"PIPELINING", b"SIZE 100000", b"8BITMIME", b"CHUNKING")


@pytest.fixture
def serve(route_to):
    """Return a function that opens a session with a scripted server and hands it to `act`."""

    def run(server, act=lambda session: session, *, watch=None, auth="none", login=None, tls=None, **options):
        with ScriptedServer(server.script, tls=tls) as double:
            route = route_to("smtp", double.port, security=server.security, auth=auth, login=login)
            with open_smtp(route, watch or Watch(), **options) as session:
                result = act(session)
        return result, double

    return run


def commands(double):
    return double.received.split(b"\r\n")


def test_a_message_takes_two_round_trips_where_commands_are_pipelined(serve):
    def act(session):
        before = session.turns
        outcome = session.send("a@example.org", ["b@example.org", "c@example.org"], MESSAGE)
        return outcome, session.turns - before

    (outcome, turns), double = serve(SmtpServer(security="none"), act)
    assert turns == 2
    assert outcome.accepted == ("b@example.org", "c@example.org")
    assert (outcome.refused, outcome.queue_id) == ({}, "4F2Z")
    assert double.messages == [MESSAGE.replace(b".dot", b"..dot")]
    assert b"MAIL FROM:<a@example.org> SIZE=%d" % len(MESSAGE) in commands(double)


def test_what_the_server_can_do_is_told(serve):
    watch = Watch()
    serve(SmtpServer(security="none", ehlo=ehlo_reply(b"SIZE 100000", b"8BITMIME", b"AUTH PLAIN LOGIN")), watch=watch)
    assert watch.find(Stage.CAPABILITIES).evidence == {
        "capabilities": ["SIZE", "8BITMIME", "AUTH"], "mechanisms": ["PLAIN", "LOGIN"], "size": 100_000,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("reply", "queue_id"),
    [
        (b"250 2.0.0 Ok: queued as 4cHk5Z2Jz8z9tQ6", "4cHk5Z2Jz8z9tQ6"),
        (b"250 2.0.0 OK: delivered as 956C319A7C47", "956C319A7C47"),
        (b"250 OK id=1sXyZw-000ABc-1D", "1sXyZw-000ABc-1D"),
        (b"250 2.0.0 46BAr3Yl012345 Message accepted for delivery", "46BAr3Yl012345"),
        (b"250 ok 1190000000 qp 12345", "12345"),
        (b"250 2.0.0 OK  1564749211 d4sm9838928.28 - gsmtp", "d4sm9838928.28"),
        (
            b"250 2.6.0 <a@b.example> [InternalId=73366069149762, Hostname=FR0P281MB0123.DEUP281.PROD.OUTLOOK.COM] "
            b"8364 bytes in 0.225, 36.166 KB/sec Queued mail for delivery",
            "73366069149762",
        ),
        (b"250 Ok 0102018b0fc1d7a8-9a1a6d7f-4f3e-000000", "0102018b0fc1d7a8-9a1a6d7f-4f3e-000000"),
        (b"250 2.0.0 thank you", None),
    ],
)
def test_the_name_that_a_server_gives_a_message_is_found_in_its_reply(serve, reply, queue_id):
    server = SmtpServer(security="none", data=(TAKE_MESSAGE, reply + b"\r\n"))
    outcome, _ = serve(server, lambda session: session.send("a@example.org", ["b@example.org"], MESSAGE))
    assert outcome.queue_id == queue_id


def test_commands_are_sent_one_by_one_where_they_must_be(serve):
    def act(session):
        before = session.turns
        session.send("a@example.org", ["b@example.org"], MESSAGE)
        return session.turns - before

    turns, double = serve(SmtpServer(security="none", ehlo=NO_EXTENSIONS), act)
    assert turns == 4
    assert b"MAIL FROM:<a@example.org>" in commands(double)


@pytest.mark.parametrize("ehlo", [ehlo_reply(b"PIPELINING"), NO_EXTENSIONS], ids=["pipelined", "one by one"])
@pytest.mark.parametrize(("code", "error"), [(b"550", RefusedError), (b"450", TemporaryError)])
def test_all_recipients_refused_ends_without_a_message(serve, ehlo, code, error):
    watch = Watch()
    server = SmtpServer(security="none", ehlo=ehlo, rcpt=code + b" 5.1.1 nobody\r\n", data=b"554 no recipients\r\n")
    with pytest.raises(error) as caught:
        serve(server, lambda session: session.send("a@example.org", ["b@example.org"], MESSAGE), watch=watch)
    assert caught.value.reply == code + b" 5.1.1 nobody"
    assert caught.value.details["refused"] == {
        "b@example.org": {"code": int(code), "reply": f"{code.decode()} 5.1.1 nobody"}
    }
    assert watch.find(Stage.MESSAGE).evidence["refused"]


@pytest.mark.parametrize("point", ["mail", "rcpt"])
def test_a_go_ahead_for_nobody_is_answered_by_a_lone_dot(serve, point):
    def act(session):
        with pytest.raises(RefusedError) as caught:
            session.send("a@example.org", ["b@example.org"], MESSAGE)
        return caught.value

    error, double = serve(SmtpServer(security="none", **{point: b"550 no\r\n"}), act)
    assert error.reply == b"550 no"
    assert double.messages == [b""]


def test_some_recipients_refused_are_named_and_the_others_served(serve):
    rcpt = (b"250 ok\r\n", Expect(rb"RCPT TO:<c@"), b"550 nobody\r\n")
    outcome, double = serve(
        SmtpServer(security="none", rcpt=rcpt),
        lambda session: session.send("a@example.org", ["b@example.org", "c@example.org"], MESSAGE),
    )
    assert outcome.accepted == ("b@example.org",)
    assert {address: reply.code for address, reply in outcome.refused.items()} == {"c@example.org": 550}
    assert len(double.messages) == 1


def test_an_envelope_is_tried_and_taken_back_in_one_round_trip(serve):
    def act(session):
        before = session.turns
        session.envelope("a@example.org", ["b@example.org"])
        return session.turns - before

    turns, double = serve(SmtpServer(security="none"), act)
    assert turns == 1
    assert b"RSET" in commands(double)
    assert double.messages == []


def test_many_recipients_are_sent_in_groups_that_the_server_can_answer(serve):
    recipients = [f"r{number}@example.org" for number in range(250)]
    outcome, _ = serve(SmtpServer(security="none"), lambda session: session.send("a@example.org", recipients, MESSAGE))
    assert outcome.accepted == tuple(recipients)


class RecipientLimit:
    """Takes so many recipients in a transaction, and says of each other one that they are too many."""

    def __init__(self, most: int, *, transactions: int = 1000) -> None:
        self._most, self._left, self._transactions = most, 0, transactions
        self.overshoot = 0

    @property
    def mail(self):
        return (Act(self._begin), b"250 ok\r\n")

    def _begin(self) -> None:
        self._left = self._most if self._transactions else 0
        self._transactions -= 1

    def play(self, conversation) -> None:
        self._left -= 1
        self.overshoot += self._left < 0
        conversation.write(b"250 ok\r\n" if self._left >= 0 else b"452 4.5.3 Error: too many recipients\r\n")


class Act:
    def __init__(self, act) -> None:
        self._act = act

    def play(self, conversation) -> None:
        self._act()


@pytest.mark.parametrize("ehlo", [ehlo_reply(b"PIPELINING"), NO_EXTENSIONS], ids=["pipelined", "one by one"])
def test_recipients_who_are_too_many_for_one_transaction_get_the_message_in_further_ones(serve, ehlo):
    recipients = [f"r{number}@example.org" for number in range(250)]
    limit = RecipientLimit(110)
    server = SmtpServer(security="none", ehlo=ehlo, mail=limit.mail, rcpt=limit)
    outcome, double = serve(server, lambda session: session.send("a@example.org", recipients, io.BytesIO(MESSAGE)))
    assert (sorted(outcome.accepted), outcome.refused) == (sorted(recipients), {})
    assert double.messages == [MESSAGE.replace(b".dot", b"..dot")] * 3
    assert limit.overshoot <= 2 * 100  # servers count those who come after the limit


def test_recipients_whom_no_further_transaction_takes_stay_refused_for_now(serve):
    recipients = [f"r{number}@example.org" for number in range(30)]
    limit = RecipientLimit(20, transactions=1)
    server = SmtpServer(security="none", mail=limit.mail, rcpt=limit)
    outcome, _ = serve(server, lambda session: session.send("a@example.org", recipients, MESSAGE))
    assert (len(outcome.accepted), len(outcome.refused)) == (20, 10)
    assert all(refusal.is_temporary for refusal in outcome.refused.values())


def test_a_further_transaction_whose_end_is_not_known_says_who_has_the_message(serve):
    recipients = [f"r{number}@example.org" for number in range(30)]
    limit = RecipientLimit(20)
    taken = InTurn((TAKE_MESSAGE, b"250 2.0.0 ok\r\n"), (TAKE_MESSAGE, Close()))
    server = SmtpServer(security="none", mail=limit.mail, rcpt=limit, data=taken)
    with pytest.raises(FateUnknownError, match="20 recipients have the message"):
        serve(server, lambda session: session.send("a@example.org", recipients, MESSAGE))


class InTurn:
    """Plays one part after the other, one each time."""

    def __init__(self, *parts) -> None:
        self._parts = iter(parts)

    def play(self, conversation) -> None:
        for step in as_steps(next(self._parts)):
            step.play(conversation)


@pytest.mark.parametrize(
    ("sender", "recipient", "message", "reason"),
    [
        ("a@example.org", "b@example.org", b"Subject: x\r\n\r\n" + b"y" * 2000, "message-too-large"),
        ("grün@example.org", "b@example.org", MESSAGE, "smtputf8-not-offered"),
        ("a@example.org", "山田@example.org", MESSAGE, "smtputf8-not-offered"),
        ("a@example.org", "b@example.org", "Subject: grün\r\n\r\n".encode(), "smtputf8-not-offered"),
        ("a@example.org", "b@example.org", "Subject: x\r\n\r\ngrün".encode(), "not-offered"),
    ],
)
def test_what_the_server_cannot_take_is_refused_before_anything_is_sent(serve, sender, recipient, message, reason):
    server = SmtpServer(
        security="none", ehlo=ehlo_reply(b"PIPELINING", b"SIZE 1000"), mail=b"555 must not be asked\r\n"
    )
    with pytest.raises((RefusedError, CapabilityError)) as caught:
        serve(server, lambda session: session.send(sender, [recipient], message))
    assert caught.value.reason == reason
    assert caught.value.stage is Stage.MESSAGE


def test_smtputf8_and_8bitmime_are_asked_for_exactly_when_needed(serve):
    ehlo = ehlo_reply(b"PIPELINING", b"8BITMIME", b"SMTPUTF8")
    server = SmtpServer(security="none", ehlo=ehlo)
    _, double = serve(server, lambda s: s.send("a@例え.jp", ["b@example.org"], MESSAGE))
    assert b"MAIL FROM:<a@xn--r8jz45g.jp>" in commands(double)
    _, double = serve(server, lambda s: s.send("山田@例え.jp", ["b@example.org"], MESSAGE))
    assert "MAIL FROM:<山田@例え.jp> SMTPUTF8".encode() in commands(double)
    _, double = serve(server, lambda s: s.send("a@example.org", ["b@example.org"], "Subject: x\n\ngrün".encode()))
    assert b"MAIL FROM:<a@example.org> BODY=8BITMIME" in commands(double)


def test_a_bounce_has_an_empty_sender(serve):
    _, double = serve(SmtpServer(security="none"), lambda session: session.send("", ["b@example.org"], MESSAGE))
    assert b"MAIL FROM:<> SIZE=%d" % len(MESSAGE) in commands(double)


def test_a_refusal_in_the_middle_of_a_message_is_heard(serve):
    data = (b"354 go on\r\n", Expect(rb"Subject"), b"552 5.3.4 too big after all\r\n", Close())
    message = b"Subject: x\r\n\r\n" + b"y" * 40_000_000
    with pytest.raises((RefusedError, NetworkError)) as caught:
        serve(SmtpServer(security="none", ehlo=NO_EXTENSIONS, data=data), lambda s: s.send("", ["b@x.org"], message))
    assert not isinstance(caught.value, FateUnknownError)


def test_a_message_takes_one_round_trip_where_it_can_go_with_its_envelope(serve):
    def act(session):
        before = session.turns
        outcome = session.send("a@example.org", ["b@example.org", "c@example.org"], MESSAGE)
        return outcome, session.turns - before

    (outcome, turns), double = serve(SmtpServer(security="none", ehlo=CHUNKING), act)
    assert turns == 1
    assert (outcome.accepted, outcome.queue_id) == (("b@example.org", "c@example.org"), "5B3A")
    assert double.messages == [MESSAGE]


def test_what_goes_by_octets_has_the_line_ends_of_mail_and_its_dots_as_they_are(serve):
    _, double = serve(
        SmtpServer(security="none", ehlo=CHUNKING),
        lambda session: session.send("a@example.org", ["b@example.org"], b"Subject: x\n\n.\n..\rlast"),
    )
    assert double.messages == [b"Subject: x\r\n\r\n.\r\n..\r\nlast\r\n"]


def test_only_a_short_message_and_the_first_of_a_session_goes_with_its_envelope(serve):
    for first in (MESSAGE, b"x" * 65_537):
        ehlo = ehlo_reply(b"PIPELINING", b"CHUNKING")
        _, double = serve(
            SmtpServer(security="none", ehlo=ehlo),
            lambda session, first=first: [
                session.send("a@example.org", ["b@example.org"], message) for message in (first, MESSAGE)
            ],
        )
        assert commands(double).count(b"DATA") == (1 if first == MESSAGE else 2)


def test_of_a_message_that_went_with_its_envelope_some_recipients_are_refused(serve):
    rcpt = (b"250 ok\r\n", Expect(rb"RCPT TO:<c@"), b"450 full\r\n")
    outcome, _ = serve(
        SmtpServer(security="none", ehlo=CHUNKING, rcpt=rcpt),
        lambda session: session.send("a@example.org", ["b@example.org", "c@example.org"], MESSAGE),
    )
    assert outcome.accepted == ("b@example.org",)
    assert {address: reply.code for address, reply in outcome.refused.items()} == {"c@example.org": 450}


NOBODY = (ReadOctets(), b"503 5.5.1 nobody is to get it\r\n")


@pytest.mark.parametrize("bdat", [NOBODY, (ReadOctets(), Reset())], ids=["answered", "broken off"])
@pytest.mark.parametrize(
    ("point", "reply", "error"),
    [
        ("mail", b"550 not you", RefusedError),
        ("rcpt", b"550 nobody", RefusedError),
        ("rcpt", b"450 no", TemporaryError),
    ],
)
def test_a_refused_envelope_decides_over_the_message_that_went_with_it(serve, bdat, point, reply, error):
    server = SmtpServer(security="none", ehlo=CHUNKING, bdat=bdat, **{point: reply + b"\r\n"})
    with pytest.raises(error) as caught:
        serve(server, lambda session: session.send("a@example.org", ["b@example.org"], MESSAGE))
    assert caught.value.reply == reply
    assert not isinstance(caught.value, FateUnknownError)


@pytest.mark.parametrize("point", ["mail", "rcpt", "bdat"])
def test_a_connection_lost_after_envelope_and_message_leaves_its_fate_unknown(serve, point):
    with pytest.raises(FateUnknownError) as caught:
        serve(
            SmtpServer(security="none", ehlo=CHUNKING, **{point: Close()}),
            lambda session: session.send("a@example.org", ["b@example.org"], MESSAGE),
        )
    assert caught.value.details["message_id"] == "<1@example.org>"


def test_a_message_is_refused_after_its_envelope_was_accepted(serve):
    def act(session):
        with pytest.raises(RefusedError) as caught:
            session.send("a@example.org", ["b@example.org"], MESSAGE)
        session.send("a@example.org", ["c@example.org"], MESSAGE)
        return caught.value

    server = SmtpServer(security="none", ehlo=CHUNKING, bdat=(ReadOctets(), b"554 5.7.1 spam\r\n"))
    error, double = serve(server, act)
    assert (error.reason, error.reply) == ("message-refused", b"554 5.7.1 spam")
    assert len(double.messages) == 2


def test_nothing_more_is_said_to_a_server_that_took_the_message_for_commands(serve):
    def act(session):
        with pytest.raises(RefusedError):
            session.send("a@example.org", ["b@example.org"], MESSAGE)
        return session.is_usable

    server = SmtpServer(security="none", ehlo=CHUNKING, bdat=(b"502 what?\r\n", Stall()))
    usable, _ = serve(server, act)
    assert not usable


@pytest.mark.parametrize("end", [b"\xff\xff\r\n", b"399 what\r\n"], ids=["no reply", "out of place"])
def test_an_answer_to_the_message_that_says_nothing_leaves_its_fate_unknown(serve, end):
    server = SmtpServer(security="none", data=(TAKE_MESSAGE, end))
    with pytest.raises(FateUnknownError):
        serve(server, lambda session: session.send("a@example.org", ["b@example.org"], MESSAGE))


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (b"530 5.7.0 Must issue a STARTTLS command first\r\n", TLSError),
        (b"530 5.7.57 Client was not authenticated to send mail\r\n", AuthenticationError),
    ],
)
def test_530_says_what_is_missing(serve, reply, error):
    with pytest.raises(error):
        serve(SmtpServer(security="none", mail=reply), lambda s: s.envelope("a@example.org", ["b@example.org"]))


def test_a_session_goes_on_after_an_envelope_that_was_refused(serve):
    def act(session):
        with pytest.raises(RefusedError):
            session.send("a@example.org", ["b@example.org"], MESSAGE)
        return session.send("a@example.org", ["c@example.org"], MESSAGE)

    mail = (b"550 not you\r\n", Expect(rb"RSET"), b"250 ok\r\n", Expect(rb"MAIL"), b"250 ok\r\n")
    outcome, double = serve(SmtpServer(security="none", ehlo=NO_EXTENSIONS, mail=mail), act)
    assert outcome.accepted == ("c@example.org",)
    assert len(double.messages) == 1


def test_a_message_to_nobody_is_refused(serve):
    with pytest.raises(InvalidValueError):
        serve(SmtpServer(security="none"), lambda session: session.send("a@example.org", [], MESSAGE))


def test_helo_serves_where_nothing_needs_ehlo(serve):
    server = SmtpServer(security="none", ehlo=b"502 what?\r\n")
    outcome, _ = serve(server, lambda session: session.send("a@example.org", ["b@example.org"], MESSAGE))
    assert outcome.accepted == ("b@example.org",)


def test_the_machine_names_itself_by_a_full_name_or_its_address(serve):
    _, double = serve(SmtpServer(security="none"))
    name = commands(double)[0].removeprefix(b"EHLO ").decode()
    assert name == "[127.0.0.1]" or name == socket.gethostname().lower()
    _, double = serve(SmtpServer(security="none"), ehlo_name="mail.example.org")
    assert commands(double)[0] == b"EHLO mail.example.org"


def test_what_would_end_a_command_is_refused_before_connecting(serve):
    with pytest.raises(InvalidValueError):
        serve(SmtpServer(security="none"), ehlo_name="a\r\nb")
    with pytest.raises(InvalidValueError):
        serve(SmtpServer(security="none"), lambda s: s.envelope("a@x.org\r\nRCPT", ["b@x.org"]))


@pytest.mark.parametrize(
    ("until", "stages"),
    [
        (Stage.TCP, [Stage.DNS, Stage.TCP]),
        (Stage.GREETING, [Stage.DNS, Stage.TCP, Stage.GREETING]),
        (Stage.CERTIFICATE, [Stage.DNS, Stage.TCP, Stage.GREETING, Stage.TLS, Stage.CERTIFICATE]),
        (
            Stage.AUTH,
            [Stage.DNS, Stage.TCP, Stage.GREETING, Stage.TLS, Stage.CERTIFICATE, Stage.CAPABILITIES, Stage.AUTH],
        ),
    ],
)
def test_a_session_is_opened_as_far_as_it_is_wanted(serve, server_context, until, stages):
    watch = Watch(thorough=True)
    serve(SmtpServer(), watch=watch, until=until, auth="plain", login=LOGIN, tls=server_context)
    assert [record.stage for record in watch.records] == stages


def test_opening_with_starttls_and_plain_takes_five_round_trips(serve, server_context):
    turns, _ = serve(SmtpServer(), lambda s: s.turns, auth="plain", login=LOGIN, tls=server_context)
    assert turns == 5  # EHLO, STARTTLS, the handshake, EHLO, AUTH


def test_without_a_login_nobody_is_logged_in(serve):
    _, double = serve(SmtpServer(security="none"), auth="plain")
    assert b"AUTH" not in double.received


def test_auto_never_sends_a_password_in_the_clear(serve):
    ehlo = ehlo_reply(b"AUTH PLAIN LOGIN")
    with pytest.raises(CapabilityError) as caught:
        serve(SmtpServer(security="none", ehlo=ehlo), auth="auto", login=LOGIN)
    assert caught.value.details["offered"] == ["PLAIN", "LOGIN"]


def test_auto_takes_the_strongest_that_is_offered(serve):
    watch = Watch()
    serve(SmtpServer(security="none"), auth="auto", login=LOGIN, watch=watch)
    assert watch.find(Stage.AUTH).evidence == {"mechanism": "cram-md5", "attempts": 1}


def test_the_error_challenge_of_a_token_is_decoded(serve):
    refusal = b'{"status":"401","schemes":"bearer","scope":"https://mail.example/"}'
    auth = (b"334 " + base64.b64encode(refusal) + b"\r\n", Expect(rb"\r\n"), b"535 5.7.8 no\r\n")
    server = SmtpServer(security="none", ehlo=ehlo_reply(b"AUTH XOAUTH2"), auth=auth)
    with pytest.raises(AuthenticationError) as caught:
        serve(server, auth="xoauth2", login=LOGIN)
    assert caught.value.details["challenge"]["status"] == "401"
    assert caught.value.reply == b"535 5.7.8 no"


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (b"454 4.7.0 try again\r\n", TemporaryError),
        (b"421 too many\r\n", TemporaryError),
        (b"504 5.5.4 what mechanism?\r\n", CapabilityError),
        (b"534 5.7.9 app password\r\n", AuthenticationError),
    ],
)
def test_a_refused_login_is_told_from_one_that_cannot_be_had_now(serve, reply, error):
    with pytest.raises(error) as caught:
        serve(SmtpServer(security="none", auth=reply), auth="plain", login=LOGIN)
    assert caught.value.stage is Stage.AUTH
