"""Ctrl-C and SIGTERM while a message is being sent: whether it may have been sent is said, and which one it is."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from tests.doubles.scripted import ScriptedServer
from tests.doubles.smtp import TAKE_MESSAGE, SmtpServer
from tests.doubles.steps import Announce, Stall

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl
    from tests.cli.send.conftest import SetSysmail

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's"),
    pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM]),
]
ID = "<mine@example.test>"
SEND = ("send", "--to", "b@example.test", "--subject", "x", "--body", "x", "--header", f"Message-ID: {ID}")


def interrupted(
    mailctl: Mailctl,
    set_sysmail: SetSysmail,
    number: signal.Signals,
    *words: str,
    program: str = "mailctl",
    **at: object,
) -> tuple[int, str, str, ScriptedServer]:
    """Run a program, send the signal when the server has come to `Announce`, and return how it ended."""
    reached = threading.Event()
    deviation = {name: (*parts, Announce(reached), Stall()) for name, parts in at.items()}  # type: ignore[misc]
    command = [sys.executable, "-m", program]
    command += ["-C", str(mailctl.config)] if program == "mailctl.sendmail" else ["--config", str(mailctl.config)]
    with ScriptedServer(SmtpServer(security="none", **deviation).script) as server:  # type: ignore[arg-type]
        set_sysmail(server.port, host="127.0.0.1")
        with subprocess.Popen(
            [*command, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as running:
            assert running.stdin
            running.stdin.write(f"Message-ID: {ID}\nSubject: x\n\nx\n")
            running.stdin.close()
            running.stdin = None
            assert reached.wait(30)
            running.send_signal(number)
            out, err = running.communicate(timeout=30)
    return running.returncode, out, err, server


def test_after_the_final_dot_send_names_the_message(
    mailctl: Mailctl, set_sysmail: SetSysmail, number: signal.Signals
) -> None:
    code, _, err, server = interrupted(mailctl, set_sysmail, number, *SEND, data=TAKE_MESSAGE)
    assert code == 17
    assert "may have been delivered" in err
    assert ID in err
    assert "again: wait" not in err
    assert len(server.messages) == 1


def test_after_the_final_dot_send_names_the_message_in_json(
    mailctl: Mailctl, set_sysmail: SetSysmail, number: signal.Signals
) -> None:
    code, out, err, _ = interrupted(mailctl, set_sysmail, number, *SEND, "-o", "json", data=TAKE_MESSAGE)
    error = json.loads(err)["error"]
    assert (code, out, error["code"], error["message_id"]) == (17, "", "fate-unknown", ID)
    assert error["reason"] == "interrupted"


def test_before_the_message_nothing_is_in_doubt(
    mailctl: Mailctl, set_sysmail: SetSysmail, number: signal.Signals
) -> None:
    code, _, err, server = interrupted(mailctl, set_sysmail, number, *SEND, mail=())
    assert (code, err) == (130, "interrupted\n")
    assert server.messages == []


def test_a_test_message_is_named_in_its_step(mailctl: Mailctl, set_sysmail: SetSysmail, number: signal.Signals) -> None:
    code, out, _, server = interrupted(
        mailctl, set_sysmail, number, "test", "send", "--to", "b@example.test", "-o", "json", data=TAKE_MESSAGE
    )
    step = json.loads(out)["targets"][0]["steps"][-1]
    assert (code, step["name"], step["status"]) == (17, "message", "fail")
    assert step["evidence"]["message_id"].encode() in server.messages[0]
    assert step["evidence"]["message_id"] in step["remedy"]


def test_sendmail_names_the_message(mailctl: Mailctl, set_sysmail: SetSysmail, number: signal.Signals) -> None:
    code, _, err, _ = interrupted(
        mailctl, set_sysmail, number, "b@example.test", program="mailctl.sendmail", data=TAKE_MESSAGE
    )
    assert code == 74
    assert ID in err
    assert err.count("\n") == 1


def test_sendmail_says_that_it_was_interrupted(
    mailctl: Mailctl, set_sysmail: SetSysmail, number: signal.Signals
) -> None:
    code, _, err, _ = interrupted(mailctl, set_sysmail, number, "b@example.test", program="mailctl.sendmail", mail=())
    assert (code, err) == (130, "mailctl-sendmail: interrupted\n")
