"""`mailctl secret backend`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.credentials.keyring_doubles import MODULE


def test_a_vault_is_made_with_its_key_file_and_takes_secrets(mailctl, headless: Path, tmp_path: Path) -> None:
    key = tmp_path / "keys" / "key"
    result = mailctl.must("secret", "backend", "vault", "--key-file", key, "-o", "json")
    assert result.json == {
        "schema_version": 1,
        "changed": True,
        "backend": {"backend": "vault", "key_file": str(key), "passphrase_from": None},
    }
    stored = mailctl.must("secret", "set", "relay", "--stdin", "-o", "json", stdin=b"s")
    assert stored.json["secret"]["reference"] == "vault:relay"
    shown = mailctl.must("secret", "backend", "-o", "json").json["backend"]
    assert (shown["usable"], shown["chosen"], shown["opened_by"]) == (True, True, f"key file {key}")
    if sys.platform != "win32":
        assert [path.stat().st_mode & 0o777 for path in (key, tmp_path / "mailctl.vault")] == [0o600, 0o600]


def test_a_key_that_was_made_is_named_and_one_that_was_there_is_not(mailctl, tmp_path: Path) -> None:
    key = tmp_path / "key"
    assert f"made the key {key}: back it up" in mailctl.must("secret", "backend", "vault", "--key-file", key).err
    mailctl.must("secret", "backend", "keyring", "--dry-run")
    mailctl.must("secret", "backend", "vault", "--passphrase-from", "env:HOME", "--dry-run")
    assert "made the key" not in mailctl.must("secret", "backend", "vault", "--key-file", key).err


def test_a_key_in_the_vaults_own_folder_is_warned_of(mailctl, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    warning = "lies in the vault's own folder"
    assert warning in mailctl.must("secret", "backend", "vault", "--key-file", tmp_path / "key").err
    assert warning in mailctl.must("secret", "status").err
    found = mailctl("doctor", "--offline", "-o", "json").json["findings"]
    assert [entry["check"] for entry in found if warning in entry["said"]] == ["secret-store"]
    assert warning not in mailctl.must("secret", "backend", "vault", "--key-file", elsewhere / "key").err
    assert mailctl.must("secret", "backend", "-o", "json").json["backend"]["warning"] is None


def test_the_same_choice_again_changes_nothing(mailctl, tmp_path: Path) -> None:
    mailctl.must("secret", "backend", "vault", "--key-file", tmp_path / "key")
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir() if path.is_file()}
    assert mailctl.must("secret", "backend", "vault", "--key-file", tmp_path / "key").err.startswith(
        "nothing to change"
    )
    assert mailctl.must("secret", "backend", "vault", "-o", "json").json["changed"] is False
    assert {
        path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir() if path.is_file()
    } == before


def test_a_passphrase_is_remembered_as_a_reference(mailctl, monkeypatch) -> None:
    monkeypatch.setenv("VAULT_PASSPHRASE", "canary-7f3a-secret")
    mailctl.must("secret", "backend", "vault", "--passphrase-from", "env:VAULT_PASSPHRASE")
    assert 'passphrase_from = "env:VAULT_PASSPHRASE"' in mailctl.settings()
    assert "canary" not in mailctl.settings()
    monkeypatch.setenv("VAULT_PASSPHRASE", "another")
    result = mailctl("secret", "set", "relay", "--stdin", stdin=b"s")
    assert result.code == 6
    assert "cannot be opened with the passphrase from env:VAULT_PASSPHRASE" in result.err


def test_another_key_file_seals_the_vault_again(mailctl, tmp_path: Path) -> None:
    mailctl.must("secret", "backend", "vault", "--key-file", tmp_path / "old")
    mailctl.must("secret", "set", "relay", "--stdin", stdin=b"s")
    mailctl.must("secret", "backend", "vault", "--key-file", tmp_path / "new")
    (tmp_path / "old").unlink()
    assert mailctl.must("secret", "status", "-o", "json").json["secrets"][0]["present"] is True


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("vault",), 2, "--key-file or --passphrase-from"),
        (("vault", "--key-file", "a", "--passphrase-from", "env:X"), 2, "exclude each other"),
        (("keyring", "--key-file", "a"), 2, "lock of its own"),
        (("--key-file", "a"), 2, "secret backend vault"),
        (("vault", "--passphrase-from", "hunter2"), 2, "not a secret reference"),
        (("vault", "--passphrase-from", "vault:x"), 2, "cannot be kept in the vault itself"),
        (("vault", "--passphrase-from", "env:NOT_SET_ANYWHERE"), 6, "NOT_SET_ANYWHERE is not set"),
        (("safe",), 2, "safe"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(mailctl, tmp_path: Path, monkeypatch, arguments, code, said):
    monkeypatch.chdir(tmp_path)
    result = mailctl("secret", "backend", *arguments)
    assert result.code == code
    assert said in result.err
    assert "hunter2" not in result.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("double", ["Forgetful", "Stubborn", "Broken"])
def test_a_keyring_that_fails_when_it_is_tried_out_is_refused(mailctl, keyring, monkeypatch, double: str) -> None:
    monkeypatch.setenv("MAILCTL_KEYRING_BACKEND", f"{MODULE}.{double}")
    assert mailctl("secret", "backend", "keyring").code == 6
    assert not mailctl.config.exists()


def test_a_keyring_that_works_is_chosen_without_a_trace_in_it(mailctl, keyring) -> None:
    assert mailctl.must("secret", "backend", "keyring").err == "new secrets are stored in the keyring\n"
    assert 'backend = "keyring"' in mailctl.settings()
    assert keyring == {}


def test_a_dry_run_makes_no_file(mailctl, tmp_path: Path) -> None:
    result = mailctl.must("secret", "backend", "vault", "--key-file", tmp_path / "key", "--dry-run")
    assert '+backend = "vault"' in result.out
    assert list(tmp_path.iterdir()) == []


def test_if_the_settings_cannot_be_written_neither_key_nor_vault_stay(mailctl, tmp_path: Path) -> None:
    (tmp_path / "mailctl.toml.lock").mkdir()  # no lock can be taken
    assert mailctl("secret", "backend", "vault", "--key-file", tmp_path / "key").code == 5
    assert [path.name for path in tmp_path.iterdir()] == ["mailctl.toml.lock"]
