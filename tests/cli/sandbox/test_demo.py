"""`mailctl demo`: the whole main job, run as a person runs it first."""

from __future__ import annotations

import os
import re
import subprocess
import sys


def test_the_main_job_is_run_from_end_to_end_without_touching_settings_or_leaving_anything(tmp_path):
    mine = tmp_path / "mailctl.toml"
    mine.write_text("this is not valid, and nobody reads it\n")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    state = tmp_path / "state"
    state.mkdir()
    environment = os.environ | {
        "XDG_STATE_HOME": str(state),
        "MAILCTL_CONFIG": str(mine),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary)),
    }

    finished = subprocess.run(
        [sys.executable, "-m", "mailctl", "demo"],
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )

    assert finished.returncode == 0, finished.stdout + finished.stderr
    said = finished.stdout
    commands = re.findall(r"^\$ mailctl (\w+ \w+) sandbox", said, re.MULTILINE)
    assert commands == ["server add", "test send", "test receive"]
    assert "See the message in the mailbox of bob@sandbox.test" in said
    assert re.search(r"From +alice@sandbox.test", said)
    assert "All of it worked" in said
    assert mine.read_text() == "this is not valid, and nobody reads it\n"
    assert list(temporary.iterdir()) == []
    assert list(state.iterdir()) == []
