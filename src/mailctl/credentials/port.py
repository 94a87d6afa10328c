"""What a store of secrets that can be written does."""

from __future__ import annotations

import os
from typing import Protocol

from mailctl.errors import InvalidValueError, Problem, SecretStoreError
from mailctl.model.secret import Secret
from mailctl.model.settings import SecretBackend


class SecretStore(Protocol):
    """Secrets under names. Every method may raise SecretStoreError, whose hint names the choices."""

    @property
    def kind(self) -> SecretBackend: ...

    @property
    def location(self) -> str:
        """Where the secrets are, for people: a backend's name, a file's path."""

    def find(self, name: str) -> Secret | None:
        """Return the secret of that name, or None if there is none."""

    def set(self, name: str, secret: Secret) -> None:
        """Store a secret and read it back; if either fails, an earlier secret of that name is still there.

        Raises InvalidValueError for text that is no Unicode text (a lone surrogate).
        """

    def delete(self, name: str) -> bool:
        """Delete the secret of that name; return whether there was one."""

    def names(self) -> frozenset[str] | None:
        """Return the names of all secrets, or None where the store cannot list them."""

    def check(self) -> None:
        """Raise SecretStoreError if the store cannot be opened; write nothing."""


def probe(store: SecretStore) -> None:
    """Write, read and delete a secret; raise SecretStoreError if the store cannot do that."""
    name = f"probe-{os.urandom(4).hex()}"
    store.set(name, Secret(os.urandom(8).hex()))
    if not store.delete(name) or store.find(name) is not None:
        raise SecretStoreError(f"{store.location} does not delete what was stored in it: '{name}' is left there")


def require_unicode(secret: Secret) -> None:
    """Raise InvalidValueError for a secret that cannot be written as UTF-8."""
    try:
        secret.reveal().encode()
    except UnicodeEncodeError:
        problem = Problem("secret", "it holds bytes that are not UTF-8 text")
        raise InvalidValueError([problem]) from None
