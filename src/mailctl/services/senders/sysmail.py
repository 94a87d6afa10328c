"""Use cases of the system mail account: pure edits of the settings, and what can be said of its state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from msgspec.structs import replace

from mailctl.credentials import Secrets
from mailctl.errors import NotFoundError, raise_problems
from mailctl.model.resolve import NEVER_SET, SET_SYSTEM_MAIL, Sending, resolve_system_mail
from mailctl.model.sending import SystemMail
from mailctl.model.server import find_missing_authentication
from mailctl.model.settings import Edit, Settings
from mailctl.services.senders import senders
from mailctl.services.senders.senders import LoginState, build_sender, describe_login


class State(StrEnum):
    """Whether anything is sent in the account's name."""

    NEVER_SET = "never-set"
    ACTIVE = "active"
    INACTIVE = "inactive"


def set_sysmail(fields: Mapping[str, Any], *, clear: Sequence[str] = ()) -> Edit:
    """Return the edit that lays fields over the account, which is made if there is none; see `build_sender`."""

    def edit(settings: Settings) -> Settings:
        account = build_sender(SystemMail, settings, settings.sysmail, fields, needs=("address", "server"), clear=clear)
        changed = replace(settings, sysmail=account)
        raise_problems(list(changed.conflicts()))
        return changed

    return edit


def list_newly_missing(before: Settings, after: Settings) -> tuple[list[str], Sending]:
    """Return the fields of the account's logins that a change has left it without, and how it then sends."""
    sending = resolve_system_mail(after)
    return senders.list_newly_missing(resolve_system_mail(before) if before.sysmail else None, sending), sending


def login_remarks(before: Settings, after: Settings) -> Iterator[str]:
    """Yield what a person should know of the login where a change gave the account another server."""
    old = resolve_system_mail(before) if before.sysmail else None
    new = resolve_system_mail(after) if after.sysmail else None
    if old and new and before.sysmail and after.sysmail:
        yield from senders.login_remarks((before.sysmail, old), (after.sysmail, new))
        yield from senders.authorisation_remarks(after, old, new)
    if new and new.smtp and not new.pop_before_smtp and new.smtp != (old and old.smtp):
        unusual = find_missing_authentication(new.smtp)
        if unusual:
            yield unusual


def activate(settings: Settings) -> Settings:
    """Let messages be sent in the account's name (an edit); raises NotFoundError if it was never set."""
    return _switched(settings, on=True)


def deactivate(settings: Settings) -> Settings:
    """Let nothing be sent in the account's name, its settings kept (an edit); NotFoundError if it was never set."""
    return _switched(settings, on=False)


def _switched(settings: Settings, *, on: bool) -> Settings:
    return replace(settings, sysmail=replace(get_sysmail(settings), active=on))


def get_sysmail(settings: Settings) -> SystemMail:
    """Return the account; raises NotFoundError if it was never set."""
    if settings.sysmail is None:
        raise NotFoundError(NEVER_SET, hint=SET_SYSTEM_MAIL)
    return settings.sysmail


def unset_sysmail(settings: Settings) -> Settings:
    """Forget the account (an edit); its stored secrets go with it."""
    return replace(settings, sysmail=None)


@dataclass(frozen=True, kw_only=True)
class SystemMailState:
    """The account as it is shown. `account`, `sending`: None if it was never set."""

    state: State
    account: SystemMail | None
    sending: Sending | None
    login: LoginState


def describe_sysmail(settings: Settings, secrets: Secrets) -> SystemMailState:
    """Return the account's state, and where each of its secrets is; no command is run."""
    account = settings.sysmail
    if account is None:
        return SystemMailState(state=State.NEVER_SET, account=None, sending=None, login=LoginState())
    sending = resolve_system_mail(settings)
    return SystemMailState(
        state=State.ACTIVE if account.active else State.INACTIVE,
        account=account,
        sending=sending,
        login=describe_login(settings, secrets, account, sending),
    )
