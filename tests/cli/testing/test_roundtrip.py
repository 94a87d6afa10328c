"""`mailctl test roundtrip` from a real Postfix to a real Dovecot: found, filed as junk, bounced, late, not there."""

from __future__ import annotations

import datetime as dt
import imaplib
import json
import re
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.cli.testing.test_steps import context
from tests.doubles.imap import ImapServer
from tests.doubles.pop3 import Pop3Server
from tests.doubles.scripted import ScriptedServer
from tests.doubles.steps import HANDSHAKE, Close, Expect, Part, Reset
from tests.servers.dovecot import Dovecot
from tests.servers.people import ALICE, BOB, Person
from tests.servers.postfix import Postfix
from tests.servers.processes import get_program, wait_for

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl, Result

PROTOCOLS = pytest.mark.parametrize("protocol", ["imap", "pop3"])
AddHq = Callable[..., str]


@pytest.fixture
def add_hq(mailctl: Mailctl, postfix: Postfix, dovecot: Dovecot, person: Person, monkeypatch: Any) -> AddHq:
    """Add a server on Postfix and Dovecot, or on others, and return its code; PASSWORD is that of `person`."""
    monkeypatch.setenv("PASSWORD", person.password)
    monkeypatch.setenv("BOBS_PASSWORD", BOB.password)

    def add(protocol: str = "imap", *, out: Postfix = postfix, into: Dovecot = dovecot, code: str = "hq") -> str:
        port = into.imaps_port if protocol == "imap" else into.pop3s_port
        mailctl.must(
            "server", "add", code, "--name", code.upper(), "--smtp-host", "localhost",
            "--smtp-port", str(out.submission_port), "--smtp-security", "starttls", "--smtp-auth", "auto",
            "--incoming-protocol", protocol, "--incoming-host", "localhost", "--incoming-port", str(port),
            "--incoming-security", "tls", "--ca-file", into.ca_file,
        )  # fmt: skip
        return code

    return add


def roundtrip(mailctl: Mailctl, code: str, person: Person, *options: str) -> Result:
    login = ("--username", person.address, "--password-from", "env:PASSWORD")
    return mailctl("test", "roundtrip", code, *login, "--within", "20", "-o", "json", *options)


def steps(result: Result) -> dict[tuple[str, str], dict[str, Any]]:
    return {(step["name"], step["protocol"]): step for step in result.json["targets"][0]["steps"]}


def step(result: Result, name: str) -> dict[str, Any]:
    (found,) = [step for step in result.json["targets"][0]["steps"] if step["name"] == name]
    return found  # type: ignore[no-any-return]


@contextmanager
def held(dovecot: Dovecot) -> Iterator[tuple[Postfix, Callable[[], object]]]:
    """A Postfix that holds what it accepts until it is told to let it go."""
    hold = "smtpd_recipient_restrictions = check_recipient_access static:HOLD"
    with Postfix(dovecot=dovecot, extra=hold) as server:

        def release() -> None:
            wait_for(lambda: any((server.folder / "queue/hold").iterdir()), "nothing is held")
            postsuper = get_program("postsuper", Path("/usr/sbin"))
            subprocess.run([postsuper, "-c", str(server.folder), "-H", "ALL"], check=True, capture_output=True)
            with socket.socket(socket.AF_UNIX) as manager:  # what `postqueue -f` has the queue manager told: all, now
                manager.connect(str(server.folder / "queue/public/qmgr"))
                manager.sendall(b"DFA")

        yield server, release


@contextmanager
def meanwhile(act: Callable[[], object]) -> Iterator[None]:
    """Do something while the block runs, and fail as it does."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    yield
    thread.join()
    assert not failures, failures


@contextmanager
def logged_in(dovecot: Dovecot, person: Person) -> Iterator[imaplib.IMAP4_SSL]:
    context = ssl.create_default_context(cafile=str(dovecot.ca_file))
    with imaplib.IMAP4_SSL("localhost", dovecot.imaps_port, ssl_context=context) as imap:
        imap.login(person.address, person.password)
        yield imap


def probe(sender: str, *, token: str = "0" * 32, days: float = 2, subject: str = "old") -> bytes:
    date = (dt.datetime.now(dt.UTC) - dt.timedelta(days=days)).strftime("%a, %d %b %Y %H:%M:%S +0000")
    return f"From: {sender}\r\nDate: {date}\r\nSubject: {subject}\r\nX-Mailctl-Probe: {token}\r\n\r\nx\r\n".encode()


def append(imap: imaplib.IMAP4_SSL, message: bytes, *, days: float, folder: str = "INBOX", flags: str = "") -> None:
    at = dt.datetime.now(dt.UTC) - dt.timedelta(days=days)
    assert imap.append(folder, flags, at, message)[0] == "OK"  # type: ignore[arg-type]  # aware times are taken


def subjects(dovecot: Dovecot, person: Person, folder: str = "INBOX") -> list[str]:
    messages = dovecot.messages(person.address, folder)
    return [found[1].decode() for message in messages if (found := re.search(rb"Subject: ([^\r\n]*)", message))]


@PROTOCOLS
def test_the_message_is_found_told_and_deleted(
    mailctl: Mailctl, add_hq: AddHq, person: Person, dovecot: Dovecot, protocol: str
) -> None:
    dovecot.deliver(person.address, b"Subject: another\r\n\r\nx\r\n")
    result = roundtrip(mailctl, add_hq(protocol), person)
    assert result.code == 0, result
    target = result.json["targets"][0]
    assert (target["target"], target["ok"]) == ("hq", True)
    found = step(result, "roundtrip")
    evidence = found["evidence"]
    assert (found["status"], found["protocol"]) == ("pass", protocol)
    assert evidence["recipient"] == person.address
    assert (evidence["folder"], evidence["junk"]) == ("INBOX", False)
    assert 0 <= evidence["latency_seconds"] < 60
    assert evidence["hops"][0]["by"] == "mail.example.test"
    assert [hop["with"] for hop in evidence["hops"]] == ["ESMTPSA", "LMTP"]
    assert evidence["clock_skew_seconds"] == 0
    assert evidence["message_id"] == steps(result)["message", "smtp"]["evidence"]["message_id"]
    assert (evidence["deleted"], evidence["swept"]) == (True, 0)
    assert subjects(dovecot, person) == ["another"]


@PROTOCOLS
def test_the_steps_of_both_sides_are_told_before_anything_is_sent(
    mailctl: Mailctl, add_hq: AddHq, person: Person, protocol: str
) -> None:
    result = roundtrip(mailctl, add_hq(protocol), person)
    told = [(step["name"], step["protocol"]) for step in result.json["targets"][0]["steps"]]
    assert told[:4] == [("settings", "smtp"), ("secret", "smtp"), ("settings", protocol), ("secret", protocol)]
    assert told.index(("auth", protocol)) < told.index(("dns", "smtp")) < told.index(("message", "smtp"))
    assert told[-2:] == [("roundtrip", protocol), ("authentication-results", protocol)]
    assert len(told) == len(set(told))


def test_each_step_stands_under_its_protocol(mailctl: Mailctl, add_hq: AddHq, person: Person) -> None:
    lines = roundtrip(mailctl, add_hq(), person, "-o", "table").out.splitlines()
    named = [line.strip() for line in lines if line.strip() in ("SMTP", "IMAP")]
    assert (lines[1], named) == ("  SMTP", ["SMTP", "IMAP", "SMTP", "IMAP"])


@PROTOCOLS
def test_keep_leaves_the_message_unseen(
    mailctl: Mailctl, add_hq: AddHq, person: Person, dovecot: Dovecot, protocol: str
) -> None:
    result = roundtrip(mailctl, add_hq(protocol), person, "--keep")
    assert result.code == 0, result
    (message,) = dovecot.messages(person.address)
    assert step(result, "roundtrip")["evidence"]["message_id"].encode() in message
    assert b"\nAuto-Submitted: auto-generated\n" in message
    with logged_in(dovecot, person) as imap:
        assert imap.status("INBOX", "(UNSEEN)")[1] == [b"INBOX (UNSEEN 1)"]


def into_junk(dovecot: Dovecot, person: Person, folder: str = "Junk") -> None:
    home = dovecot.folder / "mail" / person.address
    home.mkdir()
    (home / ".dovecot.sieve").write_text(f'require ["fileinto", "mailbox"];\nfileinto :create "{folder}";\n')
    for path in (home, home / ".dovecot.sieve"):
        subprocess.run(["chown", f"{dovecot.user}:{dovecot.folder.group()}", str(path)], check=True)


def test_the_junk_folder_is_a_warning_with_a_remedy(
    mailctl: Mailctl, add_hq: AddHq, person: Person, dovecot: Dovecot
) -> None:
    into_junk(dovecot, person)
    result = roundtrip(mailctl, add_hq(), person)
    assert result.code == 0, result
    found = step(result, "roundtrip")
    assert found["status"] == "warn"
    assert found["cause"] == "it was filed as junk, in the folder Junk"
    assert "SPF, DKIM and DMARC" in found["remedy"]
    assert (found["evidence"]["folder"], found["evidence"]["junk"]) == ("Junk", True)
    assert dovecot.messages(person.address, "Junk") == []
    assert roundtrip(mailctl, "hq", person, "--fail-on", "warn").code == 16


@pytest.mark.parametrize(("separator", "prefix", "name"), [("/", "", "迷惑メール"), (".", "INBOX.", "Spamverdacht")])
def test_a_junk_folder_is_known_by_its_usual_name_too(
    mailctl: Mailctl, add_hq: AddHq, person: Person, ca: Any, separator: str, prefix: str, name: str
) -> None:
    no_roles = "namespace inbox {\n  mailbox Junk {\n    special_use =\n    auto = no\n  }\n}\n"
    with (
        Dovecot(ca=ca, sieve=True, separator=separator, folder_prefix=prefix, extra=no_roles) as into,
        Postfix(dovecot=into) as out,
    ):
        into.add_user(person.address, person.password)
        into_junk(into, person, prefix + name)
        with logged_in(into, person) as imap:  # what a filter has not made yet, nobody can watch
            from imapclient import imap_utf7

            imap.create((b'"' + imap_utf7.encode(prefix + name) + b'"').decode())
        result = roundtrip(mailctl, add_hq(out=out, into=into), person)
        assert result.code == 0, result
        assert step(result, "roundtrip")["evidence"]["folder"] == prefix + name
        assert step(result, "roundtrip")["status"] == "warn"
        assert into.messages(person.address, prefix + name) == []


@PROTOCOLS
def test_a_bounce_fails_with_the_words_of_the_server_that_said_no(
    mailctl: Mailctl, add_hq: AddHq, person: Person, dovecot: Dovecot, protocol: str
) -> None:
    result = roundtrip(mailctl, add_hq(protocol), person, "--to", "ghost@example.test")
    assert result.code == 13, result
    found = step(result, "roundtrip")
    assert found["status"] == "fail"
    assert found["reply"] == "550 5.1.1 <ghost@example.test> User doesn't exist: ghost@example.test"
    assert found["evidence"]["reason"] == "bounced"
    assert found["evidence"]["report"] == {
        "reporting_mta": "mail.example.test",
        "remote_mta": "mail.example.test",
        "recipient": "ghost@example.test",
        "action": "failed",
        "status": "5.1.1",
        "diagnostic": found["reply"],
    }
    assert "ghost@example.test" in found["cause"]
    assert step(result, "authentication-results")["status"] == "skipped"
    (bounce,) = dovecot.messages(person.address)
    assert b"Undelivered Mail" in bounce


@PROTOCOLS
def test_a_bounce_of_somebody_elses_message_is_none(
    mailctl: Mailctl, add_hq: AddHq, person: Person, dovecot: Dovecot, protocol: str
) -> None:
    with held(dovecot) as (out, release):

        def come() -> None:
            bounce = b"From: MAILER-DAEMON@example.test\r\nSubject: bounce\r\n\r\nMessage-ID: <other@example.test>\r\n"
            wait_for(lambda: any((out.folder / "queue/hold").iterdir()), "nothing is held")
            dovecot.deliver(person.address, bounce, sender="")
            release()

        with meanwhile(come):
            result = roundtrip(mailctl, add_hq(protocol, out=out), person)
    assert result.code == 0, result
    assert subjects(dovecot, person) == ["bounce"]


def test_a_bounce_is_looked_for_in_the_senders_own_mailbox_too(
    mailctl: Mailctl, add_hq: AddHq, person: Person, dovecot: Dovecot
) -> None:
    bob = ("--incoming-username", BOB.address, "--incoming-password-from", "env:BOBS_PASSWORD")
    result = roundtrip(mailctl, add_hq(), person, *bob, "--to", "ghost@example.test", "--within", "1")
    assert result.code == 13, result
    assert step(result, "roundtrip")["evidence"]["report"]["status"] == "5.1.1"
    assert len(dovecot.messages(person.address)) == 1


@PROTOCOLS
def test_a_senders_mailbox_without_a_bounce_is_read_and_left_as_it_is(
    mailctl: Mailctl, add_hq: AddHq, person: Person, dovecot: Dovecot, protocol: str
) -> None:
    dovecot.deliver(person.address, b"From: MAILER-DAEMON@a.example\r\nSubject: old\r\n\r\nx\r\n", sender="")
    bob = ("--incoming-username", BOB.address, "--incoming-password-from", "env:BOBS_PASSWORD")
    with held(dovecot) as (out, _):
        result = roundtrip(mailctl, add_hq(protocol, out=out), person, *bob, "--within", "0.5")
    assert result.code == 15, result
    assert step(result, "roundtrip")["evidence"]["bounces_read"] is True
    assert subjects(dovecot, person) == ["old"]


def test_a_senders_mailbox_that_refuses_the_login_is_tried_once_and_named(
    sysmail: Mailctl, add_hq: AddHq, dovecot: Dovecot, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    with held(dovecot) as (out, _):
        sysmail.must("server", "edit", "hq", "--smtp-port", str(out.submission_port))
        add_hq("pop3", code="pop")
        stranger = Person("stranger@example.test", "another password")
        with Dovecot(ca=dovecot.ca) as elsewhere:  # where the account's own mailbox is said to be
            elsewhere.add_user(person.address, "not that one")
            sysmail.must("server", "edit", "hq", "--incoming-port", str(elsewhere.imaps_port))
            dovecot.add_user(stranger.address, stranger.password)
            monkeypatch.setenv("STRANGERS", stranger.password)
            result = sysmail("test", "roundtrip", "--read", "pop", "--incoming-username", stranger.address,
                             "--incoming-password-from", "env:STRANGERS", "--within", "5", "-o", "json")  # fmt: skip
            attempts = elsewhere.log().count("auth failed")
    assert result.code == 15, result
    found = step(result, "roundtrip")
    assert found["evidence"]["bounces_read"] is False
    assert f"a bounce would go to {person.address}" in found["remedy"]
    assert attempts == 1


@pytest.mark.parametrize("read", [Reset(), b"<tag> NO [SERVERBUG] no\r\n", b"<tag> BAD what\r\n"])
def test_a_senders_mailbox_that_does_not_give_out_a_bounce_does_not_end_the_waiting(
    sysmail: Mailctl, add_hq: AddHq, dovecot: Dovecot, read: Part
) -> None:
    header = b"From: MAILER-DAEMON@example.test\r\n\r\n"
    listed = b"* 1 FETCH (UID 1 BODY[HEADER.FIELDS (FROM)]<0> {%d}\r\n%s)\r\n<tag> OK done\r\n" % (len(header), header)
    inbox = b'* LIST (\\HasNoChildren) "/" INBOX\r\n<tag> OK listed\r\n'
    imap = ImapServer(security="tls", list=inbox, fetch=(listed, Expect(rb"(?P<tag>\S+) UID FETCH 1 "), read))
    add_hq("pop3", code="pop")
    bob = ("--incoming-username", BOB.address, "--incoming-password-from", "env:BOBS_PASSWORD")
    with held(dovecot) as (out, _), ScriptedServer(imap.script, tls=context(dovecot.ca.good)) as senders:
        sysmail.must("server", "edit", "hq", "--smtp-port", str(out.submission_port), "--incoming-port",
                     str(senders.port))  # fmt: skip
        result = sysmail("test", "roundtrip", "--read", "pop", *bob, "--within", "0.5", "-o", "json")
    assert b" BODY.PEEK[]<0." in senders.received
    assert result.code == 15, result
    found = step(result, "roundtrip")
    assert found["cause"].startswith("the message was accepted, but not seen in INBOX")
    assert found["evidence"]["bounces_read"] is False


@PROTOCOLS
def test_a_message_that_is_held_is_waited_for(
    mailctl: Mailctl, add_hq: AddHq, person: Person, dovecot: Dovecot, protocol: str
) -> None:
    with held(dovecot) as (out, release), meanwhile(release):
        result = roundtrip(mailctl, add_hq(protocol, out=out), person)
    assert result.code == 0, result
    assert step(result, "roundtrip")["evidence"]["looks"] >= 1


@PROTOCOLS
def test_what_is_not_there_in_time_is_exit_15_and_what_was_looked_at(
    mailctl: Mailctl, add_hq: AddHq, person: Person, dovecot: Dovecot, protocol: str
) -> None:
    with held(dovecot) as (out, _):
        result = roundtrip(mailctl, add_hq(protocol, out=out), person, "--within", "0.5")
    assert result.code == 15, result
    found = step(result, "roundtrip")
    folders = {"imap": ["INBOX", "Junk"], "pop3": ["INBOX"]}[protocol]
    assert found["evidence"]["folders"] == folders
    assert found["evidence"]["looks"] >= 1
    assert found["cause"].startswith("the message was accepted, but not seen in " + " and ".join(folders))
    queue_id = steps(result)["message", "smtp"]["evidence"]["queue_id"]
    assert queue_id in found["remedy"]
    assert found["evidence"]["message_id"] in found["remedy"]
    assert "--within 600" in found["remedy"]
    assert "a bounce would go to" not in found["remedy"]  # it would come here
    assert ("POP3 shows the inbox alone" in found["remedy"]) is (protocol == "pop3")


def test_a_mailbox_that_never_answers_is_the_fault_and_not_the_message(
    mailctl: Mailctl, add_hq: AddHq, person: Person, dovecot: Dovecot
) -> None:
    login = ("--incoming-username", person.address, "--incoming-password-from", "env:PASSWORD")
    opened, gone = Pop3Server(security="tls").script, (HANDSHAKE, Close())
    with held(dovecot) as (out, _), ScriptedServer(opened, gone, tls=context(dovecot.ca.good)) as mailbox:
        add_hq("pop3", code="pop")
        mailctl.must("server", "edit", "pop", "--incoming-port", str(mailbox.port))
        result = roundtrip(mailctl, add_hq(out=out), person, "--read", "pop", *login, "--within", "0.5")
    assert len(mailbox.connections) > 2
    assert result.code == 10, result
    found = step(result, "roundtrip")
    assert "its mailbox could not be looked at" in found["cause"]
    assert found["evidence"]["message_id"] in found["remedy"]
    for misleading in ("queue", "greylisting", "rules"):
        assert misleading not in found["remedy"]


def test_the_time_of_the_whole_test_ends_the_waiting_too(
    mailctl: Mailctl, add_hq: AddHq, person: Person, dovecot: Dovecot
) -> None:
    with held(dovecot) as (out, _):
        result = roundtrip(mailctl, add_hq(out=out), person, "--timeout", "3")
    assert result.code == 15, result


def test_a_report_of_a_delay_is_told_and_the_message_waited_for(
    mailctl: Mailctl, add_hq: AddHq, person: Person, dovecot: Dovecot
) -> None:
    with held(dovecot) as (out, _):

        def report() -> None:
            hold = out.folder / "queue/hold"
            wait_for(lambda: any(hold.iterdir()), "nothing is held")
            (queued,) = hold.iterdir()
            found = re.search(rb"Message-ID: (<\S+?>)", queued.read_bytes())
            assert found
            status = (
                b"Reporting-MTA: dns; relay.example\r\n\r\nFinal-Recipient: rfc822; a@example.test\r\n"
                b"Action: delayed\r\nStatus: 4.4.1\r\nDiagnostic-Code: smtp; 451 greylisted\r\n"
            )
            message = (
                b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n\r\nwait\r\n--b\r\n"
                b"Content-Type: message/delivery-status\r\n\r\n" + status + b"\r\n--b\r\n"
                b"Content-Type: text/rfc822-headers\r\n\r\nMessage-ID: " + found[1] + b"\r\n\r\n--b--\r\n"
            )
            dovecot.deliver(person.address, message, sender="")

        with meanwhile(report):
            result = roundtrip(mailctl, add_hq(out=out), person, "--within", "3")
    assert result.code == 15, result
    found = step(result, "roundtrip")
    assert "relay.example reports that it is delayed" in found["cause"]
    assert found["reply"] == "451 greylisted"
    assert found["evidence"]["report"]["action"] == "delayed"


def test_a_connection_that_ends_while_waiting_is_opened_again(
    mailctl: Mailctl, add_hq: AddHq, person: Person, dovecot: Dovecot
) -> None:
    with held(dovecot) as (out, release):

        def kick() -> None:
            wait_for(lambda: any((out.folder / "queue/hold").iterdir()), "nothing is held")
            doveadm = [get_program("doveadm"), "-c", str(dovecot.folder / "dovecot.conf")]
            before = dovecot.log().count(f"Login: user=<{person.address}>")
            subprocess.run([*doveadm, "kick", person.address], check=True, capture_output=True)
            wait_for(lambda: dovecot.log().count(f"Login: user=<{person.address}>") > before, "nobody came back")
            release()

        with meanwhile(kick):
            result = roundtrip(mailctl, add_hq(out=out), person)
    assert result.code == 0, result
    assert step(result, "roundtrip")["evidence"]["deleted"] is True


def test_a_mailbox_that_cannot_be_opened_keeps_anything_from_being_sent(
    mailctl: Mailctl, add_hq: AddHq, person: Person, postfix: Postfix, monkeypatch: Any
) -> None:
    monkeypatch.setenv("WRONG", "not it")
    accepted = postfix.log().count(f"from=<{person.address}>")
    incoming = ("--incoming-username", BOB.address, "--incoming-password-from", "env:WRONG")
    result = roundtrip(mailctl, add_hq(), person, *incoming)
    assert result.code == 12, result
    found = steps(result)
    assert found["auth", "imap"]["status"] == "fail"
    assert found["message", "smtp"]["status"] == "skipped"
    assert found["message", "smtp"]["cause"] == "not run, because auth failed"
    assert found["roundtrip", "imap"]["status"] == "skipped"
    assert postfix.log().count(f"from=<{person.address}>") == accepted


def test_the_next_command_of_each_side_is_about_that_side(mailctl: Mailctl, add_hq: AddHq, person: Person) -> None:
    add_hq()
    mailctl.must("server", "add", "in", "--name", "In", "--smtp-host", "unused.example.org", "--incoming-protocol",
                 "imap", "--incoming-host", "localhost", "--incoming-port", "1",
                 "--incoming-security", "tls")  # fmt: skip
    result = roundtrip(mailctl, "hq", person, "--read", "in")
    assert result.code == 10, result
    assert "mailctl server edit in --incoming-port PORT" in str(steps(result)["tcp", "imap"]["next"])


# Whose mailbox, whose login


def test_another_login_reads_another_mailbox(
    mailctl: Mailctl, add_hq: AddHq, person: Person, dovecot: Dovecot, monkeypatch: Any
) -> None:
    reader = Person("reader@example.test", "her password")
    dovecot.add_user(reader.address, reader.password)
    code = add_hq("pop3")
    result = mailctl(
        "test", "roundtrip", code, "--username", person.address, "--password-from", "env:PASSWORD", "-o", "json",
        "--incoming-username", reader.address, "--incoming-password-stdin", stdin=b"her password\n",
    )  # fmt: skip
    assert result.code == 0, result
    assert step(result, "roundtrip")["evidence"]["recipient"] == reader.address
    assert steps(result)["secret", "pop3"]["evidence"]["username"] == reader.address


def test_a_message_to_another_mailbox_than_the_one_that_is_read_is_warned_of_before(
    mailctl: Mailctl, add_hq: AddHq, person: Person
) -> None:
    result = roundtrip(mailctl, add_hq(), person, "--to", BOB.address, "--within", "0.5")
    assert result.code == 15
    warned = f"the message goes to {BOB.address}, and the mailbox of {person.address} is read"
    assert result.err.startswith(f"warning: {warned}")
    assert "`--read TARGET` or `--incoming-username USER`" in result.err
    assert step(result, "roundtrip")["remedy"].startswith(warned)
    assert result.json["targets"][0]["warnings"][0].startswith(warned)


def test_an_address_with_a_detail_is_the_same_mailbox(mailctl: Mailctl, add_hq: AddHq, person: Person) -> None:
    detailed = person.address.replace("@", "+probe@").upper()
    result = roundtrip(mailctl, add_hq(), person, "--to", detailed, "--within", "0.5")
    assert "warning:" not in result.err


@pytest.fixture
def sysmail(mailctl: Mailctl, add_hq: AddHq, person: Person) -> Mailctl:
    """The system mail account, which sends through `hq` with the login of `person`."""
    mailctl.must("sysmail", "set", "--address", person.address, "--server", add_hq(), "--username", person.address,
                 "--password-from", "env:PASSWORD")  # fmt: skip
    return mailctl


def test_the_system_mail_account_reads_its_servers_mailbox(sysmail: Mailctl, person: Person) -> None:
    result = sysmail("test", "roundtrip", "-o", "json")
    assert result.code == 0, result
    assert result.json["targets"][0]["target"] == "sysmail"
    assert step(result, "roundtrip")["evidence"]["recipient"] == person.address


def test_a_tenant_on_the_system_mail_accounts_server_is_tested_by_the_mailbox_that_is_read(
    sysmail: Mailctl, person: Person
) -> None:
    sysmail.must("tenant", "add", "acme", "--name", "Acme", "--address", BOB.address)
    result = sysmail("test", "roundtrip", "tenant:acme", "--within", "20", "-o", "json")
    assert result.code == 0, result
    assert step(result, "roundtrip")["evidence"]["recipient"] == person.address
    elsewhere = sysmail("test", "roundtrip", "tenant:acme", "--to", BOB.address, "--within", "0.5", "-o", "json")
    assert f"the message goes to {BOB.address}, and the mailbox of {person.address} is read" in elsewhere.out


def test_the_login_that_sends_reads_another_server_too_where_none_is_given(
    sysmail: Mailctl, add_hq: AddHq, person: Person
) -> None:
    add_hq("pop3", code="pop")
    result = sysmail("test", "roundtrip", "--read", "pop", "-o", "json")
    assert result.code == 0, result
    assert steps(result)["secret", "pop3"]["evidence"] == {
        "source": "env:PASSWORD", "username": person.address, "present": True,
    }  # fmt: skip


@pytest.mark.parametrize("to", [(), ("--to", ALICE.address)])
def test_a_stored_login_is_given_to_no_host_that_is_not_of_its_own_server(
    sysmail: Mailctl, dovecot: Dovecot, to: tuple[str, ...]
) -> None:
    sysmail.must("server", "add", "other", "--name", "Other", "--smtp-host", "localhost", "--incoming-protocol", "imap",
                 "--incoming-host", "127.0.0.1", "--incoming-port", str(dovecot.imaps_port), "--incoming-security",
                 "tls", "--ca-file", dovecot.ca_file)  # fmt: skip
    before = dovecot.log()
    result = sysmail("test", "roundtrip", "--read", "other", *to, "-o", "json")
    assert result.code == 2, result
    assert "--incoming-username" in result.error["missing"]
    assert "127.0.0.1" in result.error["hint"]
    assert dovecot.log() == before


def test_a_login_that_is_given_for_both_reads_another_host_too(
    sysmail: Mailctl, dovecot: Dovecot, person: Person
) -> None:
    sysmail.must("server", "add", "other", "--name", "Other", "--smtp-host", "localhost", "--incoming-protocol", "imap",
                 "--incoming-host", "127.0.0.1", "--incoming-port", str(dovecot.imaps_port), "--incoming-security",
                 "tls", "--ca-file", dovecot.ca_file)  # fmt: skip
    result = roundtrip(sysmail, "hq", person, "--read", "other")
    assert result.code == 0, result


def test_a_server_may_send_to_the_mailbox_of_a_stored_account(sysmail: Mailctl, add_hq: AddHq, person: Person) -> None:
    add_hq("pop3", code="pop")
    bob = ("--username", BOB.address, "--password-from", "env:BOBS_PASSWORD")
    result = sysmail("test", "roundtrip", "pop", *bob, "--read", "sysmail", "-o", "json")
    assert result.code == 0, result
    assert step(result, "roundtrip")["evidence"]["recipient"] == person.address
    assert step(result, "roundtrip")["protocol"] == "imap"


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ((), ["--username", "--to"]),
        (("--incoming-username", ALICE.address, "--incoming-password-from", "env:PASSWORD"), ["--username"]),
        (("--username", "alice", "--password-from", "env:PASSWORD"), ["--to"]),
        (("--read", "hq", "--to", ALICE.address), ["--username"]),
    ],
)
def test_what_is_missing_is_named(
    mailctl: Mailctl, add_hq: AddHq, options: tuple[str, ...], missing: list[str]
) -> None:
    result = mailctl("test", "roundtrip", add_hq(), *options, "-o", "json")
    assert result.code == 2
    assert result.error["missing"] == missing


def test_a_password_without_its_login_is_refused(mailctl: Mailctl, add_hq: AddHq) -> None:
    result = mailctl("test", "roundtrip", add_hq(), "--incoming-password-from", "env:PASSWORD")
    assert (result.code, "--incoming-username" in result.err) == (2, True)


def test_only_one_password_comes_from_standard_input(mailctl: Mailctl, add_hq: AddHq) -> None:
    result = mailctl("test", "roundtrip", add_hq(), "--username", "a", "--password-stdin", "--incoming-username", "b",
                     "--incoming-password-stdin", stdin=b"x")  # fmt: skip
    assert (result.code, "--incoming-password-stdin" in result.err) == (2, True)


def test_who_has_no_mailbox_is_told_of_read(mailctl: Mailctl, postfix: Postfix) -> None:
    mailctl.must("sysmail", "set", "--address", "a@example.test", "--smtp-host", "localhost", "--smtp-auth", "none",
                 "--smtp-port", str(postfix.smtp_port), "--smtp-security", "none")  # fmt: skip
    result = mailctl("test", "roundtrip")
    assert (result.code, "--read" in result.err) == (2, True)


# Deleting


def test_only_leftovers_of_ours_older_than_a_day_are_swept(
    mailctl: Mailctl, add_hq: AddHq, person: Person, dovecot: Dovecot
) -> None:
    with logged_in(dovecot, person) as imap:
        append(imap, probe(person.address), days=2)
        append(imap, probe(f"A name <{person.address.upper()}>", subject="old, too"), days=30)
        append(imap, probe(person.address, subject="young"), days=0.9)
        append(imap, probe("other@example.test", subject="others'"), days=2)
        append(imap, probe(person.address, token="no token", subject="no probe"), days=2)
        append(imap, b"From: %s\r\nSubject: plain\r\n\r\nx\r\n" % person.address.encode(), days=2)
        append(imap, probe(person.address), days=2, folder="Junk")
    result = roundtrip(mailctl, add_hq(), person)
    assert result.code == 0, result
    assert step(result, "roundtrip")["evidence"]["swept"] == 3
    assert sorted(subjects(dovecot, person)) == ["no probe", "others'", "plain", "young"]
    assert subjects(dovecot, person, "Junk") == []


def test_leftovers_are_swept_over_pop3_by_their_date(
    mailctl: Mailctl, add_hq: AddHq, person: Person, dovecot: Dovecot
) -> None:
    for message in (probe(person.address), probe(person.address, subject="young", days=0.9), probe("o@example.test")):
        dovecot.deliver(person.address, message)
    result = roundtrip(mailctl, add_hq("pop3"), person)
    assert result.code == 0, result
    assert step(result, "roundtrip")["evidence"]["swept"] == 1
    assert subjects(dovecot, person) == ["young", "old"]


def test_keep_sweeps_nothing(mailctl: Mailctl, add_hq: AddHq, person: Person, dovecot: Dovecot) -> None:
    with logged_in(dovecot, person) as imap:
        append(imap, probe(person.address), days=2)
    assert roundtrip(mailctl, add_hq(), person, "--keep").code == 0
    assert len(dovecot.messages(person.address)) == 2


def test_what_others_have_marked_as_deleted_stays(
    mailctl: Mailctl, add_hq: AddHq, person: Person, dovecot: Dovecot
) -> None:
    with logged_in(dovecot, person) as imap:
        append(imap, b"Subject: undecided\r\n\r\nx\r\n", days=0, flags="(\\Deleted)")
        result = roundtrip(mailctl, add_hq(), person)
    assert result.code == 0, result
    assert step(result, "roundtrip")["evidence"]["deleted"] is True
    assert subjects(dovecot, person) == ["undecided"]


def test_without_uidplus_the_message_is_marked_and_that_is_said(
    mailctl: Mailctl, add_hq: AddHq, person: Person, ca: Any
) -> None:
    few = "protocol imap {\n  imap_capability = IMAP4rev1 SASL-IR SPECIAL-USE LIST-EXTENDED\n}\n"
    with Dovecot(ca=ca, sieve=True, extra=few) as into, Postfix(dovecot=into) as out:
        into.add_user(person.address, person.password)
        with logged_in(into, person) as imap:
            append(imap, b"Subject: undecided\r\n\r\nx\r\n", days=0, flags="(\\Deleted)")
        result = roundtrip(mailctl, add_hq(out=out, into=into), person)
        assert result.code == 0, result
        found = step(result, "roundtrip")
        assert found["status"] == "warn"
        assert "UIDPLUS" in found["cause"]
        assert found["evidence"]["deleted"] is False
        assert sorted(subjects(into, person)) == ["mailctl test message", "undecided"]
        with logged_in(into, person) as imap:
            imap.select("INBOX", readonly=True)
            assert imap.search(None, "DELETED")[1] == [b"1 2"]


# What the receiving system found


@contextmanager
def prepending(dovecot: Dovecot, field: str) -> Iterator[Postfix]:
    """A Postfix that writes a header field on what it takes, as a checker of SPF, DKIM and DMARC does."""
    access = f"smtpd_recipient_restrictions = check_recipient_access static:{{PREPEND {field}}}"
    with Postfix(dovecot=dovecot, extra=access) as server:
        yield server


RESULTS = (
    "spf=pass smtp.mailfrom=example.test; dkim=pass header.d=mail.example.test; dmarc=pass header.from=example.test"
)


def test_the_receiving_systems_own_results_are_read(
    mailctl: Mailctl, add_hq: AddHq, person: Person, dovecot: Dovecot
) -> None:
    with prepending(dovecot, f"Authentication-Results: mail.example.test; {RESULTS}") as out:
        result = roundtrip(mailctl, add_hq(out=out), person)
    found = step(result, "authentication-results")
    assert found["status"] == "pass", found
    assert found["evidence"] == {
        "authserv_id": "mail.example.test",
        "trust": "name",
        "from_domain": "example.test",
        "spf": {"result": "pass", "domain": "example.test"},
        "dkim": {"result": "pass", "domain": "mail.example.test"},
        "dmarc": {"result": "pass", "domain": "example.test"},
        "aligned": ["spf", "dkim"],
    }


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ("spf=softfail smtp.mailfrom=example.test; dkim=none; dmarc=fail header.from=example.test",
         ["SPF: softfail for example.test", "DMARC: fail for example.test"]),
        ("spf=pass smtp.mailfrom=relay.example; dkim=pass header.d=relay.example",
         ["neither SPF nor DKIM passes for the domain of From, example.test"]),
    ],
)  # fmt: skip
def test_what_does_not_hold_is_a_warning_with_a_remedy(
    mailctl: Mailctl, add_hq: AddHq, person: Person, dovecot: Dovecot, results: str, said: list[str]
) -> None:
    with prepending(dovecot, f"Authentication-Results: mail.example.test; {results}") as out:
        result = roundtrip(mailctl, add_hq(out=out), person)
    assert result.code == 0
    found = step(result, "authentication-results")
    assert found["status"] == "warn", found
    assert [words for words in said if words not in found["cause"]] == []
    assert "example.test" in found["remedy"]


def test_the_results_of_others_do_not_count_unless_they_are_asked_for(
    mailctl: Mailctl, add_hq: AddHq, person: Person, dovecot: Dovecot
) -> None:
    with prepending(dovecot, f"Authentication-Results: relay.example; {RESULTS}") as out:
        code = add_hq(out=out)
        found = step(roundtrip(mailctl, code, person), "authentication-results")
        assert (found["status"], found["evidence"]["others"]) == ("not_applicable", ["relay.example"])
        assert "--authserv-id" in found["remedy"]
        given = step(roundtrip(mailctl, code, person, "--authserv-id", "relay.example"), "authentication-results")
    assert (given["status"], given["evidence"]["trust"]) == ("pass", "given")


def test_a_system_that_wrote_nothing_is_no_fault(mailctl: Mailctl, add_hq: AddHq, person: Person) -> None:
    found = step(roundtrip(mailctl, add_hq(), person), "authentication-results")
    assert found["status"] == "not_applicable"
    assert found["cause"] == "the receiving system wrote no Authentication-Results"


def test_a_clock_that_is_wrong_shows_in_the_hops(
    mailctl: Mailctl, add_hq: AddHq, person: Person, dovecot: Dovecot
) -> None:
    with prepending(dovecot, "Received: by fast.example with ESMTP; Fri, 01 Jan 2100 00:00:00 +0000") as out:
        code = add_hq(out=out)
        evidence = step(roundtrip(mailctl, code, person), "roundtrip")["evidence"]
        login = ("--username", person.address, "--password-from", "env:PASSWORD")
        shown = mailctl.must("test", "roundtrip", code, *login).out
    first, fast, last = evidence["hops"]
    assert (first["by"], fast["by"], fast["at"]) == ("mail.example.test", "fast.example", "2100-01-01T00:00:00+00:00")
    assert 0 <= first["delay_seconds"] < 60 < fast["delay_seconds"]
    assert last["delay_seconds"] == -evidence["clock_skew_seconds"] < -60
    assert "clocks on the way differ by" in shown
    assert "to fast.example" in shown


# Cost and Ctrl-C


def test_a_large_mailbox_costs_no_more_commands_than_an_empty_one(
    mailctl: Mailctl, add_hq: AddHq, person: Person, dovecot: Dovecot
) -> None:
    code = add_hq()

    def commands() -> list[str]:
        result = roundtrip(mailctl, code, person, "--transcript", "--keep")
        assert result.code == 0, result
        said = re.findall(r" imap → \S+ (.*)", result.err)
        looks = step(result, "roundtrip")["evidence"]["looks"]
        assert sum(line.startswith("STATUS") for line in said) == 2 * (looks + 1)
        return [
            re.sub(r"FETCH \S+", "FETCH", line) for line in said if not line.startswith(("STATUS", "AUTH", "CLOSE"))
        ]

    few = commands()
    new = dovecot.maildir(person.address) / "new"
    for number in range(3000):
        path = new / f"1700000000.M{number}P1.filler"
        path.write_bytes(b"Subject: filler\r\n\r\nx\r\n")
        path.chmod(0o666)
    assert commands() == few


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_ctrl_c_while_waiting_says_what_was_sent(
    mailctl: Mailctl, add_hq: AddHq, person: Person, dovecot: Dovecot
) -> None:
    import signal

    with held(dovecot) as (out, _):
        words = ["test", "roundtrip", add_hq(out=out), "--username", person.address, "--password-from", "env:PASSWORD"]
        with subprocess.Popen(
            [sys.executable, "-m", "mailctl", "--config", str(mailctl.config), *words, "-o", "json"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as running:  # fmt: skip
            hold = out.folder / "queue/hold"
            wait_for(lambda: any(hold.iterdir()), "nothing is held", timeout_seconds=30)
            wait_for(lambda: "auth=1" in out.log(), "the message is not accepted yet")
            running.send_signal(signal.SIGINT)
            said, err = running.communicate(timeout=30)
    assert (running.returncode, json.loads(err)["error"]["code"]) == (130, "interrupted")
    found = json.loads(said)["targets"][0]["steps"]
    cut_off = next(step for step in found if step["name"] == "roundtrip")
    assert cut_off["status"] == "error"
    assert cut_off["evidence"]["message_id"] in cut_off["cause"]
    assert f"accepted for {person.address}" in cut_off["cause"]


# Mailboxes with what nobody should have sent


@PROTOCOLS
def test_hostile_messages_that_come_in_between_do_not_end_the_waiting(
    mailctl: Mailctl, add_hq: AddHq, person: Person, dovecot: Dovecot, protocol: str
) -> None:
    nested = b"".join(
        b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (depth, depth + 1) for depth in range(5000)
    )
    hostile = [
        b"From: MAILER-DAEMON\r\nContent-Type: multipart/report; boundary=b0\r\n\r\n" + nested,
        b"From: MAILER-DAEMON\r\nContent-Type: multipart/report" + b"(" * 4000 + b"\r\n\r\nx\r\n",
        b"From: MAILER-DAEMON\r\nSubject: " + b"=?utf-8?q?=41?= " * 16_000 + b"\r\n\r\nx\r\n",
        b"Subject: a header of 5 MB\r\n" + (b"X-Filler: " + b"x" * 900 + b"\r\n") * 5600 + b"\r\nx\r\n",
        b"Subject: \xff\x00\x1b[31m\r\nMessage-ID: <x@y>\r\nX-Mailctl-Probe:\r\n\r\nx\r\n",
    ]
    with held(dovecot) as (out, release):

        def come() -> None:
            wait_for(lambda: any((out.folder / "queue/hold").iterdir()), "nothing is held")
            for message in hostile:
                dovecot.deliver(person.address, message, sender="")
            release()

        with meanwhile(come):
            result = roundtrip(mailctl, add_hq(protocol, out=out), person)
    assert result.code == 0, result
    assert step(result, "roundtrip")["evidence"]["deleted"] is True
    assert len(dovecot.messages(person.address)) == len(hostile)


@PROTOCOLS
def test_what_others_delete_meanwhile_is_no_matter(
    mailctl: Mailctl, add_hq: AddHq, person: Person, dovecot: Dovecot, protocol: str
) -> None:
    for number in range(3):
        dovecot.deliver(person.address, b"Subject: %d\r\n\r\nx\r\n" % number)
    with held(dovecot) as (out, release):

        def delete() -> None:
            wait_for(lambda: any((out.folder / "queue/hold").iterdir()), "nothing is held")
            with logged_in(dovecot, person) as imap:
                imap.select("INBOX")
                imap.store("1:2", "+FLAGS", "(\\Deleted)")
                imap.expunge()
            release()

        with meanwhile(delete):
            result = roundtrip(mailctl, add_hq(protocol, out=out), person)
    assert result.code == 0, result
    assert subjects(dovecot, person) == ["2"]
