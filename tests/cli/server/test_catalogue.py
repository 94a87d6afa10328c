"""Listing, order and deletion in the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl


@pytest.fixture
def abc(mailctl: Mailctl) -> Mailctl:
    for code in ("a", "b", "c"):
        mailctl.add_server(code)
    return mailctl


def test_an_empty_catalogue_lists_nothing_and_says_how_to_begin(mailctl: Mailctl) -> None:
    result = mailctl("server", "list")
    assert (result.code, result.out) == (0, "")
    assert "`mailctl server add` adds one" in result.err
    assert mailctl("server", "list", "-o", "json").json == {"schema_version": 1, "servers": []}


def test_the_table_has_a_line_a_server_and_is_never_cut(abc: Mailctl) -> None:
    abc.must("server", "edit", "b", "--name", "本社メールサーバー" * 20)
    lines = abc.must("server", "list").out.splitlines()
    assert lines[0].split() == ["CODE", "NAME", "OUTGOING", "INCOMING", "LOGIN"]
    assert [line.split()[0] for line in lines[1:]] == ["a", "b", "c"]
    assert "本社メールサーバー" * 20 in lines[2]
    assert "smtp.example.org:465 tls" in lines[1]


def test_show_prints_one_server_in_full(abc: Mailctl) -> None:
    out = abc.must("server", "show", "a").out
    assert out.startswith("a  A\n")
    assert "smtp smtp.example.org:465 tls" in out
    assert "imap imap.example.org:993 tls" in out
    assert abc("server", "show", "z").code == 3


@pytest.mark.parametrize(
    ("arguments", "order"),
    [
        (["c", "a", "b"], "cab"),
        (["c", "--first"], "cab"),
        (["a", "--last"], "bca"),
        (["c", "--before", "b"], "acb"),
        (["a", "--after", "b"], "bac"),
        (["a", "--after", "c"], "bca"),
    ],
)
def test_reorder(abc: Mailctl, arguments: list[str], order: str) -> None:
    result = abc.must("server", "reorder", *arguments, "-o", "json").json
    assert result == {"schema_version": 1, "changed": True, "servers": list(order)}
    assert abc.codes == list(order)
    assert abc.must("server", "reorder", *arguments, "-o", "json").json["changed"] is False


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["a", "b"], 2, "missing: c"),
        (["a", "a", "b", "c"], 2, "twice: a"),
        (["a", "b", "z"], 3, "no server with the code 'z'"),
        (["a", "--first", "--last"], 2, "take one of"),
        (["a", "b", "--first"], 2, "move one server; name it alone"),
        (["a", "--before", "a"], 2, "itself"),
        (["a", "--before", "z"], 3, "'z'"),
    ],
)
def test_orders_that_are_none_are_refused(abc: Mailctl, arguments: list[str], code: int, said: str) -> None:
    result = abc("server", "reorder", *arguments)
    assert result.code == code
    assert said in result.err
    assert abc.codes == ["a", "b", "c"]


def test_delete_needs_agreement_where_nobody_can_be_asked(abc: Mailctl) -> None:
    result = abc("server", "delete", "a")
    assert result.code == 2
    assert "--yes" in result.err
    assert abc.codes == ["a", "b", "c"]
    assert abc.must("server", "delete", "a", "--yes", "-o", "json").json["changed"] is True
    assert abc.codes == ["b", "c"]
    assert abc("server", "delete", "a", "--yes").code == 3


def test_delete_all_names_the_number(abc: Mailctl) -> None:
    refused = abc("server", "delete-all")
    assert refused.code == 2
    assert "all 3 servers" in refused.err
    assert abc.must("server", "delete-all", "--yes", "-o", "json").json == {
        "schema_version": 1, "changed": True, "deleted": ["a", "b", "c"],
    }  # fmt: skip
    assert abc.codes == []
    assert abc.must("server", "delete-all", "--yes", "-o", "json").json["changed"] is False


def test_a_dry_deletion_asks_nothing_and_deletes_nothing(abc: Mailctl) -> None:
    result = abc.must("server", "delete-all", "--dry-run")
    assert '-code = "a"' in result.out
    assert abc.codes == ["a", "b", "c"]


def test_presets_are_listed_with_their_sources(mailctl: Mailctl) -> None:
    listed = mailctl.must("server", "presets", "-o", "json").json["presets"]
    assert {"gmail", "microsoft365", "outlook.com", "yahoo", "icloud", "aruba", "pec-aruba", "pec-legalmail"} <= {
        preset["name"] for preset in listed
    }
    assert all(preset["source"].startswith("https://") for preset in listed if preset["name"] != "custom")
    shown = mailctl.must("server", "presets").out
    assert "imap.gmail.com:993 tls" in shown
    assert "smtp.gmail.com:465 tls / 587 starttls" in shown
    assert "sendm.cert.legalmail.it:465 tls (unconfirmed)" in shown
    assert "imaps.pec.aruba.it:993 tls " in shown


def test_the_preset_of_those_who_have_none_is_listed_too(mailctl: Mailctl) -> None:
    custom = mailctl.must("server", "presets", "-o", "json").json["presets"][-1]
    assert (custom["name"], custom["smtp"], custom["imap"], custom["pop3"]) == ("custom", None, None, None)
    assert mailctl.must("server", "presets").out.splitlines()[-1].startswith("custom ")


@pytest.mark.parametrize("output", ["table", "json"])
def test_a_settings_file_that_is_named_and_not_there_is_said(mailctl, output):
    assert f"{mailctl.config} does not exist" in mailctl.must("server", "list", "-o", output).err
    mailctl.add_server("hq")
    assert mailctl.must("server", "list", "-o", output).err == ""


def test_the_list_names_both_logins_where_they_differ(mailctl: Mailctl) -> None:
    mailctl.add_server("one", "--smtp-auth", "auto", "--incoming-auth", "auto")
    mailctl.add_server("two", "--smtp-auth", "none", "--incoming-auth", "plain")
    _, one, two = mailctl.must("server", "list").out.splitlines()
    assert one.endswith("tls  auto")
    assert two.endswith("  smtp none, imap plain")
