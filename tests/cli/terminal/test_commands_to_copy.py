"""Commands that are told to people, to be copied: they act on the settings that the call at hand acted on."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.servers.processes import find_free_ports

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl, Result


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A settings file that is not that of the environment, and whose name a shell would take apart."""
    folder = tmp_path / "Ann's $HOME"
    folder.mkdir()
    return folder / "my mail.toml"


def add_closed_server(mailctl: Mailctl, config: Path, code: str = "office") -> Result:
    """Register a server at a port where nobody listens."""
    (port,) = find_free_ports(1)
    return mailctl.must(
        "--config", config, "server", "add", code, "--name", code,
        "--smtp-host", "127.0.0.1", "--smtp-port", str(port), "--smtp-security", "tls",
        "--incoming-protocol", "imap", "--incoming-host", "127.0.0.1", "--incoming-port", str(port),
        "--incoming-security", "tls",
    )  # fmt: skip


def test_an_errors_hint_names_the_file_that_the_call_named(mailctl: Mailctl, elsewhere: Path) -> None:
    refused = mailctl("--config", elsewhere, "server", "show", "nope")
    copied = refused.err.partition("`")[2].partition("`")[0]
    assert shlex.split(copied) == ["mailctl", "--config", str(elsewhere), "server", "list"]


def test_so_does_the_hint_of_an_error_in_json(mailctl: Mailctl, elsewhere: Path) -> None:
    hint = mailctl("--config", elsewhere, "server", "show", "nope", "-o", "json").error["hint"]
    assert hint == f"`mailctl --config {shlex.quote(str(elsewhere))} server list` shows the codes"


def test_the_option_may_be_written_with_an_equals_sign(mailctl: Mailctl, elsewhere: Path) -> None:
    refused = mailctl("--no-color", f"--config={elsewhere}", "server", "show", "nope")
    assert f"--config {shlex.quote(str(elsewhere))} server list" in refused.err


def test_what_is_said_after_a_change_names_it(mailctl: Mailctl, elsewhere: Path) -> None:
    added = add_closed_server(mailctl, elsewhere)
    assert f"`mailctl --config {shlex.quote(str(elsewhere))} test send office --depth tls`" in added.err


def test_a_copied_next_command_acts_on_the_same_file(mailctl: Mailctl, elsewhere: Path) -> None:
    add_closed_server(mailctl, elsewhere)
    report = mailctl("--config", elsewhere, "test", "send", "office", "--depth", "connect", "-o", "json").json
    (copied,) = [step["next"] for step in report["targets"][0]["steps"] if step["next"]]
    program, *words = shlex.split(copied)
    assert (program, words[-2:]) == ("mailctl", ["--smtp-port", "PORT"])
    mailctl.must(*words[:-1], "2525")
    assert "port = 2525" in elsewhere.read_text()
    assert not mailctl.config.exists()


@pytest.mark.parametrize("test", [["send", "office", "--depth", "connect"], ["all"]])
def test_steps_and_reports_name_it(mailctl: Mailctl, elsewhere: Path, tmp_path: Path, test: list[str]) -> None:
    add_closed_server(mailctl, elsewhere)
    written = tmp_path / "report.json"
    shown = mailctl("--config", elsewhere, "test", *test, "--report", f"json={written}")
    command = f"mailctl --config {shlex.quote(str(elsewhere))} server edit office --smtp-port PORT"
    assert command in shown.out
    steps = json.loads(written.read_text())["targets"][0]["steps"]
    assert command in [step["next"] for step in steps]


@pytest.mark.parametrize("output", ["table", "json"])
def test_findings_of_doctor_name_it(mailctl: Mailctl, elsewhere: Path, output: str) -> None:
    found = mailctl("--config", elsewhere, "doctor", "--offline", "-o", output)
    command = f"mailctl --config {shlex.quote(str(elsewhere))} server add"
    assert command in ([each["next"] for each in found.json["findings"]] if output == "json" else found.out)


def test_a_file_named_by_the_environment_is_there_for_the_next_call_too(mailctl: Mailctl) -> None:
    assert "`mailctl server list`" in mailctl("server", "show", "nope").err


def test_what_needs_no_settings_is_left_as_it_is(mailctl: Mailctl, elsewhere: Path) -> None:
    assert "`mailctl demo`" in mailctl("--config", elsewhere, "server", "list").err
    assert "`mailctl server add --help`" in mailctl("--config", elsewhere, "server", "add", "--nope").err
