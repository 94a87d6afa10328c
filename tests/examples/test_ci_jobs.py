"""The jobs for GitHub Actions and GitLab: their steps, run here one after the other as the services run them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from junitparser import JUnitXml
from tests.examples.conftest import EXAMPLES

if TYPE_CHECKING:
    from tests.examples.conftest import Machine


def load(name: str) -> Any:
    return yaml.safe_load((EXAMPLES / name).read_text())


@pytest.fixture
def variables(machine: Machine) -> dict[str, str]:
    return {
        "MAIL_HOST": "127.0.0.1",
        "MAIL_ADDRESS": machine.address,
        "MAIL_OPTIONS": machine.server_options,
        "MAIL_PASSWORD": machine.sandbox.logins[0].password.reveal(),
    }


def run_github_job(machine: Machine, variables: dict[str, str], **changes: str) -> tuple[int, str]:
    """Run the job's shell steps; return the exit code of the last one that ran, and what it printed."""
    workflow = load("github-actions.yml")
    job = workflow["jobs"]["mail"]

    def filled(environment: dict[str, str]) -> dict[str, str]:
        return {
            name: re.sub(r"\$\{\{ (?:vars|secrets)\.(\w+) \}\}", lambda found: variables[found[1]], value)
            for name, value in environment.items()
        }

    finished = None
    for step in job["steps"]:
        if "run" not in step or "pip install" in step["run"]:
            continue
        environment = filled(job["env"]) | filled(step.get("env", {})) | changes
        finished = machine.run("bash", "-eo", "pipefail", "-c", step["run"], **environment)
        if finished.returncode:
            break
    assert finished
    return finished.returncode, finished.stdout + finished.stderr


def test_the_github_job_proves_that_mail_works(machine: Machine, variables: dict[str, str]) -> None:
    summary = machine.folder / "summary.md"
    code, said = run_github_job(machine, variables, GITHUB_STEP_SUMMARY=str(summary))
    assert code == 0, said
    assert "::error" not in said
    assert "| ✅ | sysmail |" in summary.read_text()
    kept = load("github-actions.yml")["jobs"]["mail"]["steps"][-1]
    assert kept["if"] == "always()"
    assert JUnitXml.fromfile(str(machine.folder / kept["with"]["path"])).errors == 0


def test_the_github_job_fails_with_an_annotation(machine: Machine, variables: dict[str, str]) -> None:
    code, said = run_github_job(machine, variables | {"MAIL_PASSWORD": "wrong"})
    assert code == 12
    assert said.startswith("::error title=sysmail%3A auth (SMTP)::")
    assert "wrong" not in (machine.folder / "mail.xml").read_text().replace("is wrong", "")


def test_the_github_workflow_is_scheduled_and_has_no_rights_to_change_anything() -> None:
    workflow = load("github-actions.yml")
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow[True]["schedule"]  # `on`, which YAML 1.1 takes for a truth value


def test_the_gitlab_job_proves_that_mail_works(machine: Machine, variables: dict[str, str]) -> None:
    job = load("gitlab-ci.yml")["mail"]
    for line in job["script"]:
        finished = machine.run("bash", "-eo", "pipefail", "-c", line, **job["variables"], **variables)
        assert finished.returncode == 0, finished.stderr
    artifacts = job["artifacts"]
    for path in (*artifacts["paths"], artifacts["reports"]["junit"]):
        assert (machine.folder / Path(path)).stat().st_size > 0
