"""`mailctl tenant`: customer or client organisations, each in a name, and perhaps through a server, of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import chain
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailctl.cli.changes import agree_to_delete, apply_change, plain
from mailctl.cli.completion import complete_tenant
from mailctl.cli.logins import tell_login, tell_proof
from mailctl.cli.option_names import nothing_named
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
from mailctl.errors import UsageError
from mailctl.model.target_name import tenant_target

if TYPE_CHECKING:
    from mailctl.model.secret import Secret
    from mailctl.model.settings import Edit, Settings
    from mailctl.services.senders.tenants import Renaming, TenantState

app = typer.Typer(
    help="Customers or client organisations, each in a name, and perhaps through a server, of its own.",
)

Code = Annotated[str, typer.Argument(metavar="CODE", autocompletion=complete_tenant, show_default=False)]
Name = Annotated[
    str | None, typer.Option("--name", metavar="NAME", help="The organisation's name.", show_default=False)
]
SupportAddress = Annotated[
    str | None,
    typer.Option(
        "--support-address",
        metavar="ADDRESS",
        help="Where its requests for support go, where tenants may have one.",
        show_default=False,
    ),
]


@app.command()
@expand_options
def add(
    context: typer.Context,
    sender: SenderOptions,
    choice: ServerChoiceOptions,
    smtp: SmtpOptions,
    tls: TlsOptionGroup,
    login: SendingLoginOptions,
    pop: PopBeforeSmtpOptions,
    code: Annotated[str, typer.Argument(metavar="CODE", show_default=False)],
    name: Name = None,
    support_address: SupportAddress = None,
    if_not_exists: Annotated[
        bool, typer.Option("--if-not-exists", help="Accept a tenant that is there with the same fields.")
    ] = False,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Add a tenant.

    Without a server of its own it sends through the global one, that of the system mail account, with the global login.
    Address and sender name are the global ones where it has none. Nothing else is inherited.

    Examples:

      mailctl tenant add acme --name 'Acme Ltd' --address noreply@acme.example --sender-name Acme

      mailctl tenant add globex --name Globex --address it@globex.example --smtp-host mail.globex.example
      --smtp-auth auto --username it@globex.example
    """
    from mailctl.services.fields import merge_fields
    from mailctl.services.senders.tenants import Renaming, add_tenant

    session = get_session(context)
    fields = gather_fields(None, sender, choice, smtp, tls, login, pop)
    fields |= _given(code=code, name=name, support_address=support_address)
    _change(
        session,
        lambda stored: add_tenant(merge_fields(fields, stored), if_not_exists=if_not_exists),
        Renaming(code, code),
        read_given_secret(login, pop, tls),
        dry_run=dry_run,
        output=output,
    )


@app.command()
@expand_options
def edit(
    context: typer.Context,
    code: Code,
    sender: SenderOptions,
    choice: ServerChoiceOptions,
    smtp: SmtpOptions,
    tls: TlsOptionGroup,
    login: SendingLoginOptions,
    pop: PopBeforeSmtpOptions,
    new_code: Annotated[
        str | None, typer.Option("--code", metavar="NEW", help="Rename it.", show_default=False)
    ] = None,
    name: Name = None,
    support_address: SupportAddress = None,
    no_server: Annotated[
        bool, typer.Option("--no-server", help="Send through the global server again; its own login is forgotten.")
    ] = False,
    clear: Clear = None,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Change fields of a tenant; those not named stay as they are.

    Examples:

      mailctl tenant edit acme --server hq --username noreply@acme.example

      mailctl tenant edit acme --clear address

      mailctl tenant edit acme --no-server
    """
    from mailctl.services.fields import merge_fields
    from mailctl.services.senders.tenants import Renaming, edit_tenant

    session = get_session(context)
    present = session.settings_file.load().get_tenant(code)
    fields = gather_fields(present, sender, choice, smtp, tls, login, pop)
    fields |= _given(code=new_code, name=name, support_address=support_address)
    secrets = read_given_secret(login, pop, tls)
    if not (fields or secrets or clear or no_server):
        raise nothing_named(f"mailctl tenant edit {code} --sender-name NAME")
    if no_server and any(fields.get(option) for option in ("server", "smtp", "graph", "oauth_client")):
        raise UsageError("--no-server excludes --server, --smtp-…, --graph and --oauth-client")
    cleared = [*(clear or ()), *(("server", "smtp", "graph") if no_server else ())]
    _change(
        session,
        lambda stored: edit_tenant(code, merge_fields(fields, stored), clear=cleared),
        Renaming(present.code, new_code or present.code),
        secrets,
        dry_run=dry_run,
        output=output,
    )


@app.command()
def show(context: typer.Context, code: Code, output: Output = OutputFormat.TABLE) -> None:
    """Show what is in force for a tenant, and where each value comes from: the tenant, the global sender, a server."""
    from mailctl.services.senders.tenants import describe_tenant

    session = get_session(context)
    settings = session.settings_file.load()
    state = describe_tenant(settings, session.secrets, settings.get_tenant(code))
    if output is OutputFormat.JSON:
        session.terminal.data(tenant=_as_json(state))
        return
    from mailctl.render.tenants import tenant_in_full

    session.terminal.in_full(tenant_in_full(state, session.terminal.out))
    _warn_off(session, settings)
    for warning in state.login.warnings:
        session.terminal.warn(warning)


@app.command("list")
def list_(context: typer.Context, output: Output = OutputFormat.TABLE) -> None:
    """List the tenants."""
    session = get_session(context)
    settings = session.settings_file.load()
    if output is OutputFormat.JSON:
        from mailctl.services.senders.tenants import list_as_json

        session.terminal.data(tenants=list_as_json(settings.tenants))
        return
    if not settings.tenants:
        session.terminal.say("no tenants yet; `mailctl tenant add CODE --name NAME` adds one")
        return
    from mailctl.render.tenants import TENANT_HEADERS, tenant_row

    session.terminal.table(TENANT_HEADERS, map(tenant_row, settings.tenants))
    _warn_off(session, settings)


@app.command()
def delete(
    context: typer.Context,
    code: Code,
    yes: Yes = False,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Delete a tenant, and the secrets that were stored for it."""
    from mailctl.services.senders.tenants import delete_tenant

    session = get_session(context)
    tenant = session.settings_file.load().get_tenant(code)
    question = f"Delete the tenant '{tenant.code}' ({tenant.name}) and its stored secrets?"
    agree_to_delete(session, question, yes=yes, dry_run=dry_run)
    change = apply_change(session, plain(delete_tenant(tenant.code)), dry_run=dry_run)
    if output is OutputFormat.JSON:
        session.terminal.data(**change.as_json(), deleted=[tenant.code])
    else:
        change.tell(session, f"deleted '{tenant.code}'", "")


def _given(**options: str | None) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _change(
    session: Session,
    edit_with: Callable[[Mapping[str, Any]], Edit],
    code: Renaming,
    secrets: Mapping[str, Secret],
    *,
    dry_run: bool,
    output: OutputFormat,
) -> None:
    """Add or change a tenant, and tell what it then is."""
    from mailctl.services.senders.tenants import (
        describe_tenant,
        list_newly_missing,
        login_remarks,
        sender_name_remarks,
    )

    change = change_sender(
        session,
        tenant_target(code.new),
        edit_with,
        secrets,
        partial(list_newly_missing, code),
        entry=_place(session.settings_file.load(), code.old),
        dry_run=dry_run,
    )
    tenant = change.after.get_tenant(code.new)
    state = describe_tenant(change.after, session.secrets, tenant)
    if output is OutputFormat.JSON:
        session.terminal.data(**change.as_json(), tenant=_as_json(state))
    else:
        done = "changed" if change.before.find_tenant(code.old) else "added"
        change.tell(session, f"{done} the tenant '{tenant.code}'", f"'{tenant.code}' is so already")
    remarks = (rule(code, change.before, change.after) for rule in (login_remarks, sender_name_remarks))
    for remark in chain.from_iterable(remarks):
        session.terminal.say(f"note: {remark}")
    if state.sending is None or state.sending.lent_by is None:
        tell_login(session, state.login)
    if change.changed and not dry_run and output is OutputFormat.TABLE:
        _warn_off(session, change.after)
    if state.sending is not None and change.changed and not dry_run and output is OutputFormat.TABLE:
        tell_proof(session, state.login, f"mailctl test send {quote(tenant_target(tenant.code))} --to ADDRESS")


def _place(settings: Settings, code: str) -> str:
    """Return where a tenant stands, or would stand, in the settings."""
    present = settings.find_tenant(code)
    return f"tenants[{settings.tenants.index(present) if present else len(settings.tenants)}]"


def _warn_off(session: Session, settings: Settings) -> None:
    """Tell that nothing is sent for any tenant, and what to do."""
    from mailctl.model.resolve import find_why_off, way_on

    if why := find_why_off(settings.sysmail):
        session.terminal.warn(f"nothing is sent for any tenant: {why}; {way_on(settings.sysmail)}")


def _as_json(state: TenantState) -> dict[str, Any]:
    """Return the tenant as plain values, secrets as where they are, and what is in force with where it comes from."""
    from mailctl.services.senders.tenants import effective_values

    tenant = state.tenant
    return {
        "code": tenant.code,
        "name": tenant.name,
        "side": state.side,
        "why_off": state.why_off,
        **sender_as_json(tenant, state.login),
        "effective": effective_values(state),
    }
