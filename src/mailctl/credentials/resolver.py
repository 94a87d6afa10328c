"""Every kind of secret reference behind one object."""

from __future__ import annotations

from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

from mailctl.credentials import borrowed
from mailctl.credentials.borrowed import Warn
from mailctl.credentials.memory import forbid_core_dumps
from mailctl.credentials.port import SecretStore, probe
from mailctl.errors import InvalidValueError, Problem, SecretMissingError, SecretStoreError
from mailctl.model.secret import Secret, SecretKind, SecretRef, parse_secret_ref
from mailctl.model.settings import SecretBackend, SecretOptions

if TYPE_CHECKING:
    from mailctl.credentials.os_keyring import OsKeyring
    from mailctl.credentials.vault import Vault
    from mailctl.credentials.vault_key import VaultKey

VAULT_NAME = "mailctl.vault"
_NO_KEY_HINT = "`mailctl secret backend vault --key-file FILE` (or --passphrase-from REF) says how it is opened"


def _no_warning(_text: str) -> None:
    pass


class Secrets:
    """Reads secrets from wherever references point, and stores them in the chosen backend.

    Building one opens nothing: the keyring library, the vault and programs are touched when a reference needs them.
    Threads may share one: keyring and vault are asked one at a time, what lives elsewhere at once.
    """

    def __init__(
        self, options: SecretOptions, folder: Path, *, vault_path: Path | None = None, warn: Warn = _no_warning
    ) -> None:
        """`folder`: where relative paths start, the settings file's. `vault_path`: None means `mailctl.vault` in it.

        `warn` is told, in a sentence, what a person should know of (a secret's file that everybody can read).
        """
        forbid_core_dumps()
        self.options = options
        self._folder = folder
        self._vault_path = vault_path or folder / VAULT_NAME
        self._warn = warn
        self._keyring: OsKeyring | None = None
        self._stores: dict[tuple[SecretBackend, str], SecretStore] = {}
        self._asking = RLock()

    def with_options(self, options: SecretOptions) -> Secrets:
        """Return the same with other options; what is open stays open, as far as they agree."""
        if options == self.options:
            return self
        changed = Secrets(options, self._folder, vault_path=self._vault_path, warn=self._warn)
        same_key = (options.key_file, options.passphrase_from) == (self.options.key_file, self.options.passphrase_from)
        changed._asking = self._asking
        changed._keyring = self._keyring
        changed._stores = {key: store for key, store in self._stores.items() if same_key or key[0] == "keyring"}
        return changed

    @property
    def backend(self) -> SecretBackend:
        """The backend that takes new secrets: the chosen one, else the keyring."""
        return self.options.backend or SecretBackend.KEYRING

    @property
    def service(self) -> str:
        """The keyring service of this settings file's secrets."""
        return f"mailctl-{self.options.namespace}" if self.options.namespace else "mailctl"

    def get(self, reference: SecretRef) -> Secret:
        """Return the secret that a reference points at.

        Raises SecretMissingError if it is not there, SecretStoreError if its place cannot be used.
        """
        match reference.kind:
            case SecretKind.ENV:
                return borrowed.read_variable(reference.value)
            case SecretKind.FILE:
                return borrowed.read_file(self.path(reference.value), self._warn)
            case SecretKind.COMMAND:
                from mailctl.credentials.command import run_command

                return run_command(reference.value)
        with self._asking:
            store, name = self._locate(reference)
            secret = store.find(name)
        if secret is None:
            from shlex import quote

            hint = f"`mailctl secret set {quote(name)}` stores it"
            if not self.owns(reference):
                hint = "store it there by the keyring's own program, or let the settings name another place"
            details = {"reference": str(reference)}
            raise SecretMissingError(f"there is no secret at {reference}", hint=hint, details=details)
        return secret

    def find(self, reference: SecretRef) -> Secret | None:
        """Return the secret that a reference points at, or None if it is not there."""
        try:
            return self.get(reference)
        except SecretMissingError:
            return None

    def exists(self, reference: SecretRef) -> bool:
        """Tell whether a reference points at a secret; SecretStoreError if its place cannot be used."""
        return self.find(reference) is not None

    def owns(self, reference: SecretRef) -> bool:
        """Tell whether mailctl stored the secret for this settings file: in its vault, or under its own service."""
        if reference.kind is SecretKind.KEYRING:
            return reference.value.partition("/")[0] == self.service
        return reference.kind is SecretKind.VAULT

    def reference(self, name: str, backend: SecretBackend | None = None) -> SecretRef:
        """Return the reference that a secret of that name has in a backend; None means the chosen one."""
        if (backend or self.backend) is SecretBackend.VAULT:
            return SecretRef(SecretKind.VAULT, name)
        return SecretRef(SecretKind.KEYRING, f"{self.service}/{name}")

    def store(self, name: str, secret: Secret, backend: SecretBackend | None = None) -> SecretRef:
        """Store a secret under a name, read it back, and return its reference; None means the chosen backend."""
        with self._asking:
            self.open_store(backend).set(name, secret)
        return self.reference(name, backend)

    def delete(self, reference: SecretRef) -> bool:
        """Delete a secret that mailctl stored; return whether there was one. Others' are never touched: False."""
        if not self.owns(reference):
            return False
        with self._asking:
            store, name = self._locate(reference)
            return store.delete(name)

    def open_store(self, backend: SecretBackend | None = None) -> SecretStore:
        """Return the store of a backend, for this settings file's own secrets; None means the chosen backend."""
        return self._store(backend or self.backend, self.service)

    def probe(self) -> None:
        """Write, read and delete a secret in the chosen backend; raises SecretStoreError if that does not work."""
        probe(self.open_store())

    def open_vault(self) -> Vault:
        """Return the vault; raises SecretStoreError where the options do not say what opens it."""
        from mailctl.credentials.vault import Vault

        return Vault(self._vault_path, self.vault_key(), self._warn)

    def vault_key(self) -> VaultKey:
        """Return what opens the vault, by the options."""
        from mailctl.credentials.vault_key import KeyFile, Passphrase

        if self.options.key_file:
            return KeyFile(self.path(self.options.key_file))
        if self.options.passphrase_from:
            reference = parse_secret_ref(self.options.passphrase_from, "secrets.passphrase_from")
            if reference.kind is SecretKind.VAULT:
                raise InvalidValueError(
                    [Problem("secrets.passphrase_from", "the vault's passphrase cannot be kept in the vault itself")]
                )
            return Passphrase(str(reference), lambda: self.get(reference))
        raise SecretStoreError("nothing says how the vault is opened", hint=_NO_KEY_HINT)

    def path(self, text: str) -> Path:
        """Return a path of the settings as one of this system: `~` expanded, a relative one seen from the folder."""
        try:
            return self._folder / Path(text).expanduser()
        except RuntimeError as error:  # no such user, or no home folder
            raise SecretStoreError(f"the path {text} cannot be understood: {error}") from None

    def _locate(self, reference: SecretRef) -> tuple[SecretStore, str]:
        if reference.kind is SecretKind.VAULT:
            return self._store(SecretBackend.VAULT, self.service), reference.value
        return self._store(SecretBackend.KEYRING, reference.value.partition("/")[0]), stored_name(reference)

    def _store(self, backend: SecretBackend, service: str) -> SecretStore:
        key = (backend, "" if backend is SecretBackend.VAULT else service)
        if key not in self._stores:
            vault = backend is SecretBackend.VAULT
            self._stores[key] = self.open_vault() if vault else self._open_keyring(service)
        return self._stores[key]

    def _open_keyring(self, service: str) -> SecretStore:
        from mailctl.credentials.keyring_store import KeyringStore
        from mailctl.credentials.os_keyring import OsKeyring

        # One for all services: a keyring that hung once is not waited for again.
        self._keyring = self._keyring or OsKeyring()
        return KeyringStore(self._keyring, service)


def stored_name(reference: SecretRef) -> str:
    """Return the name that a keyring or vault reference has in its store."""
    return reference.value if reference.kind is SecretKind.VAULT else reference.value.partition("/")[2]
