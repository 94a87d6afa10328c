"""`examples/set-up-machine.sh`: run once, run again, and run with another server."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tests.examples.conftest import EXAMPLES

if TYPE_CHECKING:
    from tests.examples.conftest import Machine


def set_up(machine: Machine, **changes: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "MAIL_HOST": "127.0.0.1",
        "MAIL_ADDRESS": machine.address,
        "MAIL_PASSWORD_FILE": machine.password_file,
        "MAIL_CA_FILE": str(machine.sandbox.ca_file),
        "SMTP_PORT": str(machine.sandbox.ports["smtp"]),
        "IMAP_PORT": str(machine.sandbox.ports["imaps"]),
    }
    return machine.run("sh", EXAMPLES / "set-up-machine.sh", **(environment | changes))


def test_the_second_run_changes_nothing(machine: Machine) -> None:
    first = set_up(machine)
    assert first.returncode == 0, first.stderr
    assert "passed: 2 targets" in first.stdout
    before = machine.config.stat()
    second = set_up(machine)
    assert second.returncode == 0, second.stderr
    after = machine.config.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_other_values_are_taken_over(machine: Machine) -> None:
    assert set_up(machine, MAIL_HOST="localhost").returncode == 0
    assert set_up(machine).returncode == 0
    assert '"127.0.0.1"' in machine.config.read_text()
    assert '"localhost"' not in machine.config.read_text()


def test_it_ends_as_mailctl_does_where_the_login_is_refused(machine: Machine) -> None:
    (machine.folder / "wrong").write_text("wrong")
    (machine.folder / "wrong").chmod(0o600)
    refused = set_up(machine, MAIL_PASSWORD_FILE=str(machine.folder / "wrong"))
    assert refused.returncode == 12
    assert "what to do" in refused.stdout


def test_what_is_missing_is_named(machine: Machine) -> None:
    finished = machine.run("sh", EXAMPLES / "set-up-machine.sh")
    assert finished.returncode != 0
    assert "MAIL_HOST" in finished.stderr
    assert not machine.config.exists()
