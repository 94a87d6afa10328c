"""`mailctl config path | validate | schema | undo`, whole commands; the file is read again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl


def test_path_names_the_file_whether_it_exists_or_not(mailctl):
    assert mailctl.must("config", "path").out == f"{mailctl.config}\n"
    assert mailctl.must("config", "path", "-o", "json").json == {
        "schema_version": 1,
        "path": str(mailctl.config),
        "exists": False,
    }
    mailctl.add_server("a")
    assert mailctl.must("config", "path", "-o", "json").json["exists"] is True


def test_validate_is_silent_on_standard_output_where_all_is_well(mailctl):
    mailctl.add_server("a")
    result = mailctl.must("config", "validate")
    assert (result.out, result.err) == ("", f"{mailctl.config} is valid\n")


def test_validate_says_that_there_is_no_file_yet(mailctl):
    assert "does not exist yet" in mailctl.must("config", "validate").err


def test_validate_tells_scripts_whether_there_is_a_file(mailctl):
    assert mailctl.must("config", "validate", "-o", "json").json["exists"] is False
    mailctl.add_server("hq")
    assert mailctl.must("config", "validate", "-o", "json").json["exists"] is True


def test_validate_names_all_problems_with_their_lines(mailctl):
    mailctl.add_server("a")
    broken = mailctl.settings().replace("port = 465", "port = 0").replace("timeout = 10", "timeout = 5")
    mailctl.config.write_text(broken)
    result = mailctl("config", "validate", "-o", "json")
    assert result.code == 5
    assert result.json["valid"] is False
    places = [(problem["line"], problem["where"]) for problem in result.json["problems"]]
    assert places == [
        (11, "servers[0].smtp.port"),
        (14, "servers[0].smtp.timeout"),
        (23, "servers[0].incoming.timeout"),
    ]
    table = mailctl("config", "validate")
    assert table.code == 5
    assert table.out.splitlines()[0].split() == ["KIND", "LINE", "WHERE", "WHAT"]
    assert table.out.splitlines()[1].startswith("problem  11    servers[0].smtp.port")
    assert mailctl.settings() == broken


def test_validate_shows_the_line_that_is_not_toml(mailctl):
    mailctl.config.write_text("schema_version = 1\nservers = oops\n")
    result = mailctl("config", "validate")
    assert result.code == 5
    assert "servers = oops" in result.out


def test_validate_passes_with_warnings(mailctl):
    mailctl.add_server("a", "--smtp-port", "465", "--smtp-security", "starttls")
    mailctl.config.write_text("colour = 1\n" + mailctl.settings())
    mailctl.config.chmod(0o600)
    result = mailctl.must("config", "validate", "-o", "json")
    assert result.json["valid"] is True
    assert [(warning["line"], warning["where"]) for warning in result.json["warnings"]] == [
        (1, "colour"),
        (6, "servers[0]"),
    ]
    assert "warning" in mailctl.must("config", "validate").out


def test_schema_is_a_json_schema(mailctl):
    schema = json.loads(mailctl.must("config", "schema").out)
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert mailctl.must("config", "schema", "-o", "json").json["schema"] == schema


def test_undo_takes_the_last_change_back_and_brings_it_again(mailctl):
    mailctl.add_server("a")
    one = mailctl.settings()
    mailctl.add_server("b")
    two = mailctl.settings()
    assert mailctl.must("config", "undo", "-o", "json").json["changed"] is True
    assert mailctl.settings() == one
    mailctl.must("config", "undo")
    assert mailctl.settings() == two


def test_undo_shows_the_lines_that_it_exchanged_and_how_they_come_again(mailctl):
    mailctl.add_server("a")
    mailctl.add_server("b")
    undone = mailctl.must("config", "undo")
    assert '  -code = "b"' in undone.err
    assert "`mailctl config undo` once more" in undone.err
    again = mailctl.must("config", "undo")
    assert '  +code = "b"' in again.err
    assert '-code = "b"' not in again.err


@pytest.mark.parametrize("output", ["table", "json"])
def test_a_rehearsed_undo_shows_the_difference_and_writes_nothing(mailctl, output):
    mailctl.add_server("a")
    mailctl.add_server("b")
    before = mailctl.settings()
    result = mailctl.must("config", "undo", "--dry-run", "-o", output)
    assert '-code = "b"' in (result.json["diff"] if output == "json" else result.out)
    assert mailctl.settings() == before


def test_without_a_change_undo_has_nothing_to_do(mailctl):
    result = mailctl.must("config", "undo", "-o", "json")
    assert result.json["changed"] is False
    said = f"nothing to change: no change of {mailctl.config} is kept that could be taken back\n"
    assert mailctl.must("config", "undo").err == said


def test_undo_says_which_secrets_are_gone(mailctl, tmp_path):
    key_file = tmp_path / "vault.key"
    mailctl.must("secret", "backend", "vault", "--key-file", key_file)
    mailctl.must("secret", "set", "relay", "--stdin", stdin=b"canary\n")
    mailctl.must("secret", "delete", "relay", "--yes")
    result = mailctl.must("config", "undo", "-o", "json")
    assert result.json["secrets_missing"] == ["relay"]
    assert "the secret relay is named again, but is gone" in result.err


def test_edit_without_a_terminal_is_refused_with_another_way(mailctl):
    mailctl.add_server("a")
    before = mailctl.settings()
    result = mailctl("config", "edit")
    assert result.code == 2
    assert "config validate" in result.err
    assert mailctl.settings() == before


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs the files of POSIX that are none")
@pytest.mark.parametrize("kind", ["a device that never ends", "a pipe that nobody writes to"])
def test_what_is_no_regular_file_is_not_even_read(mailctl: Mailctl, tmp_path: Path, kind: str) -> None:
    mailctl.config = Path("/dev/zero")
    if "pipe" in kind:
        mailctl.config = tmp_path / "pipe"
        os.mkfifo(mailctl.config)
    for command in (("server", "list"), ("config", "validate"), ("server", "delete-all", "--yes")):
        refused = mailctl(*command)
        assert (refused.code, refused.out) == (5, "")
        assert refused.err == f"error: cannot read {mailctl.config}: it is not a regular file\n"


@pytest.mark.skipif(sys.platform != "linux", reason="takes root's right to read everything away as Linux does")
@pytest.mark.parametrize(
    "command", [["server", "list"], ["server", "edit", "a", "--name", "B"], ["config", "validate"]]
)
def test_a_file_that_may_not_be_read_is_told_as_one_that_is_invalid(mailctl: Mailctl, command: list[str]) -> None:
    mailctl.add_server("a")
    mailctl.config.chmod(0)
    as_everybody = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*as_everybody, sys.executable, "-m", "mailctl", "--config", mailctl.config, *command, "-o", "json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 5, done
    assert f"{mailctl.config}: permission denied" in done.stdout + done.stderr
