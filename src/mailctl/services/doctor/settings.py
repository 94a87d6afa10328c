"""What `doctor` looks at of mailctl's own: the settings file, secrets and their store, logins, grants."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator, Sequence
from shlex import quote
from typing import NamedTuple

from mailctl.credentials import Secrets, stored_name
from mailctl.errors import MailctlError, SettingsError
from mailctl.model.finding import Finding, note, ok, problem, warning
from mailctl.model.resolve import resolve_system_mail, resolve_tenant
from mailctl.model.settings import Settings
from mailctl.model.target_name import edit_command
from mailctl.services.accounts import accounts
from mailctl.services.accounts.collection_sources import lacks_password
from mailctl.services.oauth.grant_state import describe_grant
from mailctl.services.oauth.grants import PENDING_PREFIX, authorise_command
from mailctl.services.oauth.subjects import list_names
from mailctl.services.secrets.slots import list_slots
from mailctl.services.secrets.state import SecretState, describe_backend, describe_secret, list_orphans
from mailctl.services.senders.senders import list_missing
from mailctl.store import SettingsFile

_DAY_SECONDS = 86_400.0
_SOON_SECONDS = 14 * _DAY_SECONDS
_GIVEN_BY = {
    "username": "--username USER",
    "password": "--password-stdin",
    "smtp_password": "--smtp-password-stdin",
    "pop_before_smtp.username": "--pop-username USER",
    "pop_before_smtp.password": "--pop-password-stdin",
}
"""The option that gives a login what it lacks; what comes from standard input comes one at a time."""
_OTHERS_RIGHTS = stat.S_IRWXO | stat.S_IWGRP


def check_settings(file: SettingsFile) -> Iterator[Finding]:
    """Look at the settings file, and at the files beside it that hold what it held, or secrets."""
    path = file.path
    try:
        settings = file.load()
    except SettingsError as error:
        yield problem("settings", error.message, error.hint, "mailctl config validate")
        return
    if file.loaded.content is None:
        yield note("settings", f"there is no settings file yet: {path}", next="mailctl server add")
        return
    count = len(settings.servers)
    said = f"{path} is valid, with {count} server{'s' * (count != 1)}"
    yield ok("settings", f"{said}, a link to {path.resolve()}" if path.is_symlink() else said)
    for odd in file.loaded.warnings:
        yield warning("settings", f"{path}: {odd}", None, "mailctl config validate")
    if os.name != "posix":
        return
    owner = path.stat().st_uid
    if owner not in (os.geteuid(), 0):
        said = f"{path} belongs to user {owner}, not to you ({os.geteuid()}): its owner can change where mail goes"
        yield warning("settings", said, f"`chown {os.geteuid()} {path}`, if it is to be yours")
    if not os.access(path.resolve().parent, os.W_OK):
        yield note("settings", f"the folder {path.resolve().parent} is not writable for you: settings can only be read")
    for beside in (path.resolve().with_name(path.resolve().name + ".undo"), path.with_suffix(".vault")):
        if beside.exists() and stat.S_IMODE(beside.stat().st_mode) & _OTHERS_RIGHTS:
            mode = stat.S_IMODE(beside.stat().st_mode)
            yield warning("settings", f"others have rights to {beside} (mode {mode:04o})", f"`chmod 600 {beside}`")


def check_secrets(settings: Settings, secrets: Secrets) -> Iterator[Finding]:
    """Look at the store of secrets, at each secret that the settings name, and at what nobody names any more."""
    backend = describe_backend(secrets)
    slots = list_slots(settings)
    if backend.usable:
        opened = f", opened by the {backend.opened_by}" if backend.opened_by else ""
        yield ok("secret-store", f"{backend.location}{opened} can be used")
    else:
        needs = backend.chosen or any(slot.reference and secrets.owns(slot.reference) for slot in slots)
        found = problem if needs else warning
        yield found("secret-store", backend.problem or "", backend.hint, "mailctl secret status")
    if backend.warning:
        yield warning("secret-store", backend.warning, None)
    missing = 0
    for slot in slots:
        state = describe_secret(slot, secrets)
        if state.problem and state.problem != backend.problem:
            missing += 1
            yield _unavailable(state)
    if slots and not missing and backend.usable:
        yield ok("secrets", f"{len(slots)} named by the settings, none missing (commands are not run)")
    for orphan in list_orphans(settings, secrets):
        name = stored_name(orphan)
        why = "an authorisation was begun and not ended"
        if not name.startswith(PENDING_PREFIX):
            why = "a change was cut short between the store and the settings"
        said = f"{orphan} is stored, and nothing names it: {why}"
        yield warning("secrets", said, "delete it", f"mailctl secret delete {quote(name)}")


def _unavailable(state: SecretState) -> Finding:
    said = f"{state.name}: {state.problem}"
    if not state.stored:  # it is somewhere else by somebody's choice, and mended there
        return problem("secrets", said, state.hint)
    return problem("secrets", said, "store it again, or name another place", f"mailctl secret set {quote(state.name)}")


def check_logins(settings: Settings) -> Iterator[Finding]:
    """Look at who logs in by what the settings hold: whether they hold all of it."""
    whole = 0
    for login in _list_logins(settings):
        if not login.missing:
            whole += 1
            continue
        found = problem if login.is_used else warning
        said = f"{login.name}: the server wants a login, and the settings lack: {', '.join(login.missing)}"
        yield found("logins", said, None, f"{login.edit_command} {_GIVEN_BY[login.missing[0]]}")
    if whole:
        yield ok("logins", f"{whole} complete in the settings")


class _Login(NamedTuple):
    """Whose login it is, which fields it lacks, and whether it is used at present."""

    name: str
    missing: Sequence[str]
    is_used: bool
    edit_command: str


def _list_logins(settings: Settings) -> Iterator[_Login]:
    senders = [resolve_system_mail(settings)] if settings.sysmail else []
    senders += [resolve_tenant(settings, tenant) for tenant in settings.tenants if tenant.has_server]
    for sending in senders:
        yield _Login(sending.origin, list_missing(sending), sending.active, edit_command(sending.origin))
    for account in settings.accounts:
        missing = accounts.list_missing(settings, account)
        yield _Login(account.address, missing, True, edit_command(account.address))
        for source in account.pop3:
            command = f"mailctl account pop3 edit {quote(account.address)} {quote(source.name)}"
            missing = ["password"] * lacks_password(source)
            yield _Login(f"'{source.name}' of {account.address}", missing, True, command)


def check_grants(settings: Settings, secrets: Secrets) -> Iterator[Finding]:
    """Look at the grants of mailboxes, and where one should be: whether they hold, and until when."""
    sound = 0
    for target in list_names(settings):
        try:
            state = describe_grant(settings, secrets, target)
        except MailctlError as error:
            yield problem("grants", f"{target}: {error.message}", error.hint, "mailctl oauth status")
            continue
        if not state.ok:
            yield problem("grants", f"{target} is {state.condition}: {state.why}", None, state.next)
        elif state.warnings:
            yield from (warning("grants", f"{target}: {said}", None, state.next) for said in state.warnings)
        elif state.ends_at is not None and state.ends_at < time.time() + _SOON_SECONDS:
            days = max(0, round((state.ends_at - time.time()) / _DAY_SECONDS))
            said = f"{target} ends in {days} days ({state.ends_because})"
            yield warning("grants", said, "authorise it again before", authorise_command(target))
        else:
            sound += 1
    if sound:
        yield ok("grants", f"{sound} granted")
