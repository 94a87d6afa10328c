"""Help pages: what a stranger learns from --help."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from mailctl.cli.app import root

from .conftest import Pipe

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl

GROUPS = ["server", "sysmail", "send", "sendmail", "oauth", "test", "doctor", "tenant", "support"]
GROUPS += ["account", "signature", "mail", "secret", "config", "sandbox", "demo"]


def walk(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command and group with the words that call it."""
    yield path, command
    for name in getattr(command, "commands", {}):
        yield from walk(command._entries[name].load(), (*path, name))


COMMANDS = list(walk(root(), ()))


@pytest.fixture(params=COMMANDS, ids=lambda found: " ".join(found[0]) or "mailctl")
def page(request: pytest.FixtureRequest, mailctl: Mailctl, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "80")
    return mailctl.must(*request.param[0], "--help").out


@pytest.mark.parametrize("columns", [60, 120])
@pytest.mark.parametrize("path", [path for path, _ in COMMANDS], ids=lambda path: " ".join(path) or "mailctl")
def test_a_page_fits_the_screen_and_cuts_nothing_off(
    mailctl: Mailctl, monkeypatch: pytest.MonkeyPatch, path: tuple[str, ...], columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    page = mailctl.must(*path, "--help").out
    assert max(map(len, page.splitlines())) <= columns
    found = next(command for known, command in COMMANDS if known == path)
    for parameter in found.params:
        for name in [*parameter.opts, *parameter.secondary_opts] if parameter.param_type_name == "option" else ():
            assert name in page


def test_a_page_begins_with_usage_and_a_sentence(page: str) -> None:
    usage, empty, sentence, *_ = page.splitlines()
    assert usage.startswith("Usage: mailctl")
    assert empty == ""
    assert sentence[0].isupper()


def test_options_show_values_in_words_and_flags_show_none(page: str) -> None:
    for leftover in ("<bool>", "<str>", "BOOLEAN"):
        assert leftover not in page


@pytest.mark.parametrize(
    "path",
    [path for path, found in COMMANDS if not getattr(found, "commands", None)],
    ids=" ".join,
)
def test_a_command_with_several_options_of_its_own_shows_an_example(mailctl: Mailctl, path: tuple[str, ...]) -> None:
    command = next(found for known, found in COMMANDS if known == path)
    everywhere = {"output", "dry_run", "yes", "force"}
    own = {parameter.name for parameter in command.params if parameter.param_type_name == "option"} - everywhere
    if len(own) < 2:
        return
    page = mailctl.must(*path, "--help").out
    assert "Example" in page
    assert f"mailctl {' '.join(path)}" in page.partition("Example")[2]


def test_the_groups_stand_in_the_order_of_the_contract(mailctl: Mailctl) -> None:
    page = mailctl.must("--help").out
    listed = [line.split()[0] for line in page.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()]
    listed = [word for word in listed if word in GROUPS]
    assert listed == [group for group in GROUPS if group in listed]
    assert {"server", "test", "secret", "config", "sandbox", "demo"} <= set(listed)


def test_examples_can_be_copied_even_from_a_narrow_screen(mailctl: Mailctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    page = mailctl.must("server", "add", "--help").out
    example = page.partition("Examples:\n")[2].partition("\n  mailctl server add g ")[0]
    assert " ".join(example.split()) == (
        "mailctl server add hq --name Headquarters --smtp-host mail.example.org \\ --smtp-auth auto "
        "--incoming-protocol imap \\ --incoming-host mail.example.org"
    )


@pytest.mark.parametrize("arguments", [[], ["server"], ["test"]])
def test_no_command_is_an_error_that_shows_the_page(arguments: list[str]) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "mailctl", *arguments],
        env=os.environ | {"COLUMNS": "80"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert finished.returncode == 2
    assert finished.stdout == ""
    assert "Usage: mailctl" in finished.stderr


@pytest.mark.parametrize("columns", ["1", "5", "20"])
def test_a_screen_that_is_no_screen_gets_its_page(pipe: Pipe, columns: str) -> None:
    done = pipe("server", "add", "--help", COLUMNS=columns)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"--smtp-host" in done.stdout


def test_a_default_in_seconds_is_written_as_a_person_writes_it(mailctl: Mailctl) -> None:
    assert "[default: 120]" in mailctl.must("test", "roundtrip", "--help").out
