"""Which backend of the keyring library is used.

Backends that hand secrets to the operating system's own keyring are trusted. Others (plain text, null, fail, chainer,
third parties') are used only if MAILCTL_KEYRING_BACKEND names their class: PYTHON_KEYRING_BACKEND and keyringrc.cfg
may choose among the trusted ones, but a plain-text backend that was once configured for another program must not
become the place of mail passwords unnoticed.

The keyring library costs more start-up than all the rest, so nothing but this package imports it, and only when a
keyring is really used.
"""

from __future__ import annotations

import os
import sys
from contextlib import closing
from typing import TYPE_CHECKING

from mailctl.errors import SecretStoreError

if TYPE_CHECKING:
    from jeepney.io.blocking import DBusConnection  # type: ignore[import-untyped]  # it has no stubs
    from keyring.backend import KeyringBackend
    from secretstorage import Collection

OPT_IN_VARIABLE = "MAILCTL_KEYRING_BACKEND"

_FREEDESKTOP = "keyring.backends.SecretService.Keyring"
_MACOS = "keyring.backends.macOS.Keyring"
_WINDOWS = "keyring.backends.Windows.WinVaultKeyring"
_TRUSTED = {
    "darwin": (_MACOS,),
    "win32": (_WINDOWS,),
    "elsewhere": (
        _FREEDESKTOP,
        "keyring.backends.kwallet.DBusKeyring",
        "keyring.backends.libsecret.Keyring",
    ),
}

# Windows keeps 2,560 bytes a credential (CRED_MAX_CREDENTIAL_BLOB_SIZE); the keyring library writes UTF-16.
_VALUE_LIMITS = {_WINDOWS: 1280}

# The Keychain asks the person before it lets another program read; elsewhere nobody is asked while we wait.
DEADLINE_SECONDS = 60.0 if sys.platform == "darwin" else 10.0

CHOICES = (
    "`mailctl secret backend vault --key-file FILE` keeps secrets in an encrypted file beside the settings (or"
    " --passphrase-from REF); or leave a secret where it is and refer to it: env:NAME, file:PATH, command:PROGRAM ARGS"
)


def trusted_backends() -> tuple[str, ...]:
    """Return the class paths of this platform's trusted backends."""
    return _TRUSTED.get(sys.platform, _TRUSTED["elsewhere"])


def class_path(backend: KeyringBackend) -> str:
    return f"{type(backend).__module__}.{type(backend).__qualname__}"


def value_limit(backend: KeyringBackend) -> int | None:
    """Return how many UTF-16 units a value may have, or None if there is no limit that matters."""
    return _VALUE_LIMITS.get(class_path(backend))


def open_backend() -> KeyringBackend:
    """Return the backend to use. It may take its time, or hang, on D-Bus.

    Raises SecretStoreError if there is none, or if the one that is configured is not trusted.
    """
    asked_for = os.environ.get(OPT_IN_VARIABLE)
    if asked_for:
        return _asked_for(asked_for)
    return _configured() or _detected()


def _asked_for(path: str) -> KeyringBackend:
    from keyring.core import load_keyring

    try:
        return load_keyring(path)
    except (ImportError, AttributeError, ValueError, RuntimeError) as error:
        raise SecretStoreError(
            f"the keyring backend {path}, which {OPT_IN_VARIABLE} names, cannot be used: {error}"
        ) from None


def _configured() -> KeyringBackend | None:
    """Return the backend that the user chose for the keyring library, if any."""
    from keyring import core

    variable = os.environ.get("PYTHON_KEYRING_BACKEND")
    source = "PYTHON_KEYRING_BACKEND" if variable else "keyringrc.cfg"
    try:
        chosen = core.load_env() if variable else core.load_config()
    except (ImportError, AttributeError, ValueError, RuntimeError) as error:
        raise SecretStoreError(f"the keyring backend that {source} names cannot be used: {error}") from None
    if chosen is not None and class_path(chosen) not in trusted_backends():
        name = class_path(chosen)
        raise SecretStoreError(
            f"{source} names the keyring backend {name}, which is not one that keeps secrets safe by itself",
            hint=f"to use it all the same, set {OPT_IN_VARIABLE}={name}; else {CHOICES}",
        )
    return chosen


def _detected() -> KeyringBackend:
    from keyring.core import load_keyring

    found: list[KeyringBackend] = []
    reasons: dict[str, str] = {}
    for path in trusted_backends():
        try:
            found.append(load_keyring(path))
        except Exception as error:  # noqa: BLE001 - each library beneath has errors of its own; all mean "not here"
            reasons[path] = str(error)
    if not found:
        raise SecretStoreError(
            f"this machine has no keyring that mailctl can use: {next(iter(reasons.values()))}",
            hint=CHOICES,
            details={"choices": ["vault", "env:", "file:", "command:"], "tried": reasons},
        )
    return max(found, key=lambda backend: backend.priority)


def require_unlocked(backend: KeyringBackend) -> None:
    """Raise SecretStoreError if the Secret Service's collection is locked or missing.

    The keyring library would ask for it to be unlocked, in a window that may be on a screen which nobody looks at,
    and wait for the answer without end.
    """
    if class_path(backend) != _FREEDESKTOP:
        return
    import secretstorage

    with closing(secretstorage.dbus_init()) as connection:
        try:
            collection = _collection(backend, connection)
        except secretstorage.ItemNotFoundException:
            raise SecretStoreError(
                "the keyring has no default collection yet, in which secrets could be stored",
                hint=f"log in to the desktop once, or make one with its password program (Seahorse); else {CHOICES}",
            ) from None
        if collection.is_locked():
            raise SecretStoreError(
                "the keyring is locked",
                hint="unlock it (log in to the desktop, or `gnome-keyring-daemon --unlock`) and run this again;"
                f" else {CHOICES}",
                details={"locked": True},
            )


def list_users(backend: KeyringBackend, service: str) -> frozenset[str] | None:
    """Return the users under a service, or None where the backend cannot list them (only the Secret Service can)."""
    if class_path(backend) != _FREEDESKTOP:
        return None
    import secretstorage

    scheme = backend.schemes[backend.scheme]  # type: ignore[attr-defined]  # of its base class SchemeSelectable
    with closing(secretstorage.dbus_init()) as connection:
        items = _collection(backend, connection).search_items({scheme["service"]: service})
        return frozenset(item.get_attributes()[scheme["username"]] for item in items)


def _collection(backend: KeyringBackend, connection: DBusConnection) -> Collection:
    import secretstorage

    # KEYRING_PROPERTY_PREFERRED_COLLECTION, which the keyring library makes an attribute
    preferred = getattr(backend, "preferred_collection", None)
    return secretstorage.Collection(connection, preferred) if preferred else secretstorage.Collection(connection)
