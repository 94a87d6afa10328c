"""What the commands of an account share: options to fields, the change, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from mailctl.cli.logins import change_login, show_secrets, tell_login
from mailctl.cli.option_names import as_options
from mailctl.cli.params import OutputFormat
from mailctl.cli.presets import tell_preset
from mailctl.errors import ExclusiveSettingsError, InvalidValueError, Problem

if TYPE_CHECKING:
    from mailctl.cli.account.options import (
        AccountLoginOptions,
        AccountServerOptions,
        AccountSmtpOptions,
        PersonOptions,
        SieveOptions,
    )
    from mailctl.cli.changes import AppliedChange
    from mailctl.cli.server_options import IncomingOptions, TlsOptionGroup
    from mailctl.cli.session import Session
    from mailctl.model.secret import Secret
    from mailctl.model.settings import Edit, Settings
    from mailctl.services.accounts.account_fields import Choice
    from mailctl.services.accounts.account_state import AccountState


def gather_fields(
    person: PersonOptions,
    servers: AccountServerOptions,
    login: AccountLoginOptions,
    incoming: IncomingOptions,
    smtp: AccountSmtpOptions,
    tls: TlsOptionGroup,
    sieve: SieveOptions,
) -> dict[str, Any]:
    """Return the fields that are given, nested as in the settings."""
    sections = {**incoming.given(), **smtp.given(), **tls.given(), **sieve.given()}
    return {
        **person.given(),
        **({} if servers.server is None else {"server": servers.server}),
        **login.given(),
        **{name: section for name, section in sections.items() if section},
    }


@contextmanager
def naming_options() -> Iterator[None]:
    """Let errors name options in the place of fields."""
    try:
        yield
    except ValueError as error:
        raise InvalidValueError([Problem("ADDRESS", str(error))]) from None
    except (InvalidValueError, ExclusiveSettingsError) as error:
        raise as_options(error) from None


def tell_presets(session: Session, choice: Choice, fields: Mapping[str, Any]) -> None:
    """Say what should be said of presets that are used; raises NotFoundError where there is none of that name."""
    sides: dict[str, list[str]] = {}
    for side, name in (("incoming", choice.preset), ("smtp", choice.smtp_preset or choice.preset)):
        if name:
            sides.setdefault(name, []).append(side)
    for name, served in sides.items():
        tell_preset(session, name, fields, served)


def change_account(
    session: Session,
    edit_with: Callable[[Mapping[str, Any]], Edit],
    fields: Mapping[str, Any],
    address: str,
    stored: Mapping[str, Secret],
    *,
    dry_run: bool,
) -> AppliedChange:
    """Carry out an edit made of given fields and the references of new secrets, after asking for those that lack.

    `stored`: secrets to store, by the ends of their slots' names.
    """
    from mailctl.services.fields import merge_fields

    return change_login(
        session,
        f"account:{address}",
        lambda references: edit_with(merge_fields(fields, references)),
        stored,
        partial(_find_missing, address),
        dry_run=dry_run,
    )


def _find_missing(address: str, before: Settings, after: Settings) -> dict[str, str]:
    from mailctl.services.accounts.accounts import list_newly_missing

    account = after.get_account(address)
    questions = {
        "password": f"Password of {account.login} (not shown)",
        "smtp_password": f"Password of {account.smtp_username or account.login} for sending (not shown)",
    }
    return {field: questions[field] for field in list_newly_missing(before, after, address)}


def tell_account(
    session: Session, change: AppliedChange, address: str, done: str, output: OutputFormat
) -> AccountState:
    """Tell what became of an account, and return its state."""
    from mailctl.services.accounts.account_state import describe_account

    state = describe_account(change.after, session.secrets, change.after.get_account(address))
    if output is OutputFormat.JSON:
        session.terminal.data(**change.as_json(), account=account_as_json(state))
    else:
        change.tell(session, done, f"{address} is so already")
    tell_login(session, state.login)
    return state


def tell_mains(session: Session, change: AppliedChange) -> None:
    """Tell who sends from another account than before."""
    from mailctl.services.accounts.accounts import list_moved_mains

    for owner, address in list_moved_mains(change.before, change.after).items():
        session.terminal.say(f"note: {owner} sends from {address} now")


def account_as_json(state: AccountState) -> dict[str, Any]:
    """Return an account as plain values, secrets as where they are."""
    import msgspec

    from mailctl.services.accounts.account_state import account_fields

    fields = account_fields(state.account, kind=state.kind, is_main=state.is_main)
    fields["grant"] = msgspec.to_builtins(state.login.grant)
    return show_secrets(fields, state.login.secrets)
