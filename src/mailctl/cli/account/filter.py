"""`mailctl account filter`: rules that say what becomes of an account's new mail."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailctl.cli.account.filter_run import run
from mailctl.cli.account.options import Address
from mailctl.cli.account.sieve import Replace, install_rules_of, server_times, uninstall
from mailctl.cli.changes import AppliedChange, agree_to_delete, apply_change, plain
from mailctl.cli.completion import account_of, is_offered, words
from mailctl.cli.option_names import missing_input
from mailctl.cli.params import DryRun, Output, OutputFormat, Yes
from mailctl.cli.placement import First, Last, read_placement
from mailctl.cli.session import Session, get_session
from mailctl.errors import InvalidValueError, Problem

if TYPE_CHECKING:
    from mailctl.model.account import Account
    from mailctl.model.settings import Edit

app = typer.Typer(
    help="Rules that move, copy, mark or redirect an account's new mail, by itself at the server or here."
)

_MATCHES = ("all", "any", "none")


def complete_filter(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Offer the names of an account's rules."""
    account = account_of(ctx, str(ctx.params.get("address") or ""))
    return [rule.name for rule in (account.filters if account else ()) if is_offered(rule.name, incomplete)]


Name = Annotated[
    str, typer.Argument(metavar="NAME", help="The rule's name.", autocompletion=complete_filter, show_default=False)
]
If = Annotated[
    list[str] | None,
    typer.Option(
        "--if",
        metavar="'FIELD contains|is|matches|over|under VALUE'",
        help="A condition; repeatable. FIELD: sender, recipient, subject, body, size, or any header field.",
        show_default=False,
    ),
]
MatchOption = Annotated[
    str | None,
    typer.Option(
        "--match",
        metavar="|".join(_MATCHES),
        help="How many of the conditions must hold. Default: all.",
        autocompletion=words(*_MATCHES),
        show_default=False,
    ),
]
Then = Annotated[
    list[str] | None,
    typer.Option(
        "--then",
        metavar="'ACTION'",
        help="move FOLDER, copy FOLDER, mark read, flag [KEYWORD], delete (into the trash), redirect ADDRESS, keep, "
        "stop; repeatable. A FOLDER is meant by its name at the server, never by a role.",
        show_default=False,
    ),
]
Stop = Annotated[
    bool | None,
    typer.Option("--stop/--no-stop", help="Let no later rule look at the message.", show_default=False),
]
_OPTIONS = {"conditions": "--if", "actions": "--then", "name": "NAME"}


@app.command()
def add(
    context: typer.Context,
    address: Address,
    name: Name,
    conditions: If = None,
    match: MatchOption = None,
    actions: Then = None,
    stop: Stop = None,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Add a rule behind the others. It is kept here; `filter install` or `filter run` lets it act.

    Examples:

      mailctl account filter add taro@example.org Invoices --if 'subject contains invoice' --then 'move Invoices'

      mailctl account filter add taro@example.org News --match any --if 'list-id matches *.lists.example.org'
      --if 'sender contains @news.' --then 'move 購読' --then 'mark read' --stop
    """
    from mailctl.services.accounts.filters import add_filter

    missing = ["--if"] * (not conditions) + ["--then"] * (not actions and not stop)
    if missing:
        raise missing_input(missing, hint="such as --if 'subject contains invoice' --then 'move Invoices'")
    done = [*(actions or ()), *(["stop"] if stop else [])]
    fields = {"name": name, **_given(conditions, match, done)}
    _change(context, address, name, lambda found: add_filter(found, fields), "added", output, dry_run=dry_run)


@app.command()
def edit(
    context: typer.Context,
    address: Address,
    name: Name,
    conditions: If = None,
    match: MatchOption = None,
    actions: Then = None,
    stop: Stop = None,
    new_name: Annotated[
        str | None, typer.Option("--name", metavar="NEW", help="Give it another name.", show_default=False)
    ] = None,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Change a rule. Conditions or actions that are given replace all that it had; a stop ends by --no-stop.

    Examples:

      mailctl account filter edit taro@example.org Invoices --then 'move Invoices/2026' --then 'mark read'
    """
    from mailctl.services.accounts.filters import edit_filter

    fields = _given(conditions, match, actions) | ({} if new_name is None else {"name": new_name})
    if not fields and stop is None:
        raise missing_input(["--if, --match, --then, --stop or --name"], hint="name what is to change")

    def edit_of(found: str) -> Edit:
        return edit_filter(found, name, fields, stop=stop)

    _change(context, address, name, edit_of, "changed", output, dry_run=dry_run)


@app.command("list")
def list_(context: typer.Context, address: Address, output: Output = OutputFormat.TABLE) -> None:
    """List the rules in the order in which they look at a message."""
    session = get_session(context)
    account = session.settings_file.load().get_account(address)
    if output is OutputFormat.JSON:
        session.terminal.data(account=account.address, filters=account.filters)
    elif account.filters:
        from mailctl.render.filters import FILTER_HEADERS, filter_rows

        session.terminal.table(FILTER_HEADERS, filter_rows(account.filters))
    else:
        session.terminal.say(f"{account.address} has no filters; `mailctl account filter add` adds one")


@app.command()
def reorder(
    context: typer.Context,
    address: Address,
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME…",
            help="All rules, in their new order; or one, with its place.",
            autocompletion=complete_filter,
            show_default=False,
        ),
    ],
    first: First = False,
    last: Last = False,
    before: Annotated[
        str | None, typer.Option("--before", metavar="NAME", autocompletion=complete_filter, show_default=False)
    ] = None,
    after: Annotated[
        str | None, typer.Option("--after", metavar="NAME", autocompletion=complete_filter, show_default=False)
    ] = None,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Put the rules into another order: all names in the new order, or one name and its place.

    Examples:

      mailctl account filter reorder taro@example.org News Invoices 購読

      mailctl account filter reorder taro@example.org Invoices --before News
    """
    from mailctl.services.accounts.filters import move_filter, order_filters

    placement = read_placement(names, what="filter", first=first, last=last, before=before, after=after)

    def edit_of(found: str) -> Edit:
        return move_filter(found, names[0], placement) if placement else order_filters(found, names)

    _change(context, address, None, edit_of, "reordered", output, dry_run=dry_run)


@app.command()
def delete(
    context: typer.Context,
    address: Address,
    name: Name,
    yes: Yes = False,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Delete a rule here; at the server it goes with the next `filter install`."""
    from mailctl.services.accounts.filters import delete_filter, get_filter

    session = get_session(context)
    account = session.settings_file.load().get_account(address)
    rule = get_filter(account, name)
    question = f"Delete the filter '{rule.name}' of {account.address}?"
    agree_to_delete(session, question, yes=yes, dry_run=dry_run)
    _change(context, address, name, lambda found: delete_filter(found, rule.name), "deleted", output, dry_run=dry_run)


@app.command()
def install(
    context: typer.Context,
    address: Address,
    replace: Replace = False,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Let the account's server run the rules by itself: as a Sieve script, over ManageSieve.

    The server checks the script before anything is changed. A dry run prints the script.

    Examples:

      mailctl account filter install taro@example.org
    """
    install_rules_of(get_session(context), address, replace=replace, dry_run=dry_run, output=output)


app.command()(uninstall)
app.command()(run)


def _given(conditions: list[str] | None, match: str | None, actions: list[str] | None) -> dict[str, Any]:
    from mailctl.model.filters import Match

    if match is not None and match not in set(Match):
        raise InvalidValueError([Problem("--match", f"'{match}' is none of: {', '.join(Match)}")])
    fields = {"conditions": conditions or None, "match": match, "actions": actions or None}
    return {name: value for name, value in fields.items() if value is not None}


@contextmanager
def _naming_options() -> Iterator[None]:
    """Let errors name options in the place of a rule's fields."""
    from msgspec.structs import replace

    try:
        yield
    except InvalidValueError as error:
        named = [replace(one, where=_OPTIONS.get(one.where.partition("[")[0], one.where)) for one in error.problems]
        raise InvalidValueError(named, hint=error.hint) from None


def _change(
    context: typer.Context,
    address: str,
    name: str | None,
    edit_of: Callable[[str], Edit],
    done: str,
    output: OutputFormat,
    *,
    dry_run: bool,
) -> None:
    session = get_session(context)
    account = session.settings_file.load().get_account(address)
    with _naming_options():
        change: AppliedChange = apply_change(session, plain(edit_of(account.address)), dry_run=dry_run)
    changed = change.after.get_account(account.address)
    if output is OutputFormat.JSON:
        session.terminal.data(**change.as_json(), account=changed.address, filters=changed.filters)
        return
    what = "the filters" if name is None else f"the filter '{name}'"
    change.tell(session, f"{done} {what} of {changed.address}", "it is so already")
    if name is not None:
        _tell_of_roles(session, changed)
    if change.changed and not dry_run:
        session.terminal.say(_next(session, changed))


def _tell_of_roles(session: Session, account: Account) -> None:
    """Say where a rule names a folder by a word that is a role elsewhere: it means the folder of that name."""
    from mailctl.model.folders import FolderRole
    from mailctl.services.accounts.filters import list_filed_into

    for name in dict.fromkeys(list_filed_into(account)):
        role = FolderRole.aliases().get(name, name)
        if role in set(FolderRole) and (folder := account.folders.find(FolderRole(role))) != name:
            known = f": that is '{folder}' of {account.address}" if folder else ""
            session.terminal.say(
                f"note: rules name folders; '{name}' is the one called so, not the {role} folder{known}"
            )


def _next(session: Session, account: Account) -> str:
    """Return what lets the rules act as they are now."""
    from mailctl.model.resolve_account import resolve_account_receiving
    from mailctl.model.server import IncomingProtocol
    from mailctl.services.accounts.installations import Part

    install = f"`mailctl account filter install {account.address}`"
    if server_times(session, account, Part.FILTERS).since:
        return f"next: {install}; until then the server runs the rules as they were installed last"
    if resolve_account_receiving(session.settings_file.load(), account).endpoint.protocol is IncomingProtocol.POP3:
        return f"next: {install}, if its server speaks ManageSieve; a POP3 mailbox has no folders for `filter run`"
    return f"next: {install} where the server speaks ManageSieve, else `mailctl account filter run {account.address}`"
