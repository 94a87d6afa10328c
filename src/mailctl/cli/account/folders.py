"""`mailctl account folders`: which folder of a mailbox is for what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mailctl.cli.account.options import Address
from mailctl.cli.changes import AppliedChange, apply_change, plain
from mailctl.cli.completion import words
from mailctl.cli.mailbox import open_mailbox
from mailctl.cli.params import DryRun, Output, OutputFormat
from mailctl.cli.session import Session, get_session
from mailctl.errors import InvalidValueError, NotFoundError, Problem
from mailctl.model.folders import FolderRole, parse_folder_name
from mailctl.render.style import visible
from mailctl.render.wrap import wrap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mailctl.services.accounts.folders import FolderChoice
    from mailctl.transport.imap.folders import FolderTree

app = typer.Typer(help="Which folder of a mailbox is for what: drafts, sent, spam, trash, archive.")

Role = Annotated[
    str,
    typer.Argument(metavar="ROLE", help=", ".join(FolderRole), autocompletion=words(*FolderRole), show_default=False),
]


@app.command()
def show(context: typer.Context, address: Address, output: Output = OutputFormat.TABLE) -> None:
    """Show the folder of each role, and all that the mailbox has.

    A folder of the settings that the server does not have is an error (exit code 3).
    """
    from mailctl.services.accounts.folders import describe_folders, require_present
    from mailctl.transport.imap.folders import ImapFolders

    session = get_session(context)
    account = session.settings_file.load().get_account(address)
    with open_mailbox(session, account) as opened:
        tree = ImapFolders(opened).list()
    choices = describe_folders(account, tree)
    _print(session, account.address, choices, tree, output)
    require_present(choices, tree, account.address)


@app.command()
def detect(
    context: typer.Context,
    address: Address,
    save: Annotated[bool, typer.Option("--save", help="Save what is found, without asking.")] = False,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Find the folder of each role: as the server tells (RFC 6154), else by what it is called, in many languages.

    What is found is saved with --save, or where a person agrees.

    Examples:

      mailctl account folders detect taro@example.org --save
    """
    from mailctl.services.accounts.folders import detect_folders, save_folders
    from mailctl.transport.imap.folders import ImapFolders

    session = get_session(context)
    account = session.settings_file.load().get_account(address)
    with open_mailbox(session, account) as opened:
        tree = ImapFolders(opened).list()
    choices = detect_folders(tree)
    edit = save_folders(account.address, choices)
    if output is OutputFormat.TABLE:
        _print(session, account.address, choices, tree, output)
        differs = edit(session.settings_file.load()) != session.settings_file.load()
        if differs and session.terminal.interactive and not save and not dry_run:
            save = session.terminal.confirm("Save this?", default=True)
    if not save and not dry_run:
        if output is OutputFormat.JSON:
            _print(session, account.address, choices, tree, output, changed=False)
        else:
            session.terminal.say("nothing was saved; --save saves it")
        return
    change = apply_change(session, plain(edit), dry_run=dry_run)
    if output is OutputFormat.JSON:
        _print(session, account.address, choices, tree, output, **change.as_json())
    else:
        change.tell(session, f"saved the folders of {account.address}", "they are saved so already")


@app.command()
def create(
    context: typer.Context,
    address: Address,
    roles: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ROLE…",
            help="Default: drafts, sent, spam, trash.",
            autocompletion=words(*FolderRole),
            show_default=False,
        ),
    ] = None,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Create the folders of roles that have none, and save which they are.

    Examples:

      mailctl account folders create taro@example.org

      mailctl account folders create taro@example.org archive
    """
    from mailctl.services.accounts.folders import CREATED_ROLES, create_missing, describe_folders, save_folders
    from mailctl.transport.imap.folders import ImapFolders

    session = get_session(context)
    account = session.settings_file.load().get_account(address)
    wanted = tuple(_parse_role(role) for role in roles) if roles else CREATED_ROLES
    with open_mailbox(session, account) as opened:
        folders = ImapFolders(opened)
        tree = folders.list()
        if dry_run:
            lacking = [choice for choice in describe_folders(account, tree) if choice.role in wanted]
            made = [choice for choice in lacking if not choice.present]
        else:
            made = create_missing(folders, account, tree, wanted)
            tree = folders.list() if made else tree
    if dry_run:
        _tell_created(session, made, output, dry_run=True)
        return
    change = apply_change(session, plain(save_folders(account.address, made)))
    _tell_created(session, made, output, change=change)


@app.command("set")
def set_(
    context: typer.Context,
    address: Address,
    role: Role,
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="As the server calls it.", show_default=False)],
    create_: Annotated[bool, typer.Option("--create", help="Make the folder where it is not there.")] = False,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Say which folder a role has; one that the server does not have is refused, and those that there are are listed.

    Examples:

      mailctl account folders set taro@example.org sent 送信済み

      mailctl account folders set taro@example.org archive 保管 --create
    """
    from mailctl.services.accounts.folders import FolderChoice, Source, create_folders, require_folder, save_folders
    from mailctl.transport.imap.folders import ImapFolders

    session = get_session(context)
    account = session.settings_file.load().get_account(address)
    wanted = _parse_role(role)
    try:
        name = parse_folder_name(folder)
    except ValueError as error:
        raise InvalidValueError([Problem("FOLDER", str(error))]) from None
    with open_mailbox(session, account) as opened:
        folders = ImapFolders(opened)
        tree = folders.list()
        try:
            name = require_folder(tree, name, account.address)
        except NotFoundError as error:
            if not create_:
                error.hint = f"{error.hint}; --create makes it"
                raise
            if not dry_run:
                create_folders(folders, tree, [name], role=wanted)
    choice = FolderChoice(wanted, name, Source.SETTINGS, present=True)
    change = apply_change(session, plain(save_folders(account.address, [choice])), dry_run=dry_run)
    if output is OutputFormat.JSON:
        session.terminal.data(**change.as_json(), account=account.address, role=wanted, folder=name)
    else:
        change.tell(session, f"{wanted} of {account.address} is '{name}'", f"{wanted} is '{name}' already")


def _parse_role(text: str) -> FolderRole:
    role = FolderRole.aliases().get(text, text)
    if role not in set(FolderRole):
        raise InvalidValueError([Problem("ROLE", f"'{text}' is none of: {', '.join(FolderRole)}")])
    return FolderRole(role)


def _print(
    session: Session,
    address: str,
    choices: Sequence[FolderChoice],
    tree: FolderTree,
    output: OutputFormat,
    **fields: object,
) -> None:
    if output is OutputFormat.JSON:
        from msgspec import to_builtins

        from mailctl.services.accounts.folders import map_roles

        roles = map_roles(choices)
        folders = [{**to_builtins(folder), "used_as": roles.get(folder.name)} for folder in tree.folders]
        session.terminal.data(
            **fields, account=address, roles=choices, folders=folders, prefix=tree.prefix, separator=tree.separator
        )
        return
    from mailctl.render.folders import ROLE_HEADERS, role_row

    session.terminal.table(ROLE_HEADERS, map(role_row, choices))
    used = {choice.folder for choice in choices}
    if others := [name for name in tree.names if name not in used]:
        session.terminal.result(wrap(visible(f"\nothers: {', '.join(others)}", keep="\n"), session.terminal.width))


def _tell_created(
    session: Session,
    made: Sequence[FolderChoice],
    output: OutputFormat,
    *,
    change: AppliedChange | None = None,
    dry_run: bool = False,
) -> None:
    if output is OutputFormat.JSON:
        changed = change.as_json() if change else {"changed": bool(made), "dry_run": dry_run}
        session.terminal.data(**{**changed, "changed": bool(made)}, created=made)
        return
    said = ", ".join(f"'{choice.folder}' ({choice.role})" if choice.folder else str(choice.role) for choice in made)
    if not made:
        session.terminal.say("nothing to change: every role has its folder")
    elif dry_run:
        session.terminal.say(f"dry run, nothing was created; without --dry-run: a folder each for {said}")
    else:
        session.terminal.say(f"created {said}")
