"""`mailctl sysmail`: the account that the organisation's own systems send from."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailctl.cli.changes import Outcome, apply_change, plain
from mailctl.cli.params import (
    DryRun,
    Output,
    OutputFormat,
    SmtpOptions,
    TlsOptionGroup,
    Yes,
    as_options,
    expand_options,
    missing_input,
    option_name,
)
from mailctl.cli.sending_options import (
    SECRET_FIELDS,
    PopBeforeSmtpOptions,
    SenderOptions,
    SendingLoginOptions,
    ServerChoiceOptions,
    read_given_secret,
)
from mailctl.cli.session import Session, get_session
from mailctl.errors import ExclusiveSettingsError, InvalidValueError

if TYPE_CHECKING:
    from mailctl.model.secret import Secret, SecretRef
    from mailctl.model.settings import Settings
    from mailctl.services.servers import Edit
    from mailctl.services.sysmail import SystemMailState

app = typer.Typer(help="The account that the organisation's own systems send from: notifications, alerts, cron.")


@app.command("set")
@expand_options
def set_(
    context: typer.Context,
    sender: SenderOptions,
    choice: ServerChoiceOptions,
    smtp: SmtpOptions,
    tls: TlsOptionGroup,
    login: SendingLoginOptions,
    pop: PopBeforeSmtpOptions,
    active: Annotated[
        bool | None,
        typer.Option("--active/--inactive", help="Default: active from the first set on.", show_default=False),
    ] = None,
    clear: Annotated[
        list[str] | None,
        typer.Option(
            "--clear", metavar="FIELD", help="Put a field back to its default; repeatable.", show_default=False
        ),
    ] = None,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Set the account, whole or in part; what is not named stays as it is.

    It sends through a server of the catalogue (--server), through a dedicated one (--smtp-host, or what an OAuth client
    brings) or through Microsoft Graph (--graph); naming one replaces the others. A password is asked for, hidden, or
    comes from standard input, or stays where it is.

    Examples:

      mailctl sysmail set --address noreply@example.org --server hq --username noreply@example.org

      mailctl sysmail set --address noreply@example.org --smtp-host relay.example.org --smtp-security starttls

      mailctl sysmail set --address noreply@example.org --oauth-client google

      mailctl sysmail set --reply-to help@example.org --clear sender-name
    """
    session = get_session(context)
    present = session.settings_file.load()
    fields = {
        **sender.given(),
        **choice.given(),
        **{name: section for name, section in (smtp.given() | tls.given()).items() if section},
        **login.given(),
        **pop.given(is_on=bool(present.sysmail and present.sysmail.pop_before_smtp)),
        **({} if active is None else {"active": active}),
    }
    secrets = {f"sysmail/{name}": secret for name, secret in read_given_secret(login, pop, tls).items()}

    def edit_with(references: Mapping[str, SecretRef]) -> Edit:
        from mailctl.services.fields import merge_fields
        from mailctl.services.sysmail import set_sysmail

        stored = (_placed(name.removeprefix("sysmail/"), str(reference)) for name, reference in references.items())
        return set_sysmail(merge_fields(fields, *stored), clear=clear or ())

    try:
        draft = edit_with({name: session.secrets.reference(name) for name in secrets})(present)
        secrets |= _ask_missing(session, present, draft)
        change = apply_change(
            session, lambda settings, references: edit_with(references)(settings), new=secrets, dry_run=dry_run
        )
    except (InvalidValueError, ExclusiveSettingsError) as error:
        raise as_options(error, entry="sysmail") from None
    _tell(session, change, "set the system mail account", output)
    if change.changed and not dry_run and output is OutputFormat.TABLE:
        session.terminal.say("next: `mailctl test send sysmail --to ADDRESS` proves that it works")


@app.command()
def show(context: typer.Context, output: Output = OutputFormat.TABLE) -> None:
    """Show the account: whether it is active, its server, who sends, and where its secrets are."""
    from mailctl.services.sysmail import describe_sysmail

    session = get_session(context)
    settings = session.settings_file.load()
    state = describe_sysmail(settings, session.secrets)
    if output is OutputFormat.JSON:
        session.terminal.data(sysmail=_as_json(state))
        return
    from mailctl.render.sysmail import GrantLine, SecretLine, render_sysmail

    secrets = [SecretLine(secret.name, secret.reference, secret.present, secret.problem) for secret in state.secrets]
    grant = None
    if state.grant:
        condition = state.grant.condition.replace("-", " ").capitalize()
        grant = GrantLine(condition, state.grant.why, state.grant.authorise_command)
    session.terminal.result(
        render_sysmail(state.state, state.account, state.sending, grant, secrets, session.terminal.out)
    )
    for warning in state.warnings:
        session.terminal.warn(warning)


@app.command()
def activate(context: typer.Context, dry_run: DryRun = False, output: Output = OutputFormat.TABLE) -> None:
    """Let messages be sent in the account's name, and in that of tenants."""
    from mailctl.services.sysmail import activate as edit

    _switch(context, edit, "activated", dry_run=dry_run, output=output)


@app.command()
def deactivate(context: typer.Context, dry_run: DryRun = False, output: Output = OutputFormat.TABLE) -> None:
    """Let nothing be sent in the account's name or a tenant's; the settings are kept, and tests still run."""
    from mailctl.services.sysmail import deactivate as edit

    _switch(context, edit, "deactivated", dry_run=dry_run, output=output)


@app.command()
def unset(
    context: typer.Context, yes: Yes = False, dry_run: DryRun = False, output: Output = OutputFormat.TABLE
) -> None:
    """Forget the account and the secrets that were stored for it."""
    from mailctl.services.sysmail import unset_sysmail

    session = get_session(context)
    account = session.settings_file.load().sysmail
    question = f"Forget the system mail account ({account.address}) and its stored secrets?" if account else ""
    if account and not dry_run and not session.terminal.require_agreement(question, yes=yes):
        session.terminal.say("nothing was changed")
        raise typer.Exit(1)
    change = apply_change(session, plain(unset_sysmail), dry_run=dry_run)
    _tell(session, change, "forgot the system mail account", output)


def _switch(context: typer.Context, edit: Edit, word: str, *, dry_run: bool, output: OutputFormat) -> None:
    session = get_session(context)
    change = apply_change(session, plain(edit), dry_run=dry_run)
    _tell(session, change, f"{word} the system mail account", output)


def _tell(session: Session, change: Outcome, done: str, output: OutputFormat) -> None:
    from mailctl.services.sysmail import describe_sysmail, login_remarks

    state = describe_sysmail(change.after, session.secrets)
    if output is OutputFormat.JSON:
        session.terminal.data(**change.as_json(), sysmail=_as_json(state))
    else:
        change.tell(session, done, "the account is so already" if state.account else "the account was never set")
    for remark in login_remarks(change.before, change.after):
        session.terminal.say(f"note: {remark}")
    if state.grant and not state.grant.ok:
        said = state.grant.condition.replace("-", " ")
        session.terminal.say(f"note: OAuth: {said}; `{state.grant.authorise_command}` authorises it")
    for warning in state.warnings:
        session.terminal.warn(warning)


def _as_json(state: SystemMailState) -> dict[str, Any]:
    """Return the account as plain values, secrets as where they are; without an account, all but the state is null."""
    import msgspec

    from mailctl.model.sending import SystemMail

    if state.account is None:
        return {"state": state.state, **dict.fromkeys(SystemMail.__struct_fields__), "grant": None}
    fields: dict[str, Any] = {"state": state.state, **msgspec.to_builtins(state.account)}
    fields["grant"] = msgspec.to_builtins(state.grant)
    if state.account.server:
        fields["tls"] = None  # that of the catalogue server holds
    for secret in state.secrets:
        *sections, field = SECRET_FIELDS[secret.name.removeprefix("sysmail/")]
        table = reduce(dict.__getitem__, sections, fields)
        table[field] = {"reference": secret.reference, "present": secret.present}
    return fields


def _placed(secret: str, value: object) -> dict[str, Any]:
    """Return a value at the field that holds a secret's reference."""
    *sections, field = SECRET_FIELDS[secret]
    placed: dict[str, Any] = {field: value}
    for section in sections:
        placed = {section: placed}
    return placed


def _ask_missing(session: Session, before: Settings, after: Settings) -> dict[str, Secret]:
    """Ask for the passwords that an account newly needs; raises MissingInputError for what cannot be asked for."""
    from mailctl.services.sysmail import list_newly_missing

    missing = list_newly_missing(before, after)
    slots = {".".join(path): name for name, path in SECRET_FIELDS.items()}
    askable = session.terminal.interactive and all(field in slots for field in missing)
    if not askable and missing:
        raise missing_input([option_name(field) for field in missing])
    if missing:
        session.secrets.open_store().check()
    return {f"sysmail/{slots[field]}": session.terminal.ask_secret(_question(after, field)) for field in missing}


def _question(settings: Settings, field: str) -> str:
    from mailctl.services.sysmail import get_sysmail

    account = get_sysmail(settings)
    pop = account.pop_before_smtp
    if field == "password" or pop is None:
        return f"Password of {account.username} (not shown)"
    return f"POP3 password of {pop.username} at {pop.host} (not shown)"
