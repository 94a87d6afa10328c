"""`mailctl account layout`: set, shown, kept in the file, and gone with whose it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl

USUAL = {"owner": "taro", "threads": False, "merge": True}


@pytest.fixture
def owner(site: Mailctl) -> str:
    """Somebody with two accounts."""
    for address in ("taro@example.org", "yamada@example.org"):
        site.must("account", "add", address, "--username", address, "--owner", "taro", "--server", "hq",
                  "--password-from", "env:PASSWORD")  # fmt: skip
    return "taro"


def test_without_options_it_is_shown(mailctl: Mailctl, owner: str) -> None:
    before = mailctl.settings()
    assert mailctl.must("account", "layout", owner).out == (
        "threads  off  answers stand below what they answer\nmerge    on   one list of all accounts' folders\n"
    )
    assert mailctl.must("account", "layout", owner, "-o", "json").json["layout"] == USUAL
    assert mailctl.settings() == before


def test_what_is_set_is_kept_as_text_that_people_edit(mailctl: Mailctl, owner: str) -> None:
    changed = mailctl.must("account", "layout", owner, "--threads", "--no-merge", "-o", "json").json
    assert (changed["changed"], changed["layout"]) == (True, {"owner": "taro", "threads": True, "merge": False})
    assert mailctl.settings().endswith('\n[[layouts]]\nowner = "taro"\nthreads = true\nmerge = false\n')
    again = mailctl.must("account", "layout", owner, "--threads")
    assert "nothing to change" in again.err
    assert mailctl.must("account", "layout", owner, "-o", "json").json["layout"]["threads"] is True


def test_the_usual_layout_leaves_nothing_in_the_file(mailctl: Mailctl, owner: str) -> None:
    before = mailctl.settings()
    mailctl.must("account", "layout", owner, "--threads")
    mailctl.must("account", "layout", owner, "--no-threads")
    assert mailctl.settings() == before


def test_comments_around_it_stay(mailctl: Mailctl, owner: str) -> None:
    mailctl.must("account", "layout", owner, "--threads")
    text = mailctl.settings().replace("threads = true", "threads = true  # she asked for it")
    mailctl.config.write_text(text)
    mailctl.must("account", "layout", owner, "--no-merge")
    assert mailctl.settings() == text + "merge = false\n"


def test_a_dry_run_shows_it_and_writes_nothing(mailctl: Mailctl, owner: str) -> None:
    before = mailctl.settings()
    assert "+threads = true" in mailctl.must("account", "layout", owner, "--threads", "--dry-run").out
    assert mailctl.settings() == before


def test_it_goes_with_the_last_account(mailctl: Mailctl, owner: str) -> None:
    mailctl.must("account", "layout", owner, "--threads")
    mailctl.must("account", "delete", "taro@example.org", "--yes")
    assert "[[layouts]]" in mailctl.settings()
    mailctl.must("account", "edit", "yamada@example.org", "--owner", "hanako")
    assert "[[layouts]]" not in mailctl.settings()


def test_nobody_has_no_layout(mailctl: Mailctl, owner: str) -> None:
    for options in ([], ["--threads"]):
        result = mailctl("account", "layout", "taor", *options, "-o", "json")
        assert (result.code, result.error["owner"]) == (3, "taor")
        assert owner in result.error["hint"]


def test_two_layouts_of_one_owner_are_refused_and_one_of_nobody_is_told(mailctl: Mailctl, owner: str) -> None:
    text = mailctl.settings()
    mailctl.config.write_text(text + f'\n[[layouts]]\nowner = "{owner}"\n\n[[layouts]]\nowner = "{owner}"\n')
    result = mailctl("config", "validate")
    assert result.code == 5
    assert "layouts[1].owner" in result.out
    assert "borne by 2 layouts" in result.out
    mailctl.config.write_text(text + '\n[[layouts]]\nowner = "nobody"\n')
    result = mailctl.must("config", "validate")
    assert "'nobody' has no account" in result.out + result.err
