"""The account's secrets: stored by their names, referred to where they stay, gone with the account, never shown."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl

Show = Callable[[], dict[str, Any]]

CANARY = "canary/7f3a é secret"
DEDICATED = ("--address", "noreply@example.org", "--smtp-host", "relay.example.org")
LOGIN = ("--smtp-auth", "auto", "--username", "noreply")
POP = ("--pop-before-smtp", "--pop-host", "pop.example.org", "--pop-username", "gate")


def must(mailctl: Mailctl, *options: str | Path, secret: str | None = None) -> None:
    mailctl.must("sysmail", "set", *options, stdin=f"{secret}\n".encode() if secret else b"")


def stored(mailctl: Mailctl) -> dict[str, tuple[str, bool]]:
    status = mailctl("secret", "status", "-o", "json").json
    assert status["orphans"] == []
    return {secret["name"]: (secret["reference"], secret["present"]) for secret in status["secrets"]}


def test_a_password_is_stored_and_referred_to(site: Mailctl, show: Show) -> None:
    must(site, *DEDICATED, *LOGIN, "--password-stdin", secret=CANARY)
    assert show()["password"] == {"reference": "vault:sysmail/password", "present": True}
    assert stored(site) == {"sysmail/password": ("vault:sysmail/password", True)}


def test_in_the_keyring_it_has_the_same_name(mailctl: Mailctl, keyring: dict[tuple[str, str], str], show: Show) -> None:
    must(mailctl, *DEDICATED, *LOGIN, "--password-stdin", secret=CANARY)
    [(service, user)] = keyring
    assert user == "sysmail/password"
    assert show()["password"] == {"reference": f"keyring:{service}/sysmail/password", "present": True}


def test_the_pop3_password_and_the_passphrase_have_names_of_their_own(
    site: Mailctl, tmp_path: Path, show: Show
) -> None:
    for name in ("c.pem", "k.pem"):
        (tmp_path / name).touch()
    must(site, *DEDICATED, *POP, "--pop-password-stdin", secret="pop")
    must(site, "--client-cert", tmp_path / "c.pem", "--client-key", tmp_path / "k.pem",
         "--client-key-passphrase-stdin", secret="phrase")  # fmt: skip
    assert set(stored(site)) == {"sysmail/pop-password", "sysmail/client-key-passphrase"}
    assert show()["pop_before_smtp"]["password"] == {"reference": "vault:sysmail/pop-password", "present": True}
    assert show()["tls"]["client_key_passphrase"]["present"] is True


def test_a_new_password_is_a_change_though_the_settings_are_the_same(site: Mailctl) -> None:
    must(site, *DEDICATED, *LOGIN, "--password-stdin", secret="one")
    changed = [
        site.must("sysmail", "set", "--password-stdin", "-o", "json", stdin=secret).json["changed"]
        for secret in (b"two\n", b"two\n")
    ]
    assert changed == [True, False]


def test_a_reference_stays_a_reference_and_relative_files_become_absolute(
    site: Mailctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, show: Show
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pw").write_text("from a file", encoding="utf-8")
    (tmp_path / "pw").chmod(0o600)
    must(site, *DEDICATED, *LOGIN, "--password-from", "file:pw")
    assert show()["password"] == {"reference": f"file:{tmp_path / 'pw'}", "present": True}
    assert "vault:" not in site.settings()


def test_a_stored_secret_goes_when_a_reference_takes_its_place(site: Mailctl, tmp_path: Path) -> None:
    must(site, *DEDICATED, *LOGIN, "--password-stdin", secret=CANARY)
    must(site, "--password-from", "env:PASSWORD")
    assert stored(site) == {"sysmail/password": ("env:PASSWORD", True)}


def test_commands_are_not_run_by_show(site: Mailctl, tmp_path: Path, show: Show) -> None:
    script = tmp_path / "pass"
    script.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n", encoding="utf-8")
    script.chmod(0o755)
    must(site, *DEDICATED, *LOGIN, "--password-from", f"command:{script}")
    assert show()["password"] == {"reference": f"command:{script}", "present": None}
    assert "commands are not run" in site.must("sysmail", "show").out
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("gone", [("--no-pop-before-smtp",), ("--server", "open")])
def test_switching_pop_before_smtp_off_deletes_its_password(site: Mailctl, gone: tuple[str, ...]) -> None:
    must(site, *DEDICATED, *POP, "--pop-password-stdin", secret=CANARY)
    must(site, *gone)
    assert stored(site) == {}


def test_unset_deletes_what_was_stored_and_leaves_what_was_borrowed(
    site: Mailctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    must(site, *DEDICATED, *POP, "--pop-password-stdin", secret=CANARY)
    site.must("sysmail", "unset", "--yes")
    assert stored(site) == {}
    must(site, *DEDICATED, *LOGIN, "--password-from", "env:PASSWORD")
    site.must("sysmail", "unset", "--yes")
    assert os.environ["PASSWORD"]


def test_a_dry_run_stores_nothing(site: Mailctl) -> None:
    must(site, *DEDICATED, *LOGIN, "--password-stdin", "--dry-run", secret=CANARY)
    assert stored(site) == {}


@pytest.mark.parametrize(
    "refused",
    [
        (*DEDICATED, *LOGIN, *POP, "--pop-password-from", "env:PASSWORD"),
        ("--address", "noreply@example.org", "--server", "open", "--username", "noreply"),
        (*DEDICATED, *LOGIN, "--smtp-timeout", "9"),
    ],
)
def test_what_is_refused_leaves_no_secret_behind(site: Mailctl, refused: tuple[str, ...]) -> None:
    result = site("sysmail", "set", *refused, "--password-stdin", stdin=CANARY.encode())
    assert result.code in (2, 4)
    assert stored(site) == {}
    assert CANARY not in result.out + result.err


@pytest.mark.parametrize(
    "options",
    [
        ("--password-stdin", "--pop-password-stdin"),
        ("--password-stdin", "--client-key-passphrase-stdin"),
        ("--password-stdin", "--password-from", "env:PASSWORD"),
        ("--pop-before-smtp", "--pop-password-stdin", "--pop-password-from", "env:PASSWORD"),
    ],
)
def test_two_sources_in_one_call_are_refused(site: Mailctl, options: tuple[str, ...]) -> None:
    assert site("sysmail", "set", *DEDICATED, *options, stdin=CANARY.encode()).code == 2


@pytest.mark.usefixtures("headless")
def test_without_a_usable_backend_nothing_is_written_and_the_choices_are_named(mailctl: Mailctl) -> None:
    result = mailctl("sysmail", "set", *DEDICATED, *LOGIN, "--password-stdin", stdin=CANARY.encode())
    assert result.code == 6
    assert "vault" in result.err
    assert not mailctl.config.exists()


def test_secret_set_and_delete_know_the_accounts_names(site: Mailctl, show: Show) -> None:
    must(site, *DEDICATED, *LOGIN, "--password-from", "env:PASSWORD")
    site.must("secret", "set", "sysmail/password", "--stdin", stdin=CANARY.encode())
    assert show()["password"] == {"reference": "vault:sysmail/password", "present": True}
    site.must("secret", "delete", "sysmail/password", "--yes")
    assert show()["password"] is None
    assert "the settings lack: password" in site.must("sysmail", "show").err


def test_a_missing_secret_is_shown_as_missing(site: Mailctl, show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    must(site, *DEDICATED, *LOGIN, "--password-from", "env:PASSWORD")
    monkeypatch.delenv("PASSWORD")
    assert show()["password"]["present"] is False
    assert "sysmail/password at env:PASSWORD: missing" in site.must("sysmail", "show").out


def test_a_secret_is_in_no_output_and_no_file(site: Mailctl, tmp_path: Path) -> None:
    said = ""
    for command in (
        ("set", *DEDICATED, *LOGIN, "--password-stdin", "-o", "json"),
        ("set", *DEDICATED, *LOGIN, "--password-stdin", "--dry-run"),
        ("set", "--smtp-auth", "none", "--password-stdin"),
        ("show",), ("show", "-o", "json"), ("deactivate",), ("activate", "-o", "json"),
        ("set", "--no-pop-before-smtp", "--password-stdin"),
        ("unset", "--dry-run"), ("unset", "--yes"),
    ):  # fmt: skip
        result = site("--debug", "sysmail", *command, stdin=f"{CANARY}\n".encode())
        said += result.out + result.err
        for file in filter(Path.is_file, tmp_path.rglob("*")):
            assert CANARY.encode() not in file.read_bytes(), file
    assert CANARY not in said
