"""The files for Nagios, Icinga and systemd: the commands in them run, and what they leave is what monitors read."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.examples.conftest import EXAMPLES

if TYPE_CHECKING:
    from tests.examples.conftest import Machine

SYSTEMD = EXAMPLES / "systemd"


def here(command: str, machine: Machine) -> list[str]:
    """Return a command of an example with this machine's paths for those of the example."""
    command = command.replace("/usr/local/bin/mailctl", str(machine.program))
    metrics = machine.folder / "metrics"
    metrics.mkdir(exist_ok=True)  # as node_exporter's package does
    command = command.replace("/var/lib/prometheus/node-exporter", str(metrics))
    return shlex.split(command.replace("/etc/mailctl/mailctl.toml", str(machine.config)))


def test_the_nagios_command_answers_as_a_plug_in(organisation: Machine) -> None:
    text = (EXAMPLES / "nagios.cfg").read_text()
    command = re.search(r"command_line\s+(.+)", text)
    called = re.search(r"check_command\s+(\w+)!(\S+)", text)
    assert command
    assert called
    assert f"command_name    {called[1]}\n" in text
    line = command[1]
    for number, argument in enumerate(called[2].split("!"), 1):
        line = line.replace(f"$ARG{number}$", argument)
    assert "$" not in line
    finished = organisation.run(*here(line, organisation))
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.startswith("MAIL OK - 2 targets passed")


def test_the_icinga_command_answers_as_a_plug_in(organisation: Machine) -> None:
    text = (EXAMPLES / "icinga2.conf").read_text()
    values = dict(re.findall(r'vars\.(\w+) = "?([^"\n]+)"?', text)) | {"mailctl_test": "receive"}
    values["mailctl_target"] = "sysmail"
    program = re.search(r"command = \[ (.+) \]", text)
    assert program
    words = [shlex.split(word)[0] for word in program[1].split(", ")]
    skipped = re.findall(r'"(\w+)" = \{ value = "(\$\w+\$)", skip_key = true, order = (-\d)', text)
    words += [value for _, value, _ in sorted(skipped, key=lambda found: int(found[2]))]
    for option, value in re.findall(r'"(--[a-z-]+)" = "([^"]+)"', text):
        if not value.startswith("$") or value.strip("$") in values:
            words += [option, value]
    line = shlex.join(re.sub(r"^\$(\w+)\$$", lambda found: values[found[1]], word) for word in words)
    finished = organisation.run(*here(line, organisation))
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert finished.stdout.startswith("MAIL OK - sysmail: imap mailbox")


def exec_start() -> str:
    found = re.search(r"^ExecStart=(.+)$", (SYSTEMD / "mailctl-test.service").read_text(), re.MULTILINE)
    assert found
    return found[1]


def test_the_service_leaves_metrics_where_the_collector_finds_them(organisation: Machine) -> None:
    finished = organisation.run(*here(exec_start(), organisation))
    assert finished.returncode == 0, finished.stderr
    text = (organisation.folder / "metrics" / "mailctl.prom").read_text()
    success = {
        sample.labels["target"]: sample.value
        for family in text_string_to_metric_families(text)
        if family.name == "mailctl_target_success"
        for sample in family.samples
    }
    assert success == {"office": 1, "sysmail": 1}


def test_mail_that_does_not_work_is_no_failure_of_the_unit(organisation: Machine) -> None:
    organisation.run(organisation.program, "server", "edit", "office", "--smtp-port", "1")
    code = organisation.run(*here(exec_start(), organisation)).returncode
    accepted = re.search(r"^SuccessExitStatus=(.+)$", (SYSTEMD / "mailctl-test.service").read_text(), re.MULTILINE)
    assert accepted
    assert str(code) in accepted[1].split()
    assert "mailctl_target_success" in (organisation.folder / "metrics" / "mailctl.prom").read_text()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_takes_the_units(machine: Machine, tmp_path: Path) -> None:
    units = tmp_path / "units"
    shutil.copytree(SYSTEMD, units)
    service = units / "mailctl-test.service"
    service.write_text(service.read_text().replace("/usr/local/bin/mailctl", str(machine.program)))
    files = [str(service), str(units / "mailctl-test.timer")]
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *files], capture_output=True, text=True, check=False, timeout=60
    )
    about_ours = [line for line in verified.stderr.splitlines() if "mailctl-test" in line]
    assert (verified.returncode, about_ours) == (0, []), verified.stderr
