"""Which settings file is meant: the one given, else the user's, else the site's."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailctl.store import location
from mailctl.store.location import settings_path, site_settings_path, state_folder, user_settings_path


@pytest.fixture
def folders(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    monkeypatch.setattr(location, "site_settings_path", lambda: tmp_path / "site" / "mailctl.toml")
    for path in (tmp_path / "user" / "mailctl", tmp_path / "site"):
        path.mkdir(parents=True)
    return tmp_path / "user" / "mailctl" / "mailctl.toml", tmp_path / "site" / "mailctl.toml"


def test_the_given_file_comes_first(folders):
    assert settings_path("given.toml", {"MAILCTL_CONFIG": "other.toml"}) == Path("given.toml")
    assert settings_path(None, {"MAILCTL_CONFIG": "other.toml"}) == Path("other.toml")


def test_an_empty_variable_names_no_file(folders):
    assert settings_path(None, {"MAILCTL_CONFIG": ""}) == user_settings_path()


def test_what_is_remembered_is_kept_in_the_folder_that_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("MAILCTL_STATE_DIR", str(tmp_path))
    assert state_folder() == tmp_path
    monkeypatch.setenv("MAILCTL_STATE_DIR", "")
    assert state_folder() != tmp_path


@pytest.mark.skipif(location.sys.platform != "linux", reason="the folders of Linux")
@pytest.mark.parametrize("named", ["", "relative/folder"])
def test_the_users_folder_is_xdgs_default_unless_an_absolute_one_is_named(monkeypatch, tmp_path, named):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", named)
    assert user_settings_path() == tmp_path / ".config/mailctl/mailctl.toml"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    assert user_settings_path() == tmp_path / ".config/mailctl/mailctl.toml"


@pytest.mark.skipif(location.sys.platform != "linux", reason="the folders of Linux")
@pytest.mark.parametrize(("user", "site", "wanted"), [(0, 0, 0), (1, 0, 0), (0, 1, 1), (1, 1, 0)])
def test_the_site_s_file_is_taken_only_where_the_user_has_none(folders, user, site, wanted):
    for exists, path in zip((user, site), folders, strict=True):
        if exists:
            path.touch()
    assert settings_path(None, {}) == folders[wanted]


@pytest.mark.skipif(location.sys.platform != "linux", reason="the folders of Linux")
def test_a_dangling_link_of_the_user_is_still_the_user_s(folders):
    user, site = folders
    site.touch()
    user.symlink_to("nowhere")
    assert settings_path(None, {}) == user


@pytest.mark.skipif(location.sys.platform != "linux", reason="the folders of Linux")
def test_an_administrator_finds_the_site_s_file_in_etc():
    assert site_settings_path() == Path("/etc/mailctl/mailctl.toml")
