"""What a server says before TLS does not reach beyond it: cases 8, 13-15, 18, 19 and 21."""

from __future__ import annotations

import json

import pytest
from tests.doubles.imap import CAPABILITIES, CAPABILITY, OPENED, ImapServer, capability_reply
from tests.doubles.pop3 import CAPA, Pop3Server
from tests.doubles.scripted import ScriptedServer
from tests.doubles.smtp import EHLO, SmtpServer
from tests.doubles.steps import Close, Reset
from tests.hostile.client import PASSWORD, resolving_to, run, told_by
from tests.hostile.secrecy import count_logins, find_secret

from mailctl.errors import AuthenticationError, MailError, NetworkError
from mailctl.model.report import Stage


@pytest.mark.parametrize(
    "kinds",
    [
        (
            SmtpServer(ehlo_before_tls=EHLO),
            SmtpServer(starttls=b"502 5.5.1 no\r\n"),
            SmtpServer(starttls=b"454 4.7.0 later\r\n"),
        ),
        (
            Pop3Server(capa_before_tls=CAPA, stls=b"-ERR what?\r\n"),
            Pop3Server(stls=b"-ERR no\r\n"),
            Pop3Server(stls=b"-ERR [SYS/TEMP] later\r\n"),
        ),
        (
            ImapServer(capability_before_tls=CAPABILITY),
            ImapServer(starttls=b"<tag> NO no\r\n"),
            ImapServer(starttls=b"<tag> NO [UNAVAILABLE] later\r\n"),
        ),
    ],
    ids=["smtp", "pop3", "imap"],
)
def test_case_02_not_offered_and_refused_and_refused_for_now_are_three_answers(kinds, context_for, ca):
    reasons = set()
    for deviation in kinds:
        with (
            ScriptedServer(deviation.script, tls=context_for("good")) as server,
            pytest.raises(MailError) as caught,
        ):
            run(server, deviation, ca)
        reasons.add(caught.value.reason)
    assert len(reasons) == len(kinds)


@pytest.mark.parametrize("auth", ["auto", "plain", "login-command"])
def test_case_08_pop3_capa_refused_and_stls_taken(auth, context_for, ca):
    deviation = Pop3Server(capa_before_tls=b"-ERR what?\r\n")
    with ScriptedServer(deviation.script, tls=context_for("good")) as server:
        run(server, deviation, ca, auth=auth)
    assert count_logins("pop3", server.before_tls) == 0
    assert not find_secret(PASSWORD, server.before_tls)
    assert count_logins("pop3", server.after_tls) == 1


FORGERIES = (
    b'* LIST () "/" FORGED\r\n* SEARCH 666\r\n* 666 EXISTS\r\n* 666 FETCH (UID 666)\r\n'
    b"* FLAGS (FORGED)\r\n* OK [UIDVALIDITY 666] forged\r\n"
)


@pytest.mark.parametrize(
    "deviation",
    [
        ImapServer(greeting=b"* OK ready\r\n" + FORGERIES),
        ImapServer(capability_before_tls=FORGERIES + capability_reply(*CAPABILITIES, b"STARTTLS")),
    ],
    ids=["after_the_greeting", "before_the_capabilities"],
)
def test_case_13_imap_untagged_responses_from_before_tls_are_absent_after_it(deviation, context_for, ca):
    with ScriptedServer(deviation.script, tls=context_for("good")) as server:
        try:
            watch = run(server, deviation, ca, until=Stage.MAILBOX)
        except MailError as error:
            assert error.stage in (Stage.GREETING, Stage.CAPABILITIES, Stage.TLS)  # noqa: PT017 - refusing is right, too
            assert not find_secret(PASSWORD, server.received)
        else:
            mailbox = json.dumps(watch.find(Stage.MAILBOX).evidence, default=str)
            assert "INBOX" in mailbox
            assert "FORGED" not in mailbox
            assert "666" not in mailbox


def test_case_14_imap_preauth_over_tls_with_a_client_certificate_is_a_login(context_for, ca):
    deviation = ImapServer(security="tls", greeting=b"* PREAUTH welcome back\r\n")
    with ScriptedServer(deviation.script, tls=context_for("good_for_known_clients")) as server:
        run(server, deviation, ca, auth="external", client_certificate=ca.client("ann"), until=Stage.MAILBOX)
    assert count_logins("imap", server.received) == 0
    assert b"EXAMINE" in server.after_tls


def test_case_15_imap_logindisabled_leaves_sasl(context_for, ca):
    deviation = ImapServer(capability=capability_reply(b"LOGINDISABLED", b"AUTH=PLAIN"))
    with ScriptedServer(deviation.script, tls=context_for("good")) as server:
        run(server, deviation, ca, auth="auto")
    assert b" AUTHENTICATE PLAIN" in server.after_tls
    assert b" LOGIN " not in server.received


@pytest.mark.parametrize("point", ["greeting", "verdict"])
def test_case_18_imap_referral_is_never_followed_and_kept_for_people_to_read(point, context_for, ca):
    with ScriptedServer(ImapServer(security="none").script) as elsewhere:
        referral = b"[REFERRAL imap://127.0.0.1:%d/] try there\x1b[2J" % elsewhere.port
        reply = b"* BYE %s\r\n" % referral if point == "greeting" else b"<tag> NO %s\r\n" % referral
        deviation = ImapServer(**{point: reply})
        with (
            ScriptedServer(deviation.script, tls=context_for("good")) as server,
            pytest.raises(MailError) as caught,
        ):
            run(server, deviation, ca)
    assert elsewhere.connections == []
    assert len(server.connections) == 1
    assert referral in caught.value.reply
    assert "\x1b" not in caught.value.message
    assert point == "greeting" or isinstance(caught.value, AuthenticationError)


@pytest.mark.parametrize(
    "deviation",
    [
        ImapServer(greeting=b"* OK [ALERT] call +1 555 0100\r\n"),
        ImapServer(capability_before_tls=b"* OK [ALERT] call +1 555 0100\r\n" + ImapServer().capability_before_tls),
        ImapServer(starttls=(b"<tag> OK [ALERT] call +1 555 0100\r\n", *ImapServer().starttls[1:])),
    ],
    ids=["in_the_greeting", "before_the_capabilities", "in_the_answer_to_starttls"],
)
def test_case_19_imap_alert_from_before_tls_is_not_shown(deviation, context_for, ca):
    with ScriptedServer(deviation.script, tls=context_for("good")) as server:
        watch = run(server, deviation, ca)
    assert "+1 555 0100" not in told_by(watch)


@pytest.mark.parametrize("first", [Reset(), Close(), b"421 4.3.2 busy\r\n"], ids=["reset", "closed", "busy"])
def test_case_21_smtp_second_address_without_starttls_is_refused(first, context_for, ca):
    stripped = SmtpServer(ehlo_before_tls=EHLO)
    with ScriptedServer(stripped.script, tls=context_for("good")) as server:
        try:
            other = ScriptedServer(first, address="127.0.0.2", port=server.port)
        except OSError as error:
            pytest.skip(f"this machine has no 127.0.0.2: {error}")
        with other, pytest.raises(MailError):
            run(server, stripped, ca, resolve=resolving_to("127.0.0.2", "127.0.0.1"))
    assert len(other.connections) == 1
    assert count_logins("smtp", server.received + other.received) == 0


def test_case_21_smtp_requirement_holds_at_the_next_try(context_for, ca):
    good, stripped = SmtpServer(), SmtpServer(ehlo_before_tls=EHLO)
    with ScriptedServer(Reset(), stripped.script, tls=context_for("good")) as server:
        with pytest.raises(NetworkError):
            run(server, good, ca)
        with pytest.raises(MailError):
            run(server, good, ca)
    assert count_logins("smtp", server.received) == 0


def test_opened_mailbox_is_what_the_tls_session_says(context_for, ca):
    good = ImapServer(examine=OPENED.replace(b"1 EXISTS", b"41 EXISTS") + b"<tag> OK [READ-ONLY] done\r\n")
    with ScriptedServer(good.script, tls=context_for("good")) as server:
        watch = run(server, good, ca, until=Stage.MAILBOX)
    assert "41" in json.dumps(watch.find(Stage.MAILBOX).evidence, default=str)
