"""`mailctl secret migrate`."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.credentials.keyring_doubles import Countdown, Died, Memory

from mailctl import durable
from mailctl.credentials import Secrets
from mailctl.model.secret import parse_secret_ref
from mailctl.store import SettingsFile

SECRETS = {"relay": "x" * 3000, "umlaut": "ü 🔑 "}


class MortalSystem(durable.System):
    """Dies at a chosen write, together with the keyring in memory."""

    def __init__(self, countdown: Countdown) -> None:
        self._countdown = countdown

    def write(self, descriptor: int, block: bytes | memoryview) -> int:
        self._countdown()
        return super().write(descriptor, block)

    def replace(self, source: Path, target: Path) -> None:
        self._countdown()
        super().replace(source, target)


def prepare(mailctl, keyring, *, start: str) -> None:
    for path in mailctl.config.parent.iterdir():
        path.unlink()
    Memory.reset()
    mailctl.must("secret", "backend", "vault", "--key-file", mailctl.config.parent / "key")
    if start == "keyring":
        mailctl.must("secret", "backend", "keyring")
    for name, text in SECRETS.items():
        mailctl.must("secret", "set", name, "--stdin", stdin=text.encode())


def stored(mailctl) -> dict[str, str]:
    """Return every secret that the settings name, read as any command would read it."""
    options = SettingsFile(mailctl.config).load().secrets
    secrets = Secrets(options, mailctl.config.parent)
    return {name: secrets.get(parse_secret_ref(reference)).reveal() for name, reference in options.named.items()}


@pytest.mark.parametrize(("start", "to"), [("keyring", "vault"), ("vault", "keyring")])
def test_all_secrets_move_and_the_originals_are_deleted(mailctl, keyring, start: str, to: str) -> None:
    prepare(mailctl, keyring, start=start)
    result = mailctl.must("secret", "migrate", "--to", to, "-o", "json")
    assert (result.json["changed"], result.json["backend"]) == (True, to)
    assert {moved["name"] for moved in result.json["moved"]} == SECRETS.keys()
    assert stored(mailctl) == SECRETS
    status = mailctl.must("secret", "status", "-o", "json").json
    assert {secret["kind"] for secret in status["secrets"]} == {to}
    assert status["backend"]["backend"] == to
    assert status["orphans"] == []
    assert len(keyring) == (0 if to == "vault" else len(SECRETS))


def test_a_second_migration_changes_nothing(mailctl, keyring) -> None:
    prepare(mailctl, keyring, start="keyring")
    mailctl.must("secret", "migrate", "--to", "vault")
    before = mailctl.config.stat().st_mtime_ns
    assert mailctl.must("secret", "migrate", "--to", "vault", "-o", "json").json["changed"] is False
    assert mailctl.must("secret", "migrate", "--to", "vault").err == "nothing to change: all secrets are in the vault\n"
    assert mailctl.config.stat().st_mtime_ns == before


@pytest.mark.parametrize(("start", "to"), [("keyring", "vault"), ("vault", "keyring")])
def test_a_migration_that_dies_costs_no_secret_and_can_be_run_again(
    mailctl, keyring, monkeypatch, start: str, to: str
) -> None:
    for calls in range(200):
        prepare(mailctl, keyring, start=start)
        countdown = Countdown(calls)
        monkeypatch.setattr(durable, "system", MortalSystem(countdown))
        Memory.countdown = countdown
        died = False
        try:
            mailctl("secret", "migrate", "--to", to)
        except Died:
            died = True
        monkeypatch.setattr(durable, "system", durable.System())
        Memory.countdown = Countdown()
        assert stored(mailctl) == SECRETS
        mailctl.must("secret", "migrate", "--to", to)
        assert stored(mailctl) == SECRETS
        assert len(keyring) == (0 if to == "vault" else len(SECRETS))
        assert mailctl.must("secret", "status", "-o", "json").json["orphans"] == []
        if not died:
            assert calls > 10
            return
    pytest.fail("the migration never came to its end")


def test_borrowed_secrets_and_the_vaults_own_passphrase_stay(mailctl, keyring, monkeypatch) -> None:
    passphrase = mailctl.must("secret", "set", "opener", "--stdin", "-o", "json", stdin=b"open sesame")
    reference = passphrase.json["secret"]["reference"]
    mailctl.must("secret", "backend", "vault", "--passphrase-from", reference)
    monkeypatch.setenv("RELAY", "s")
    with mailctl.config.open("a", encoding="utf-8") as settings:
        settings.write('borrowed = "env:RELAY"\n')
    mailctl.must("secret", "migrate", "--to", "vault")
    assert stored(mailctl) == {"opener": "open sesame", "borrowed": "s"}
    assert [user for _, user in keyring] == ["opener"]
    assert mailctl("secret", "delete", "opener", "--yes").code == 4


def test_a_vault_that_is_not_set_up_is_refused(mailctl, keyring) -> None:
    mailctl.must("secret", "set", "relay", "--stdin", stdin=b"s")
    before = mailctl.settings()
    result = mailctl("secret", "migrate", "--to", "vault")
    assert result.code == 6
    assert "secret backend vault --key-file FILE" in result.err
    assert mailctl.settings() == before


def test_a_missing_secret_stops_it_before_anything_is_moved(mailctl, keyring) -> None:
    prepare(mailctl, keyring, start="keyring")
    del keyring[next(key for key in keyring if key[1] == "relay")]
    before = mailctl.settings()
    result = mailctl("secret", "migrate", "--to", "vault")
    assert result.code == 6
    assert "/relay" in result.err
    assert mailctl.settings() == before
    assert len(keyring) == 1


def test_a_dry_run_moves_nothing(mailctl, keyring) -> None:
    prepare(mailctl, keyring, start="keyring")
    before = mailctl.settings()
    result = mailctl.must("secret", "migrate", "--to", "vault", "--dry-run")
    assert '+relay = "vault:relay"' in result.out
    assert mailctl.settings() == before
    assert len(keyring) == len(SECRETS)


def test_where_to_is_asked_in_one_line_with_both_answers(mailctl) -> None:
    result = mailctl("secret", "migrate")
    assert result.code == 2
    assert result.err.startswith("error: missing: --to\n")
    assert "--to keyring, or --to vault" in result.err
