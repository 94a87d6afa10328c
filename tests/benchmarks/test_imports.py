"""What decides start-up, whatever the machine: the modules that a command imports."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.benchmarks.startup import settings_text

IMPORTED = re.compile(r"^import time:.*\| +(\S+)$", re.MULTILINE)

HEAVY = {"cryptography", "dns", "email", "filelock", "idna", "imapclient", "keyring", "pyrage", "requests", "scramp"}
HEAVY |= {"smtplib", "ssl", "tomlkit", "twisted"}
"""What only connections, secrets and changes need."""
TYPERS_OWN = {"email"}
"""What Typer imports, by way of pydantic, as soon as a command has parameters."""


def imported_by(tmp_path: Path, *arguments: str) -> set[str]:
    settings = tmp_path / "mailctl.toml"
    settings.write_text(settings_text(10))
    settings.chmod(0o600)
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "mailctl", "--config", str(settings), *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(IMPORTED.findall(run.stderr))


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_load_no_command_and_no_model(tmp_path: Path, option: str) -> None:
    modules = imported_by(tmp_path, option)
    loaded = {module.removeprefix("mailctl.cli.") for module in modules if module.startswith("mailctl.cli.")}
    assert "app" in loaded
    assert loaded <= {"app", "boundary", "help", "lazy", "session", "talk", "terminal"}
    assert "mailctl.model" not in modules
    assert not modules & HEAVY


@pytest.mark.parametrize("output", ["table", "json"])
def test_a_listing_loads_neither_connections_nor_secrets_nor_what_edits(tmp_path: Path, output: str) -> None:
    modules = imported_by(tmp_path, "server", "list", "-o", output)
    assert "mailctl.store.reading" in modules
    assert not modules & (HEAVY - TYPERS_OWN)
    for package in ("transport", "credentials", "sandbox", "services", "protocol"):
        assert f"mailctl.{package}" not in modules
    assert "mailctl.store.editing" not in modules
