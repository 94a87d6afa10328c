"""A test that is interrupted: the step that it was in has no verdict, and is never a pass."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.doubles.scripted import ScriptedServer
from tests.doubles.smtp import SmtpServer
from tests.doubles.steps import Announce, Stall

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("output", ["table", "json"])
def test_the_interrupted_step_is_no_pass(tmp_path: Path, number: signal.Signals, output: str) -> None:
    reached = threading.Event()
    program = [sys.executable, "-m", "mailctl", "--config", str(tmp_path / "m.toml")]
    with ScriptedServer(SmtpServer(mail=(Announce(reached), Stall())).script) as server:
        add = ["server", "add", "x", "--name", "X", "--smtp-host", "127.0.0.1", "--smtp-port", str(server.port),
               "--smtp-security", "none", "--incoming-protocol", "imap", "--incoming-host", "h"]  # fmt: skip
        subprocess.run([*program, *add], check=True, capture_output=True)
        test = ["test", "send", "x", "--to", "a@b.test", "--from", "c@d.test", "-o", output]
        with subprocess.Popen([*program, *test], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
            assert reached.wait(20)
            running.send_signal(number)
            out, err = running.communicate(timeout=20)
    assert running.returncode == 130
    assert "interrupted" in err
    if output == "json":
        target = json.loads(out)["targets"][0]
        assert (target["ok"], target["exit_code"]) == (False, 130)
        step = target["steps"][-1]
        assert (step["name"], step["status"], step["cause"]) == ("message", "error", "interrupted")
    else:
        assert "pass  message" not in out
        assert "ERROR message" in out
