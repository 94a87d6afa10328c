"""The vault: an age file, opened by a key file or a passphrase."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyrage
import pytest
from tests.contracts.secret_store import SecretStoreContract
from tests.credentials.keyring_doubles import Countdown, Died

from mailctl import durable
from mailctl.credentials.vault import Vault
from mailctl.credentials.vault_key import KeyFile, Passphrase
from mailctl.errors import SecretStoreError
from mailctl.model.secret import Secret

CANARY = "canary-7f3a-secret"


def no_warning(text: str) -> None:
    raise AssertionError(text)


def key_file(path: Path) -> KeyFile:
    key = KeyFile(path)
    key.create()
    return key


@pytest.fixture
def key(tmp_path: Path) -> KeyFile:
    return key_file(tmp_path / "key")


@pytest.fixture
def vault(tmp_path: Path, key: KeyFile) -> Vault:
    return Vault(tmp_path / "mailctl.vault", key, no_warning)


class TestVault(SecretStoreContract):
    @pytest.fixture
    def reopen(self, tmp_path: Path, key: KeyFile):
        return lambda: Vault(tmp_path / "mailctl.vault", key, no_warning)


def test_a_key_file_is_made_for_its_owner_alone_and_never_again(tmp_path: Path) -> None:
    key = KeyFile(tmp_path / "new" / "key")
    assert key.create() is True
    first = key.path.read_bytes()
    assert key.path.stat().st_mode & 0o777 == 0o600
    assert key.path.parent.stat().st_mode & 0o777 == 0o700
    assert key.create() is False
    assert key.path.read_bytes() == first


def test_the_file_is_ages_own_format(vault: Vault, key: KeyFile) -> None:
    vault.set("relay", Secret("käse"))
    (line,) = [line for line in key.path.read_text().splitlines() if line.startswith("AGE-SECRET-KEY-1")]
    plain = pyrage.decrypt(vault.path.read_bytes(), [pyrage.x25519.Identity.from_str(line)])
    assert plain == '{"version": 1, "secrets": {"relay": "käse"}}'.encode()


def test_the_file_is_for_its_owner_alone_and_holds_no_secret_in_the_clear(vault: Vault) -> None:
    vault.set("relay", Secret(CANARY))
    assert vault.path.stat().st_mode & 0o777 == 0o600
    assert CANARY.encode() not in vault.path.read_bytes()
    assert sorted(path.name for path in vault.path.parent.iterdir()) == ["key", "mailctl.vault"]


def test_the_same_secret_again_leaves_the_file_alone(vault: Vault) -> None:
    vault.set("relay", Secret("s"))
    before = vault.path.read_bytes()
    vault.set("relay", Secret("s"))
    assert vault.path.read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has access lists, not modes")
@pytest.mark.parametrize("mode", [0o644, 0o604, 0o620])
def test_a_key_file_that_is_open_to_others_is_refused(vault: Vault, key: KeyFile, mode: int) -> None:
    vault.set("relay", Secret("s"))
    key.path.chmod(mode)
    with pytest.raises(SecretStoreError, match="open to others") as refused:
        Vault(vault.path, key, no_warning).find("relay")
    assert str(refused.value.hint).startswith(f"chmod 600 {key.path}")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has access lists, not modes")
def test_a_key_file_may_be_read_by_its_group(vault: Vault, key: KeyFile) -> None:
    vault.set("relay", Secret("s"))
    key.path.chmod(0o640)
    assert Vault(vault.path, key, no_warning).find("relay") == Secret("s")


def other_key(vault: Vault) -> KeyFile:
    return key_file(vault.path.with_name("other"))


def damage(how: str, sealed: bytes) -> bytes:
    return {
        "truncated": sealed[:-7],
        "cut in the header": sealed[:40],
        "empty": b"",
        "another file": b"hello, world",
        "a flipped bit": sealed[:-1] + bytes([sealed[-1] ^ 1]),
    }[how]


@pytest.mark.parametrize("how", ["truncated", "cut in the header", "empty", "another file", "a flipped bit"])
def test_a_damaged_file_is_one_clear_error_and_stays_untouched(vault: Vault, key: KeyFile, how: str) -> None:
    vault.set("relay", Secret(CANARY))
    vault.path.write_bytes(damage(how, vault.path.read_bytes()))
    damaged = vault.path.read_bytes()
    again = Vault(vault.path, key, no_warning)
    for call in (lambda: again.find("relay"), lambda: again.set("x", Secret("y")), lambda: again.delete("relay")):
        with pytest.raises(SecretStoreError, match="cannot be opened with the key file"):
            call()
    assert vault.path.read_bytes() == damaged


def test_a_wrong_key_is_one_clear_error_and_the_file_stays_untouched(vault: Vault) -> None:
    vault.set("relay", Secret(CANARY))
    sealed = vault.path.read_bytes()
    with pytest.raises(SecretStoreError, match="another key is needed"):
        Vault(vault.path, other_key(vault), no_warning).set("x", Secret("y"))
    assert vault.path.read_bytes() == sealed


@pytest.mark.parametrize("content", [b"not JSON", b"[]", b'{"version": 1}', b'{"version": 2, "secrets": {}}'])
def test_a_foreign_age_file_is_not_taken_for_a_vault(vault: Vault, key: KeyFile, content: bytes) -> None:
    vault.path.write_bytes(key.encrypt(content))
    with pytest.raises(SecretStoreError, match=r"no vault|version 2"):
        vault.find("relay")


@pytest.mark.parametrize("content", ["", "# nothing\n", "AGE-SECRET-KEY-1NONSENSE\n", CANARY])
def test_a_key_file_without_a_key_is_refused_and_not_quoted(vault: Vault, key: KeyFile, content: str) -> None:
    key.path.write_text(content)
    with pytest.raises(SecretStoreError, match="does not hold age identities") as refused:
        vault.check()
    assert CANARY not in str(refused.value)


def test_a_missing_key_file_is_named(vault: Vault, key: KeyFile) -> None:
    key.path.unlink()
    with pytest.raises(SecretStoreError, match=f"{key.path} does not exist"):
        vault.check()


def test_a_passphrase_opens_what_it_sealed_and_another_does_not(tmp_path: Path) -> None:
    def opened(passphrase: str) -> Vault:
        return Vault(tmp_path / "vault", Passphrase("env:PASS", lambda: Secret(passphrase)), no_warning)

    opened("correct horse").set("relay", Secret("s"))
    assert opened("correct horse").find("relay") == Secret("s")
    with pytest.raises(SecretStoreError, match="cannot be opened with the passphrase from env:PASS"):
        opened(CANARY).find("relay")


def test_a_key_that_opens_nothing_is_tried_once_for_as_long_as_the_file_is_the_same(vault: Vault) -> None:
    """A passphrase takes a second to be tried."""
    tried = []

    class Counted(KeyFile):
        def decrypt(self, sealed: bytes) -> bytes:
            tried.append(sealed)
            return super().decrypt(sealed)

    vault.set("relay", Secret("s"))
    another = Counted(vault.path.with_name("another"))
    another.create()
    refused = Vault(vault.path, another, no_warning)
    for _ in range(2):
        with pytest.raises(SecretStoreError, match="cannot be opened with the key file"):
            refused.find("relay")
    assert len(tried) == 1
    vault.set("relay", Secret("t"))
    with pytest.raises(SecretStoreError):
        refused.find("relay")
    assert len(tried) == 2


def test_an_empty_passphrase_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SecretStoreError, match="passphrase from env:PASS is empty"):
        Vault(tmp_path / "vault", Passphrase("env:PASS", lambda: Secret("")), no_warning).set("x", Secret("y"))


WRITER = """
import sys
from pathlib import Path
from mailctl.credentials.vault import Vault
from mailctl.credentials.vault_key import KeyFile
from mailctl.model.secret import Secret
vault = Vault(Path(sys.argv[1]), KeyFile(Path(sys.argv[2])), print)
for number in range(20):
    vault.set(f"{sys.argv[3]}{number}", Secret(f"{sys.argv[3]}-{number}"))
"""


def test_two_processes_that_write_at_once_lose_nothing(vault: Vault, key: KeyFile) -> None:
    arguments = [sys.executable, "-c", WRITER, str(vault.path), str(key.path)]
    writers = [subprocess.Popen([*arguments, name]) for name in ("a", "b")]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    assert vault.names() == {f"{name}{number}" for name in ("a", "b") for number in range(20)}
    assert vault.find("b19") == Secret("b-19")


class MortalSystem(durable.System):
    """Dies at a chosen call that writes."""

    def __init__(self, countdown: Countdown) -> None:
        self._countdown = countdown

    def write(self, descriptor: int, block: bytes | memoryview) -> int:
        self._countdown()
        return super().write(descriptor, block)

    def sync(self, descriptor: int) -> None:
        self._countdown()
        super().sync(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        self._countdown()
        super().replace(source, target)


def test_a_change_of_key_that_dies_leaves_a_vault_that_the_settings_key_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for calls in range(100):
        folder = tmp_path / str(calls)
        old, new = key_file(folder / "old"), key_file(folder / "new")
        Vault(folder / "vault", old, no_warning).set("relay", Secret("s"))
        settings_key = old
        monkeypatch.setattr(durable, "system", MortalSystem(Countdown(calls)))
        died = False
        try:
            with Vault(folder / "vault", new, no_warning).adopted(Vault(folder / "vault", old, no_warning)):
                settings_key = new
        except Died:
            died = True
        monkeypatch.setattr(durable, "system", durable.System())
        vault = Vault(folder / "vault", settings_key, no_warning)
        assert vault.find("relay") == Secret("s")
        vault.set("after", Secret("a"))
        assert Vault(folder / "vault", settings_key, no_warning).read() == {"relay": "s", "after": "a"}
        assert not (folder / "vault.next").exists()
        if not died:
            assert settings_key is new
            return
    pytest.fail("the change never came to its end")


def test_a_change_of_key_that_fails_leaves_the_vault_as_it_was(vault: Vault) -> None:
    vault.set("relay", Secret("s"))
    sealed, names = vault.path.read_bytes(), sorted(vault.path.parent.iterdir())
    other = other_key(vault)
    with pytest.raises(ZeroDivisionError), Vault(vault.path, other, no_warning).adopted(vault):
        raise ZeroDivisionError
    assert vault.path.read_bytes() == sealed
    assert sorted(vault.path.parent.iterdir()) == sorted([*names, other.path])


def test_a_vault_that_neither_key_opens_is_not_taken_over(vault: Vault) -> None:
    vault.set("relay", Secret("s"))
    sealed = vault.path.read_bytes()
    other = other_key(vault)
    third = Vault(vault.path, key_file(vault.path.with_name("third")), no_warning)
    for former in (None, third):
        with (
            pytest.raises(SecretStoreError, match="another key is needed"),
            Vault(vault.path, other, no_warning).adopted(former),
        ):
            pytest.fail("the settings were about to be changed")
    assert vault.path.read_bytes() == sealed
