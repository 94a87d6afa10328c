"""`mailctl account pop3 collect`: from one mailbox of a real Dovecot over POP3 into another's folder over IMAP."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from imapclient import IMAPClient
from tests.servers.dovecot import Dovecot
from tests.servers.people import Person
from tests.servers.processes import wait_for
from tests.servers.proxy import DelayProxy

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl

AddSource = Callable[..., None]
RECEIVED = "Received: from a by b with ESMTP id 1; Mon, 02 Mar 2026 10:11:12 +0900\r\n"


def message(number: int, *, body: str = "Hello.\r\n", extra: str = "") -> bytes:
    return (
        f"{extra}From: Shop <shop@example.test>\r\nSubject: n{number}\r\nDate: Sun, 01 Mar 2026 09:00:00 +0000\r\n"
        f"Message-ID: <{number}@example.test>\r\n\r\n{body}"
    ).encode()


@pytest.fixture
def old(dovecot: Dovecot, person: Person) -> str:
    """The address of another mailbox of the same person's."""
    address = f"old-{person.address}"
    dovecot.add_user(address, person.password)
    return address


@pytest.fixture
def add_source(mailctl: Mailctl, account: str, old: str, person: Person, dovecot: Dovecot) -> AddSource:
    """Return a function that lets the account collect from the other mailbox."""

    def add(*options: str, name: str = "old", into: str = "旧 mail") -> None:
        mailctl.must(
            "account", "pop3", "add", account, name, "--host", "localhost", "--port", str(dovecot.pop3_port),
            "--security", "starttls", "--ca-file", str(dovecot.ca_file), "--username", old,
            "--password-from", f"env:PASSWORD_OF_{person.address}", "--into", into, *options,
        )  # fmt: skip

    return add


def fill(dovecot: Dovecot, address: str, numbers: range) -> list[str]:
    for number in numbers:
        dovecot.deliver(address, message(number))
    return [f"n{number}" for number in numbers]


def as_delivered(text: bytes) -> bytes:
    """Return a message as the disk has it, with the line ends of the network."""
    return text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def test_mail_is_collected_unaltered_unread_and_with_its_date(
    mailctl: Mailctl, account: str, old: str, add_source: AddSource, dovecot: Dovecot, imap: IMAPClient
) -> None:
    add_source()
    hard = "..\r\n.\r\n.a\r\n" + "x" * 70_000 + "\r\n\r\nüñ\r\n..."
    dovecot.deliver(old, message(1, body=hard))
    dovecot.deliver(old, message(2))
    result = mailctl.must("account", "pop3", "collect", account)
    assert result.out.splitlines()[1].split()[:3] == ["old", "2", "2"]
    assert "2 messages collected for" in result.err
    before, after = dovecot.messages(old), dovecot.messages(account, "旧 mail")
    assert [as_delivered(text) for text in before] == [as_delivered(text) for text in after]
    imap.select_folder("旧 mail", readonly=True)
    assert imap.search("UNSEEN") == [1, 2]
    assert len(dovecot.messages(old)) == 2


def test_a_message_is_collected_once_however_often_it_is_run(
    mailctl: Mailctl, account: str, old: str, add_source: AddSource, dovecot: Dovecot
) -> None:
    add_source(into="INBOX")
    fill(dovecot, old, range(3))
    assert mailctl.must("account", "pop3", "collect", account, "-o", "json").json == {
        "schema_version": 1, "changed": True, "account": account,
        "pop3": [
            {
                "source": "old", "listed": 3, "collected": 3,
                "octets": sum(len(as_delivered(text)) for text in dovecot.messages(old)),
                "recognised": 0, "deleted": 0, "undeleted": 0, "left": [], "error": None,
            }
        ],
    }  # fmt: skip
    fill(dovecot, old, range(3, 5))
    assert mailctl.must("account", "pop3", "collect", account, "--dry-run").err.startswith("2 messages to be collected")
    assert dovecot.subjects(account) == ["n0", "n1", "n2"]
    mailctl.must("account", "pop3", "collect", account, "old")
    again = mailctl.must("account", "pop3", "collect", account, "-o", "json").json
    assert again["changed"] is False
    assert dovecot.subjects(account) == ["n0", "n1", "n2", "n3", "n4"]
    listed = mailctl.must("account", "pop3", "list", account, "-o", "json").json["pop3"][0]
    assert listed["collected"] == 5
    assert listed["last_collected_at"]


def test_a_mailbox_that_is_added_again_is_not_collected_again(
    mailctl: Mailctl, account: str, old: str, add_source: AddSource, dovecot: Dovecot
) -> None:
    add_source(into="INBOX")
    fill(dovecot, old, range(2))
    mailctl.must("account", "pop3", "collect", account)
    mailctl.must("account", "pop3", "delete", account, "old", "--yes")
    add_source(name="another", into="INBOX")
    mailctl.must("account", "pop3", "collect", account)
    assert dovecot.subjects(account) == ["n0", "n1"]


def test_a_mailbox_known_from_before_is_told_when_it_is_added(
    mailctl: Mailctl, account: str, old: str, add_source: AddSource, dovecot: Dovecot, person: Person
) -> None:
    add_source(into="INBOX")
    fill(dovecot, old, range(2))
    mailctl.must("account", "pop3", "collect", account)
    mailctl.must("account", "pop3", "delete", account, "old", "--yes")
    added = mailctl.must(
        "account", "pop3", "add", account, "again", "--host", "localhost", "--port", str(dovecot.pop3_port),
        "--security", "starttls", "--username", old, "--password-from", f"env:PASSWORD_OF_{person.address}",
        "--into", "INBOX",
    )  # fmt: skip
    assert f"note: 2 messages of {old} at localhost are known from before" in " ".join(added.err.split())
    failed = mailctl("account", "pop3", "collect", account)
    assert failed.code == 11
    assert f"mailctl account pop3 edit {account} again --ca-file FILE" in " ".join(failed.err.split())


def test_mail_is_deleted_at_once_where_that_is_wanted(
    mailctl: Mailctl, account: str, old: str, add_source: AddSource, dovecot: Dovecot
) -> None:
    add_source("--delete-after", "0", into="INBOX")
    fill(dovecot, old, range(3))
    result = mailctl.must("account", "pop3", "collect", account, "-o", "json").json
    assert result["pop3"][0]["deleted"] == 3
    assert dovecot.subjects(old) == []
    assert dovecot.subjects(account) == ["n0", "n1", "n2"]


def test_what_is_only_deleted_is_told_and_foretold(
    mailctl: Mailctl, account: str, old: str, add_source: AddSource, dovecot: Dovecot
) -> None:
    add_source(into="INBOX")
    fill(dovecot, old, range(3))
    collect = ("account", "pop3", "collect", account)
    mailctl.must(*collect)
    mailctl.must("account", "pop3", "edit", account, "old", "--delete-after", "0")
    rehearsed = mailctl.must(*collect, "--dry-run")
    assert "TO DELETE" in rehearsed.out
    assert "0 messages to be collected" in rehearsed.err
    assert "3 to be deleted on the POP3 server" in rehearsed.err
    assert "3 deleted on the POP3 server" in mailctl.must(*collect).err


def test_mail_stays_for_the_days_that_are_said_and_goes_then(
    mailctl: Mailctl, account: str, old: str, add_source: AddSource, dovecot: Dovecot
) -> None:
    add_source("--delete-after", "30", into="INBOX")
    fill(dovecot, old, range(2))
    mailctl.must("account", "pop3", "collect", account)
    assert dovecot.subjects(old) == ["n0", "n1"]
    mailctl.must("account", "pop3", "edit", account, "old", "--delete-after", "0")
    result = mailctl.must("account", "pop3", "collect", account, "-o", "json").json
    assert (result["changed"], result["pop3"][0]["deleted"]) == (True, 2)
    assert dovecot.subjects(old) == []


def test_a_wrong_password_is_told_of_the_right_server(
    mailctl: Mailctl, account: str, add_source: AddSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_source()
    monkeypatch.setenv("WRONG", "wrong")
    mailctl.must("account", "pop3", "edit", account, "old", "--password-from", "env:WRONG")
    result = mailctl("account", "pop3", "collect", account)
    assert result.code == 12
    assert "old: " in result.err
    assert "-ERR" in result.err
    error = mailctl("account", "pop3", "collect", account, "-o", "json").json["pop3"][0]["error"]
    assert (error["exit_code"], error["stage"]) == (12, "auth")


def test_a_mailbox_that_fails_does_not_keep_the_others_back(
    mailctl: Mailctl, account: str, old: str, add_source: AddSource, dovecot: Dovecot
) -> None:
    mailctl.must(
        "account", "pop3", "add", account, "gone", "--host", "localhost", "--port", "1", "--security", "tls",
        "--username", "x", "--password-from", "env:HOME", "--into", "INBOX",
    )  # fmt: skip
    add_source(into="INBOX")
    fill(dovecot, old, range(1))
    result = mailctl("account", "pop3", "collect", account)
    assert result.code == 10
    assert "gone: " in result.err
    assert dovecot.subjects(account) == ["n0"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_a_collection_that_is_killed_ten_times_is_complete_and_holds_nothing_twice(
    mailctl: Mailctl, account: str, old: str, add_source: AddSource, dovecot: Dovecot
) -> None:
    add_source("--delete-after", "0", into="INBOX")
    names = fill(dovecot, old, range(400))
    command = [sys.executable, "-m", "mailctl", "--config", str(mailctl.config), "account", "pop3", "collect", account]
    killed = 0
    with (
        DelayProxy(dovecot.pop3_port, delay_seconds=0.005) as pop3,
        DelayProxy(dovecot.imap_port, delay_seconds=0.005) as imap,
    ):
        mailctl.must("account", "pop3", "edit", account, "old", "--port", str(pop3.port), "--security", "starttls")
        mailctl.must("account", "edit", account, "--incoming-port", str(imap.port), "--incoming-security", "starttls")
        chance = random.Random(20261121)
        while killed < 10:
            imap.reset()
            pop3.reset()
            moment = chance.randrange(1000, 150_000)
            with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:

                def is_due(running: subprocess.Popen[bytes] = running, moment: int = moment) -> bool:
                    carried = imap.traffic.bytes_to_server + pop3.traffic.bytes_to_client
                    return carried >= moment or running.poll() is not None

                wait_for(is_due, "the moment to kill it", timeout_seconds=60)
                killed += running.poll() is None
                running.kill()
            if running.returncode == 0:
                names += fill(dovecot, old, range(len(names), len(names) + 100))
        mailctl.must("account", "pop3", "collect", account)
    assert sorted(dovecot.subjects(account)) == sorted(names)
    assert dovecot.subjects(old) == []


SETTINGS = """\
schema_version = 1
[[accounts]]
address = "new@example.test"
username = "{person.address}"
password = "env:PASSWORD"
[accounts.incoming]
protocol = "imap"
host = "127.0.0.1"
port = {dovecot.imap_port}
security = "none"
[accounts.smtp]
host = "127.0.0.1"
port = 25
security = "none"
[[accounts.pop3]]
name = "old"
host = "127.0.0.1"
port = {dovecot.pop3_port}
security = "none"
username = "{old}"
password = "env:PASSWORD"
into = "@INTO@"
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_whatever_call_a_collection_dies_at_the_next_run_completes_it(
    old: str, person: Person, dovecot: Dovecot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASSWORD", person.password)
    (tmp_path / "template.toml").write_text(SETTINGS.format(person=person, dovecot=dovecot, old=old))
    for number in range(3):
        dovecot.deliver(old, message(number, body=f"{'x' * 76}\r\n" * 8000))
    program = Path(__file__).with_name("collect_trials.py")
    killed = trials_made = 0
    with subprocess.Popen(
        [sys.executable, str(program), str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as trials:
        assert trials.stdin
        assert trials.stdout
        for line in trials.stdout:
            trials_made += 1
            killed += "killed" in line
            wait_until_sessions_end(dovecot, person.address)
            trials.stdin.write("\n")
            trials.stdin.flush()
    assert trials.returncode == 0
    assert killed > 20
    folders = [path.name for path in dovecot.maildir(person.address).glob(".Trial*")]
    assert len(folders) == trials_made
    for folder in folders:
        assert dovecot.subjects(person.address, folder.removeprefix(".")) == ["n0", "n1", "n2"], folder


def wait_until_sessions_end(dovecot: Dovecot, user: str) -> None:
    """Wait until nothing that was said in an IMAP session of the user's is still worked on."""
    end = re.compile(rf"imap\({re.escape(user)}\)<[^>]*><[^>]*>: (?:Disconnected|Logged out|Connection)")

    def have_ended() -> bool:
        log = dovecot.log()
        return log.count(f"imap-login: Login: user=<{user}>") == len(end.findall(log))

    wait_for(have_ended, "the end of all sessions", timeout_seconds=20)
