"""`mailctl sysmail`: the account that the organisation's own systems send from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailctl.cli.changes import AppliedChange, apply_change, plain
from mailctl.cli.logins import tell_login, tell_proof
from mailctl.cli.params import Clear, DryRun, Output, OutputFormat, Yes, expand_options
from mailctl.cli.senders.fields import change_sender, gather_fields, sender_as_json
from mailctl.cli.senders.options import (
    PopBeforeSmtpOptions,
    SenderOptions,
    SendingLoginOptions,
    ServerChoiceOptions,
    read_given_secret,
)
from mailctl.cli.server_options import SmtpOptions, TlsOptionGroup
from mailctl.cli.session import Session, get_session
from mailctl.exits import Exit
from mailctl.model.target_name import SYSTEM_MAIL

if TYPE_CHECKING:
    from mailctl.model.settings import Edit
    from mailctl.services.senders.sysmail import SystemMailState

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
    clear: Clear = None,
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
    from mailctl.services.fields import merge_fields
    from mailctl.services.senders.sysmail import list_newly_missing, set_sysmail

    session = get_session(context)
    fields = gather_fields(session.settings_file.load().sysmail, sender, choice, smtp, tls, login, pop)
    if active is not None:
        fields["active"] = active
    change = change_sender(
        session,
        SYSTEM_MAIL,
        lambda stored: set_sysmail(merge_fields(fields, stored), clear=clear or ()),
        read_given_secret(login, pop, tls),
        list_newly_missing,
        entry=SYSTEM_MAIL,
        dry_run=dry_run,
    )
    state = _tell(session, change, "set the system mail account", output)
    for option, side in (("--smtp-security", "smtp"), ("--pop-security", "pop_before_smtp")):
        if (fields.get(side) or {}).get("security") == "none":
            session.terminal.warn(f"{option} none: passwords and mail can be read on the way")
    if change.changed and not dry_run and output is OutputFormat.TABLE:
        tell_proof(session, state.login, "mailctl test send sysmail --to ADDRESS")


@app.command()
def show(context: typer.Context, output: Output = OutputFormat.TABLE) -> None:
    """Show the account: whether it is active, its server, who sends, and where its secrets are."""
    from mailctl.services.senders.sysmail import describe_sysmail

    session = get_session(context)
    settings = session.settings_file.load()
    state = describe_sysmail(settings, session.secrets)
    if output is OutputFormat.JSON:
        session.terminal.data(sysmail=_as_json(state))
        return
    from mailctl.render.sysmail import sysmail_in_full

    session.terminal.in_full(sysmail_in_full(state, session.terminal.out))
    for warning in state.login.warnings:
        session.terminal.warn(warning)


@app.command()
def activate(context: typer.Context, dry_run: DryRun = False, output: Output = OutputFormat.TABLE) -> None:
    """Let messages be sent in the account's name, and in that of tenants."""
    from mailctl.services.senders.sysmail import activate as edit

    _switch(context, edit, "activated", dry_run=dry_run, output=output)


@app.command()
def deactivate(context: typer.Context, dry_run: DryRun = False, output: Output = OutputFormat.TABLE) -> None:
    """Let nothing be sent in the account's name or a tenant's; the settings are kept, and tests still run.

    A batch that is under way ends with the message that it is at.
    """
    from mailctl.services.senders.sysmail import deactivate as edit

    _switch(context, edit, "deactivated", dry_run=dry_run, output=output)


@app.command()
def unset(
    context: typer.Context, yes: Yes = False, dry_run: DryRun = False, output: Output = OutputFormat.TABLE
) -> None:
    """Forget the account and the secrets that were stored for it."""
    from mailctl.services.senders.sysmail import unset_sysmail

    session = get_session(context)
    account = session.settings_file.load().sysmail
    question = f"Forget the system mail account ({account.address}) and its stored secrets?" if account else ""
    if account and not dry_run and not session.terminal.require_agreement(question, yes=yes):
        session.terminal.say("nothing was changed")
        raise typer.Exit(Exit.FAILURE)
    change = apply_change(session, plain(unset_sysmail), dry_run=dry_run)
    _tell(session, change, "forgot the system mail account", output)


def _switch(context: typer.Context, edit: Edit, word: str, *, dry_run: bool, output: OutputFormat) -> None:
    session = get_session(context)
    change = apply_change(session, plain(edit), dry_run=dry_run)
    _tell(session, change, f"{word} the system mail account", output)


def _tell(session: Session, change: AppliedChange, done: str, output: OutputFormat) -> SystemMailState:
    """Tell what became of the account, and return its state."""
    from mailctl.services.senders.sysmail import describe_sysmail, login_remarks

    state = describe_sysmail(change.after, session.secrets)
    if output is OutputFormat.JSON:
        session.terminal.data(**change.as_json(), sysmail=_as_json(state))
    else:
        change.tell(session, done, "the account is so already" if state.account else "the account was never set")
    for remark in login_remarks(change.before, change.after):
        session.terminal.say(f"note: {remark}")
    tell_login(session, state.login)
    if change.after.tenants and not (state.account and state.account.active):
        session.terminal.say("note: nothing is sent for tenants either")
    return state


def _as_json(state: SystemMailState) -> dict[str, Any]:
    """Return the account as plain values, secrets as where they are; without an account, all but the state is null."""
    from mailctl.model.sending import SystemMail

    if state.account is None:
        return {"state": state.state, **dict.fromkeys(SystemMail.__struct_fields__), "grant": None}
    return {"state": state.state, "active": state.account.active, **sender_as_json(state.account, state.login)}
