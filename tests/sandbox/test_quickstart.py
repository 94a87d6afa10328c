"""`examples/quickstart.sh`: what the README tells people to run first."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "quickstart.sh"

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a POSIX shell script")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout as far as the script looks at one."""
    (tmp_path / "examples").mkdir()
    shutil.copy(SCRIPT, tmp_path / "examples")
    (tmp_path / "pyproject.toml").write_text("")
    return tmp_path


def put_program(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(("#!/bin/sh", *lines, "")))
    path.chmod(0o755)


def run(checkout: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(checkout / "examples" / "quickstart.sh")],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )


def test_what_is_installed_is_used_and_the_main_job_is_run(checkout):
    put_program(checkout / ".venv/bin/python", f'exec "{sys.executable}" "$@"')
    (checkout / ".venv/quickstart.stamp").touch()

    finished = run(checkout)

    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "Installing" not in finished.stderr
    assert "All of it worked" in finished.stdout


def test_a_changed_pyproject_is_installed_again(checkout):
    put_program(
        checkout / ".venv/bin/python",
        f'case "$*" in *install*) echo "$*" >"{checkout}/asked"; exit 7;; esac',
        f'exec "{sys.executable}" "$@"',
    )
    stamp = checkout / ".venv/quickstart.stamp"
    stamp.touch()
    os.utime(stamp, (0, 0))

    finished = run(checkout)

    assert finished.returncode == 1
    assert (checkout / "asked").read_text().rstrip().endswith(f"--editable {checkout}[sandbox]")
    assert "the packages could not be installed" in finished.stderr


def test_a_python_that_is_too_old_is_named_as_the_reason(checkout):
    for name in ("python3", "python3.14", "python3.13", "python3.12", "python3.11", "python"):
        put_program(checkout / "old" / name, "exit 1")

    finished = run(checkout, PATH=f"{checkout / 'old'}:/usr/bin:/bin", PYTHON=str(checkout / "old/python3"))

    assert finished.returncode == 1
    assert "needs Python 3.11 or newer" in finished.stderr
    assert not (checkout / ".venv").exists()


def test_a_python_without_venv_is_named_with_the_remedy(checkout):
    put_program(
        checkout / "bare/python3",
        'case "$*" in *venv*) exit 1;; esac',
        f'exec "{sys.executable}" "$@"',
    )

    finished = run(checkout, PATH=f"{checkout / 'bare'}:{os.environ['PATH']}", PYTHON="")

    assert finished.returncode == 1
    assert "apt install python3-venv" in finished.stderr
    assert not (checkout / ".venv").exists()
