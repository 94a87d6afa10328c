"""What goes to which stream, in which colours and widths, and what happens when a stream is closed, full or narrow."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .conftest import PROGRAM, Pipe, Spawn, environment, finish

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs pseudo-terminals and /dev")
LONG = "a-host.whose-name-is.much-longer.than-a-column.of-a-table.should-ever-be.example.org"
ESCAPE = "\x1b["


@pytest.fixture
def catalogue(mailctl: Mailctl) -> Mailctl:
    mailctl.must(
        "server", "add", "hq", "--name", "Zürich 本社", "--smtp-host", LONG, "--incoming-protocol", "imap",
        "--incoming-host", LONG,
    )  # fmt: skip
    return mailctl


def test_a_terminal_gets_colours_and_a_table_that_fits(catalogue: Mailctl, spawn: Spawn) -> None:
    code, said = finish(spawn("server", "list"))
    assert code == 0
    assert ESCAPE in said
    code, said = finish(spawn("--no-color", "server", "list"))
    assert max(map(len, said.splitlines())) <= 80
    assert LONG not in said


@pytest.mark.parametrize(
    ("options", "changes"),
    [(["--no-color"], {}), ([], {"NO_COLOR": "1"}), ([], {"TERM": "dumb"})],
    ids=["--no-color", "NO_COLOR", "TERM=dumb"],
)
@pytest.mark.parametrize("command", ["server list", "server show hq", "server show nope", "server --help"])
def test_colours_are_switched_off(
    catalogue: Mailctl, spawn: Spawn, command: str, options: list[str], changes: dict[str, str]
) -> None:
    _code, said = finish(spawn(*options, *command.split(), **changes))
    assert ESCAPE not in said


@pytest.mark.parametrize("command", ["server list", "server show hq", "server show nope", "server --help"])
def test_a_pipe_gets_neither_colours_nor_cuts(catalogue: Mailctl, pipe: Pipe, command: str) -> None:
    done = pipe(*command.split(), COLUMNS="40", FORCE_COLOR="1")
    assert b"\x1b" not in done.stdout + done.stderr
    if command == "server list":
        assert LONG.encode() in done.stdout


@pytest.mark.parametrize("lines", ["0", "1"])
@pytest.mark.parametrize("output", ["table", "json"])
def test_a_reader_that_has_seen_enough_is_no_error(mailctl: Mailctl, lines: str, output: str) -> None:
    mailctl.must("server", "import", "-", "--format", "json", stdin=_many_servers(2000))
    command = f'"{sys.executable}" -m mailctl --config "{mailctl.config}" server list -o {output}'
    done = subprocess.run(
        ["bash", "-c", f"{command} | head -n {lines} >/dev/null; echo ${{PIPESTATUS[0]}}"],
        env=environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_an_error_that_nobody_reads_keeps_its_exit_code(mailctl: Mailctl) -> None:
    reader = subprocess.Popen(["true"], stdin=subprocess.PIPE)
    assert reader.stdin is not None
    reader.wait()
    done = subprocess.run(
        [*PROGRAM, "--config", str(mailctl.config), "server", "show", "nope"],
        env=environment(), stdout=subprocess.PIPE, stderr=reader.stdin, check=False,
    )  # fmt: skip
    reader.stdin.close()
    assert done.returncode == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_monitor_that_cannot_be_answered_is_told_unknown(mailctl: Mailctl) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*PROGRAM, "--config", str(mailctl.config), "test", "send", "nobody", "-o", "nagios"],
            env=environment(), stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (3, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("output", ["table", "json"])
def test_a_full_disk_behind_standard_output_is_told(mailctl: Mailctl, output: str) -> None:
    mailctl.must("server", "import", "-", "--format", "json", stdin=_many_servers(200))
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*PROGRAM, "--config", str(mailctl.config), "server", "list", "-o", output],
            env=environment(), stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert "standard output cannot be written: the disk is full" in done.stderr
    assert "may be done all the same" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("command", ["--version", "--help", "server --help", "server list --help"])
def test_a_full_disk_behind_a_help_page_is_told(command: str) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*PROGRAM, *command.split()], env=environment(), stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert "standard output cannot be written" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("output", ["table", "json"])
def test_an_error_that_cannot_be_written_keeps_its_exit_code(mailctl: Mailctl, output: str) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*PROGRAM, "--config", str(mailctl.config), "server", "show", "nope", "-o", output],
            env=environment(), stderr=full, stdout=subprocess.PIPE, check=False,
        )  # fmt: skip
    assert done.returncode == 3


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(("command", "code"), [("server list", 0), ("server show nope", 3), ("server add", 2)])
def test_streams_that_were_closed_by_the_caller(catalogue: Mailctl, closed: str, command: str, code: int) -> None:
    line = f'"{sys.executable}" -m mailctl --config "{catalogue.config}" {command} {closed}'
    done = subprocess.run(["bash", "-c", line], env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert "bug" not in done.stderr


@pytest.mark.parametrize("command", ["server list", "server show hq", "--help", "server --help"])
@pytest.mark.parametrize("changes", [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "latin-1"}])
def test_names_in_any_script_do_no_harm_where_they_cannot_be_shown(
    catalogue: Mailctl, pipe: Pipe, command: str, changes: dict[str, str]
) -> None:
    done = pipe(*command.split(), **changes)
    assert done.returncode == 0
    assert done.stdout
    assert done.stderr == b""


def test_json_stays_json_where_its_letters_cannot_be_shown(catalogue: Mailctl, pipe: Pipe) -> None:
    catalogue.must("server", "edit", "hq", "--name", "é 本社 🐤")
    done = pipe("server", "show", "hq", "-o", "json", PYTHONIOENCODING="ascii")
    assert json.loads(done.stdout)["server"]["name"] == "é 本社 🐤"
    failed = pipe("server", "show", "🐤", "-o", "json", PYTHONIOENCODING="ascii")
    assert "🐤" in json.loads(failed.stderr)["error"]["message"]


ASCII_ONLY = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize("output", ["table", "json"])
def test_arguments_are_utf_8_where_the_locale_knows_ascii_alone(catalogue: Mailctl, pipe: Pipe, output: str) -> None:
    catalogue.must("server", "edit", "hq", "--code", "本社")
    done = pipe("server", "show", "本社", "-o", output, **ASCII_ONLY)
    assert (done.returncode, done.stderr) == (0, b"")
    if output == "json":
        assert json.loads(done.stdout)["server"]["code"] == "本社"
    done = pipe("server", "edit", "本社", "--name", "新本社", **ASCII_ONLY)
    assert done.returncode == 0, done
    assert 'name = "新本社"' in catalogue.settings()
    assert b"\\u672c" in pipe("server", "list", **ASCII_ONLY).stdout


@pytest.mark.parametrize("output", ["table", "json"])
def test_an_argument_that_is_no_text_is_an_error_like_others(catalogue: Mailctl, output: str) -> None:
    done = subprocess.run(
        [*PROGRAM, "--config", str(catalogue.config), "server", "show", b"\xff\xfe", "-o", output],
        env=environment(), capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert b"Traceback" not in done.stderr
    if output == "json":
        assert json.loads(done.stderr)["error"]["exit_code"] == 3


def test_what_was_typed_cannot_paint_the_screen(spawn: Spawn) -> None:
    code, said = finish(spawn("--no-color", "server", "show", "a\x1b[31mb\x07"))
    assert code == 3
    assert "\x1b" not in said
    assert "a\\x1b[31mb" in said


def _many_servers(count: int) -> bytes:
    side = {"host": "mail.example.org", "port": 993, "security": "tls"}
    rows = [
        {"code": f"s{n}", "name": "N", "smtp": {**side, "port": 465}, "incoming": {"protocol": "imap", **side}}
        for n in range(count)
    ]
    return json.dumps({"schema_version": 1, "servers": rows}).encode()
