"""`mailctl test all`: what is tested and how far, in which order hosts are asked, and what is kept when it is ended."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.doubles.imap import ImapServer
from tests.doubles.scripted import ScriptedServer
from tests.doubles.smtp import SmtpServer
from tests.doubles.steps import Announce, Stall
from tests.servers.dovecot import Dovecot
from tests.servers.people import ALICE, TARO
from tests.servers.postfix import Postfix

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl
    from tests.doubles.conversation import Conversation

GREETING = b"220 mail.example ready\r\n"


@dataclass
class Meeting:
    """A step that is over once as many connections are in it at once as are wanted; it counts them."""

    wanted: int = 1
    together: int = 0
    most: int = 0
    met: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def play(self, conversation: Conversation) -> None:
        with self.lock:
            self.together += 1
            self.most = max(self.most, self.together)
            if self.together >= self.wanted:
                self.met.set()
        assert self.met.wait(20)
        conversation.wait(0.05)  # whoever would come too early, comes now
        with self.lock:
            self.together -= 1


@pytest.fixture
def servers() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def add(mailctl: Mailctl, code: str, host: str, smtp: ScriptedServer, imap: ScriptedServer) -> None:
    mailctl.must(
        "server", "add", code, "--name", code, "--smtp-host", host, "--smtp-port", str(smtp.port),
        "--smtp-security", "none", "--incoming-protocol", "imap", "--incoming-host", host,
        "--incoming-port", str(imap.port), "--incoming-security", "none",
    )  # fmt: skip


def pair(servers: ExitStack, address: str = "127.0.0.1", greeting: Any = GREETING) -> list[ScriptedServer]:
    """Start an SMTP and an IMAP server without TLS."""
    scripts = (SmtpServer(security="none", greeting=greeting).script, ImapServer(security="none").script)
    return [servers.enter_context(ScriptedServer(script, address=address)) for script in scripts]


def statuses(target: dict[str, Any]) -> dict[tuple[str, str], str]:
    return {(step["protocol"], step["name"]): step["status"] for step in target["steps"]}


@pytest.fixture
def organisation(mailctl: Mailctl, postfix: Postfix, dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch) -> Mailctl:
    """A server, the system mail account, a tenant and a person's account, on the real Postfix and Dovecot."""
    monkeypatch.setenv("ALICE", ALICE.password)
    monkeypatch.setenv("TARO", TARO.password)
    mailctl.must(
        "server", "add", "hq", "--name", "HQ", "--smtp-host", "localhost", "--smtp-port", str(postfix.submission_port),
        "--smtp-security", "starttls", "--smtp-auth", "plain", "--incoming-protocol", "imap", "--incoming-host",
        "LOCALHOST", "--incoming-port", str(dovecot.imaps_port), "--incoming-security", "tls",
        "--ca-file", dovecot.ca_file,
    )  # fmt: skip
    login = ("--username", ALICE.address, "--password-from", "env:ALICE")
    mailctl.must("sysmail", "set", "--address", ALICE.address, "--server", "hq", *login)
    mailctl.must("tenant", "add", "acme", "--name", "Acme", "--server", "hq", "--address", ALICE.address, *login)
    mailctl.must("tenant", "add", "lent", "--name", "Lent")
    mailctl.must(
        "account", "add", TARO.address, "--username", TARO.address, "--server", "hq", "--password-from", "env:TARO"
    )
    return mailctl


def test_everything_is_tested_with_the_stored_logins_and_nothing_is_sent(
    organisation: Mailctl, dovecot: Dovecot
) -> None:
    before = dovecot.messages(TARO.address), dovecot.messages(ALICE.address)
    result = organisation("test", "all", "-o", "json")
    assert result.code == 0, result
    report = result.json
    assert (report["test"], report["ok"], report["interrupted"]) == ("all", True, False)
    assert [target["target"] for target in report["targets"]] == ["hq", "sysmail", "tenant:acme", TARO.address]
    for target in report["targets"][1:]:
        assert statuses(target)["smtp", "auth"] == "pass"
        assert statuses(target)["imap", "mailbox"] == "pass"
        assert ("smtp", "envelope") not in statuses(target)
    assert (dovecot.messages(TARO.address), dovecot.messages(ALICE.address)) == before


def test_without_a_stored_login_all_else_is_tested_and_the_reason_said(organisation: Mailctl) -> None:
    target = organisation("test", "all", "-o", "json").json["targets"][0]
    found = statuses(target)
    assert found["smtp", "capabilities"] == found["imap", "capabilities"] == "pass"
    skipped = [step for step in target["steps"] if step["status"] == "skipped"]
    assert [(step["protocol"], step["name"]) for step in skipped] == [
        ("smtp", "secret"), ("smtp", "auth"), ("imap", "secret"), ("imap", "auth"), ("imap", "mailbox"),
    ]  # fmt: skip
    assert {step["cause"] for step in skipped} == {"no login is stored"}


def test_a_line_a_target_what_failed_opened_and_the_verdict(
    organisation: Mailctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TARO", "wrong")
    result = organisation("test", "all")
    assert result.code == 12
    lines = result.out.splitlines()
    assert [line.split()[:2] for line in lines[:4]] == [
        ["pass", "hq"], ["pass", "sysmail"], ["pass", "tenant:acme"], ["FAIL", TARO.address],
    ]  # fmt: skip
    assert "smtp auth, imap mailbox" in lines[1]
    assert lines[0].endswith("no login is stored")
    assert lines[5] == TARO.address
    assert any(line.startswith("  what to do") for line in lines)
    assert lines[-1].startswith("failed: 1 of 4 targets in ")


def test_verbose_shows_each_step_under_its_protocol(organisation: Mailctl) -> None:
    out = organisation("-v", "test", "all").out
    sysmail = out[out.index("sysmail\n") : out.index("tenant:acme\n")]
    smtp, imap = sysmail.index("  SMTP\n"), sysmail.index("  IMAP\n")
    assert smtp < sysmail.index("  smtp localhost") < imap < sysmail.index("  pass  mailbox ")


def test_verbose_tells_no_step_twice(mailctl: Mailctl, servers: ExitStack) -> None:
    add(mailctl, "bad", "127.0.0.2", *pair(servers, "127.0.0.2", b"554 go away\r\n"))
    out = mailctl("-v", "test", "all").out
    assert out.count("FAIL  greeting") == 1
    assert out.count("what to do") == 1
    assert out.index("what to do") < out.index("  FAIL bad ")
    assert out.splitlines()[-1].startswith("failed: 1 of 1 targets in ")


def test_each_side_that_failed_is_opened_under_its_protocol(mailctl: Mailctl) -> None:
    mailctl.must(
        "server", "add", "down", "--name", "Down", "--smtp-host", "127.0.0.1", "--smtp-port", "1",
        "--smtp-security", "none", "--incoming-protocol", "pop3", "--incoming-host", "127.0.0.1",
        "--incoming-port", "2", "--incoming-security", "none",
    )  # fmt: skip
    lines = mailctl("test", "all").out.splitlines()
    shown = [
        line.strip() for line in lines if line.strip() in ("SMTP", "POP3") or line.startswith(("tcp", "  FAIL  tcp"))
    ]
    assert [line.split()[0] for line in shown] == ["SMTP", "FAIL", "POP3", "FAIL", "tcp", "tcp"]
    commands = [line.split("next")[1].strip() for line in lines if line.startswith("  next ")]
    assert commands == [f"mailctl server edit down --{side}-port PORT" for side in ("smtp", "incoming")]


def test_where_there_is_nothing_to_test_it_says_what_to_do(mailctl: Mailctl) -> None:
    result = mailctl("test", "all")
    assert result.code == 3
    assert "there is nothing to test" in result.err
    assert "mailctl server add" in result.err


def test_a_failure_keeps_no_other_target_from_being_tested(mailctl: Mailctl, servers: ExitStack) -> None:
    bad, good = pair(servers, "127.0.0.2", b"554 go away\r\n"), pair(servers, "127.0.0.3")
    add(mailctl, "bad", "127.0.0.2", *bad)
    add(mailctl, "good", "127.0.0.3", *good)
    result = mailctl("test", "all", "-o", "json")
    assert [target["ok"] for target in result.json["targets"]] == [False, True]
    assert statuses(result.json["targets"][0])["imap", "capabilities"] == "pass"
    assert result.code == result.json["targets"][0]["exit_code"] == 13


def test_a_login_that_was_refused_is_not_tried_over_the_other_protocol(
    mailctl: Mailctl, servers: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PW", "x")
    smtp = SmtpServer(security="none", verdict=b"535 5.7.8 no\r\n")
    imap = ImapServer(security="none")
    outgoing, incoming = (servers.enter_context(ScriptedServer(server.script)) for server in (smtp, imap))
    add(mailctl, "hq", "127.0.0.1", outgoing, incoming)
    mailctl.must("server", "edit", "hq", "--smtp-auth", "plain", "--incoming-auth", "plain")
    mailctl.must("server", "edit", "hq", "--smtp-credentials", "incoming")
    mailctl.must("account", "add", "a@example.org", "--username", "a", "--server", "hq", "--password-from", "env:PW")
    report = mailctl("test", "all", "-o", "json").json["targets"][1]
    found = statuses(report)
    assert (found["smtp", "auth"], found["imap", "capabilities"], found["imap", "auth"]) == ("fail", "pass", "skipped")
    assert b"AUTHENTICATE" not in incoming.received
    assert report["exit_code"] == 12


def test_hosts_are_tested_in_parallel(mailctl: Mailctl, servers: ExitStack) -> None:
    meeting = Meeting(wanted=3)
    for number in range(3):
        address = f"127.0.1.{number + 1}"
        add(mailctl, f"s{number}", address, *pair(servers, address, (meeting, GREETING)))
    assert mailctl("test", "all").code == 0
    assert meeting.most == 3


def test_one_host_is_tested_by_one_test_at_a_time(mailctl: Mailctl, servers: ExitStack) -> None:
    meeting = Meeting()
    for number, host in enumerate(("localhost", "LocalHost", "localhost")):
        smtp, _ = pair(servers, greeting=(meeting, GREETING))
        imap = ImapServer(security="none", greeting=(meeting, b"* OK ready\r\n"))
        add(mailctl, f"s{number}", host, smtp, servers.enter_context(ScriptedServer(imap.script)))
    assert mailctl("test", "all").code == 0
    assert meeting.most == 1


def test_the_vault_is_opened_once_for_all(mailctl: Mailctl, servers: ExitStack, tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    printer = tmp_path / "passphrase.py"
    printer.write_text(f"open({str(opened)!r}, 'a').write('x'); print('correct horse')")
    mailctl.must("secret", "backend", "vault", "--passphrase-from", f"command:{sys.executable} {printer}")
    mailctl.must("secret", "set", "shared", "--stdin", stdin=b"secret")
    meeting = Meeting(wanted=3)
    for number in range(3):
        address = f"127.0.1.{number + 1}"
        smtp, imap = pair(servers, address, (meeting, GREETING))
        mailctl.must(
            "account", "add", f"a{number}@example.org", "--username", "a", "--password-from", "vault:shared",
            "--incoming-protocol", "imap", "--incoming-host", address, "--incoming-port", str(imap.port),
            "--incoming-security", "none", "--smtp-host", address, "--smtp-port", str(smtp.port),
            "--smtp-security", "none",
        )  # fmt: skip
    opened.unlink()
    result = mailctl("test", "all", "-o", "json")
    assert [target["ok"] for target in result.json["targets"]] == [True, True, True], result
    assert opened.read_text() == "x"


def test_jobs_bound_what_is_tested_at_once(mailctl: Mailctl, servers: ExitStack) -> None:
    meeting = Meeting(wanted=2)
    for number in range(4):
        address = f"127.0.1.{number + 1}"
        add(mailctl, f"s{number}", address, *pair(servers, address, (meeting, GREETING)))
    assert mailctl("test", "all", "--jobs", "2").code == 0
    assert meeting.most == 2


def test_the_order_is_that_of_the_settings_whatever_ends_first(mailctl: Mailctl, servers: ExitStack) -> None:
    last = threading.Event()

    class AfterTheOther:
        def play(self, conversation: Conversation) -> None:
            assert last.wait(20)

    add(mailctl, "slow", "127.0.0.2", *pair(servers, "127.0.0.2", (AfterTheOther(), GREETING)))
    add(mailctl, "quick", "127.0.0.3", *pair(servers, "127.0.0.3", (Announce(last), GREETING)))
    report = mailctl("test", "all", "-o", "json").json
    assert [target["target"] for target in report["targets"]] == ["slow", "quick"]


def test_the_transcripts_stand_one_after_the_other_under_their_targets(
    mailctl: Mailctl, servers: ExitStack, tmp_path: Path
) -> None:
    meeting = Meeting(wanted=2)
    for number in range(2):
        address = f"127.0.1.{number + 1}"
        add(mailctl, f"s{number}", address, *pair(servers, address, (meeting, b"220 this is s%d\r\n" % number)))
    result = mailctl("test", "all", "--trace", tmp_path / "trace.txt", "--transcript")
    first, second = (tmp_path / "trace.txt").read_text().split("== s1\n")
    assert first.startswith("== s0\n")
    assert ("this is s0" in first, "this is s1" in first) == (True, False)
    assert ("this is s0" in second, "this is s1" in second) == (False, True)
    assert first.index("smtp") < first.index("imap")
    assert result.err.index("this is s0") < result.err.index("this is s1")


def test_the_time_of_a_target_is_for_both_of_its_sides(mailctl: Mailctl, servers: ExitStack) -> None:
    add(mailctl, "slow", "127.0.0.2", *pair(servers, "127.0.0.2", Stall()))
    target = mailctl("test", "all", "--timeout", "0.4", "-o", "json").json["targets"][0]
    assert [step["protocol"] for step in target["steps"] if step["status"] == "fail"] == ["smtp", "imap"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_it_soon_and_keeps_what_is_done(
    mailctl: Mailctl, servers: ExitStack, tmp_path: Path, number: signal.Signals
) -> None:
    stalled, done = threading.Event(), threading.Event()
    smtp, _ = pair(servers, "127.0.0.2", (Announce(stalled), Stall()))
    add(mailctl, "stuck", "127.0.0.2", smtp, smtp)
    smtp = servers.enter_context(ScriptedServer(SmtpServer(security="none").script, address="127.0.0.3"))
    imap = ImapServer(security="none", logout=(b"* BYE\r\n<tag> OK bye\r\n", Announce(done)))
    add(mailctl, "fine", "127.0.0.3", smtp, servers.enter_context(ScriptedServer(imap.script, address="127.0.0.3")))
    reports = ["--report", f"json={tmp_path / 'r.json'}", "--report", f"junit={tmp_path / 'r.xml'}"]
    program = [sys.executable, "-m", "mailctl", "--config", str(mailctl.config), "test", "all", *reports]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert stalled.wait(20)
        assert done.wait(20)
        running.send_signal(number)
        out, err = running.communicate(timeout=20)
    assert running.returncode == 130
    assert "interrupted" in err
    report = json.loads((tmp_path / "r.json").read_text())
    assert [target["target"] for target in report["targets"]] == ["fine"]
    assert (report["ok"], report["interrupted"], report["unfinished"]) == (False, True, ["stuck"])
    assert 'name="fine"' in (tmp_path / "r.xml").read_text()
    assert "interrupted" in (tmp_path / "r.xml").read_text()
    assert re.fullmatch(
        r"interrupted: after 1 target in \d+\.\d s, 0 failed; not finished: stuck", out.splitlines()[-1]
    )
