"""`mailctl support`: whom this installation's people ask for help, and the asking."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailctl.cli.changes import apply_change, plain
from mailctl.cli.completion import complete_tenant
from mailctl.cli.option_names import as_options
from mailctl.cli.params import Clear, DryRun, Output, OutputFormat, Yes, expand_options
from mailctl.cli.sending.messages import MessageOptions, completed, message_option, open_outbox, read_draft, tell_sent
from mailctl.cli.session import Session, get_session
from mailctl.errors import InvalidValueError, MissingInputError
from mailctl.exits import Exit

if TYPE_CHECKING:
    from mailctl.model.settings import Settings
    from mailctl.model.tenant import Tenant
    from mailctl.services.sending.compose import Attachment, Draft
    from mailctl.services.sending.outbox import Outbox

app = typer.Typer(help="Whom to ask for help, and the asking.")


@app.command("set")
def set_(
    context: typer.Context,
    address: Annotated[
        str | None,
        typer.Option("--address", metavar="ADDRESS", help="Where requests for support go.", show_default=False),
    ] = None,
    tenant_addresses: Annotated[
        bool | None,
        typer.Option(
            "--tenant-addresses/--no-tenant-addresses",
            help="Whether tenants may have an address of their own. Default: no.",
            show_default=False,
        ),
    ] = None,
    attach_system_info: Annotated[
        bool | None,
        typer.Option(
            "--attach-system-info/--no-attach-system-info",
            help="Whether requests carry what is known of this installation, without any secret. Default: no.",
            show_default=False,
        ),
    ] = None,
    clear: Clear = None,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Say where requests for support go, and what goes with them.

    Examples:

      mailctl support set --address support@example.org --attach-system-info

      mailctl support set --tenant-addresses
    """
    from mailctl.services.senders.support import set_support

    session = get_session(context)
    options = {"address": address, "tenant_addresses": tenant_addresses, "attach_system_info": attach_system_info}
    given = {name: value for name, value in options.items() if value is not None}
    if not (given or clear):
        raise MissingInputError("name an option: what is to change", hint="`mailctl support set --help` shows them")
    try:
        change = apply_change(session, plain(set_support(given, clear=clear or ())), dry_run=dry_run)
    except InvalidValueError as error:
        raise as_options(error) from None
    if output is OutputFormat.JSON:
        session.terminal.data(**change.as_json(), support=change.after.support)
    else:
        change.tell(session, "set whom to ask for support", "that is so already")
    _warn_unused(session, change.after)


@app.command()
def show(context: typer.Context, output: Output = OutputFormat.TABLE) -> None:
    """Show where requests for support go, and what goes with them."""
    session = get_session(context)
    settings = session.settings_file.load()
    if output is OutputFormat.JSON:
        session.terminal.data(support=settings.support)
        return
    from mailctl.render.support import support_in_full

    session.terminal.in_full(support_in_full(settings.support, session.terminal.out))
    _warn_unused(session, settings)


@dataclass(frozen=True, kw_only=True)
class RequestOptions:
    """What is asked."""

    subject: Annotated[str | None, message_option("--subject", "TEXT", "In any script.")] = None
    body: Annotated[str | None, message_option("--body", "TEXT", "What help is needed with.")] = None
    body_file: Annotated[
        str | None, message_option("--body-file", "FILE", "A file (UTF-8) with the text; - is standard input.")
    ] = None
    html_file: Annotated[str | None, message_option("--html-file", "FILE", "A file (UTF-8) with the same in HTML.")] = (
        None
    )
    attach: Annotated[list[str] | None, message_option("--attach", "FILE", "A file to attach; repeatable.")] = None


@app.command()
@expand_options
def request(
    context: typer.Context,
    asked: RequestOptions,
    tenant: Annotated[
        str | None,
        typer.Option(
            "--tenant",
            metavar="CODE",
            help="Ask in a tenant's name, about that tenant alone.",
            autocompletion=complete_tenant,
            show_default=False,
        ),
    ] = None,
    system_info: Annotated[
        bool | None,
        typer.Option(
            "--system-info/--no-system-info",
            help="Attach what is known of this installation. Default: as `support set` has it.",
            show_default=False,
        ),
    ] = None,
    yes: Yes = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the request, and send nothing.")] = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Ask for support, by mail to the support address; a summary is shown before, and with --dry-run all of it.

    What is attached of this installation: versions, platform, the settings without any secret, and what the last tests
    found.

    Examples:

      mailctl support request --subject 'Mail is late' --body-file report.txt --attach trace.txt

      mailctl support request --subject 'Mail is late' --body 'Since 9:00.' --tenant acme --dry-run
    """
    from msgspec.structs import replace

    from mailctl.services.senders.support import attach_facts, get_support_address

    session = get_session(context)
    settings = session.settings_file.load()
    asking = None if tenant is None else settings.get_tenant(tenant)
    address = get_support_address(settings, asking)
    if asked.subject is None:
        raise MissingInputError("missing: --subject", details={"missing": ["--subject"]})
    given = {field.name: getattr(asked, field.name) for field in fields(asked)}
    draft = read_draft(session, MessageOptions(to=[address], **given))
    outbox = open_outbox(session, tenant)
    facts = _facts(session, settings, asking, wanted=system_info)
    attached = attach_facts(facts) if facts else None
    if attached:
        draft = replace(draft, attachments=(*draft.attachments, attached))
    if dry_run:
        _rehearse(session, outbox, draft, attached, output)
        return
    _summarise(session, outbox, draft, facts)
    if not session.terminal.require_agreement(f"Send this to {address}?", yes=yes):
        session.terminal.say("nothing was sent")
        raise typer.Exit(Exit.FAILURE)
    with completed(outbox):
        sent = outbox.send(draft)
    tell_sent(session, outbox, sent, output)


def _facts(
    session: Session, settings: Settings, tenant: Tenant | None, *, wanted: bool | None
) -> dict[str, Any] | None:
    """Return what is known of this installation where that goes with requests, or is wanted with this one."""
    if not (settings.support.attach_system_info if wanted is None else wanted):
        return None
    from mailctl.services.senders.system_facts import gather_facts
    from mailctl.store.last_tests import read_results

    return gather_facts(settings, session.secrets, read_results(session.settings_file.path), tenant)


def _rehearse(session: Session, outbox: Outbox, draft: Draft, facts: Attachment | None, output: OutputFormat) -> None:
    """Show a request as it would be sent, what is attached about this installation in full."""
    message = outbox.prepare(draft)
    if output is OutputFormat.JSON:
        from mailctl.render.sending import describe_message

        described: dict[str, Any] = describe_message(outbox.sending, outbox.roles, message)
        attached = facts.read().decode() if facts else None
        session.terminal.data(dry_run=True, **described, system_info=attached, warnings=outbox.warnings)
        return
    from mailctl.render.support import render_request

    for line in render_request(draft, outbox.roles, facts, session.terminal.out):
        session.terminal.result(line)
    session.terminal.say("dry run, nothing was sent")


def _summarise(session: Session, outbox: Outbox, draft: Draft, facts: dict[str, Any] | None) -> None:
    """Show what a person is asked to agree to, on one screen."""
    from mailctl.render.support import facts_in_short, summarise_request

    terminal = session.terminal
    for line in summarise_request(draft, outbox.roles, terminal.err):
        terminal.say(line)
    if facts:
        terminal.say("")
        terminal.say_in_full(facts_in_short(facts, terminal.err))
    terminal.say("\nthe same command with --dry-run shows all of it, word for word")


def _warn_unused(session: Session, settings: Settings) -> None:
    from mailctl.services.senders.support import list_unused_addresses

    if unused := list_unused_addresses(settings):
        session.terminal.warn(f"tenants may have no support address, and these have one, unused: {', '.join(unused)}")
