"""Entries that log in, as commands change them: the secrets that are given, asked for and stored with the entry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from typing import TYPE_CHECKING, Any

from mailctl.cli.changes import apply_change
from mailctl.cli.option_names import as_options, missing_input, option_name
from mailctl.errors import ExclusiveSettingsError, InvalidValueError

if TYPE_CHECKING:
    from mailctl.cli.changes import AppliedChange
    from mailctl.cli.session import Session
    from mailctl.model.secret import Secret, SecretRef
    from mailctl.model.settings import Edit, Settings
    from mailctl.services.secrets.state import SecretState
    from mailctl.services.senders.senders import LoginState

SECRET_FIELDS = {
    "password": ("password",),
    "smtp-password": ("smtp_password",),
    "pop-password": ("pop_before_smtp", "password"),
    "client-key-passphrase": ("tls", "client_key_passphrase"),
}
"""The secrets of who logs in: the end of the slot's name, and the field that holds the reference."""

Questions = Mapping[str, str]
"""The fields of a login that are missing, each with the question that asks for it."""


def change_login(
    session: Session,
    target: str,
    edit_with: Callable[[Mapping[str, Any]], Edit],
    given: Mapping[str, Secret],
    find_missing: Callable[[Settings, Settings], Questions],
    *,
    entry: str = "",
    dry_run: bool,
) -> AppliedChange:
    """Carry out the change of an entry, its secrets stored first; a password that it newly lacks is asked for.

    `target`: the name that its secrets' names begin with. `edit_with` takes the fields that hold references. `given`:
    secrets, by the ends of their names. `find_missing`: what a change leaves missing. `entry`: where the entry stands
    in the settings, "" where the errors' places begin with its own fields. Raises MissingInputError where nobody can be
    asked.
    """
    present = session.settings_file.load()
    secrets = {f"{target}/{name}": secret for name, secret in given.items()}

    def edit(settings: Settings, references: Mapping[str, SecretRef]) -> Settings:
        from mailctl.services.fields import merge_fields

        stored = [_placed(name.removeprefix(f"{target}/"), str(reference)) for name, reference in references.items()]
        return edit_with(merge_fields({}, *stored))(settings)

    try:
        draft = edit(present, {name: session.secrets.reference(name) for name in secrets})
        for name, secret in _ask_missing(session, find_missing(present, draft)).items():
            secrets[f"{target}/{name}"] = secret
        return apply_change(session, edit, new=secrets, dry_run=dry_run)
    except (InvalidValueError, ExclusiveSettingsError) as error:
        raise as_options(error, entry=entry) from None


def _placed(secret: str, value: object) -> dict[str, Any]:
    """Return a value at the field that holds a secret's reference."""
    *sections, field = SECRET_FIELDS[secret]
    placed: dict[str, Any] = {field: value}
    for section in sections:
        placed = {section: placed}
    return placed


def _ask_missing(session: Session, missing: Questions) -> dict[str, Secret]:
    """Ask for the passwords that an entry newly needs; raises MissingInputError for what cannot be asked for."""
    slots = {".".join(path): name for name, path in SECRET_FIELDS.items()}
    named = [field for field in missing if not (session.terminal.interactive and field in slots)]
    if named:
        raise missing_input([option_name(field) for field in named])
    if missing:
        session.secrets.open_store().check()
    return {slots[field]: session.terminal.ask_secret(question) for field, question in missing.items()}


def tell_login(session: Session, login: LoginState) -> None:
    """Tell a person what is to be done or known about an entry's login after a change."""
    if login.grant and not login.grant.ok:
        said = login.grant.condition.replace("-", " ")
        session.terminal.say(f"note: OAuth: {said}; next: `{login.grant.next}`")
    for warning in login.warnings:
        session.terminal.warn(warning)


def tell_proof(session: Session, login: LoginState, command: str) -> None:
    """Name the command that proves that a login works; not where it is to be authorised first, which is told."""
    if login.grant is None or login.grant.ok:
        session.terminal.say(f"next: `{command}` proves that it works")


def show_secrets(fields: dict[str, Any], secrets: Iterable[SecretState]) -> dict[str, Any]:
    """Return the plain values of an entry, its secrets as where they are and whether they are there."""
    for secret in secrets:
        *sections, field = SECRET_FIELDS[secret.name.rpartition("/")[2]]
        table = reduce(dict.__getitem__, sections, fields)
        table[field] = {"reference": secret.reference, "present": secret.present}
    return fields
