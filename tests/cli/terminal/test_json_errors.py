"""With -o json an error is one object on standard error, which a program can read as a whole."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from .conftest import Pipe, Spawn, finish

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl

UNKNOWN_KEY = "\n[colours]\nlogo = 'blue'\n"
HOST = ["--smtp-host", "mail.example.org", "--incoming-protocol", "imap", "--incoming-host", "mail.example.org"]


@pytest.fixture
def noted(mailctl: Mailctl) -> Mailctl:
    """Settings of which a change warns: they have a key that mailctl does not know."""
    mailctl.add_server("hq")
    mailctl.config.write_text(mailctl.settings() + UNKNOWN_KEY)
    return mailctl


def test_what_is_said_before_an_error_is_in_its_object(noted: Mailctl) -> None:
    result = noted("server", "add", "hq", "--name", "HQ", *HOST, "-o", "json")
    assert result.code == 4
    assert result.error["code"] == "already-exists"
    (note,) = result.error["notes"]
    assert note.startswith("warning: ")
    assert "colours" in note
    said = noted("server", "add", "hq", "--name", "HQ", *HOST)
    assert said.err.startswith(note + "\nerror: ")


def test_what_nothing_was_said_before_has_no_notes(mailctl: Mailctl) -> None:
    assert "notes" not in mailctl("server", "show", "nope", "-o", "json").error


def test_what_is_said_of_a_change_that_was_done_is_said_as_ever(noted: Mailctl) -> None:
    result = noted.must("server", "edit", "hq", "--no-tls-verify", "-o", "json")
    assert result.json["changed"] is True
    assert [line.partition(":")[0] for line in result.err.splitlines()] == ["warning", "warning"]


def test_what_is_said_where_a_test_failed_is_said_beside_its_report(noted: Mailctl) -> None:
    noted.must("server", "edit", "hq", "--smtp-host", "127.0.0.1", "--smtp-port", "1", "--smtp-security", "none")
    result = noted("-v", "test", "send", "hq", "--depth", "connect", "-o", "json")
    assert result.code == 10
    assert result.json["ok"] is False
    assert "settings file: " in result.err


def test_a_note_in_the_object_is_the_note_itself(mailctl: Mailctl) -> None:
    add = ("account", "add", "x@gmail.com", "--username", "x@gmail.com", "--preset", "gmail")
    (note,) = mailctl(*add, "--incoming-port", "0", "-o", "json").error["notes"]
    assert note.startswith("Gmail and Google Workspace: ")


def test_what_is_verbose_is_in_the_object_too(mailctl: Mailctl) -> None:
    result = mailctl("-v", "server", "show", "nope", "-o", "json")
    assert result.error["notes"] == [f"settings file: {mailctl.config} (not there yet)"]


def test_a_request_that_nobody_agreed_to_shows_itself_in_the_object(mailctl: Mailctl) -> None:
    mailctl.add_server("hq")
    mailctl.must("sysmail", "set", "--server", "hq", "--address", "it@example.org")
    mailctl.must("support", "set", "--address", "help@example.net")
    error = mailctl("support", "request", "--subject", "Late mail", "--body", "x", "-o", "json").error
    assert error["hint"] == "add --yes"
    assert "Late mail" in "\n".join(error["notes"])


def test_a_person_reads_everything_at_once(noted: Mailctl, spawn: Spawn) -> None:
    code, said = finish(spawn("--no-color", "server", "add", "hq", "--name", "HQ", *HOST, "-o", "json"))
    assert code == 4
    warning, _, described = said.partition("{")
    assert "colours" in warning
    assert "notes" not in json.loads("{" + described)["error"]


def test_a_pipe_gets_one_object(noted: Mailctl, pipe: Pipe) -> None:
    done = pipe("--no-input", "server", "add", "hq", "--name", "HQ", *HOST, "-o", "json")
    assert json.loads(done.stderr)["error"]["notes"]
