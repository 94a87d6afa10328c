"""What the commands of the system mail account and of tenants share: options to fields, questions, what is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

from mailctl.cli.changes import apply_change
from mailctl.cli.params import as_options, missing_input, option_name
from mailctl.cli.sending_options import SECRET_FIELDS
from mailctl.errors import ExclusiveSettingsError, InvalidValueError

if TYPE_CHECKING:
    from mailctl.cli.changes import Outcome
    from mailctl.cli.params import SmtpOptions, TlsOptionGroup
    from mailctl.cli.sending_options import (
        PopBeforeSmtpOptions,
        SenderOptions,
        SendingLoginOptions,
        ServerChoiceOptions,
    )
    from mailctl.cli.session import Session
    from mailctl.model.resolve import Sending
    from mailctl.model.secret import Secret, SecretRef
    from mailctl.model.sending import Sender
    from mailctl.model.settings import Settings
    from mailctl.services.senders import LoginState
    from mailctl.services.servers import Edit


def gather_fields(
    present: Sender | None,
    sender: SenderOptions,
    choice: ServerChoiceOptions,
    smtp: SmtpOptions,
    tls: TlsOptionGroup,
    login: SendingLoginOptions,
    pop: PopBeforeSmtpOptions,
) -> dict[str, Any]:
    """Return the fields that are given, nested as in the settings; `present`: the sender that they are laid over."""
    return {
        **sender.given(),
        **choice.given(),
        **{name: section for name, section in (smtp.given() | tls.given()).items() if section},
        **login.given(),
        **pop.given(is_on=bool(present and present.pop_before_smtp)),
    }


def change_sender(
    session: Session,
    target: str,
    edit_with: Callable[[Mapping[str, Any]], Edit],
    given: Mapping[str, Secret],
    find_missing: Callable[[Settings, Settings], tuple[Sequence[str], Sending | None]],
    *,
    entry: str,
    dry_run: bool,
) -> Outcome:
    """Carry out the change of a sender, its secrets stored first; a password that it newly lacks is asked for.

    `target`: the name that its secrets' names begin with. `edit_with` takes the fields that hold references. `given`:
    secrets, by the ends of their names. `find_missing`: the fields of the login that a change leaves missing, and how
    the sender then sends. `entry`: where the sender stands in the settings. Raises MissingInputError where nobody can
    be asked.
    """
    present = session.settings_file.load()
    secrets = {f"{target}/{name}": secret for name, secret in given.items()}

    def edit(settings: Settings, references: Mapping[str, SecretRef]) -> Settings:
        from mailctl.services.fields import merge_fields

        stored = [_placed(name.removeprefix(f"{target}/"), str(reference)) for name, reference in references.items()]
        return edit_with(merge_fields({}, *stored))(settings)

    try:
        draft = edit(present, {name: session.secrets.reference(name) for name in secrets})
        missing, sending = find_missing(present, draft)
        for name, secret in _ask_missing(session, missing, sending).items():
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


def _ask_missing(session: Session, missing: Sequence[str], sending: Sending | None) -> dict[str, Secret]:
    """Ask for the passwords that a sender newly needs; raises MissingInputError for what cannot be asked for."""
    if not missing or sending is None:
        return {}
    slots = {".".join(path): name for name, path in SECRET_FIELDS.items()}
    askable = session.terminal.interactive and all(field in slots for field in missing)
    if not askable:
        raise missing_input([option_name(field) for field in missing])
    session.secrets.open_store().check()
    return {slots[field]: session.terminal.ask_secret(_question(sending, field)) for field in missing}


def _question(sending: Sending, field: str) -> str:
    pop = sending.pop_before_smtp
    if field == "password" or pop is None:
        return f"Password of {sending.username} (not shown)"
    return f"POP3 password of {pop.username} at {pop.host} (not shown)"


def tell_login(session: Session, login: LoginState) -> None:
    """Tell a person what is to be done or known about a sender's login after a change."""
    if login.grant and not login.grant.ok:
        said = login.grant.condition.replace("-", " ")
        session.terminal.say(f"note: OAuth: {said}; next: `{login.grant.next}`")
    for warning in login.warnings:
        session.terminal.warn(warning)


def sender_as_json(sender: Sender, login: LoginState) -> dict[str, Any]:
    """Return a sender as plain values, secrets as where they are."""
    import msgspec

    fields: dict[str, Any] = {**msgspec.to_builtins(sender), "grant": msgspec.to_builtins(login.grant)}
    if sender.server:
        fields["tls"] = None  # that of the catalogue server holds
    for secret in login.secrets:
        *sections, field = SECRET_FIELDS[secret.name.rpartition("/")[2]]
        table = reduce(dict.__getitem__, sections, fields)
        table[field] = {"reference": secret.reference, "present": secret.present}
    return fields
