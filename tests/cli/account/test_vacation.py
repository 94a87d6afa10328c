"""`mailctl account vacation`: set, answered by Pigeonhole on delivery, and answered from here on the real servers."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from imapclient import IMAPClient
from tests.doubles.scripted import ScriptedServer
from tests.doubles.smtp import SmtpServer
from tests.servers.certificates import CertificateAuthority
from tests.servers.dovecot import Dovecot
from tests.servers.people import ALICE, BOB, Person

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.account.conftest import AddPerson
    from tests.cli.conftest import Mailctl

TODAY = dt.date.today()  # noqa: DTZ011 - the day where the person is
TEXT = "I am away.\n\n不在です。\n"


@pytest.fixture
def away(mailctl: Mailctl, tmp_path: Path) -> list[object]:
    """The words that set an answer."""
    body = tmp_path / "away.txt"
    body.write_text(TEXT, encoding="utf-8")
    return ["--subject", "不在 Away", "--body-file", body]


def message(to: str, *, sender: str = ALICE.address, subject: str = "Hello", more: str = "") -> bytes:
    return (
        f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{subject}@example.test>\r\n{more}"
        f"\r\nAre you there?\r\n"
    ).encode()


def answers_to(dovecot: Dovecot, person: Person, about: str) -> list[bytes]:
    """Return the answers that somebody got to messages of a subject, by their Message-ID."""
    return [text for text in dovecot.messages(person.address) if answering(about).encode() in text]


def answering(about: str) -> str:
    return f"In-Reply-To: <{about}@example.test>"


def test_an_answer_is_set_shown_changed_and_switched_off(mailctl: Mailctl, account: str, away: list[object]) -> None:
    end = TODAY + dt.timedelta(days=5)
    result = mailctl.must("account", "vacation", "set", account, *away, "--until", end, "-o", "json").json
    since = dt.datetime.fromisoformat(result["vacation"].pop("since"))
    assert dt.timedelta(0) <= dt.datetime.now(dt.UTC) - since < dt.timedelta(minutes=1)
    assert result["vacation"] == {
        "active": True, "subject": "不在 Away", "text": TEXT.strip(), "from_date": str(TODAY), "until": str(end),
        "every_days": 7,
    }  # fmt: skip
    mailctl.must("account", "vacation", "set", account, "--every", "3")
    shown = mailctl.must("account", "vacation", "show", account)
    assert "yes, today" in shown.out
    assert "server   not installed" in shown.out
    assert f"{since:%Y-%m-%d %H:%M} to {end}, each sender once in 3 days" in shown.out
    assert "不在です。" in shown.out
    assert f"away      on, from {TODAY} until {end}: 不在 Away" in mailctl.must("account", "show", account).out
    switched_off = mailctl.must("account", "vacation", "off", account)
    assert f"next: `mailctl account vacation install {account}` ends it at the server" in switched_off.err
    assert mailctl.must("account", "vacation", "show", account, "-o", "json").json["answers_today"] is False
    assert mailctl.must("account", "vacation", "off", account, "-o", "json").json["changed"] is False


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("set", "{}"), 2, "missing: --subject, --body-file"),
        (("set", "{}", "--subject", "x", "--body-file", "/no/such"), 2, "/no/such cannot be read"),
        (("set", "{}", "AWAY", "--until", "31.12.2026"), 2, "--until"),
        (("set", "{}", "AWAY", "--every", "0"), 2, "--every"),
        (("set", "{}", "AWAY", "--until", "2001-01-01"), 2, "--until: 2001-01-01 is before the first day"),
        (("show", "{}"), 3, "has no out-of-office answer"),
        (("off", "{}"), 3, "has no out-of-office answer"),
        (("run", "{}"), 3, "has no out-of-office answer"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(
    mailctl: Mailctl, account: str, away: list[object], words: tuple[str, ...], code: int, said: str
) -> None:
    before = mailctl.settings()
    filled = [part for word in words for part in (away if word == "AWAY" else [word.replace("{}", account)])]
    result = mailctl("account", "vacation", *filled)
    assert result.code == code
    assert said in result.err
    assert mailctl.settings() == before


def test_new_mail_is_answered_once_and_a_second_message_is_not(
    mailctl: Mailctl, sender: str, dovecot: Dovecot, away: list[object]
) -> None:
    mailctl.must("account", "vacation", "set", sender, *away)
    name = sender.partition("@")[0]
    first, second = f"first-{name}", f"second-{name}"
    dovecot.deliver(sender, message(sender, subject=first), sender=ALICE.address)
    result = mailctl.must("account", "vacation", "run", sender)
    assert "answered: 1" in result.err
    answer = dovecot.await_message(ALICE, answering(first))
    assert b"Auto-Submitted: auto-replied" in answer
    assert b"Return-Path: <>" in answer
    assert f"References: <{first}@example.test>".encode() in answer
    dovecot.deliver(sender, message(sender, subject=second), sender=ALICE.address)
    again = mailctl.must("account", "vacation", "run", sender, "-o", "json").json
    assert [(one["subject"], one["why_not"]) for one in again["messages"]] == [
        (second, f"{ALICE.address} has been answered on {TODAY}")
    ]
    assert answers_to(dovecot, ALICE, second) == []


def test_a_dry_run_tells_who_would_be_answered_and_why_others_are_not(
    mailctl: Mailctl, sender: str, dovecot: Dovecot, away: list[object]
) -> None:
    mailctl.must("account", "vacation", "set", sender, *away)
    dovecot.deliver(sender, message(sender, sender=BOB.address, subject="one"), sender=BOB.address)
    dovecot.deliver(sender, message(sender, sender=BOB.address, subject="two"), sender=BOB.address)
    dovecot.deliver(sender, message(sender, subject="list", more="List-Id: <x.y>\r\n"), sender=ALICE.address)
    dovecot.deliver(sender, message("others@example.test", subject="others"), sender=ALICE.address)
    for _ in range(2):
        result = mailctl.must("account", "vacation", "run", sender, "--dry-run", "-o", "json").json
        assert [one["why_not"] for one in result["messages"]] == [
            None,
            f"{BOB.address} would have an answer already",
            "it is from a mailing list (List-Id)",
            "it does not name the account in To, Cc or Bcc",
        ]
        assert result["changed"] is False


def test_who_wrote_twice_before_a_run_is_answered_once(
    mailctl: Mailctl, sender: str, dovecot: Dovecot, away: list[object]
) -> None:
    mailctl.must("account", "vacation", "set", sender, *away)
    for subject in ("one", "two"):
        dovecot.deliver(sender, message(sender, sender=BOB.address, subject=subject), sender=BOB.address)
    told = mailctl.must("account", "vacation", "run", sender, "-o", "json").json["messages"]
    assert [one["why_not"] for one in told] == [None, f"{BOB.address} has been answered on {TODAY}"]


def test_nothing_is_answered_outside_its_days(mailctl: Mailctl, sender: str, away: list[object]) -> None:
    begin = TODAY + dt.timedelta(days=3)
    mailctl.must("account", "vacation", "set", sender, *away, "--from-date", begin)
    result = mailctl.must("account", "vacation", "run", sender)
    assert f"nothing is answered for {sender}: it begins on {begin}" in result.err


def test_the_days_may_be_all_that_the_calendar_has(
    mailctl: Mailctl, account: str, dovecot: Dovecot, away: list[object]
) -> None:
    dovecot.deliver(account, message(account))
    days = ("--from-date", dt.date.min, "--until", dt.date.max)
    mailctl.must("account", "vacation", "set", account, *away, *days)
    assert "answered: 1" in mailctl.must("account", "vacation", "run", account, "--dry-run").err


def test_what_came_before_it_was_switched_on_or_was_answered_by_hand_gets_no_answer(
    mailctl: Mailctl, account: str, imap: IMAPClient, away: list[object]
) -> None:
    now = dt.datetime.now().astimezone().replace(microsecond=0)
    later = now + dt.timedelta(minutes=1)
    moments = {
        "earlier": (now - dt.timedelta(seconds=5), []),
        "by-hand": (later, ["\\Answered"]),
        "read": (later, ["\\Seen"]),
    }
    for name, (moment, flags) in moments.items():
        imap.append("INBOX", message(account, sender=f"{name}@example.net"), flags, msg_time=moment)
    run = ("account", "vacation", "run", account, "--dry-run", "-o", "json")

    def told() -> list[tuple[str, str | None]]:
        return [(one["sender"], one["why_not"]) for one in mailctl.must(*run).json["messages"]]

    by_hand = ("by-hand@example.net", "it has been answered already, by somebody who read it")
    mailctl.must("account", "vacation", "set", account, *away)
    mailctl.must("account", "vacation", "set", account, "--every", "3")
    assert told() == [by_hand, ("read@example.net", None)]
    mailctl.must("account", "vacation", "set", account, "--from-date", (now - dt.timedelta(seconds=5)).date())
    assert told() == [("earlier@example.net", None), by_hand, ("read@example.net", None)]


@pytest.mark.parametrize("zone", ["Etc/GMT-14", "Etc/GMT+12"], ids=["east", "west"])
def test_the_days_are_those_where_the_person_is(
    mailctl: Mailctl, account: str, imap: IMAPClient, away: list[object], monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    """The server's own days, in UTC, begin and end half a day before, or after."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        now = dt.datetime.now().astimezone().replace(microsecond=0)
        begin = now.replace(hour=0, minute=0, second=0) - dt.timedelta(days=1)
        moments = {"before": begin - dt.timedelta(minutes=1), "first": begin, "now": now}
        for name, moment in moments.items():
            imap.append("INBOX", message(account, sender=f"{name}@example.net"), msg_time=moment)
        days = ("--from-date", begin.date(), "--until", now.date())
        mailctl.must("account", "vacation", "set", account, *away, *days)
        told = mailctl.must("account", "vacation", "run", account, "--dry-run", "-o", "json").json["messages"]
        assert [one["sender"] for one in told] == ["first@example.net", "now@example.net"]
    finally:
        monkeypatch.undo()
        time.tzset()


def test_an_answer_that_is_refused_is_told_and_not_counted_as_given(
    mailctl: Mailctl, sender: str, dovecot: Dovecot, away: list[object]
) -> None:
    mailctl.must("account", "vacation", "set", sender, *away)
    gone = "nobody@example.test"
    dovecot.deliver(sender, message(sender, sender=gone, subject="x"), sender=gone)
    result = mailctl("account", "vacation", "run", sender)
    assert result.code == 13
    assert "User unknown" in result.out
    dovecot.deliver(sender, message(sender, sender=gone, subject="y"), sender=gone)
    assert "User unknown" in mailctl("account", "vacation", "run", sender).out


@pytest.fixture(scope="module")
def submission() -> Iterator[ScriptedServer]:
    """What a Dovecot sends its own answers through."""
    with ScriptedServer(SmtpServer(security="none").script) as server:
        yield server


@pytest.fixture(scope="module")
def answering_dovecot(ca: CertificateAuthority, submission: ScriptedServer) -> Iterator[Dovecot]:
    extra = f"submission_host = 127.0.0.1:{submission.port}\n"
    with Dovecot(ca=ca, sieve=True, extra=extra) as server:
        yield server


@pytest.mark.real("dovecot")
def test_an_installed_answer_is_given_by_the_server_and_once(
    mailctl: Mailctl,
    add_person: AddPerson,
    answering_dovecot: Dovecot,
    submission: ScriptedServer,
    away: list[object],
) -> None:
    person = Person("out@example.test", "secret")
    answering_dovecot.add_user(person.address, person.password)
    add_person(
        person, "--sieve-host", "localhost", "--sieve-port", str(answering_dovecot.sieve_port), imap=answering_dovecot
    )
    mailctl.must("account", "vacation", "set", person.address, *away, "--until", TODAY + dt.timedelta(days=1))
    mailctl.must(
        "account", "filter", "add", person.address, "r", "--if", "subject is one", "--then", "move Read", "--stop"
    )
    result = mailctl.must("account", "vacation", "install", person.address)
    assert "installed 1 filter and the out-of-office answer" in result.err
    assert "server   answers by itself since 20" in mailctl.must("account", "vacation", "show", person.address).out
    for subject in ("one", "two"):
        answering_dovecot.deliver(person.address, message(person.address, subject=subject), sender=ALICE.address)
    assert len(answering_dovecot.messages(person.address, "Read")) == 1
    [answer] = submission.messages
    assert b"Auto-Submitted: auto-replied" in answer
    assert b"Subject: =?utf-8?" in answer.lower().replace(b"subject", b"Subject")
    mailctl.must("account", "vacation", "off", person.address)
    mailctl.must("account", "vacation", "install", person.address)
    answering_dovecot.deliver(
        person.address, message(person.address, sender=BOB.address, subject="three"), sender=BOB.address
    )
    assert len(submission.messages) == 1
