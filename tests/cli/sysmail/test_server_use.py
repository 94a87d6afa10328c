"""A catalogue server that the account uses: renamed with it, not deleted from under it, and not contradicted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl

Show = Callable[[], dict[str, Any]]


@pytest.fixture
def used(site: Mailctl) -> Mailctl:
    """The account sends through `hq`."""
    site.must("server", "edit", "hq", "--smtp-timeout", "30", "--pin", "sha256:" + "0" * 64)
    site.must(
        "sysmail", "set", "--address", "noreply@example.org", "--server", "hq", "--username", "noreply",
        "--password-from", "env:PASSWORD",
    )  # fmt: skip
    return site


@pytest.mark.parametrize("command", [("delete", "hq", "--yes"), ("delete-all", "--yes"), ("delete", "hq")])
def test_it_is_not_deleted_and_the_user_is_named(used: Mailctl, command: tuple[str, ...]) -> None:
    before = used.settings()
    result = used("server", *command, "-o", "json")
    assert result.code == 4
    assert "'hq' is used by sysmail" in result.error["message"]
    assert result.error["users"] == {"hq": ["sysmail"]}
    assert "--force" in result.error["hint"]
    assert used.settings() == before


def test_others_are_deleted_as_ever(used: Mailctl) -> None:
    used.must("server", "delete", "open", "--yes")
    assert used.codes == ["hq"]


@pytest.mark.parametrize("command", [("delete", "hq"), ("delete-all",)])
def test_by_force_the_account_takes_a_copy(used: Mailctl, command: tuple[str, ...], show: Show) -> None:
    server = used.must("server", "show", "hq", "-o", "json").json["server"]
    result = used("server", *command, "--force", "--yes", "-o", "json")
    assert result.code == 0, result
    assert result.json["detached"] == ["sysmail"]
    account = show()
    del server["smtp"]["credentials"]
    assert (account["server"], account["detached_from"]) == (None, "hq")
    assert (account["smtp"], account["tls"]) == (server["smtp"], server["tls"])
    assert (account["state"], account["username"]) == ("active", "noreply")
    shown = used.must("sysmail", "show")
    assert "a copy of 'hq'" in shown.out
    assert "was deleted from the catalogue" in shown.err


@pytest.mark.parametrize("edit", [("--smtp-timeout", "20"), ("--server", "open"), ("--clear", "detached-from")])
def test_edited_it_is_detached_no_more(used: Mailctl, edit: tuple[str, ...], show: Show) -> None:
    used.must("server", "delete", "hq", "--force", "--yes")
    used.must("sysmail", "set", *edit)
    assert show()["detached_from"] is None


def test_a_dry_run_by_force_deletes_nothing(used: Mailctl) -> None:
    before = used.settings()
    assert "detached_from" in used.must("server", "delete", "hq", "--force", "--dry-run").out
    assert used.settings() == before


def test_the_passphrase_of_a_copy_stays_stored(site: Mailctl, tmp_path: Path, show: Show) -> None:
    for name in ("c.pem", "k.pem"):
        (tmp_path / name).touch()
    site.must("server", "edit", "open", "--client-cert", tmp_path / "c.pem", "--client-key", tmp_path / "k.pem",
              "--client-key-passphrase-stdin", stdin=b"phrase")  # fmt: skip
    site.must("sysmail", "set", "--address", "noreply@example.org", "--server", "open")
    site.must("server", "delete", "open", "--force", "--yes")
    assert show()["tls"]["client_key_passphrase"]["present"] is True
    site.must("sysmail", "unset", "--yes")
    assert site.must("secret", "status", "-o", "json").json["orphans"] == []


def test_a_new_code_is_followed(used: Mailctl, show: Show) -> None:
    used.must("server", "edit", "hq", "--code", "本社")
    assert show()["server"] == "本社"


@pytest.mark.parametrize("edit", [("--smtp-auth", "none"), ("--clear", "smtp-auth")])
def test_taking_the_login_away_from_under_it_is_a_conflict(used: Mailctl, edit: tuple[str, ...]) -> None:
    before = used.settings()
    result = used("server", "edit", "hq", *edit, "-o", "json")
    assert result.code == 4
    assert "sysmail.username" in result.error["message"]
    assert "'hq'" in result.error["message"]
    assert used.settings() == before


def test_a_code_that_is_not_there_makes_the_file_invalid(used: Mailctl) -> None:
    used.config.write_text(used.settings().replace('server = "hq"', 'server = "gone"'), encoding="utf-8")
    result = used("sysmail", "show", "-o", "json")
    assert result.code == 5
    assert "sysmail.server: there is no server with the code 'gone'" in result.error["message"]


def test_a_new_server_of_that_code_does_not_overwrite_the_copys_passphrase(site: Mailctl, tmp_path: Path) -> None:
    for name in ("c.pem", "k.pem"):
        (tmp_path / name).touch()
    key = ("--client-cert", tmp_path / "c.pem", "--client-key", tmp_path / "k.pem", "--client-key-passphrase-stdin")
    site.must("server", "edit", "open", *key, stdin=b"old")
    site.must("sysmail", "set", "--address", "noreply@example.org", "--server", "open")
    site.must("server", "delete", "open", "--force", "--yes")
    site.add_server("open")
    refused = site("server", "edit", "open", *key, "-o", "json", stdin=b"new")
    assert refused.code == 4
    assert "mailctl secret set sysmail/client-key-passphrase" in refused.error["hint"]
    site.must("secret", "set", "sysmail/client-key-passphrase", "--stdin", stdin=b"old")
    site.must("server", "edit", "open", *key, stdin=b"new")
    status = site.must("secret", "status", "-o", "json").json
    assert {secret["reference"] for secret in status["secrets"]} == {
        "vault:sysmail/client-key-passphrase", "vault:server:open/client-key-passphrase",
    }  # fmt: skip
