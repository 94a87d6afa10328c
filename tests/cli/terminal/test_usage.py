"""Which settings file is used, what -q and -v change, and calls that cannot be understood."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .conftest import PROGRAM, environment

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sever"], "there is no command 'sever'\nhint: did you mean server? `mailctl --help` shows the commands\n"),
        (["server", "lst"], "there is no command 'lst'\nhint: did you mean list? "),
        (["server", "list", "--outptu", "json"], "there is no option --outptu\nhint: did you mean --output? `mailctl "),
        (["--quite", "server", "list"], "there is no option --quite\nhint: did you mean --quiet? "),
        (["xyzzy"], "there is no command 'xyzzy'"),
        (
            ["--dry-run", "account", "list"],
            "there is no option --dry-run\nhint: options of a command stand behind it: `mailctl COMMAND … --dry-run`; ",
        ),
        (
            ["test", "roundtrip", "a@example.org", "b@example.org"],
            "too many arguments: besides options, mailctl test roundtrip takes TARGET\n",
        ),
        (["-q"], "missing: a command"),
        (["server", "show"], "error: missing: CODE\nhint: `mailctl server show --help` shows the options\n"),
        (["server", "show", "a", "b", "c"], "too many arguments: b c"),
        (
            ["server", "list", "-q"],
            "there is no option -q\nhint: -q stands before the command: `mailctl -q server list`",
        ),
        (
            ["server", "list", "--config", "f.toml"],
            "hint: --config stands before the command: `mailctl --config FILE server list`; ",
        ),
        (["server", "list", "-o"], "-o: its value is missing"),
        (["server", "add", "hq", "--no-apop=x"], "--no-apop: takes no value"),
        (["server", "list", "-o", "JSON"], "--output: 'JSON' is none of: table, json"),
        (["server", "add", "--smtp-securty", "tls"], "hint: did you mean --smtp-security or "),
        (["server", "export", "-o", "csv"], "hint: did you mean --format csv? "),
        (["server", "export", "--format", "ini"], "--format: 'ini' is none of: csv, json, toml"),
        (["test", "send", "hq", "--timeout", "abc"], "--timeout: 'abc' is not a number of at least 0.1"),
        (["test", "send", "hq", "--timeout", "nan"], "--timeout: 'nan' is not a number"),
        (["test", "roundtrip", "hq", "--within", "-1"], "--within: '-1' is not a number from 0.1 to 86400"),
        (["mail", "list", "--limit", "0"], "--limit: '0' is not a whole number from 1 to 5000"),
        (["test", "all", "--jobs", "0"], "--jobs: '0' is not a whole number of at least 1"),
        (["test", "send", "hq", "--depth", "deep"], "'deep' is none of"),
        (
            ["test", "send", "hq", "--min-cert-days", "many"],
            "--min-cert-days: 'many' is not a whole number of at least 0",
        ),
        (["sandbox", "--nonsense"], "there is no option --nonsense"),
        (["secret", "set"], "missing: NAME"),
        (["config", "edti"], "did you mean edit?"),
    ],
)
def test_a_call_that_cannot_be_understood(mailctl: Mailctl, arguments: list[str], said: str) -> None:
    mailctl.add_server("hq")
    result = mailctl(*arguments)
    assert result.code == 2
    assert result.out == ""
    assert said in result.err
    assert len(result.err.splitlines()) <= 2


@pytest.mark.parametrize(
    "command", [["secret", "set", "relay"], ["sysmail", "set", "--password-stdin"], ["test", "send", "hq", "--to", "a"]]
)
@pytest.mark.parametrize("output", ["table", "json"])
def test_what_may_be_a_secret_is_not_repeated(mailctl: Mailctl, command: list[str], output: str) -> None:
    result = mailctl(*command, "hunter2", "-o", output)
    assert result.code == 2
    assert "too many arguments" in result.err
    assert "should one of them be a secret, that is asked for" in result.err
    assert "hunter2" not in result.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["server", "show", "nope", "-o", "json"], "not-found"),
        (["server", "lst", "-o", "json"], "usage"),
        (["server", "show", "--output=json"], "usage"),
        (["test", "receive", "nope", "-ojson"], "not-found"),
        (["test", "receive", "hq", "-o", "json"], "missing-input"),
        (["secret", "delete", "nope", "--yes", "-o", "json"], "not-found"),
        (["secret", "set", "--output", "json"], "usage"),
        (["config", "validate", "--nonsense", "-o", "json"], "usage"),
        (["sandbox", "--nonsense", "-o", "json"], "usage"),
    ],
)
def test_errors_are_json_where_results_would_be(mailctl: Mailctl, arguments: list[str], code: str) -> None:
    mailctl.add_server("hq")
    result = mailctl(*arguments)
    assert result.out == ""
    error = json.loads(result.err)
    assert error["schema_version"] == 1
    assert error["error"]["exit_code"] == result.code != 0
    assert error["error"]["message"]
    assert "hint" in error["error"]
    assert error["error"]["code"] == code


def test_quiet_leaves_results_warnings_and_errors(mailctl: Mailctl) -> None:
    done = mailctl.must("-q", "server", "add", "hq", "--name", "HQ", "--preset", "gmail")
    assert (done.out, done.err) == ("", "")
    assert mailctl.must("-q", "server", "list").out.startswith("CODE")
    assert "no server" in mailctl("-q", "server", "show", "nope").err


def test_verbose_says_which_settings_file_is_used(mailctl: Mailctl) -> None:
    assert f"settings file: {mailctl.config} (not there yet)\n" in mailctl.must("-v", "server", "list").err
    mailctl.add_server("hq")
    done = mailctl.must("-v", "server", "list", "-o", "json")
    assert done.err == f"settings file: {mailctl.config}\n"
    assert done.json["servers"]


@pytest.mark.skipif(sys.platform != "linux", reason="the folders of Linux")
def test_the_settings_file_is_the_option_s_else_the_variable_s_else_the_user_s(tmp_path: Path) -> None:
    def used(*options: str, **changes: str) -> Path:
        done = subprocess.run(
            [*PROGRAM, *options, "config", "path", "-o", "json"],
            env=environment(XDG_CONFIG_HOME=str(tmp_path), **changes), capture_output=True, check=True,
        )  # fmt: skip
        return Path(json.loads(done.stdout)["path"])

    named, option, user = (tmp_path / name for name in ("named.toml", "option.toml", "mailctl/mailctl.toml"))
    assert used("--config", str(option), MAILCTL_CONFIG=str(named)) == option
    assert used(MAILCTL_CONFIG=str(named)) == named
    user.parent.mkdir()
    user.write_text("schema_version = 1\n")
    assert used() == user
    assert used(MAILCTL_CONFIG="") == user


@pytest.mark.parametrize("group", [[], ["server"], ["account", "filter"]])
def test_a_call_without_a_command_shows_the_help(mailctl: Mailctl, group: list[str]) -> None:
    shown = mailctl(*group)
    assert (shown.code, shown.out) == (2, "")
    assert shown.err.startswith(" ".join(["Usage: mailctl", *group]))
