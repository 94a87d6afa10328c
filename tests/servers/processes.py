"""Real servers as children of the test run: free loopback ports, ready when they answer, ended by process id."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

START_ATTEMPTS = 3
START_SECONDS = 20.0
STOP_SECONDS = 2.0
GREETING_SECONDS = 2.0
POLL_SECONDS = 0.01

# Below every system's range for outgoing connections, so that no client of a parallel test holds the port.
PORTS = range(20_000, 32_000)


# A kernel that is asked to signal a process when its parent dies forgets it where that process changes its account,
# as Postfix does. So a shell that changes nothing is asked, and passes the signal on to the whole group.
WATCH = """
trap 'trap "" TERM; kill -TERM 0' TERM
exec 3<&0
"$@" <&3 3<&- &
wait $!
"""


class PartMissingError(Exception):
    """This machine lacks what a real part needs; the message says what."""


class ServerStartError(Exception):
    """A real server did not come up; the message ends with what it said."""


class ServerEndedError(ServerStartError):
    """A real server ended as it started."""


def get_program(name: str, *folders: Path) -> str:
    """Return the path of a server's program; raises PartMissingError where it is not installed."""
    places = os.pathsep.join([*map(str, folders), os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])
    path = shutil.which(name, path=places)
    if path is None:
        raise PartMissingError(f"{name} is not installed (tests/servers/install.sh installs it on Debian)")
    return path


def make_folder(name: str) -> Path:
    """Make a temporary folder whose path is short, as a UNIX socket's path has 107 bytes at most (unix(7))."""
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir="/tmp"))
    folder.chmod(0o755)
    return folder


def write_readable(path: Path, text: str) -> Path:
    """Write a file that a server of another account can read, whatever the umask, and return its path."""
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)
    return path


def find_free_ports(count: int) -> list[int]:
    """Return `count` different TCP ports that nobody listens on at 127.0.0.1."""
    free: list[int] = []
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                free.append(port)
        if len(free) == count:
            return free
    raise ServerStartError(f"no {count} free ports between {PORTS.start} and {PORTS.stop}")


def start_on_free_ports(start: Callable[[], None]) -> None:
    """Call `start`, which chooses its ports, again where the server ends: somebody may have taken one in between."""
    for _ in range(START_ATTEMPTS - 1):
        with contextlib.suppress(ServerEndedError):
            return start()
    return start()


def greets(port: int, host: str = "127.0.0.1") -> bool:
    """Tell whether the server on the port sends its greeting."""
    try:
        with socket.create_connection((host, port), timeout=GREETING_SECONDS) as connection:
            return bool(connection.recv(1))
    except OSError:
        return False


class ServerProcess:
    """A server in the foreground, in a process group of its own that ends with it.

    `user` is the account to run as, in the group of the same name (None: the caller's).
    Where the test run itself is killed, so is the server.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        output: Path,
        user: str | None = None,
        environment: Mapping[str, str] | None = None,
        stdin: bytes = b"",
    ) -> None:
        self._output = output
        with output.open("ab") as sink:
            self._process = subprocess.Popen(
                [get_program("setpriv"), "--pdeathsig", "TERM", "--", "/bin/sh", "-c", WATCH, "sh", *argv],
                stdin=subprocess.PIPE,
                stdout=sink,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=environment,
                user=user,
                group=user,
                extra_groups=None if user is None else [],
                start_new_session=True,
            )
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError), self._process.stdin as pipe:
            pipe.write(stdin)

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Wait until `ready` says so; raises ServerStartError where the server ends or is not ready in time."""
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            if self._process.poll() is not None:
                raise ServerEndedError(f"ended with {self._process.returncode}: {self._said()}")
            if time.monotonic() > deadline:
                self.stop()
                raise ServerStartError(f"not ready after {START_SECONDS:.0f} s: {self._said()}")
            time.sleep(POLL_SECONDS)

    def suspend(self) -> None:
        """Let the server hang, until it is stopped."""
        os.killpg(self.pid, signal.SIGSTOP)

    def stop(self) -> None:
        """End the server and what it started; none of them is left when this returns."""
        for ending in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, ending)
                os.killpg(self.pid, signal.SIGCONT)
            deadline = time.monotonic() + STOP_SECONDS
            while self.is_running() and time.monotonic() < deadline:
                time.sleep(POLL_SECONDS)
        self._process.wait()

    def is_running(self) -> bool:
        """Tell whether the server or any process of its group is left (zombies are not: init reaps in its time)."""
        self._process.poll()
        return any(group == self.pid and state not in "ZX" for state, group in _states_and_groups(Path("/proc")))

    def _said(self) -> str:
        return self._output.read_text(errors="replace")[-4000:]


def _states_and_groups(proc: Path) -> Iterator[tuple[str, int]]:
    """Yield every process's state and process group, fields 3 and 5 of /proc/PID/stat (proc(5))."""
    for stat in proc.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _parent, group = stat.read_text(errors="replace").rpartition(")")[2].split()[:3]
            yield state, int(group)


def wait_for(condition: Callable[[], bool], what: str, timeout_seconds: float = 30.0) -> None:
    """Wait until `condition` holds; raises TimeoutError naming `what` where it does not in time."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout_seconds:g} s")
        time.sleep(POLL_SECONDS)
