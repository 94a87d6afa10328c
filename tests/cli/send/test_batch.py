"""`mailctl send --batch`: all lines or none are begun; one connection; each message once; a result each."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.doubles.conversation import Conversation
from tests.doubles.scripted import ScriptedServer
from tests.doubles.smtp import TAKE_MESSAGE, SmtpServer, ehlo_reply
from tests.doubles.steps import Close, Expect, Part, Reset, Say, Stall
from tests.servers.dovecot import Dovecot
from tests.servers.people import ALICE, TARO, Person
from tests.servers.postfix import Postfix
from tests.servers.processes import wait_for

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl, Result
    from tests.cli.send.conftest import SetSysmail

TAKEN = (TAKE_MESSAGE, b"250 2.0.0 queued as 4F2Z\r\n")
NO_PIPELINING = ehlo_reply(b"8BITMIME")


def batch(*messages: dict[str, Any]) -> bytes:
    return b"".join(json.dumps({"body": "hello", **message}).encode() + b"\n" for message in messages)


def to_everybody(count: int) -> bytes:
    return batch(*({"to": f"r{number}@example.test", "subject": f"{number}"} for number in range(1, count + 1)))


def results(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.out.splitlines()]


def verdicts(result: Result) -> list[str | None]:
    return [line["error"] and line["error"]["code"] for line in results(result)]


def subjects(messages: list[bytes]) -> list[str]:
    lines = [line for message in messages for line in message.split(b"\r\n")]
    return [line.removeprefix(b"Subject: ").decode() for line in lines if line.startswith(b"Subject: ")]


def test_many_messages_go_over_one_connection(
    mailctl: Mailctl, on_postfix: SetSysmail, postfix: Postfix, dovecot: Dovecot, person: Person
) -> None:
    on_postfix()
    earlier = len(postfix.log())
    messages = batch(*({"to": [person.address, ALICE.address], "subject": f"{number}"} for number in range(20)))
    result = mailctl.must("send", "--batch", "-", stdin=messages)
    lines = results(result)
    assert [(line["schema_version"], line["line"], line["error"]) for line in lines] == [
        (1, number, None) for number in range(1, 21)
    ]
    assert all(line["accepted"] == [person.address, ALICE.address] for line in lines)
    assert len({line["message_id"] for line in lines}) == 20
    assert "20 of 20 messages sent to all their recipients" in result.err
    wait_for(lambda: len(dovecot.messages(person.address)) == 20, "delivery")
    # What Postfix says of a session at its end; how many have begun, it may say late, and of another test's.
    wait_for(lambda: " auth=1 mail=20 rcpt=40 " in postfix.log()[earlier:], "the end of the session that took them all")


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\n \r\n"])
@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_a_batch_without_a_message_is_warned_of(
    mailctl: Mailctl, set_sysmail: SetSysmail, content: bytes, options: tuple[str, ...]
) -> None:
    set_sysmail(1)
    result = mailctl.must("send", "--batch", "-", *options, stdin=content)
    assert result.out == ""
    assert result.err == "warning: --batch: there is no message in standard input; nothing was sent\n"


def test_a_refused_message_is_named_and_the_others_are_sent(
    mailctl: Mailctl, on_postfix: SetSysmail, person: Person
) -> None:
    on_postfix()
    messages = batch(
        {"to": "later@example.test"},
        {"to": [person.address, "nobody@example.test"]},
        {"to": "full@example.test"},
        {"to": person.address},
    )
    result = mailctl("send", "--batch", "-", stdin=messages)
    assert result.code == 14  # all of them at one stage: the first counts
    assert verdicts(result) == ["temporary", "refused", "refused", None]
    partly = results(result)[1]
    assert (partly["accepted"], list(partly["refused"])) == ([person.address], ["nobody@example.test"])
    assert partly["refused"]["nobody@example.test"]["code"] == 550
    assert (partly["error"]["exit_code"], bool(partly["error"]["hint"])) == (13, True)
    assert "1 of 4 messages" in result.err


def test_bad_lines_are_all_named_and_nothing_is_sent(mailctl: Mailctl, set_sysmail: SetSysmail, tmp_path: Path) -> None:
    lines = [
        b'{"to": "a@example.test", "body": "fine"}',
        b'{"to": "nobody", "body": "x", "attach": "/no/such/file"}',
        b"",
        b'{"to": "a@example.test", "boddy": "x"}',
        b'{"to": "a@example.test", "body": 5}',
        b"{not json",
        b"[]",
        b'{"body": "x"}',
        b'{"to": "a@example.test", "body_file": "-"}',
        b'{"to": "a@example.test", "body": "x", "headers": {"Bcc": "b@example.test"}}',
        b'{"to": "a@example.test", "body": "x", "subject": "a\\r\\nBcc: b@example.test"}',
        b'{"to": "a@example.test", "body": "\xff"}',
    ]
    file = tmp_path / "messages.jsonl"
    file.write_bytes(b"\r\n".join(lines))
    with ScriptedServer(SmtpServer(security="none").script) as server:
        set_sysmail(server.port, host="127.0.0.1")
        result = mailctl("send", "--batch", file, "-o", "json")
        assert server.connections == []
    assert (result.code, result.out) == (2, "")
    assert [(problem["line"], problem["where"]) for problem in result.error["problems"]] == [
        (2, "to"), (2, "attach"), (4, "boddy"), (5, "body"), (6, ""), (7, ""), (8, ""), (9, "body_file"),
        (10, "headers"), (11, "subject"), (12, ""),
    ]  # fmt: skip
    assert str(file) in result.error["message"]
    assert result.error["hint"] == "nothing was sent"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"to": "a@x.org", "boddy": "x"}', "line 1, boddy: there is no such field; did you mean body?"),
        (b'{"to": "a@x.org", "zzz": "x"}', "line 1, zzz: there is no such field; a message has: to, cc, bcc, "),
        (b'{"to": 5, "body": "x"}', "line 1, to: '5' is not a text or a list of texts"),
        (b'{"to": "a@x.org", "body": ["x"]}', "line 1, body: '['x']' is not a text"),
        (b'{"to": "a@x.org", "body": "x", "headers": "X: y"}', "line 1, headers: 'X: y' is not a list of texts, "),
        (b'{"to": "a@x.org" "body": "x"}', "line 1: is not JSON, from column 18 on"),
        (b'{"to": "\xff"}', "line 1: is not JSON: it is not in UTF-8 (byte 9)"),
        (b'["a@x.org"]', "line 1: '['a@x.org']' is no message, which is an object: "),
    ],
)
def test_a_line_that_is_no_message_is_told_by_field_and_form(mailctl: Mailctl, line: bytes, said: str) -> None:
    result = mailctl("send", "--batch", "-", stdin=line)
    assert (result.code, result.out) == (2, "")
    assert said in result.err


def test_an_address_that_the_settings_do_not_let_through_stops_all(mailctl: Mailctl, set_sysmail: SetSysmail) -> None:
    with ScriptedServer(SmtpServer(security="none").script) as server:
        set_sysmail(server.port, host="127.0.0.1")
        result = mailctl("send", "--batch", "-", stdin=batch({"to": "a@example.test"}, {"to": TARO.address}))
        assert server.connections == []
    assert result.code == 18
    assert "line 2: the address 山田太郎@株式.会社" in result.err
    assert "nothing was sent" in result.err


def test_a_line_has_what_the_options_have(mailctl: Mailctl, set_sysmail: SetSysmail, tmp_path: Path) -> None:
    for name in ("text", "page", "blob"):
        (tmp_path / name).write_text(name)
    message = {
        "to": ["Ann <a@example.test>", "b@example.test"], "cc": "c@example.test", "bcc": ["d@example.test"],
        "subject": "Grüße", "body": None, "body_file": str(tmp_path / "text"), "html_file": str(tmp_path / "page"),
        "attach": [str(tmp_path / "blob")], "headers": ["X-A: 1", "X-B: 2"],
    }  # fmt: skip
    set_sysmail(1)
    rehearsed = mailctl.must(
        "send", "--batch", "-", "--dry-run", stdin=batch(message, {**message, "headers": {"X-A": "1"}})
    )
    first, second = results(rehearsed)
    assert (first["line"], first["dry_run"]) == (1, True)
    assert first["recipients"] == ["a@example.test", "b@example.test", "c@example.test", "d@example.test"]
    for said in ("To: Ann <a@example.test>, b@example.test\r\n", "Cc: c@example.test\r\n", "\r\nX-B: 2\r\n", "page"):
        assert said in first["message"]
    assert "\r\nX-A: 1\r\n" in second["message"]
    assert "d@example.test" not in first["message"]


@pytest.mark.parametrize(
    "ending",
    [
        pytest.param({"mail": (b"421 4.7.0 too many messages in this connection\r\n", Close())}, id="421"),
        pytest.param({"mail": Close()}, id="closed"),
        pytest.param({"rcpt": Reset()}, id="reset"),
        pytest.param({"data": (TAKE_MESSAGE, b"421 4.3.0 not taken, closing\r\n", Close())}, id="not taken"),
    ],
)
def test_a_connection_that_ends_before_a_message_was_taken_is_opened_anew(
    mailctl: Mailctl, set_sysmail: SetSysmail, ending: dict[str, Part]
) -> None:
    with ScriptedServer(after_two(ending), SmtpServer(security="none").script) as server:
        set_sysmail(server.port, host="127.0.0.1")
        result = mailctl.must("send", "--batch", "-", stdin=to_everybody(4))
    assert verdicts(result) == [None] * 4
    assert len(server.connections) == 2
    assert subjects(server.messages[:2] + server.connections[1].messages) == ["1", "2", "3", "4"]


def after_two(ending: dict[str, Part]) -> Part:
    """Return a script that takes two messages, and plays an ending in the third."""
    good = SmtpServer(security="none", ehlo=NO_PIPELINING)
    hello = (Say(b"220 ready\r\n"), Expect(rb"EHLO"), NO_PIPELINING)
    message = (Expect(rb"MAIL"), good.mail, Expect(rb"RCPT"), good.rcpt, Expect(rb"DATA"), TAKEN)
    third: Part = ()
    for verb in ("mail", "rcpt", "data"):
        third = (third, Expect(verb.encode()), ending.get(verb, getattr(good, verb)))
        if verb in ending:
            break
    return (hello, message, message, third)


def test_a_message_whose_fate_is_unknown_is_never_sent_again(mailctl: Mailctl, set_sysmail: SetSysmail) -> None:
    lost = after_two({"data": (TAKE_MESSAGE, Close())})
    with ScriptedServer(lost, SmtpServer(security="none").script) as server:
        set_sysmail(server.port, host="127.0.0.1")
        result = mailctl("send", "--batch", "-", stdin=to_everybody(4))
    assert result.code == 17
    assert verdicts(result) == [None, None, "fate-unknown", None]
    assert results(result)[2]["error"]["message_id"]
    assert subjects(server.messages) == ["1", "2", "3", "4"]
    assert server.received.count(b"DATA\r\n") == 4


def test_a_message_that_a_new_connection_does_not_take_is_given_up_and_the_next_is_tried(
    mailctl: Mailctl, set_sysmail: SetSysmail
) -> None:
    broken = SmtpServer(security="none", ehlo=NO_PIPELINING, mail=Close()).script
    with ScriptedServer(broken, SmtpServer(security="none").script) as server:
        set_sysmail(server.port, host="127.0.0.1")
        result = mailctl("send", "--batch", "-", stdin=to_everybody(2))
    assert result.code == 10
    assert verdicts(result) == ["network", None]
    assert len(server.connections) == 2


def test_a_server_that_takes_nothing_is_left_alone(mailctl: Mailctl, set_sysmail: SetSysmail) -> None:
    broken = SmtpServer(security="none", ehlo=NO_PIPELINING, mail=Close()).script
    with ScriptedServer(broken) as server:
        set_sysmail(server.port, host="127.0.0.1")
        result = mailctl("send", "--batch", "-", stdin=to_everybody(10))
    assert (result.code, verdicts(result)) == (10, ["network"] * 10)
    assert len(server.connections) == 3


def test_a_refused_login_is_tried_once_for_all(
    mailctl: Mailctl, on_postfix: SetSysmail, dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_postfix()
    monkeypatch.setenv("SYSMAIL_PASSWORD", "wrong")
    before = dovecot.log().count("Password mismatch")
    result = mailctl("send", "--batch", "-", stdin=to_everybody(5))
    assert (result.code, verdicts(result)) == (12, ["authentication"] * 5)
    assert len({line["error"]["message"] for line in results(result)}) == 1
    assert dovecot.log().count("Password mismatch") - before == 1


def test_the_earliest_stage_that_fails_gives_the_exit_code(
    mailctl: Mailctl, set_sysmail: SetSysmail, tmp_path: Path
) -> None:
    refusing = SmtpServer(security="none", ehlo=NO_PIPELINING, rcpt=(b"550 no\r\n", Close()))
    closed = (Say(b"421 4.3.2 shutting down\r\n"), Close())
    with ScriptedServer(refusing.script, closed) as server:
        set_sysmail(server.port, host="127.0.0.1")
        result = mailctl("send", "--batch", "-", stdin=to_everybody(3))
    assert verdicts(result) == ["refused", "temporary", "temporary"]
    assert result.code == 14


def test_a_batch_of_nothing_is_done_at_once(mailctl: Mailctl, set_sysmail: SetSysmail) -> None:
    set_sysmail(1)
    result = mailctl.must("send", "--batch", "-", stdin=b"\n")
    assert result.out == ""


def test_a_batch_that_is_not_there_is_named(mailctl: Mailctl) -> None:
    result = mailctl("send", "--batch", "/no/such.jsonl")
    assert result.code == 2
    assert "--batch: /no/such.jsonl cannot be read" in result.err


class Edit:
    """Writes the settings anew when it is played for the second time."""

    def __init__(self, mailctl: Mailctl, old: str, new: str) -> None:
        self._config, self._old, self._new = mailctl.config, old, new
        self._played = 0

    def play(self, conversation: Conversation) -> None:
        self._played += 1
        if self._played == 2:
            self._config.write_text(self._config.read_text().replace(self._old, self._new))


def test_what_is_switched_off_meanwhile_sends_nothing_more(mailctl: Mailctl, set_sysmail: SetSysmail) -> None:
    off = Edit(mailctl, "active = true", "active = false")
    with ScriptedServer(SmtpServer(security="none", data=(TAKE_MESSAGE, off, TAKEN[1])).script) as server:
        set_sysmail(server.port, host="127.0.0.1")
        result = mailctl("send", "--batch", "-", stdin=to_everybody(4))
    assert result.code == 7
    assert verdicts(result) == [None, None, "sending-disabled", "sending-disabled"]
    assert subjects(server.messages) == ["1", "2"]


@pytest.mark.parametrize("new", ["active = true\nreply_to = 'a@example.org'", "active = tr"])
def test_other_edits_meanwhile_stop_nothing(mailctl: Mailctl, set_sysmail: SetSysmail, new: str) -> None:
    edit = Edit(mailctl, "active = true", new)
    with ScriptedServer(SmtpServer(security="none", data=(TAKE_MESSAGE, edit, TAKEN[1])).script) as server:
        set_sysmail(server.port, host="127.0.0.1")
        mailctl.must("send", "--batch", "-", stdin=to_everybody(4))
    assert subjects(server.messages) == ["1", "2", "3", "4"]


def test_a_reader_that_leaves_does_not_stop_the_sending(mailctl: Mailctl, set_sysmail: SetSysmail) -> None:
    with ScriptedServer(SmtpServer(security="none").script) as server:
        set_sysmail(server.port, host="127.0.0.1")
        reading, writing = os.pipe()
        os.close(reading)
        sending = subprocess.run(
            command(mailctl), input=to_everybody(5), stdout=writing, stderr=subprocess.PIPE, check=False
        )
        os.close(writing)
    assert (sending.returncode, b"Traceback" in sending.stderr) == (0, False)
    assert subjects(server.messages) == ["1", "2", "3", "4", "5"]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
def test_an_interruption_says_what_may_have_been_sent(
    mailctl: Mailctl, set_sysmail: SetSysmail, tmp_path: Path
) -> None:
    messages = tmp_path / "messages.jsonl"
    messages.write_bytes(to_everybody(5))
    with ScriptedServer(after_two({"data": (TAKE_MESSAGE, Stall())})) as server:
        set_sysmail(server.port, host="127.0.0.1")
        sending = subprocess.Popen(
            command(mailctl, str(messages)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        wait_for(lambda: len(server.messages) == 3, "the third message")
        sending.send_signal(signal.SIGINT)
        out, err = sending.communicate(timeout=10)
    assert sending.returncode == 130
    results = [json.loads(line) for line in out.splitlines()]
    assert [result["line"] for result in results] == [1, 2, 3]
    assert [result["error"] and result["error"]["code"] for result in results] == [None, None, "fate-unknown"]
    assert results[2]["error"]["message_id"].encode() in server.messages[2]
    assert "the message of line 3 may have been sent; those after it were not" in err
    assert "Traceback" not in err


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_progress_is_shown_where_a_person_looks_and_the_results_go_elsewhere(
    mailctl: Mailctl, set_sysmail: SetSysmail
) -> None:
    import pty

    leader, follower = pty.openpty()
    with ScriptedServer(SmtpServer(security="none").script) as server:
        set_sysmail(server.port, host="127.0.0.1")
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
        sending = subprocess.run(
            command(mailctl),
            input=to_everybody(5),
            stdout=subprocess.PIPE,
            stderr=follower,
            env=environment,
            check=False,
        )
    os.close(follower)
    with os.fdopen(leader, "rb", buffering=0) as screen:
        shown = screen.read(65536)
    assert sending.returncode == 0
    assert len(sending.stdout.splitlines()) == 5
    assert b"sending" in shown
    assert b"5/5" in shown


def command(mailctl: Mailctl, source: str = "-") -> list[str]:
    return [sys.executable, "-m", "mailctl", "--config", str(mailctl.config), "send", "--batch", source]
