"""`mailctl secret status`, and `secret backend` where it only shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.credentials.keyring_doubles import MODULE


def test_every_kind_of_secret_is_listed_with_its_state(mailctl, keyring, tmp_path: Path, monkeypatch) -> None:
    mailctl.must("secret", "set", "stored", "--stdin", stdin=b"s")
    ((service, _),) = keyring
    ran = tmp_path / "ran"
    with mailctl.config.open("a", encoding="utf-8") as settings:
        settings.write(
            f'variable = "env:RELAY"\nabsent = "env:NOT_SET"\nfile = "file:none"\ncommand = "command:touch {ran}"\n'
        )
    monkeypatch.setenv("RELAY", "s")
    result = mailctl("secret", "status", "-o", "json")
    assert result.code == 6
    assert result.json["backend"] == {
        "backend": "keyring",
        "chosen": False,
        "usable": True,
        "location": f"the keyring ({MODULE}.Memory)",
        "opened_by": None,
        "problem": None,
        "hint": None,
        "warning": None,
    }
    states = {
        secret["name"]: (secret["kind"], secret["stored"], secret["present"]) for secret in result.json["secrets"]
    }
    assert states == {
        "stored": ("keyring", True, True),
        "variable": ("env", False, True),
        "absent": ("env", False, False),
        "file": ("file", False, False),
        "command": ("command", False, None),
    }
    assert result.json["secrets"][0]["reference"] == f"keyring:{service}/stored"
    assert not ran.exists()


def test_the_table_names_what_is_missing(mailctl, keyring) -> None:
    mailctl.must("secret", "set", "relay", "--stdin", stdin=b"s")
    keyring.clear()
    result = mailctl("secret", "status")
    assert result.code == 6
    lines = result.out.splitlines()
    assert lines[0] == f"new secrets are stored in the keyring (by default): the keyring ({MODULE}.Memory)"
    assert lines[1].split() == ["NAME", "REFERENCE", "STATE"]
    assert "relay" in lines[2]
    assert "missing: there is no secret at keyring:mailctl-" in lines[2]


def test_a_place_that_cannot_be_used_is_told_apart_from_a_missing_secret(mailctl, headless: Path) -> None:
    mailctl.config.write_text('[secrets.named]\nrelay = "keyring:mailctl/relay"\nother = "vault:other"\n')
    mailctl.config.chmod(0o600)
    result = mailctl("secret", "status", "-o", "json")
    assert result.code == 6
    relay, other = result.json["secrets"]
    assert relay["present"] is None
    assert "no keyring that mailctl can use" in relay["problem"]
    assert other["present"] is None
    assert other["problem"] == "nothing says how the vault is opened"
    assert "unavailable: nothing says" in mailctl("secret", "status").out


def test_without_settings_and_keyring_the_choices_are_told(mailctl, headless: Path) -> None:
    for command in ("status", "backend"):
        result = mailctl.must("secret", command)
        assert result.out == "new secrets go to the keyring (by default), which cannot be used\n"
        assert "no keyring that mailctl can use" in result.err
        assert "secret backend vault --key-file FILE" in result.err
        data = mailctl.must("secret", command, "-o", "json").json
        assert data["backend"]["usable"] is False
    assert not mailctl.config.exists()


def test_there_is_no_command_that_shows_a_secret(mailctl) -> None:
    assert mailctl("secret", "get", "relay").code == 2
    assert mailctl("secret", "show", "relay").code == 2


@pytest.mark.parametrize("passphrase", ["another", None])
def test_a_vault_that_cannot_be_opened_is_explained_once_and_its_secrets_listed(mailctl, monkeypatch, passphrase):
    monkeypatch.setenv("VAULT_PASSPHRASE", "canary-7f3a-secret")
    mailctl.must("secret", "backend", "vault", "--passphrase-from", "env:VAULT_PASSPHRASE")
    mailctl.must("secret", "set", "relay", "--stdin", stdin=b"s")
    if passphrase:
        monkeypatch.setenv("VAULT_PASSPHRASE", passphrase)
    else:
        monkeypatch.delenv("VAULT_PASSPHRASE")
    result = mailctl("secret", "status")
    assert result.code == 6
    assert "vault:relay" in result.out
    assert "unavailable" in result.out
    problem = mailctl("secret", "status", "-o", "json").json["backend"]["problem"]
    assert (result.out + result.err).count(problem) == 1
