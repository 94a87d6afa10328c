"""The examples' surroundings: `mailctl` on the PATH, and the sandbox for the organisation's mail server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mailctl.sandbox import Sandbox, open_sandbox

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

collect_ignore_glob = [] if os.name == "posix" else ["test_*.py"]


@dataclass(frozen=True)
class Machine:
    """A machine on which mailctl is installed, its settings in `config`; what is run starts in `folder`."""

    folder: Path
    config: Path
    sandbox: Sandbox

    @property
    def program(self) -> Path:
        return self.folder / "bin" / "mailctl"

    @property
    def password_file(self) -> str:
        return str(self.sandbox.logins[0].password_file)

    @property
    def address(self) -> str:
        return self.sandbox.logins[0].username

    @property
    def server_options(self) -> str:
        """What the sandbox needs beyond what a mail server of the internet does, as words for a shell."""
        ports = self.sandbox.ports
        return f"--smtp-port {ports['smtp']} --incoming-port {ports['imaps']} --ca-file {self.sandbox.ca_file}"

    def run(self, *command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        surroundings = {"PATH": f"{self.program.parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(self.folder)}
        return subprocess.run(
            command,
            cwd=self.folder,
            env=surroundings | {"MAILCTL_CONFIG": str(self.config)} | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox() as running:
        yield running


@pytest.fixture
def machine(tmp_path: Path, sandbox: Sandbox) -> Machine:
    machine = Machine(tmp_path, tmp_path / "mailctl.toml", sandbox)
    machine.program.parent.mkdir()
    machine.program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mailctl "$@"\n')
    machine.program.chmod(0o755)
    return machine


@pytest.fixture
def organisation(machine: Machine) -> Machine:
    """A machine whose mail is set up."""
    add = ["server", "add", "office", "--name", "Office", "--smtp-host", "127.0.0.1", "--smtp-security", "starttls",
           "--smtp-auth", "auto", "--incoming-protocol", "imap", "--incoming-host", "127.0.0.1", "--incoming-security",
           "tls", *machine.server_options.split()]  # fmt: skip
    account = ["sysmail", "set", "--server", "office", "--address", machine.address, "--username", machine.address,
               "--password-from", f"file:{machine.password_file}"]  # fmt: skip
    for arguments in (add, account):
        finished = machine.run(machine.program, *arguments)
        assert finished.returncode == 0, finished.stderr
    return machine
