"""One change taken back, and brought again; what others did meanwhile is never lost."""

from __future__ import annotations

import sys

import pytest
from msgspec.structs import replace
from tests.store.layouts import BY_HAND

from mailctl.errors import SettingsChangedError, SettingsInvalidError
from mailctl.store import SettingsFile

ODD = BY_HAND.replace("\n", "\r\n").removesuffix("\r\n").encode()


def renaming(settings):
    return replace(settings, servers=(replace(settings.servers[0], name="new"), *settings.servers[1:]))


def test_undo_restores_the_exact_bytes_and_undone_again_the_change(settings_file, write):
    write(ODD)
    settings_file.change(renaming)
    changed = settings_file.path.read_bytes()
    undone = settings_file.undo()
    assert settings_file.path.read_bytes() == ODD
    assert (undone.before.servers[0].name, undone.after.servers[0].name) == ("new", "京都")
    settings_file.undo()
    assert settings_file.path.read_bytes() == changed


def test_a_rehearsed_undo_shows_the_difference_and_writes_nothing(settings_file, write):
    write(ODD)
    settings_file.change(renaming)
    changed = settings_file.path.read_bytes()
    undone = settings_file.undo(dry_run=True)
    assert undone.changed
    assert "-name = \"new\"\n+name = '京都'" in undone.diff
    assert settings_file.path.read_bytes() == changed


def test_without_a_change_there_is_nothing_to_undo(settings_file, write):
    write(ODD)
    assert not settings_file.undo().changed
    assert list(settings_file.path.parent.iterdir()) == [settings_file.path]


def test_the_first_change_undone_leaves_no_settings(settings_file, make_server, adding):
    settings_file.change(adding(make_server("a")))
    settings_file.undo()
    assert settings_file.path.read_bytes() == b""
    settings_file.undo()
    assert [server.code for server in settings_file.load().servers] == ["a"]


def test_undo_mends_a_file_that_was_broken_by_hand(settings_file, write, make_server, adding):
    settings_file.change(adding(make_server("a")))
    settings_file.change(adding(make_server("b")))
    write("broken by hand")
    settings_file.undo()
    assert [server.code for server in settings_file.load().servers] == ["a"]


def test_undo_refuses_kept_bytes_that_are_not_valid(settings_file, write, make_server, adding):
    settings_file.change(adding(make_server("a")))
    before = settings_file.path.read_bytes()
    kept = settings_file.path.with_name("mailctl.toml.undo")
    kept.write_text("[[[")
    with pytest.raises(SettingsInvalidError, match=r"mailctl\.toml\.undo"):
        settings_file.undo()
    assert settings_file.path.read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")
def test_what_is_kept_for_undo_is_for_its_owner_alone(settings_file, write):
    write(ODD)
    settings_file.path.chmod(0o644)
    settings_file.change(renaming)
    kept = settings_file.path.with_name("mailctl.toml.undo")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert settings_file.path.stat().st_mode & 0o777 == 0o644


def test_a_change_builds_on_what_another_process_wrote_meanwhile(settings_file, make_server, adding):
    settings_file.change(adding(make_server("a")))
    other = SettingsFile(settings_file.path)
    calls = []

    def edit(settings):
        if not calls:
            other.change(adding(make_server("other")))
        calls.append(settings)
        return adding(make_server("mine"))(settings)

    settings_file.change(edit)
    assert [server.code for server in settings_file.load().servers] == ["a", "other", "mine"]


def test_an_edit_by_a_program_that_takes_no_lock_is_detected_and_kept(settings_file, write, make_server, adding):
    write(ODD)
    written = []

    def edit(settings):
        written.append(f"# by an editor, {len(written)}\n".encode())
        write(written[-1])  # each time after the file was read
        return adding(make_server("mine"))(settings)

    with pytest.raises(SettingsChangedError):
        settings_file.change(edit)
    assert settings_file.path.read_bytes() == written[-1]
    assert list(settings_file.path.parent.iterdir()) == [settings_file.path]


def test_a_replaced_text_must_be_valid_and_replace_what_is_known(settings_file, write):
    write(ODD)
    with pytest.raises(SettingsInvalidError):
        settings_file.replace(b"[[[", expected=ODD)
    with pytest.raises(SettingsChangedError):
        settings_file.replace(b"# mine\n", expected=b"# older\n")
    assert settings_file.path.read_bytes() == ODD
    assert settings_file.replace(b"# mine\n", expected=ODD).changed
    assert settings_file.path.read_bytes() == b"# mine\n"
