"""The state of secrets: where each one is, whether it is there, and what is stored without being named."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mailctl.credentials import Secrets, stored_name
from mailctl.errors import AuthenticationError, SecretError, SecretMissingError
from mailctl.model.secret import SecretKind, SecretRef
from mailctl.model.settings import SecretBackend, Settings
from mailctl.services.oauth.grants import PENDING_PREFIX
from mailctl.services.secrets.slots import SecretSlot, list_references, list_slots


@dataclass(frozen=True)
class BackendState:
    """The backend for new secrets. `chosen`: by the settings, not by default. `opened_by`: the vault's key.

    `warning`: what makes it less safe than it could be.
    """

    backend: SecretBackend
    chosen: bool
    usable: bool
    location: str | None = None
    opened_by: str | None = None
    problem: str | None = None
    hint: str | None = None
    warning: str | None = None


@dataclass(frozen=True)
class SecretState:
    """A secret that the settings name. `stored`: by mailctl.

    `present`: None where that is not known: a command is not run, or `problem` says why its place cannot be used;
    `hint`: what to do about it.
    """

    name: str
    reference: str
    kind: SecretKind
    stored: bool
    present: bool | None
    problem: str | None = None
    hint: str | None = None


@dataclass(frozen=True)
class SecretsState:
    """All secrets of the settings. `orphans`: stored by mailctl for these settings, and named by nobody."""

    backend: BackendState
    secrets: tuple[SecretState, ...]
    orphans: tuple[SecretRef, ...]

    @property
    def ok(self) -> bool:
        """Whether every secret is where the settings say (what a command prints is taken to be)."""
        return all(secret.problem is None for secret in self.secrets)


def describe_backend(secrets: Secrets) -> BackendState:
    """Return the state of the backend for new secrets; nothing is written."""
    backend, chosen = secrets.backend, secrets.options.backend is not None
    location = opened_by = warning = None
    try:
        if backend is SecretBackend.VAULT:
            vault = secrets.open_vault()
            location, opened_by = vault.location, vault.opened_by
            warning = _warn_of_key(secrets, vault.path.parent)
        store = secrets.open_store()
        store.check()
        location = store.location
    except SecretError as error:
        return BackendState(backend, chosen, False, location, opened_by, error.message, error.hint, warning)
    return BackendState(backend, chosen, True, location, opened_by, warning=warning)


def _warn_of_key(secrets: Secrets, folder: Path) -> str | None:
    """Return what is to be said of a key that lies in the vault's folder: a copy of this opens itself."""
    key_file = secrets.options.key_file
    if key_file is None or secrets.path(key_file).resolve().parent != folder.resolve():
        return None
    return (
        f"the key {key_file} lies in the vault's own folder: who copies the folder can open the vault; "
        "`mailctl secret backend vault --key-file FILE` seals it with a key elsewhere"
    )


def describe_secrets(settings: Settings, secrets: Secrets) -> SecretsState:
    """Return the state of every secret that the settings name; nothing is written, and no command is run."""
    states = tuple(describe_secret(slot, secrets) for slot in list_slots(settings))
    return SecretsState(describe_backend(secrets), states, tuple(list_orphans(settings, secrets)))


def describe_secret(slot: SecretSlot, secrets: Secrets) -> SecretState:
    """Return the state of the secret that a place names; nothing is written, and a command is not run."""
    reference = slot.reference
    if reference is None:
        raise ValueError(f"{slot.name} names no secret")
    present: bool | None = None
    problem = hint = None
    if reference.kind is not SecretKind.COMMAND:
        try:
            secrets.get(reference)
            present = True
        except SecretMissingError as error:
            present, problem, hint = False, error.message, error.hint
        except SecretError as error:
            problem, hint = error.message, error.hint
    return SecretState(slot.name, str(reference), reference.kind, secrets.owns(reference), present, problem, hint)


def list_orphans(settings: Settings, secrets: Secrets) -> list[SecretRef]:
    """Return what mailctl stored for these settings and they do not name, as far as the stores can list it.

    An attempt to authorise is named by nobody, and no orphan for as long as it can be ended.
    """
    named = list_references(settings)
    orphans = []
    for backend in SecretBackend:
        in_use = backend is SecretBackend.VAULT or settings.secrets.namespace is not None
        try:
            names = (in_use and secrets.open_store(backend).names()) or ()
        except SecretError:  # the backend's own state says it
            continue
        orphans += [secrets.reference(name, backend) for name in sorted(names)]
    return [reference for reference in orphans if reference not in named and not _is_pending(reference, secrets)]


def _is_pending(reference: SecretRef, secrets: Secrets) -> bool:
    if not stored_name(reference).startswith(PENDING_PREFIX):
        return False
    from mailctl.oauth.authorisation import PendingAuthorisation

    try:
        PendingAuthorisation.from_secret(secrets.get(reference)).require_current()
    except (SecretError, AuthenticationError):
        return False
    return True
