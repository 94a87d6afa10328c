"""Processes that are killed while they write, and many that write at once: the file is always whole."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the trials fork")

TRIALS = Path(__file__).with_name("crash_trials.py")


def run_trials(kind, settings_file, count):
    command = [sys.executable, str(TRIALS), kind, str(settings_file.path), str(count)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def require_nothing_left(settings_file):
    left = {path.name for path in settings_file.path.parent.iterdir()}
    assert left <= {"mailctl.toml", "mailctl.toml.undo"}


def test_a_kill_at_any_call_leaves_the_old_or_the_new_file(settings_file):
    seen = run_trials("each", settings_file, 1)
    assert seen["killed_at"] >= 10  # lock, two files written, synced, renamed, their folder synced
    assert seen["old"] > 0
    assert seen["new"] > 0
    require_nothing_left(settings_file)


def test_five_hundred_kills_at_random_leave_the_old_or_the_new_file(settings_file):
    assert run_trials("random", settings_file, 500)["changes"] > 0
    require_nothing_left(settings_file)


def test_fifty_servers_added_at_once_are_fifty_servers(settings_file):
    assert run_trials("parallel", settings_file, 50) == {"failed": 0, "servers": 50}
    require_nothing_left(settings_file)
