"""The use case of choosing the backend, in which new secrets are stored."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from msgspec.structs import replace

from mailctl.credentials import Secrets
from mailctl.credentials.port import probe
from mailctl.errors import MissingInputError, UsageError
from mailctl.model.settings import SecretBackend, SecretOptions, Settings
from mailctl.store import Change, SettingsFile


def choose_backend(
    file: SettingsFile,
    secrets: Secrets,
    backend: SecretBackend,
    *,
    key_file: str | None = None,
    passphrase_from: str | None = None,
    dry_run: bool = False,
) -> Change:
    """Choose where new secrets go, once it has been tried out; secrets that are stored stay where they are.

    `key_file` is made if it is not there. A vault that another key opened until now is sealed again with the new one.
    Raises SecretStoreError if the backend cannot be used, MissingInputError if nothing says how the vault is opened.
    """
    if backend is SecretBackend.KEYRING and (key_file or passphrase_from):
        raise UsageError("--key-file and --passphrase-from open the vault; the keyring has a lock of its own")
    if key_file and passphrase_from:
        raise UsageError("--key-file and --passphrase-from exclude each other: the vault is opened by one of them")
    options = _with_backend(secrets.options, backend, key_file, passphrase_from)

    def edit(settings: Settings) -> Settings:
        return replace(settings, secrets=_with_backend(settings.secrets, backend, key_file, passphrase_from))

    changed = secrets.with_options(options)
    if dry_run:
        return file.change(edit, dry_run=True)
    if backend is SecretBackend.KEYRING:
        probe(changed.open_store())
        return file.change(edit)
    return _choose_vault(file, secrets, changed, edit)


def _choose_vault(
    file: SettingsFile, secrets: Secrets, changed: Secrets, edit: Callable[[Settings], Settings]
) -> Change:
    with ExitStack() as undo:
        if changed.options.key_file:
            from mailctl.credentials.vault_key import KeyFile

            key = KeyFile(changed.path(changed.options.key_file))
            if key.create():
                undo.callback(key.path.unlink, missing_ok=True)
        openable = secrets.options.key_file or secrets.options.passphrase_from
        with changed.open_vault().adopted(secrets.open_vault() if openable else None):
            change = file.change(edit)
        undo.pop_all()
    return change


def _with_backend(
    options: SecretOptions, backend: SecretBackend, key_file: str | None, passphrase_from: str | None
) -> SecretOptions:
    if key_file or passphrase_from:
        return replace(options, backend=backend, key_file=key_file, passphrase_from=passphrase_from)
    if backend is SecretBackend.VAULT and not (options.key_file or options.passphrase_from):
        raise MissingInputError(
            "what is to open the vault? missing: --key-file or --passphrase-from",
            hint="`mailctl secret backend vault --key-file FILE` makes the key file if it is not there",
            details={"missing": ["--key-file", "--passphrase-from"]},
        )
    return replace(options, backend=backend)
