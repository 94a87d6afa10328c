"""`filter run` and `vacation run` in trouble: a message that cannot be sent keeps no other one waiting."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from imapclient import IMAPClient
from tests.doubles.scripted import ScriptedServer
from tests.doubles.smtp import TAKE_MESSAGE, SmtpServer
from tests.doubles.steps import Announce, Close, Part, Stall
from tests.servers.dovecot import Dovecot
from tests.servers.people import Person

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.account.conftest import AddPerson
    from tests.cli.conftest import Mailctl

Through = Callable[[ScriptedServer], str]


def message(subject: str, *, sender: str = "alice@example.test", to: str = "me@example.test", more: str = "") -> bytes:
    return (
        f"{more}From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{subject}@example.test>\r\n\r\nHi.\r\n"
    ).encode()


def add(mailctl: Mailctl, address: str, condition: str, *actions: str) -> None:
    thens = [word for action in actions for word in ("--then", action)]
    mailctl.must("account", "filter", "add", address, condition, "--if", condition, *thens)


def smtp(data: Part) -> ScriptedServer:
    return ScriptedServer(SmtpServer(security="none", data=data).script)


REFUSING = (TAKE_MESSAGE, b"550 5.7.1 looks like spam\r\n")
BUSY = (TAKE_MESSAGE, b"450 4.2.0 greylisted\r\n")
LOSING = (TAKE_MESSAGE, Close())


@pytest.fixture
def through(mailctl: Mailctl, add_person: AddPerson, person: Person) -> Through:
    """Return a function that adds somebody who sends through a server."""

    def add_sender(server: ScriptedServer) -> str:
        address = add_person(person, smtp_port=server.port)
        mailctl.must("account", "edit", address, "--smtp-security", "none", "--smtp-auth", "none")
        return address

    return add_sender


@pytest.fixture
def away(tmp_path: Path) -> list[object]:
    body = tmp_path / "away.txt"
    body.write_text("Away.\n", encoding="utf-8")
    return ["--subject", "Away", "--body-file", body]


@pytest.mark.parametrize(("action", "words"), [("mark read", ()), ("flag", ()), ("copy C", ()), ("keep", ())])
def test_what_stays_stays_in_the_folder_that_is_looked_through(
    mailctl: Mailctl, account: str, dovecot: Dovecot, imap: IMAPClient, action: str, words: tuple[str, ...]
) -> None:
    add(mailctl, account, "subject is x", action)
    imap.create_folder("Archive")
    imap.append("Archive", message("x"))
    mailctl.must("account", "filter", "run", account, "--folder", "Archive", *words)
    assert (dovecot.subjects(account, "Archive"), dovecot.subjects(account)) == (["x"], [])


def test_inbox_is_one_folder_however_it_is_written(mailctl: Mailctl, account: str, dovecot: Dovecot) -> None:
    add(mailctl, account, "subject is x", "flag")
    dovecot.deliver(account, message("x"))
    mailctl.must("account", "filter", "run", account)
    assert "no message" in mailctl.must("account", "filter", "run", account, "--folder", "inbox").err


def test_a_folder_that_is_not_there_is_named_with_those_that_are(mailctl: Mailctl, account: str) -> None:
    add(mailctl, account, "subject is x", "flag")
    result = mailctl("account", "filter", "run", account, "--folder", "Nope")
    assert result.code == 3
    assert "no folder 'Nope'" in result.err
    assert "INBOX" in result.err


def test_a_trash_folder_that_has_gone_is_missed_before_anything_is_done(
    mailctl: Mailctl, account: str, dovecot: Dovecot, imap: IMAPClient
) -> None:
    imap.create_folder("Bin")
    mailctl.must("account", "folders", "set", account, "trash", "Bin")
    imap.delete_folder("Bin")
    add(mailctl, account, "subject is x", "delete")
    dovecot.deliver(account, message("x"))
    assert mailctl("account", "filter", "run", account).code == 3
    assert dovecot.subjects(account) == ["x"]


def test_a_redirect_that_is_refused_for_good_keeps_nothing_behind_it_waiting(
    mailctl: Mailctl, through: Through, dovecot: Dovecot
) -> None:
    with smtp(REFUSING) as server:
        address = through(server)
        add(mailctl, address, "subject contains x", "redirect z@example.net", "keep")
        add(mailctl, address, "subject contains y", "move Y")
        for subject in ("y1", "x1", "y2"):
            dovecot.deliver(address, message(subject))
        result = mailctl("account", "filter", "run", address)
        assert result.code == 13
        assert "looks like spam" in result.err
        assert dovecot.subjects(address, "Y") == ["y1", "y2"]
        assert "no message" in mailctl.must("account", "filter", "run", address).err


def test_a_redirect_that_is_refused_for_now_is_made_by_a_later_run(
    mailctl: Mailctl, through: Through, dovecot: Dovecot
) -> None:
    good = SmtpServer(security="none").script
    with ScriptedServer(SmtpServer(security="none", data=BUSY).script, good) as server:
        address = through(server)
        add(mailctl, address, "subject contains x", "redirect z@example.net", "copy C")
        dovecot.deliver(address, message("x1"))
        result = mailctl("account", "filter", "run", address)
        assert result.code == 14
        assert "greylisted" in result.err
        mailctl.must("account", "filter", "run", address)
        assert [b"Subject: x1" in sent for sent in server.messages] == [True, True]
        assert "no message" in mailctl.must("account", "filter", "run", address).err


def test_redirects_go_over_one_connection_without_the_traces_of_delivery(
    mailctl: Mailctl, through: Through, imap: IMAPClient
) -> None:
    with ScriptedServer(SmtpServer(security="none").script) as server:
        address = through(server)
        add(mailctl, address, "subject contains x", "redirect z@example.net", "keep")
        traces = "Return-Path: <a@example.test>\r\nDelivered-To: me\r\n"
        for number in range(3):
            imap.append("INBOX", message(f"x{number}", more=traces))
        mailctl.must("account", "filter", "run", address)
        assert len(server.connections) == 1
        assert len(server.messages) == 3
        assert not any(b"Delivered-To:" in sent or b"Return-Path:" in sent for sent in server.messages)


def test_a_redirect_of_unknown_fate_is_not_repeated(mailctl: Mailctl, through: Through, dovecot: Dovecot) -> None:
    with smtp(LOSING) as server:
        address = through(server)
        add(mailctl, address, "subject contains x", "redirect z@example.net", "keep")
        dovecot.deliver(address, message("x1"))
        assert mailctl("account", "filter", "run", address).code == 17
        assert mailctl("account", "filter", "run", address, "--all").code == 17
        assert len(server.messages) == 1


def test_a_subject_with_half_a_character_is_told_in_json(mailctl: Mailctl, account: str, dovecot: Dovecot) -> None:
    add(mailctl, account, "from contains alice", "flag")
    dovecot.deliver(account, message("=?utf-7?Q?+2AA-?="))
    result = mailctl.must("account", "filter", "run", account, "-o", "json").json
    assert len(result["messages"]) == 1


def test_what_was_done_is_told_when_a_run_ends_early(mailctl: Mailctl, account: str, dovecot: Dovecot) -> None:
    add(mailctl, account, "subject is a", "move A")
    add(mailctl, account, "subject is x", "redirect z@example.net")  # nobody listens there
    for subject in ("a", "x", "a"):
        dovecot.deliver(account, message(subject))
    result = mailctl("account", "filter", "run", account, "-o", "json")
    assert result.code == 10
    assert [one["subject"] for one in result.error["messages"]] == ["a"]
    assert dovecot.subjects(account) == ["x", "a"]


def test_a_signature_that_cannot_be_read_keeps_no_rule_from_its_work(
    mailctl: Mailctl, account: str, dovecot: Dovecot, tmp_path: Path
) -> None:
    picture, signature = tmp_path / "a.png", tmp_path / "s.html"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n")
    signature.write_text('<img src="a.png">')
    mailctl("account", "signature", "set", account, "--html-file", signature)
    picture.unlink()
    add(mailctl, account, "subject is x", "flag")
    dovecot.deliver(account, message("x"))
    mailctl.must("account", "filter", "run", account)


def test_an_answer_that_cannot_be_sent_keeps_nobody_else_waiting(
    mailctl: Mailctl, through: Through, dovecot: Dovecot, imap: IMAPClient, away: list[object]
) -> None:
    with ScriptedServer(SmtpServer(security="none").script) as server:
        address = through(server)
        mailctl.must("account", "vacation", "set", address, *away)
        imap.append("INBOX", message("odd", to=address, more="Return-Path: <ü@example.org>\r\n"))
        imap.append("INBOX", message("none", to=address, more="Return-Path: <a b@@>\r\n"))
        imap.append("INBOX", message("good", to=address))
        result = mailctl("account", "vacation", "run", address, "-o", "json")
        assert result.code == 13
        assert [(one["failed"], one["why_not"] is None) for one in result.json["messages"]] == [
            (True, False), (False, False), (False, True)
        ]  # fmt: skip
        assert len(server.messages) == 1
        assert mailctl.must("account", "vacation", "run", address, "-o", "json").json["messages"] == []


def test_an_answer_of_unknown_fate_is_17_and_is_not_repeated(
    mailctl: Mailctl, through: Through, imap: IMAPClient, away: list[object]
) -> None:
    with smtp(LOSING) as server:
        address = through(server)
        mailctl.must("account", "vacation", "set", address, *away)
        imap.append("INBOX", message("x", to=address))
        assert mailctl("account", "vacation", "run", address).code == 17
        mailctl.must("account", "vacation", "run", address)
        assert len(server.messages) == 1


def test_an_answer_that_is_refused_for_now_is_given_by_a_later_run(
    mailctl: Mailctl, through: Through, imap: IMAPClient, away: list[object]
) -> None:
    good = SmtpServer(security="none").script
    with ScriptedServer(SmtpServer(security="none", data=BUSY).script, good) as server:
        address = through(server)
        mailctl.must("account", "vacation", "set", address, *away)
        imap.append("INBOX", message("x", to=address))
        assert mailctl("account", "vacation", "run", address).code == 14
        assert "answered: 1" in mailctl.must("account", "vacation", "run", address).err


def test_without_a_first_day_nothing_is_answered_that_was_there_before(
    mailctl: Mailctl, through: Through, imap: IMAPClient, away: list[object]
) -> None:
    with ScriptedServer(SmtpServer(security="none").script) as server:
        address = through(server)
        mailctl.must("account", "vacation", "set", address, *away)
        mailctl.config.write_text(re.sub(r"from_date = .*\n", "", mailctl.settings()), encoding="utf-8")
        imap.append("INBOX", message("old", to=address))
        assert mailctl.must("account", "vacation", "run", address, "-o", "json").json["messages"] == []
        imap.append("INBOX", message("new", to=address))
        told = mailctl.must("account", "vacation", "run", address, "-o", "json").json
        assert [(one["subject"], one["why_not"]) for one in told["messages"]] == [("new", None)]
        assert len(server.messages) == 1


def test_an_address_that_is_changed_by_hand_has_nothing_done_again(
    mailctl: Mailctl, account: str, dovecot: Dovecot
) -> None:
    add(mailctl, account, "subject is x", "copy C")
    dovecot.deliver(account, message("x"))
    mailctl.must("account", "filter", "run", account)
    renamed = mailctl.settings().replace(f'address = "{account}"', 'address = "new@example.test"')
    mailctl.config.write_text(renamed, encoding="utf-8")
    assert "no message" in mailctl.must("account", "filter", "run", "new@example.test").err
    assert dovecot.subjects(account, "C") == ["x"]


@pytest.mark.parametrize("action", ["move A", "redirect z@example.net"])
def test_what_cannot_be_taken_out_of_a_folder_is_known_before_anything_is_done(
    mailctl: Mailctl, add_person: AddPerson, bare_dovecot: Dovecot, action: str
) -> None:
    person = Person(f"{action.partition(' ')[0]}@example.test", "secret")
    bare_dovecot.add_user(person.address, person.password)
    add_person(person, imap=bare_dovecot)
    mailctl.must("account", "folders", "set", person.address, "trash", "Trash")
    add(mailctl, person.address, "subject is x", action)
    bare_dovecot.deliver(person.address, message("x"))
    result = mailctl("account", "filter", "run", person.address)
    assert result.code == 18
    assert "neither MOVE nor UIDPLUS" in result.err
    assert bare_dovecot.subjects(person.address) == ["x"]


@contextmanager
def never_said(reached: threading.Event) -> Iterator[ScriptedServer]:
    """A server that never says whether it took a message."""
    with smtp((TAKE_MESSAGE, Announce(reached), Stall())) as server:
        yield server


def end(mailctl: Mailctl, reached: threading.Event, number: int, *words: str) -> int:
    """Run a command, send it a signal when a message is on its way, and return its exit code."""
    command = [sys.executable, "-m", "mailctl", "--config", str(mailctl.config), *words]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        assert reached.wait(30)
        running.send_signal(number)
    return running.returncode


ENDINGS = pytest.mark.parametrize(("number", "code"), [(2, 130), (9, -9)], ids=["interrupted", "killed"])


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@ENDINGS
def test_a_redirect_that_is_cut_off_is_not_sent_again_and_is_told(
    mailctl: Mailctl, through: Through, dovecot: Dovecot, number: int, code: int
) -> None:
    reached = threading.Event()
    with never_said(reached) as server:
        address = through(server)
        add(mailctl, address, "subject contains x", "redirect b@example.test")
        dovecot.deliver(address, message("x1"))
        assert end(mailctl, reached, number, "account", "filter", "run", address) == code
        dovecot.deliver(address, message("y"))
        again = mailctl("account", "filter", "run", address)
        assert len(server.messages) == 1
    assert again.code == 17
    assert "not known whether it was redirected to b@example.test" in again.err
    assert dovecot.subjects(address) == ["x1", "y"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@ENDINGS
def test_an_answer_that_is_cut_off_is_not_given_again(
    mailctl: Mailctl, through: Through, dovecot: Dovecot, away: list[object], number: int, code: int
) -> None:
    reached = threading.Event()
    with never_said(reached) as server:
        address = through(server)
        mailctl.must("account", "vacation", "set", address, *away, "--every", "1")
        for subject in ("one", "two"):
            dovecot.deliver(address, message(subject, to=address), sender="alice@example.test")
        assert end(mailctl, reached, number, "account", "vacation", "run", address) == code
        mailctl.must("account", "vacation", "run", address)
        assert len(server.messages) == 1
