"""`mailctl secret set`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.credentials.keyring_doubles import Countdown, Died, Memory
from tests.servers.secret_service import SecretService

CANARY = "canary-7f3a-secret"


def with_client_key(mailctl, tmp_path: Path) -> None:
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("")
    mailctl.add_server("hq", "--client-cert", str(tmp_path / "cert.pem"), "--client-key", str(tmp_path / "key.pem"))


def test_a_secret_is_stored_under_a_reference_that_the_settings_record(mailctl, keyring) -> None:
    result = mailctl.must("secret", "set", "relay", "--stdin", "-o", "json", stdin=f"{CANARY}\n".encode())
    ((service, user),) = keyring
    assert service.startswith("mailctl-")
    assert (user, keyring[service, user]) == ("relay", CANARY)
    assert result.json == {
        "schema_version": 1,
        "changed": True,
        "secret": {"name": "relay", "reference": f"keyring:{service}/relay"},
    }
    assert f'relay = "keyring:{service}/relay"' in mailctl.settings()
    assert CANARY not in mailctl.settings()


def test_the_options_of_other_secrets_are_understood(mailctl, keyring, monkeypatch) -> None:
    mailctl.must("secret", "set", "relay", "--password-stdin", stdin=b"one\n\n")
    assert list(keyring.values()) == ["one\n"]
    monkeypatch.setenv("RELAY", "two")
    mailctl.must("secret", "set", "relay", "--password-from", "env:RELAY")
    assert list(keyring.values()) == ["two"]
    assert mailctl("secret", "set", "relay", "--password-stdin", "--from", "env:RELAY", stdin=b"x").code == 2


def test_the_same_secret_again_changes_nothing(mailctl, keyring) -> None:
    mailctl.must("secret", "set", "relay", "--stdin", stdin=b"s")
    before = mailctl.config.stat().st_mtime_ns
    result = mailctl.must("secret", "set", "relay", "--stdin", stdin=b"s")
    assert result.err == "nothing to change: 'relay' holds that secret already\n"
    assert mailctl.config.stat().st_mtime_ns == before
    assert mailctl.must("secret", "set", "relay", "--stdin", "-o", "json", stdin=b"new").json["changed"] is True
    assert mailctl.config.stat().st_mtime_ns == before


def test_two_settings_files_keep_secrets_of_one_name_apart(mailctl, keyring, tmp_path: Path) -> None:
    for file, secret in (("one.toml", b"1"), ("two.toml", b"2")):
        mailctl.config = tmp_path / file
        mailctl.must("secret", "set", "relay", "--stdin", stdin=secret)
    assert sorted(keyring.values()) == ["1", "2"]


def test_a_secret_is_copied_from_a_reference_seen_from_the_current_folder(
    mailctl, keyring, tmp_path: Path, monkeypatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (tmp_path / "given").write_text(f"{CANARY}\n")
    (tmp_path / "given").chmod(0o600)
    mailctl.must("secret", "set", "relay", "--from", "file:../given")
    assert list(keyring.values()) == [CANARY]


def test_an_entrys_secret_is_recorded_with_the_entry(mailctl, keyring, tmp_path: Path) -> None:
    with_client_key(mailctl, tmp_path)
    result = mailctl.must("secret", "set", "server:hq/client-key-passphrase", "--stdin", "-o", "json", stdin=b"s")
    reference = result.json["secret"]["reference"]
    server = mailctl.must("server", "show", "hq", "-o", "json").json["server"]
    assert server["tls"]["client_key_passphrase"] == reference
    assert reference.endswith("/server:hq/client-key-passphrase")


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("server:nobody/client-key-passphrase", 3, "no entry of the settings has a secret"),
        ("a b", 2, "contains a blank"),
        ("a/b", 3, "no entry"),
        ("", 2, "must not be empty"),
        ("bell\a", 2, "control character"),
    ],
)
def test_a_name_that_cannot_be_is_refused_before_anything_is_stored(mailctl, keyring, name, code, said) -> None:
    result = mailctl("secret", "set", name, "--stdin", stdin=CANARY.encode())
    assert result.code == code
    assert said in result.err
    assert keyring == {}
    assert not mailctl.config.exists()


def test_a_dry_run_shows_the_difference_and_stores_nothing(mailctl, keyring) -> None:
    result = mailctl.must("secret", "set", "relay", "--stdin", "--dry-run", stdin=CANARY.encode())
    assert '+relay = "keyring:mailctl-' in result.out
    assert CANARY not in result.out + result.err
    assert keyring == {}
    assert not mailctl.config.exists()


def test_without_a_terminal_the_missing_secret_is_named(mailctl, keyring) -> None:
    result = mailctl("secret", "set", "relay")
    assert result.code == 2
    assert "--stdin or --from REF" in result.err


def test_a_machine_without_a_keyring_is_told_its_choices_and_nothing_is_written(mailctl, headless: Path) -> None:
    result = mailctl("secret", "set", "relay", "--stdin", "-o", "json", stdin=CANARY.encode())
    assert result.code == 6
    assert result.error["choices"] == ["vault", "env:", "file:", "command:"]
    assert "secret backend vault --key-file FILE" in result.error["hint"]
    assert not mailctl.config.exists()
    assert [path for path in headless.rglob("*") if path.is_file()] == []


def test_the_real_keyring_takes_a_secret(mailctl, secret_service: SecretService, monkeypatch) -> None:
    monkeypatch.delenv("MAILCTL_KEYRING_BACKEND", raising=False)
    for name in ("HOME", "DBUS_SESSION_BUS_ADDRESS"):
        monkeypatch.setenv(name, secret_service.environment[name])
    mailctl.must("secret", "set", "relay", "--stdin", stdin="pässwörd 🔑\n".encode())
    assert mailctl.must("secret", "status", "-o", "json").json["secrets"][0]["present"] is True
    assert mailctl.must("secret", "delete", "relay", "--yes").err == "deleted 'relay'\n"


@pytest.mark.parametrize("old", [None, "old"])
def test_if_the_settings_cannot_be_written_the_keyring_is_as_before(mailctl, keyring, old) -> None:
    mailctl.must("secret", "set", "other", "--stdin", stdin=b"s")
    ((service, _),) = keyring
    if old:
        keyring[service, "relay"] = old
    before = dict(keyring)
    (mailctl.config.parent / "mailctl.toml.lock").mkdir()  # no lock can be taken
    result = mailctl("secret", "set", "relay", "--stdin", stdin=CANARY.encode())
    assert result.code == 5
    assert keyring == before


def test_a_keyring_that_dies_while_it_is_written_costs_no_settings(mailctl, keyring) -> None:
    mailctl.must("secret", "set", "relay", "--stdin", stdin=b"old")
    before = mailctl.settings()
    Memory.countdown = Countdown(0)
    with pytest.raises(Died):
        mailctl("secret", "set", "relay", "--stdin", stdin=b"new")
    assert mailctl.settings() == before
    assert list(keyring.values()) == ["old"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("answers", [(CANARY, CANARY), ("a-slip", "another", CANARY, CANARY)])
def test_on_a_terminal_the_secret_is_asked_for_until_both_entries_agree_and_never_shown(
    mailctl, tmp_path: Path, answers: tuple[str, ...]
) -> None:
    import pexpect

    mailctl.must("secret", "backend", "vault", "--key-file", tmp_path / "key")
    child = pexpect.spawn(
        sys.executable,
        ["-m", "mailctl", "--config", str(mailctl.config), "secret", "set", "relay"],
        encoding="utf-8",
        timeout=30,
    )
    shown = ""
    with child:
        for answer in answers:
            child.expect(r"(Secret 'relay' \(not shown\)|Once more): ")
            shown += child.before
            child.waitnoecho()
            child.sendline(answer)
        child.expect(pexpect.EOF)
        shown += child.before
    assert child.exitstatus == 0
    assert not any(answer in shown for answer in answers)
    assert ("the two differ" in shown) is (len(answers) > 2)
    assert mailctl.must("secret", "status", "-o", "json").json["secrets"] == [
        {"name": "relay", "reference": "vault:relay", "kind": "vault", "stored": True, "present": True,
         "problem": None, "hint": None}
    ]  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_without_a_place_for_it_no_secret_is_asked_for(mailctl, headless: Path) -> None:
    import pexpect

    child = pexpect.spawn(
        sys.executable,
        ["-m", "mailctl", "--config", str(mailctl.config), "secret", "set", "relay"],
        encoding="utf-8",
        timeout=30,
    )
    with child:
        child.expect(pexpect.EOF)
    assert child.exitstatus == 6
    assert "Secret 'relay'" not in child.before
    assert "no keyring" in child.before


def test_a_stored_secret_that_is_lost_is_stored_again_by_the_command_that_is_named(mailctl, keyring) -> None:
    options = ("--address", "a@example.org", "--smtp-host", "127.0.0.1", "--smtp-port", "9", "--smtp-auth", "plain")
    login = ("--smtp-security", "tls", "--username", "a", "--password-stdin")
    mailctl.must("sysmail", "set", *options, *login, stdin=b"one")
    ((service, user),) = keyring
    keyring.clear()
    lost = mailctl("test", "send", "--to", "b@example.org", "-o", "json").json["targets"][0]
    [step] = [step for step in lost["steps"] if step["name"] == "secret"]
    assert step["cause"] == f"there is no secret at keyring:{service}/{user}"
    assert step["remedy"] == "`mailctl secret set sysmail/password` stores it"
    mailctl.must("secret", "set", "sysmail/password", "--stdin", stdin=b"two")
    assert keyring[service, user] == "two"
