"""Screens are filled word by word, and pipes line by line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from mailctl.render.style import Style, visible
from mailctl.render.table import render_table
from mailctl.render.wrap import hang, wrap

from .conftest import Pipe, Spawn, finish

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl

LONG_NAME = "The headquarters of the organisation, its branches and everybody who travels for it"


@pytest.mark.parametrize("width", [20, 40, 79])
def test_lines_are_broken_between_words(width: int) -> None:
    text = f"warning: {LONG_NAME}"
    wrapped = wrap(text, width)
    assert max(map(len, wrapped.split("\n"))) <= width
    assert wrapped.split() == text.split()


def test_a_command_to_copy_is_never_broken() -> None:
    command = "`mailctl server edit hq --smtp-security starttls`"
    assert command in wrap(f"hint: what the server wants is given by {command}, or so.", 40)


def test_lines_that_go_on_keep_their_indentation_and_colours_take_no_room() -> None:
    assert wrap("  one two three", 10) == "  one two\n  three"
    assert wrap("\x1b[1;31merror:\x1b[0m one two", 14) == "\x1b[1;31merror:\x1b[0m one two"


def test_a_word_too_wide_for_its_column_begins_where_it_fits() -> None:
    identifier = f"<{'x' * 28}@example.org>"
    lines = hang("  pass  message  ", f"accepted, Message-ID {identifier}", 17, 45).split("\n")
    assert lines == ["  pass  message  accepted, Message-ID", f"   {identifier}"]


def test_joiners_are_spelling_and_what_moves_the_cursor_is_not() -> None:
    assert visible("👩\u200d💻 نامه\u200cها \u202e\x1b") == "👩\u200d💻 نامه\u200cها \\u202e\\x1b"


def test_wide_characters_count_twice() -> None:
    assert wrap("漢字 漢字 漢字", 10) == "漢字 漢字\n漢字"


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_errors_warnings_and_questions_fit_a_narrow_screen(mailctl: Mailctl, spawn: Spawn, pipe: Pipe) -> None:
    mailctl.add_server("hq", "--name", LONG_NAME)
    child = spawn("server", "delete", "hq", columns=60)
    child.expect(r"\[y/N\]: ")
    question = str(child.before)
    assert max(map(len, question.splitlines())) <= 60
    assert question.split() == f"Delete the server 'hq' ({LONG_NAME})?".split()
    child.sendline("n")
    finish(child)
    code, said = finish(spawn("server", "show", "hqq", columns=30, NO_COLOR="1"))
    assert code == 3
    piped = pipe("server", "show", "hqq").stderr.decode()
    assert said.split() == piped.split()
    assert len(said.splitlines()) > len(piped.splitlines())


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("columns", [40, 60])
def test_a_server_in_full_hangs_its_facts_beside_their_names(mailctl: Mailctl, spawn: Spawn, columns: int) -> None:
    mailctl.add_server("hq", "--name", LONG_NAME)
    code, said = finish(spawn("server", "show", "hq", columns=columns, NO_COLOR="1"))
    assert code == 0
    lines = said.splitlines()
    assert max(map(len, lines)) <= columns
    assert said.split() == mailctl.must("server", "show", "hq").out.split()
    facts = [line for line in lines if line.startswith("  ")]
    assert {line[:12].strip() for line in facts} == {"outgoing", "", "incoming", "tls"}


def test_a_table_breaks_cells_after_commas_then_at_blanks_then_at_colons_and_dots() -> None:
    table = render_table(("A", "B"), [("127.0.0.1:33025 starttls", "one two")], width=24, style=Style())
    assert table.split("\n")[1:] == ["127.0.0.1:33025  one two", "starttls"]
    table = render_table(("A", "B"), [("server hq, tenant acme, sysmail", "x")], width=20, style=Style())
    assert table.split("\n")[1:] == ["server hq,         x", "tenant acme,", "sysmail"]
    table = render_table(("A",), [("smtp.office365.com:587",)], width=15, style=Style())
    assert table.split("\n")[1:] == ["smtp.office365.", "com:587"]


def test_a_cell_with_a_word_that_is_cut_in_two_keeps_the_blank_behind_it() -> None:
    table = render_table(("A",), [("verification, the",)], width=9, style=Style())
    assert table.split("\n") == ["A", "verificat", "ion, the"]


@pytest.mark.parametrize("width", [60, 80])
def test_presets_fit_the_screen_without_a_word_cut_in_two(width: int) -> None:
    from mailctl.model.preset import PRESETS

    rows = [(preset.name, f"{preset.smtp.host}:{preset.smtp.port} {preset.smtp.security}") for preset in PRESETS]
    table = render_table(("PRESET", "SMTP"), rows, width=width // 2, style=Style())
    assert max(map(len, table.split("\n"))) <= width // 2
    words = table.split()
    assert words.count("starttls") == sum(" starttls" in row[1] for row in rows)
