"""What opens the vault: a key file, or a passphrase.

Both are age's own (https://age-encryption.org/v1), so that a vault can be opened without mailctl, too:
`age --decrypt --identity KEYFILE mailctl.vault`, or `age --decrypt mailctl.vault` with a passphrase.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from mailctl.durable import cause_of, lock_file, replace_file
from mailctl.errors import SecretStoreError, SettingsLockedError, SettingsWriteError
from mailctl.model.secret import Secret

_FORBIDDEN_RIGHTS = stat.S_IWGRP | stat.S_IXGRP | stat.S_IRWXO
"""A group may be let in to read: programs of several users send through the vault of a machine."""


class VaultKeyError(Exception):
    """A key does not open what it was given. The text is age's reason; it holds no secret."""


@contextmanager
def as_store_error() -> Iterator[None]:
    """Turn the failure to lock or write a file of the vault, which is no settings file, into SecretStoreError."""
    try:
        yield
    except (SettingsLockedError, SettingsWriteError) as error:
        raise SecretStoreError(error.message, hint=error.hint, details=error.details) from error


class VaultKey(Protocol):
    """Encrypts and decrypts; both raise SecretStoreError where the key itself cannot be had."""

    @property
    def shown(self) -> str:
        """What it is, for people."""

    def encrypt(self, plain: bytes) -> bytes: ...

    def decrypt(self, sealed: bytes) -> bytes:
        """Return the plain bytes; raises VaultKeyError for another key's or damaged bytes."""


class KeyFile:
    """A file of age X25519 identities, as age-keygen writes them; each of several opens the vault."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def shown(self) -> str:
        return f"key file {self.path}"

    def create(self) -> bool:
        """Make a key file of mode 0600 with a new identity; return False, and touch nothing, if there is a file."""
        from pyrage import x25519  # type: ignore[import-not-found,import-untyped,unused-ignore]  # it has no stubs

        with as_store_error(), lock_file(self.path):
            if self.path.exists():
                return False
            identity = x25519.Identity.generate()
            replace_file(self.path, f"# public key: {identity.to_public()}\n{identity}\n".encode())
        return True

    def encrypt(self, plain: bytes) -> bytes:
        import pyrage

        sealed: bytes = pyrage.encrypt(plain, [identity.to_public() for identity in self._identities()])
        return sealed

    def decrypt(self, sealed: bytes) -> bytes:
        import pyrage

        return _decrypt(lambda: pyrage.decrypt(sealed, self._identities()))

    def _identities(self) -> Sequence[Any]:
        from pyrage import IdentityError, x25519

        lines = [line.strip() for line in self._read().splitlines()]
        try:
            identities = [x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
        except IdentityError:
            identities = []
        if not identities:
            raise SecretStoreError(f"the vault's key file {self.path} does not hold age identities (AGE-SECRET-KEY-1…)")
        return identities

    def _read(self) -> str:
        try:
            with self.path.open(encoding="utf-8") as file:
                mode = os.fstat(file.fileno()).st_mode
                if os.name == "posix" and mode & _FORBIDDEN_RIGHTS:
                    raise SecretStoreError(
                        f"the vault's key file {self.path} is open to others than its owner (mode"
                        f" {stat.S_IMODE(mode):04o}), so it is not used",
                        hint=f"chmod 600 {self.path}; or 640, for a group that is to open the vault too",
                    )
                return file.read(65536)
        except FileNotFoundError:
            raise SecretStoreError(
                f"the vault's key file {self.path} does not exist",
                hint="put it back; without it the vault stays closed",
            ) from None
        except OSError as error:
            raise SecretStoreError(f"the vault's key file {self.path} cannot be read: {cause_of(error)}") from None
        except UnicodeDecodeError:
            raise SecretStoreError(f"the vault's key file {self.path} is not a text file") from None


class Passphrase:
    """A passphrase, stretched by scrypt: opening and sealing take about a second each, by design."""

    def __init__(self, shown: str, read: Callable[[], Secret]) -> None:
        """`read` is called when the passphrase is first needed; `shown` says where it comes from."""
        self.shown = f"passphrase from {shown}"
        self._read = read
        self._passphrase: Secret | None = None

    def _reveal(self) -> str:
        if self._passphrase is None:
            self._passphrase = self._read()
        if not self._passphrase:
            raise SecretStoreError(f"the vault's {self.shown} is empty")
        return self._passphrase.reveal()

    def encrypt(self, plain: bytes) -> bytes:
        from pyrage import passphrase

        sealed: bytes = passphrase.encrypt(plain, self._reveal())
        return sealed

    def decrypt(self, sealed: bytes) -> bytes:
        from pyrage import passphrase

        return _decrypt(lambda: passphrase.decrypt(sealed, self._reveal()))


def _decrypt(call: Callable[[], bytes]) -> bytes:
    from pyrage import DecryptError

    try:
        return call()
    except DecryptError as error:
        raise VaultKeyError(str(error)) from None
