"""A real cron that runs jobs as it starts, with a sendmail of the test's own in the place of the machine's.

It lives in a mount namespace of its own (unshare(1)): its crontabs, /run and /usr/sbin/sendmail are the test's, and
of the machine nothing is changed. Its jobs are those of `@reboot`, so that nobody waits for the minute to end.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Self

from tests.servers.processes import PartMissingError, ServerProcess, get_program, make_folder

CRONTABS, SENDMAIL = Path("/var/spool/cron/crontabs"), Path("/usr/sbin/sendmail")


class Cron:
    """A cron for these jobs, running inside `with`: by user, lines of a crontab (crontab(5)) and a command."""

    def __init__(self, sendmail: Path, jobs: dict[str, tuple[list[str], str]]) -> None:
        self._sendmail = sendmail
        self._jobs = jobs

    @staticmethod
    def require() -> None:
        """Raise PartMissingError where this machine or this user cannot run it."""
        get_program("cron")
        tried = subprocess.run([get_program("unshare"), "--mount", "true"], capture_output=True, check=False)
        if tried.returncode or not SENDMAIL.exists():
            raise PartMissingError("cron's sendmail can only be exchanged where mounts are allowed, and there is one")

    def __enter__(self) -> Self:
        self._folder = make_folder("cron")
        crontabs, empty = self._folder / "crontabs", self._folder / "empty"
        for folder in (crontabs, empty, self._folder / "run"):
            folder.mkdir()
        (self._folder / "crontab").touch()
        for user, (lines, command) in self._jobs.items():
            path = crontabs / user
            path.touch(mode=0o600)
            path.write_text("\n".join([*lines, f"@reboot {command}", ""]), encoding="utf-8")
            shutil.chown(path, user)
        mounts = {
            crontabs: CRONTABS,
            empty: Path("/etc/cron.d"),
            self._folder / "crontab": Path("/etc/crontab"),
            self._folder / "run": Path("/run"),
            self._sendmail: SENDMAIL,
        }
        commands = [shlex.join(["mount", "--bind", str(source), str(target)]) for source, target in mounts.items()]
        script = " && ".join([*commands, f"exec {get_program('cron')} -f"])
        self._process = ServerProcess(
            [get_program("unshare"), "--mount", "sh", "-c", script], output=self._folder / "output"
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stop()
        shutil.rmtree(self._folder)
