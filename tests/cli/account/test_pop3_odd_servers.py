"""`mailctl account pop3 collect` with servers that do what real ones rarely do."""

from __future__ import annotations

import email
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from tests.cli.account.conftest import AddPerson
from tests.doubles.imap import CAPABILITIES, ImapServer, capability_reply
from tests.doubles.pop3 import MESSAGE, Pop3Server, capa_reply
from tests.doubles.scripted import ScriptedServer
from tests.doubles.steps import Close, Endless, Part
from tests.hostile.memory import begin_growth
from tests.servers.certificates import CertificateAuthority
from tests.servers.dovecot import Dovecot
from tests.servers.people import Person

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl, Result

Collect = Callable[..., "Result"]
OTHER = MESSAGE.replace(b"<1@", b"<2@").replace(b"one", b"two")


def listing(*entries: bytes) -> bytes:
    return b"+OK\r\n" + b"".join(b"%d %b\r\n" % (number, entry) for number, entry in enumerate(entries, 1)) + b".\r\n"


def given_out(text: bytes) -> bytes:
    return b"+OK\r\n" + text + b".\r\n"


@pytest.fixture
def collect(mailctl: Mailctl, account: str, monkeypatch: pytest.MonkeyPatch) -> Collect:
    """Return a function that collects from a scripted server with deviations, into the new person's inbox."""
    monkeypatch.setenv("OLD", "pop-canary-4711")

    def run(*options: str, delete_after: str | None = None, auth: str = "auto", **points: Part) -> Result:
        with ScriptedServer(Pop3Server(security="none", **points).script) as server:
            policy = ("--keep",) if delete_after is None else ("--delete-after", delete_after)
            listed = mailctl.must("account", "pop3", "list", account, "-o", "json").json["pop3"]
            verb = "edit" if listed else "add"
            mailctl.must(
                "account", "pop3", verb, account, "old", "--host", "127.0.0.1", "--port", str(server.port),
                "--security", "none", "--username", "old", "--password-from", "env:OLD", "--into", "INBOX",
                "--auth", auth, *policy,
            )  # fmt: skip
            return mailctl("account", "pop3", "collect", account, *options)

    return run


@pytest.mark.parametrize(
    "points",
    [
        {"capa": capa_reply(b"TOP", b"SASL CRAM-MD5")},
        {"capa": b"-ERR what?\r\n", "uidl": b"-ERR what?\r\n", "auth": "login-command"},
    ],
)
def test_a_server_without_unique_ids_is_refused(collect: Collect, points: dict[str, Any]) -> None:
    result = collect(**points)
    assert result.code == 18
    assert "no unique ids (UIDL)" in result.err
    assert "over IMAP" in result.err


def test_one_unique_id_for_two_messages_is_refused(collect: Collect, dovecot: Dovecot, account: str) -> None:
    result = collect(uidl=listing(b"A", b"A"), list=listing(b"100", b"200"))
    assert result.code == 18
    assert "two different messages the same unique id, A" in result.err
    assert dovecot.subjects(account) == []


def test_copies_of_one_message_are_collected_once(collect: Collect, dovecot: Dovecot, account: str) -> None:
    assert collect(uidl=listing(b"A", b"A"), list=listing(b"100", b"100")).code == 0
    assert dovecot.subjects(account) == ["one"]


def test_a_unique_id_that_is_given_to_another_message_is_named(
    collect: Collect, dovecot: Dovecot, account: str
) -> None:
    assert collect().code == 0
    result = collect(list=listing(b"12345"), top=given_out(OTHER), delete_after="0")
    assert result.code == 13
    assert "message UID-ONE is not collected: the server has given it the unique id of another message" in result.err
    assert dovecot.subjects(account) == ["one"]


def test_a_size_that_varies_makes_no_other_message(collect: Collect, dovecot: Dovecot, account: str) -> None:
    assert collect().code == 0
    assert collect(list=listing(b"12345")).code == 0
    assert collect(list=listing(b"12345"), top=b"-ERR not asked for any more\r\n").code == 0
    assert dovecot.subjects(account) == ["one"]


@pytest.mark.parametrize(
    "capa", [capa_reply(b"TOP", b"UIDL", b"SASL CRAM-MD5", *more) for more in ((), (b"PIPELINING",))]
)
def test_a_message_that_is_not_given_out_is_named_and_the_rest_comes(
    collect: Collect, dovecot: Dovecot, account: str, capa: bytes
) -> None:
    refusal = b"-ERR message is locked\r\n"
    retrieved = iter_part(given_out(MESSAGE), refusal, given_out(OTHER))
    points = {"uidl": listing(b"A", b"B", b"C"), "list": listing(b"9", b"9", b"9"), "capa": capa}
    result = collect(**points, retr=retrieved)
    assert result.code == 13
    assert "message B is not collected: the server does not give out the message: -ERR message is locked" in result.err
    assert dovecot.subjects(account) == ["one", "two"]


def iter_part(*parts: bytes) -> Part:
    """Return a step that says one part after another, each time that its turn comes."""
    return Turns(list(parts))


class Turns:
    def __init__(self, parts: list[bytes]) -> None:
        self._parts = parts

    def play(self, conversation: Any) -> None:
        conversation.write(conversation.fill_in(self._parts.pop(0)))


SMUGGLED = OTHER.replace(b"<2@", b"<3@").replace(b"two", b"smuggled")


@pytest.mark.parametrize("lone_dot", [b"\n.\n", b"\n.\r\n", b"\r\n..\n"])
def test_a_dot_in_a_message_that_is_given_out_as_it_is_stored_does_not_end_it(
    collect: Collect, dovecot: Dovecot, account: str, lone_dot: bytes
) -> None:
    text = MESSAGE.replace(b"\r\none", b"\r\nb" + lone_dot + b"+OK\r\n" + SMUGGLED + b"c\n.dot")
    points = {"uidl": listing(b"A", b"B"), "list": listing(b"9", b"9")}
    result = collect(**points, retr=iter_part(given_out(text), given_out(OTHER)))
    assert result.code == 0, result
    stored = dovecot.messages(account)
    assert [len(stored), *map(subject_of, stored)] == [2, "one", "two"]
    assert [line for line in stored[0].splitlines() if line.startswith(b".")] == [b".", b".dot"]


def subject_of(message: bytes) -> str:
    return str(email.message_from_bytes(message)["Subject"])


def test_a_server_whose_lines_end_in_a_bare_line_feed_is_read(collect: Collect, dovecot: Dovecot, account: str) -> None:
    text = MESSAGE.replace(b"one\r\n", b"one\n..two\r\n...\n").replace(b"\r\n", b"\n")
    result = collect(retr=b"+OK\n" + text + b".\n")
    assert result.code == 0, result
    (stored,) = dovecot.messages(account)
    assert stored.splitlines()[-3:] == [b"one", b".two", b".."]


def test_a_lost_goodbye_deletes_nothing_and_the_next_run_does(collect: Collect, dovecot: Dovecot, account: str) -> None:
    result = collect(quit=Close(), delete_after="0")
    assert result.code == 10
    assert collect("--dry-run", delete_after="0").out.splitlines()[1].split() == ["old", "1", "0", "0", "1"]
    assert collect(quit=b"-ERR some were not deleted\r\n", delete_after="0").code == 13
    assert (
        collect(
            delete_after="0",
        ).code
        == 0
    )
    assert dovecot.subjects(account) == ["one"]


def test_a_server_that_keeps_what_it_was_told_to_delete_is_named(
    collect: Collect, dovecot: Dovecot, account: str
) -> None:
    assert collect(delete_after="0").code == 0
    result = collect(delete_after="0")
    assert result.code == 0
    assert "the server still lists 1 message that it was told to delete" in result.err
    assert dovecot.subjects(account) == ["one"]


def test_a_message_without_an_end_ends_the_run(collect: Collect, dovecot: Dovecot, account: str) -> None:
    result = collect(retr=(b"+OK\r\n", Endless(b"x" * 70 + b"\r\n")))
    assert result.code == 18
    assert dovecot.subjects(account) == []


def test_a_message_that_is_too_large_for_memory_stays_where_it_is(
    collect: Collect, dovecot: Dovecot, account: str
) -> None:
    result = collect(uidl=listing(b"A", b"B"), list=listing(b"3000000000", b"90"))
    assert result.code == 13
    assert "larger than the 128 MiB" in result.err
    assert dovecot.subjects(account) == ["one"]


def test_a_message_of_unknown_fate_that_has_grown_beyond_memory_stays_where_it_is(
    collect: Collect, mailctl: Mailctl, account: str
) -> None:
    with ScriptedServer(ImapServer(security="none", append=Close()).script) as target:
        mailctl.must(
            "account", "edit", account, "--incoming-host", "127.0.0.1", "--incoming-port", str(target.port),
            "--incoming-security", "none",
        )  # fmt: skip
        assert collect().code
        result = collect(list=listing(b"3000000000"))
    assert result.code == 13
    assert "larger than the 128 MiB" in result.err


@contextmanager
def small_dovecot(ca: CertificateAuthority, person: Person, setting: str) -> Iterator[Dovecot]:
    with Dovecot(ca=ca, extra=f"plugin {{\n  {setting}\n}}\n") as server:
        server.add_user(person.address, person.password)
        yield server


def test_a_message_that_the_target_refuses_is_named_and_the_rest_of_its_batch_comes(
    collect: Collect, mailctl: Mailctl, account: str, ca: CertificateAuthority, person: Person
) -> None:
    large = OTHER + b"y" * 76 + b"\r\n" + b"x\r\n" * 40_000
    points = {"uidl": listing(b"A", b"B", b"C"), "list": listing(b"9", b"120200", b"9")}
    retrieved = iter_part(given_out(MESSAGE), given_out(large), given_out(MESSAGE.replace(b"one", b"three")))
    with small_dovecot(ca, person, "quota_max_mail_size = 100k") as server:
        mailctl.must(
            "account", "edit", account, "--incoming-port", str(server.imap_port), "--incoming-security", "starttls"
        )
        result = collect(**points, retr=retrieved)
        assert server.subjects(account) == ["one", "three"]
    assert result.code == 13
    assert "'two' from a@example.org is not collected: the server does not take the message into 'INBOX'" in result.err


def test_a_full_mailbox_ends_the_run_with_what_the_server_says(
    collect: Collect, mailctl: Mailctl, account: str, ca: CertificateAuthority, person: Person
) -> None:
    points = {"uidl": listing(b"A", b"B"), "list": listing(b"9", b"9")}
    with small_dovecot(ca, person, "quota_rule = *:messages=1") as server:
        mailctl.must(
            "account", "edit", account, "--incoming-port", str(server.imap_port), "--incoming-security", "starttls"
        )
        result = collect(**points, retr=iter_part(given_out(MESSAGE), given_out(OTHER)))
        assert server.subjects(account) == ["one"]
        assert result.code == 13
        assert "OVERQUOTA" in result.err
        again = collect(**points, retr=iter_part(given_out(OTHER)))
        assert (again.code, server.subjects(account)) == (13, ["one"])


@pytest.mark.parametrize(
    "literals", [(), (b"LITERAL-",), (b"LITERAL+",), (b"LITERAL+", b"MULTIAPPEND"), (b"MULTIAPPEND",)]
)
def test_a_target_gets_messages_in_the_way_that_it_knows(
    collect: Collect, mailctl: Mailctl, account: str, literals: tuple[bytes, ...]
) -> None:
    points = {"uidl": listing(b"A", b"B"), "list": listing(b"9", b"9")}
    capability = capability_reply(*CAPABILITIES, *literals)
    with ScriptedServer(ImapServer(security="none", capability=capability).script) as target:
        mailctl.must(
            "account", "edit", account, "--incoming-host", "127.0.0.1", "--incoming-port", str(target.port),
            "--incoming-security", "none",
        )  # fmt: skip
        result = collect(**points, retr=iter_part(given_out(MESSAGE), given_out(OTHER)))
        assert result.code == 0, result.err
    assert MESSAGE in target.received
    assert OTHER in target.received
    assert target.received.count(b"APPEND") == (1 if b"MULTIAPPEND" in literals else 2)
    assert (b"+}\r\n" in target.received) == any(word.startswith(b"LITERAL") for word in literals)
    assert b"2026" not in target.received  # these have no date, and get none


@pytest.mark.parametrize(
    ("answers", "forms", "said"),
    [
        ([b"OK taken"], [b"{%d}"], None),
        ([b"NO say that it is UTF-8", b"OK taken"], [b"{%d}", b"UTF8 (~{%d}"], None),
        ([b"NO no UTF-8 here", b"BAD what?"], [b"{%d}", b"UTF8 (~{%d}"], "NO no UTF-8 here"),
        ([b"NO say that it is UTF-8", b"NO not this"], [b"{%d}", b"UTF8 (~{%d}"], "NO not this"),
    ],
)
def test_a_header_in_utf_8_is_stored_as_it_is_and_marked_where_that_is_refused(
    collect: Collect, mailctl: Mailctl, account: str, answers: list[bytes], forms: list[bytes], said: str | None
) -> None:
    message = MESSAGE.replace(b"Subject: one", "Subject: 件名".encode())
    server = ImapServer(
        security="none",
        capability=capability_reply(*CAPABILITIES, b"UTF8=ACCEPT"),
        enable=b"* ENABLED UTF8=ACCEPT\r\n<tag> OK done\r\n",
        append=iter_part(*(b"<tag> %b\r\n" % answer for answer in answers)),
    )
    with ScriptedServer(server.script) as target:
        mailctl.must(
            "account", "edit", account, "--incoming-host", "127.0.0.1", "--incoming-port", str(target.port),
            "--incoming-security", "none",
        )  # fmt: skip
        result = collect(retr=given_out(message))
    sent = [line for line in target.received.splitlines() if b" APPEND " in line]
    assert [line.partition(b'"INBOX" ')[2] for line in sent] == [form % len(message) for form in forms]
    assert target.received.count(message) == len(forms)
    assert (b"~{" in target.received) == (message + b")\r\n" in target.received)
    assert result.code == (13 if said else 0)
    assert said is None or said in result.err


def test_what_no_encoding_has_is_told_of_a_message_all_the_same(
    collect: Collect, mailctl: Mailctl, account: str
) -> None:
    capability = capability_reply(*CAPABILITIES, b"APPENDLIMIT=10")
    with ScriptedServer(ImapServer(security="none", capability=capability).script) as target:
        mailctl.must(
            "account", "edit", account, "--incoming-host", "127.0.0.1", "--incoming-port", str(target.port),
            "--incoming-security", "none",
        )  # fmt: skip
        result = collect("-o", "json", retr=given_out(MESSAGE.replace(b"Subject: one", b"Subject: =?utf-7?Q?+2AA-?=")))
    assert result.code == 13
    [left] = result.json["pop3"][0]["left"]
    assert (left["sender"], left["subject"]) == ("a@example.org", "\ufffd")


def test_a_large_message_is_held_once(
    mailctl: Mailctl, add_person: AddPerson, person: Person, dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLD", person.password)
    account, old = add_person(person), f"old-{person.address}"
    dovecot.add_user(old, person.password)
    mailctl.must(
        "account", "pop3", "add", account, "old", "--host", "127.0.0.1", "--port", str(dovecot.pop3_port),
        "--security", "none", "--username", old, "--password-from", "env:OLD", "--into", "INBOX",
    )  # fmt: skip
    octets = 50 * 1024 * 1024
    dovecot.deliver(old, MESSAGE)
    dovecot.deliver(old, MESSAGE + (b"x" * 76 + b"\r\n") * (octets // 78))
    dovecot.deliver(old, OTHER)
    grown = begin_growth()
    mailctl.must("account", "pop3", "collect", account)
    assert grown() < 1.4 * octets
    assert dovecot.subjects(account) == ["one", "one", "two"]
