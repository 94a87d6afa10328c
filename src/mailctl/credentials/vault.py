"""The vault: secrets in one encrypted file beside the settings, for machines without a keyring.

The file is an age file; inside it is JSON: `{"version": 1, "secrets": {NAME: TEXT}}`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from mailctl.credentials.borrowed import Warn
from mailctl.credentials.port import require_unicode
from mailctl.credentials.vault_key import VaultKey, VaultKeyError, as_store_error
from mailctl.durable import Durability, cause_of, lock_file, replace_file
from mailctl.errors import SecretStoreError
from mailctl.model.secret import Secret
from mailctl.model.settings import SecretBackend

VERSION = 1


class Vault:
    """Secrets in an encrypted file (a SecretStore). A missing file is an empty vault; the first secret makes it."""

    kind = SecretBackend.VAULT

    def __init__(self, path: Path, key: VaultKey, warn: Warn) -> None:
        self.path = path
        self._key = key
        self._warn = warn
        # Trying a passphrase takes a second: what came of it is kept for as long as the files hold these bytes.
        self._opened: tuple[bytes, dict[str, str]] | None = None
        self._refused: tuple[bytes, bytes | None, str] | None = None

    @property
    def location(self) -> str:
        return f"the vault {self.path}"

    @property
    def opened_by(self) -> str:
        return self._key.shown

    def find(self, name: str) -> Secret | None:
        text = self._load().get(name)
        return None if text is None else Secret(text)

    def set(self, name: str, secret: Secret) -> None:
        require_unicode(secret)
        with self._locked():
            content = self._load()
            if content.get(name) != secret.reveal():
                self._save({**content, name: secret.reveal()})

    def delete(self, name: str) -> bool:
        with self._locked():
            content = self._load()
            if name not in content:
                return False
            self._save({other: text for other, text in content.items() if other != name})
        return True

    def names(self) -> frozenset[str]:
        return frozenset(self._load())

    def check(self) -> None:
        if not self._load() and not self.path.exists():
            self._key.encrypt(b"")  # nothing to open yet: the key itself has to be there

    @contextmanager
    def adopted(self, former: Vault | None) -> Iterator[None]:
        """Make this vault's key the one that opens the file, around the change of the settings that names that key.

        `former`: the vault as the settings open it until then. A missing file is made. An existing one that is opened
        by another key is sealed again: the new bytes wait beside the vault until the body is done, and are read there
        by whoever has the new key already. A crash at any point leaves a vault that the key in the settings opens; if
        the body raises, the vault is as it was. Raises SecretStoreError if neither key opens it.
        """
        with self._locked():
            sealed = self._read(self.path)
            if sealed is None:
                self._save({})
                with self._removed_on_failure(self.path):
                    yield
                return
            try:
                _content(self._key.decrypt(sealed))
            except VaultKeyError as error:
                if former is None:
                    raise self._unopened(str(error)) from None
                sealed = _seal(self._key, former.read())
                self._replace(self._next, sealed)
                with self._removed_on_failure(self._next):
                    yield
                self._replace(self.path, sealed)
                self._next.unlink(missing_ok=True)
            else:
                yield

    def read(self) -> dict[str, str]:
        """Return all that the vault holds, as text by name."""
        return dict(self._load())

    @contextmanager
    def _removed_on_failure(self, path: Path) -> Iterator[None]:
        try:
            yield
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    @property
    def _next(self) -> Path:
        return self.path.with_name(self.path.name + ".next")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with ExitStack() as lock:
            with as_store_error():
                lock.enter_context(lock_file(self.path))
            yield

    def _load(self) -> dict[str, str]:
        """Return what the vault holds; raises SecretStoreError if it cannot be read or opened."""
        sealed = self._read(self.path)
        if sealed is None:
            return {}
        if self._opened is None or self._opened[0] != sealed:
            self._opened = (sealed, self._open(sealed))
        return self._opened[1]

    def _open(self, sealed: bytes) -> dict[str, str]:
        waiting = self._read(self._next)
        if self._refused and self._refused[:2] == (sealed, waiting):
            raise self._unopened(self._refused[2])
        try:
            return _content(self._key.decrypt(sealed))
        except VaultKeyError as error:
            if waiting is not None:
                with suppress(VaultKeyError):
                    return _content(self._key.decrypt(waiting))
            self._refused = (sealed, waiting, str(error))
            raise self._unopened(str(error)) from None

    def _unopened(self, why: str) -> SecretStoreError:
        return SecretStoreError(
            f"{self.location} cannot be opened with the {self._key.shown}: another key is needed, or the file is"
            f" damaged ({why}); nothing was changed",
            hint="put the right key or a copy of the file back",
            details={"vault": str(self.path)},
        )

    def _read(self, path: Path) -> bytes | None:
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SecretStoreError(f"the vault {path} cannot be read: {cause_of(error)}") from None

    def _save(self, content: dict[str, str]) -> None:
        sealed = _seal(self._key, content)
        self._replace(self.path, sealed)
        self._next.unlink(missing_ok=True)
        if self._read(self.path) != sealed:
            raise SecretStoreError(f"{self.location} does not hold what was written to it")
        self._opened = (sealed, content)

    def _replace(self, path: Path, sealed: bytes) -> None:
        with as_store_error():
            durability = replace_file(path, sealed)
        if durability is Durability.UNCONFIRMED:
            self._warn(f"{path} is saved, but the system did not confirm that it outlasts a power failure")


def _seal(key: VaultKey, content: Mapping[str, str]) -> bytes:
    return key.encrypt(json.dumps({"version": VERSION, "secrets": content}, ensure_ascii=False).encode())


def _content(plain: bytes) -> dict[str, str]:
    """Return the secrets of an opened vault; raises VaultKeyError, without a word of it, if they are not there."""
    try:
        opened = json.loads(plain)
        version, secrets = opened["version"], opened["secrets"]
    except (ValueError, TypeError, KeyError):
        raise VaultKeyError("what is inside is no vault") from None
    if version != VERSION:
        raise VaultKeyError(f"it is of version {version}, this mailctl knows version {VERSION}")
    if not isinstance(secrets, dict) or not all(isinstance(text, str) for text in secrets.values()):
        raise VaultKeyError("what is inside is no vault")
    return secrets
