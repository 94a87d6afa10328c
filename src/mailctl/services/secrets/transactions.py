"""Use cases that change secrets: set, delete, move to another backend.

The settings and the stores cannot be changed in one step, so the order is such that a crash between the two costs no
secret: a new one is stored before the settings name it, an old one is deleted after they have ceased to. What a crash
leaves behind is stored and named by nobody; it is listed as an orphan, and can be deleted.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from mailctl.credentials import Secrets, stored_name
from mailctl.credentials.port import SecretStore
from mailctl.errors import ConflictError, MailctlError, NotFoundError, SecretError, SecretStoreError
from mailctl.model.secret import Secret, SecretKind, SecretRef
from mailctl.model.settings import SecretBackend, Settings
from mailctl.services.oauth.grants import PENDING_PREFIX, entry_of, list_entries, prune_grants
from mailctl.services.secrets.slots import get_slot, list_references, list_slots
from mailctl.services.secrets.state import list_orphans
from mailctl.store import Change, SettingsFile

References = Mapping[str, SecretRef]
SecretsEdit = Callable[[Settings, References], Settings]


@dataclass(frozen=True)
class SecretsChange:
    """A change of settings and stores, made or (dry run) only computed.

    `settings`: the settings' part. `changed`: whether settings or any secret differ. `references`: where the new
    secrets are, by name. `orphans`: secrets that nobody names any more, and that could not be deleted.
    """

    settings: Change
    changed: bool
    references: References
    orphans: tuple[SecretRef, ...] = ()


def change_with_secrets(
    file: SettingsFile,
    secrets: Secrets,
    edit: SecretsEdit,
    new: Mapping[str, Secret] | None = None,
    *,
    dry_run: bool = False,
) -> SecretsChange:
    """Change the settings, storing new secrets before and deleting those that are no longer named after.

    `edit` gets the settings and the references of the `new` secrets, by name. If the change fails, the stores are put
    back. Only secrets that mailctl stored for these settings are deleted, never borrowed ones. The grants of entries
    that the edit takes away go with them.
    """
    edit = _with_grants_pruned(edit)
    if not new:
        change = file.change(lambda settings: edit(settings, {}), dry_run=dry_run)
        return SecretsChange(change, change.changed, {}, () if dry_run else _release(secrets, change))
    # What the rules refuse is refused before anything is stored.
    settings = file.load()
    planned = {name: secrets.reference(name) for name in new}
    _require_own(settings, planned)
    edit(settings, planned)
    secrets = bind_namespace(file, secrets, dry_run=dry_run)
    references = {name: secrets.reference(name) for name in new}

    def bound(settings: Settings) -> Settings:
        return _put_namespace(edit(settings, references), secrets.options.namespace)

    store = secrets.open_store()
    before = {name: store.find(name) for name in new}
    differing = [name for name in new if before[name] != new[name]]
    if dry_run:
        change = file.change(bound, dry_run=True)
        return SecretsChange(change, change.changed or bool(differing), references)
    touched: list[str] = []
    try:
        for name in differing:
            touched.append(name)
            store.set(name, new[name])
        change = file.change(bound)
    except BaseException as error:
        _put_back(store, {name: before[name] for name in touched}, error)
        raise
    return SecretsChange(change, change.changed or bool(differing), references, _release(secrets, change))


def set_secret(
    file: SettingsFile, secrets: Secrets, name: str, secret: Secret, *, dry_run: bool = False
) -> SecretsChange:
    """Store a secret in the chosen backend, under a free name or for the entry that the name means."""

    def edit(settings: Settings, references: References) -> Settings:
        return get_slot(settings, name).put(settings, references[name])

    return change_with_secrets(file, secrets, edit, {name: secret}, dry_run=dry_run)


def delete_secret(file: SettingsFile, secrets: Secrets, name: str, *, dry_run: bool = False) -> SecretsChange:
    """Take a secret out of the settings, and delete it if mailctl stored it; or delete an orphan of that name.

    Raises NotFoundError if there is neither, ConflictError if another entry names the same secret.
    """

    def edit(settings: Settings, _references: References) -> Settings:
        slot = get_slot(settings, name)
        users = [other.name for other in list_slots(settings) if other.reference == slot.reference]
        if str(slot.reference) == settings.secrets.passphrase_from:
            users.append("the vault's passphrase")
        users.remove(slot.name)
        if users:
            raise ConflictError(
                f"the secret '{name}' is still in use by {', '.join(users)}",
                hint="give them another one first",
                details={"secret": name, "users": users},
            )
        return slot.put(settings, None)

    settings = file.load()
    if any(slot.name == name for slot in list_slots(settings)):
        return change_with_secrets(file, secrets, edit, dry_run=dry_run)
    orphans = [reference for reference in list_orphans(settings, secrets) if stored_name(reference) == name]
    if not orphans:
        message, hint = f"there is no secret '{name}'", "`mailctl secret status` lists the names"
        raise NotFoundError(message, hint=hint, details={"secret": name})
    unchanged = file.change(lambda settings: settings, dry_run=True)
    return SecretsChange(unchanged, True, {}, () if dry_run else _delete(secrets, orphans))


def migrate_secrets(file: SettingsFile, secrets: Secrets, to: SecretBackend, *, dry_run: bool = False) -> SecretsChange:
    """Move every secret that mailctl stored to a backend, which takes new secrets from then on, too.

    All are copied and read back, then the settings name the copies, then the originals are deleted: interrupted at any
    point, it can be run again. Raises SecretMissingError if one of them is missing: nothing is moved then.
    """
    settings = file.load()
    target = secrets.with_options(replace(settings.secrets, backend=to))
    target.open_store().check()
    # What opens the vault stays outside of it.
    moving = [
        reference
        for reference in sorted({slot.reference for slot in list_slots(settings) if slot.reference}, key=str)
        if target.owns(reference)
        and reference.kind != SecretKind(to)
        and str(reference) != settings.secrets.passphrase_from
    ]
    _require_free(settings, target, moving)

    def edit(current: Settings, copies: References) -> Settings:
        for slot in list_slots(current):
            if slot.reference in moving:
                current = slot.put(current, copies[stored_name(slot.reference)])
        return replace(current, secrets=replace(current.secrets, backend=to))

    moved = {stored_name(reference): target.get(reference) for reference in moving}
    change = change_with_secrets(file, target, edit, moved, dry_run=dry_run)
    if dry_run:
        return change
    target = target.with_options(change.settings.after.secrets)
    left = _delete(target, _left_behind(change.settings.after, target))
    return dataclasses.replace(change, orphans=(*change.orphans, *left))


def _with_grants_pruned(edit: SecretsEdit) -> SecretsEdit:
    return lambda settings, references: prune_grants(edit(settings, references))


def bind_namespace(file: SettingsFile, secrets: Secrets, *, dry_run: bool = False) -> Secrets:
    """Return secrets whose keyring entries are apart from those of other settings files.

    The namespace is written to the settings by itself, before anything is stored under it: two processes that store
    their first secrets at the same time agree on it.
    """
    if secrets.backend is SecretBackend.VAULT or secrets.options.namespace:
        return secrets
    made = os.urandom(4).hex()
    if not dry_run:
        secrets.open_store().check()  # no trace in the settings where there is no keyring
    change = file.change(lambda settings: _put_namespace(settings, made), dry_run=dry_run)
    return secrets.with_options(replace(secrets.options, namespace=change.after.secrets.namespace))


def _put_namespace(settings: Settings, namespace: str | None) -> Settings:
    if settings.secrets.namespace or not namespace:
        return settings
    return replace(settings, secrets=replace(settings.secrets, namespace=namespace))


def _put_back(store: SecretStore, before: Mapping[str, Secret | None], error: BaseException) -> None:
    """Give a store back what it held; raises SecretStoreError, naming the orphans, where that does not work."""
    left = []
    for name, secret in before.items():
        try:
            if secret is None:
                store.delete(name)
            else:
                store.set(name, secret)
        except SecretError:
            left.append(name)
    if left:
        reason = f" ({error.message})" if isinstance(error, MailctlError) else ""
        raise SecretStoreError(
            f"the settings were not changed{reason}, but {store.location} holds already: {', '.join(left)}",
            hint="run the command again, or `mailctl secret delete NAME`",
            details={"orphans": left},
        ) from error


def _release(secrets: Secrets, change: Change) -> tuple[SecretRef, ...]:
    """Delete the stored secrets that a change of the settings has left without a name; return those that stay."""
    gone = list_references(change.before) - list_references(change.after)
    return _delete(secrets, [*sorted(filter(secrets.owns, gone), key=str), *_abandoned(secrets, change)])


def _abandoned(secrets: Secrets, change: Change) -> list[SecretRef]:
    """Return the attempts to authorise what a change has taken away, as far as the store can list them."""
    gone = list_entries(change.before) - list_entries(change.after)
    if not (gone and change.before.oauth_clients):
        return []
    try:
        pending = [name for name in secrets.open_store().names() or () if name.startswith(PENDING_PREFIX)]
    except SecretError:  # what cannot be listed ends by itself within minutes, and is then an orphan
        return []
    return [secrets.reference(name) for name in sorted(pending) if entry_of(name.removeprefix(PENDING_PREFIX)) in gone]


def _delete(secrets: Secrets, references: Iterable[SecretRef]) -> tuple[SecretRef, ...]:
    """Delete stored secrets; return those that could not be deleted."""
    left = []
    for reference in references:
        try:
            secrets.delete(reference)
        except SecretStoreError:
            left.append(reference)
    return tuple(left)


def _left_behind(settings: Settings, secrets: Secrets) -> list[SecretRef]:
    """Return the originals that an earlier, interrupted migration copied and did not delete."""
    named = list_references(settings)
    copied = {stored_name(reference) for reference in named if secrets.owns(reference)}
    other = SecretBackend.KEYRING if secrets.backend is SecretBackend.VAULT else SecretBackend.VAULT
    originals = [secrets.reference(name, other) for name in sorted(copied)]
    try:
        return [reference for reference in originals if reference not in named and secrets.exists(reference)]
    except SecretStoreError:  # nothing was read from there this time, so it need not be usable
        return []


def _require_own(settings: Settings, references: References) -> None:
    """Raise ConflictError where a new secret would replace that of another entry, which bore the name before."""
    for slot in list_slots(settings):
        taken = [name for name, reference in references.items() if reference == slot.reference and name != slot.name]
        if taken:
            raise ConflictError(
                f"the secret of '{slot.name}' is stored under the name '{taken[0]}' already",
                hint=f"`mailctl secret set {slot.name}` stores it under its own name first",
                details={"secret": taken[0], "users": [slot.name]},
            )


def _require_free(settings: Settings, target: Secrets, moving: Iterable[SecretRef]) -> None:
    named = list_references(settings)
    copies = [target.reference(stored_name(reference)) for reference in moving]
    taken = [str(copy) for copy in copies if copy in named]
    if taken:
        raise ConflictError(
            f"another secret is stored at {', '.join(taken)} already",
            hint="store one of the two under another name first",
            details={"references": taken},
        )
