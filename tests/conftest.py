"""Shared by all tests: the repository root on the path, and the real parts as fixtures."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

# A shell that starts this in the background, or nohup, has Ctrl-C and the end of the terminal ignored, and every
# program inherits that; the tests send both.
signal.signal(signal.SIGINT, signal.default_int_handler)
if sys.platform != "win32":
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# How long an example takes says more of the machine's other work than of the code. CI tries the same ones each time, so
# that it is the change that a red run speaks of; everybody else's runs look for new ones.
settings.register_profile("mailctl", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("mailctl")

pytest_plugins = ["tests.servers.fixtures"]


@pytest.fixture(scope="session", autouse=True)
def _state_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let nothing be remembered in the home folder of who runs the tests."""
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))
