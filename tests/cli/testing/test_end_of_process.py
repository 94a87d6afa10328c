"""What is still under way when a test has its result does not change how the process ends."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl

_HELD_UP = """
import sys
import threading
from importlib.machinery import PathFinder

class HeldUp:
    def find_spec(self, name, path=None, target=None):
        # Asked for by compiled code, which takes the end of its thread for a fault, and aborts the process.
        if name != "_cffi_backend" or threading.current_thread() is threading.main_thread():
            return None
        spec = PathFinder.find_spec(name, path, target)
        load = spec.loader.exec_module

        def load_at_the_end(module):
            threading.main_thread().join()
            load(module)

        spec.loader.exec_module = load_at_the_end
        return spec

sys.meta_path.insert(0, HeldUp())
from mailctl.cli.boundary import run
sys.exit(run(sys.argv[1:]))
"""


def test_a_test_that_ends_before_the_certificate_is_read_ends_in_peace(mailctl: Mailctl) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = str(server.getsockname()[1])
        mailctl.must(
            "server", "add", "hq", "--name", "HQ", "--smtp-host", "localhost", "--incoming-protocol", "imap",
            "--incoming-host", "127.0.0.1", "--incoming-port", port, "--incoming-security", "tls",
        )  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", _HELD_UP, "--config", mailctl.config, "test", "receive", "hq", "--depth", "connect"],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "passed" in done.stdout
