"""Questions are asked of a person on a terminal, and of nobody else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from tests.doubles.imap import ImapServer
from tests.doubles.scripted import ScriptedServer
from tests.doubles.steps import Announce, Stall

from .conftest import PROGRAM, Pipe, Spawn, environment, finish

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs pseudo-terminals and signals")


@pytest.mark.parametrize(
    ("answer", "deleted"), [("", False), ("n", False), ("nonsense", False), ("y", True), ("YES", True)]
)
def test_a_deletion_asks_and_enter_means_no(mailctl: Mailctl, spawn: Spawn, answer: str, deleted: bool) -> None:
    mailctl.add_server("hq")
    child = spawn("server", "delete", "hq")
    child.expect(r"Delete the server 'hq' \(HQ\)\? \[y/N\]: ")
    child.sendline(answer)
    code, said = finish(child)
    assert code == (0 if deleted else 1)
    assert ("nothing was deleted" in said) is not deleted
    assert mailctl.codes == ([] if deleted else ["hq"])


@pytest.mark.parametrize("how", ["--no-input", "MAILCTL_NO_INPUT"])
@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("server delete hq", "--yes"),
        ("server delete-all", "--yes"),
        ("server add", "--name"),
        ("test receive hq --username ann", "--password-stdin"),
    ],
)
def test_nothing_is_asked_where_that_is_switched_off(
    mailctl: Mailctl, spawn: Spawn, how: str, command: str, named: str
) -> None:
    mailctl.add_server("hq")
    before = mailctl.settings()
    switch, changes = ([how], {}) if how.startswith("--") else ([], {how: "1"})
    code, said = finish(spawn(*switch, *command.split(), **changes))
    assert code == 2
    assert named in said
    assert mailctl.settings() == before


@pytest.mark.parametrize("command", ["server delete hq", "server delete-all", "server add"])
def test_nothing_is_asked_without_a_terminal(mailctl: Mailctl, pipe: Pipe, command: str) -> None:
    mailctl.add_server("hq")
    done = pipe(*command.split())
    assert done.returncode == 2
    assert mailctl.codes == ["hq"]


@pytest.mark.parametrize("key", ["intr", "eof"])
def test_a_question_is_left_by_ctrl_c_and_ctrl_d(mailctl: Mailctl, spawn: Spawn, key: str) -> None:
    mailctl.add_server("hq")
    child = spawn("server", "delete", "hq")
    child.expect("y/N")
    child.sendintr() if key == "intr" else child.sendeof()
    code, said = finish(child)
    assert code == 130
    assert said.split("\n")[-2:] == ["interrupted", ""]
    assert mailctl.codes == ["hq"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("output", ["table", "json"])
def test_a_test_that_waits_for_a_server_is_ended_by_a_signal(
    mailctl: Mailctl, number: signal.Signals, output: str
) -> None:
    reached = threading.Event()
    server = ImapServer(security="none", verdict=(Announce(reached), Stall()))
    with ScriptedServer(server.script) as double:
        mailctl.add_server(
            "hq", "--incoming-host", "127.0.0.1", "--incoming-port", str(double.port), "--incoming-security", "none",
            "--incoming-auth", "plain", "--incoming-timeout", "120",
        )  # fmt: skip
        command = ["test", "receive", "hq", "--username", "ann", "--password-from", "env:WORD", "-o", output]
        with subprocess.Popen(
            [*PROGRAM, "--config", str(mailctl.config), *command], env=environment(WORD="open sesame"),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
        ) as process:  # fmt: skip
            assert reached.wait(30)
            process.send_signal(number)
            _out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    if output == "json":
        import json

        assert json.loads(err)["error"]["code"] == "interrupted"
    else:
        assert err == "interrupted\n"
    mailctl.must("server", "edit", "hq", "--name", "Still to be changed")


def test_an_editor_that_is_interrupted_leaves_no_lock(mailctl: Mailctl, spawn: Spawn) -> None:
    mailctl.add_server("hq")
    before = mailctl.settings()
    child = spawn("config", "edit", VISUAL="sh -c 'echo editing; sleep 60'", EDITOR="")
    child.expect("editing")
    os.kill(child.pid, signal.SIGTERM)
    code, _said = finish(child)
    assert code == 130
    assert mailctl.settings() == before
    mailctl.must("server", "edit", "hq", "--name", "Still to be changed")


def test_a_password_is_not_shown_while_it_is_typed(mailctl: Mailctl, spawn: Spawn) -> None:
    mailctl.add_server("hq", "--incoming-host", "127.0.0.1", "--incoming-port", "1", "--incoming-security", "none")
    child = spawn("test", "receive", "hq", "--username", "ann")
    child.expect(r"Password of ann \(not shown\): ")
    child.waitnoecho()
    child.sendline("canary-4711")
    code, said = finish(child)
    assert code == 10
    assert "canary" not in said


def test_what_breaks_a_rule_is_asked_for_again_and_what_follows_is_proposed(mailctl: Mailctl, spawn: Spawn) -> None:
    mailctl.add_server("hq")
    child = spawn("account", "add", "--password-from", "env:PASSWORD", NO_COLOR="1")
    for question, answer in (
        (r"User name \(the login at the server\): ", "taro"),
        (r"E-mail address: ", "taro"),
        (r"  'taro' is not an address[^\n]*\.\r\n(.*\n)*E-mail address: ", "taro@gmail.com"),
        (r"  Servers of the catalogue: hq\.\r\n  Known providers: gmail, ", ""),
        (r"Server or provider \[gmail\]: ", "gmial"),
        (r"  There is no preset 'gmial'; did you mean 'gmail'\? ", ""),
        (r"Server or provider \[gmail\]: ", "custom"),
        (r"  Other servers are given by options", ""),
        (r"Server or provider \[gmail\]: ", "hq"),
    ):
        child.expect(question)
        if answer:
            child.sendline(answer)
    code, said = finish(child)
    assert code == 0, said
    [account] = mailctl.must("account", "list", "-o", "json").json["accounts"]
    assert (account["address"], account["server"]) == ("taro@gmail.com", "hq")


def test_an_address_that_is_given_is_checked_first_and_proposed_as_the_user_name(
    mailctl: Mailctl, spawn: Spawn
) -> None:
    mailctl.add_server("hq")
    code, said = finish(spawn("account", "add", "山田 太郎", "--server", "hq"))
    assert (code, "User name" in said) == (2, False)
    assert "is not an address" in said
    child = spawn("account", "add", "taro@example.org", "--server", "hq", "--password-from", "env:PASSWORD")
    child.expect(r"User name \(the login at the server\) \[taro@example\.org\]: ")
    child.sendline("")
    code, said = finish(child)
    assert code == 0, said
    [account] = mailctl.must("account", "list", "-o", "json").json["accounts"]
    assert account["username"] == "taro@example.org"


def test_a_secret_from_standard_input_is_not_awaited_on_a_terminal(spawn: Spawn) -> None:
    code, said = finish(spawn("secret", "set", "relay", "--stdin"))
    assert code == 2
    assert "standard input is a terminal, which shows what is typed" in said
    assert "without --stdin it is asked for, hidden" in " ".join(said.split())


def test_what_cannot_be_asked_for_is_named_before_a_secret_is_asked_for(spawn: Spawn) -> None:
    code, said = finish(spawn("oauth", "client", "add", "google", "--provider", "google"))
    assert code == 2
    assert "missing: --client-id" in said
    code, said = finish(spawn("sysmail", "set", "--address", "a@x.example", "--smtp-host", "h", "--smtp-auth", "auto"))
    assert code == 2
    assert "missing: --username\n" in said
