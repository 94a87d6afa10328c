"""`mailctl secret`: where secrets live, and whether they are there. There is no command that shows one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailctl.cli.changes import AppliedChange, agree_to_delete, as_applied
from mailctl.cli.completion import is_offered
from mailctl.cli.params import DryRun, Output, OutputFormat, Yes
from mailctl.cli.session import Session, get_session
from mailctl.errors import MissingInputError, SecretStoreError, UsageError
from mailctl.exits import Exit
from mailctl.model.settings import SecretBackend

if TYPE_CHECKING:
    from mailctl.model.secret import Secret
    from mailctl.services.secrets.state import BackendState, SecretState
    from mailctl.services.secrets.transactions import SecretsChange

app = typer.Typer(help="Where secrets live, and whether they are there. None is ever shown.")


def _complete_name(context: typer.Context, incomplete: str) -> Iterable[str]:
    """Offer the names that `status` lists; settings that cannot be read offer none."""
    from mailctl.errors import MailctlError
    from mailctl.services.secrets.slots import list_slots

    try:
        settings = Session(config=context.find_root().params.get("config")).settings_file.load()
    except (MailctlError, OSError):
        return []
    return [slot.name for slot in list_slots(settings) if is_offered(slot.name, incomplete)]


Name = Annotated[str, typer.Argument(metavar="NAME", autocompletion=_complete_name, show_default=False)]


@app.command()
def status(context: typer.Context, output: Output = OutputFormat.TABLE) -> None:
    """Show every secret that the settings name: where it lives, and whether it is there.

    Commands are not run. Exit code 6 if a secret is missing, or the place where it lives cannot be used.
    """
    from mailctl.services.secrets.state import describe_secrets

    session = get_session(context)
    state = describe_secrets(session.settings_file.load(), session.secrets)
    orphans = [str(reference) for reference in state.orphans]
    if output is OutputFormat.JSON:
        session.terminal.data(backend=state.backend, secrets=state.secrets, orphans=orphans)
    else:
        session.terminal.result(_backend_text(state.backend, session.terminal.width))
        if state.secrets:
            rows = (_row(secret, state.backend.problem) for secret in state.secrets)
            session.terminal.table(("NAME", "REFERENCE", "STATE"), rows)
    _tell_problem(session, state.backend)
    for reference in orphans:
        session.terminal.warn(f"{reference} is stored, but nothing names it: `mailctl secret delete` takes its name")
    if not state.ok:
        raise typer.Exit(Exit.SECRET)


@app.command("set")
def set_(
    context: typer.Context,
    name: Name,
    stdin: Annotated[
        bool, typer.Option("--stdin", "--password-stdin", help="Read the secret from standard input.")
    ] = False,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            "--password-from",
            metavar="REF",
            help="Copy the secret from env:, file:, command: …",
            show_default=False,
        ),
    ] = None,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Store a secret in the backend, or replace it.

    NAME is one that `status` lists, or a free one (without ':' and '/'), which can then be used by the reference that
    `status` shows. It is asked for twice, hidden; or comes from standard input, exactly one trailing newline removed.

    Examples:

      mailctl secret set relay

      pass show mail/relay | mailctl secret set relay --stdin

      mailctl secret set relay --from file:/run/secrets/relay
    """
    from mailctl.services.secrets.transactions import set_secret

    session = get_session(context)
    secret = _read(session, name, stdin=stdin, source=source)
    change = set_secret(session.settings_file, session.secrets, name, secret, dry_run=dry_run)
    reference = str(change.references[name])
    if output is OutputFormat.JSON:
        session.terminal.data(
            **as_applied(change, dry_run=dry_run).as_json(), secret={"name": name, "reference": reference}
        )
    else:
        as_applied(change, dry_run=dry_run).tell(
            session, f"stored '{name}' at {reference}", f"'{name}' holds that secret already"
        )
    _require_tidy(change)


@app.command()
def delete(
    context: typer.Context, name: Name, yes: Yes = False, dry_run: DryRun = False, output: Output = OutputFormat.TABLE
) -> None:
    """Delete a secret that mailctl stored, and its name; whose it is, is told before.

    A secret that only is referred to (env:, file:, command:, another program's keyring entry) stays where it is.
    """
    from shlex import quote

    from mailctl.services.oauth.grants import authorise_command, secret_name
    from mailctl.services.secrets.slots import find_user
    from mailctl.services.secrets.transactions import delete_secret

    session = get_session(context)
    change = delete_secret(session.settings_file, session.secrets, name, dry_run=True)
    user = find_user(change.settings.before, name)
    question = f"Delete the secret '{name}'?"
    agree_to_delete(session, f"{user} uses it. {question}" if user else question, yes=yes, dry_run=dry_run)
    if not dry_run:
        change = delete_secret(session.settings_file, session.secrets, name)
    if output is OutputFormat.JSON:
        session.terminal.data(**as_applied(change, dry_run=dry_run).as_json(), secret={"name": name})
    else:
        as_applied(change, dry_run=dry_run).tell(session, f"deleted '{name}'", f"there is no '{name}'")
    if user and dry_run:
        session.terminal.say(f"{user} would be without it")
    elif user:
        again = authorise_command(user) if name == secret_name(user) else f"mailctl secret set {quote(name)}"
        session.terminal.warn(f"{user} used it, and is without it now: `{again}` gives it another")
    _require_tidy(change)


@app.command()
def migrate(
    context: typer.Context,
    to: Annotated[
        SecretBackend | None, typer.Option("--to", help="Where they are to live; required.", show_default=False)
    ] = None,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Move every secret that mailctl stored to the keyring or the vault; new ones are stored there from then on.

    Copies are read back before the settings name them, and the originals deleted after. If it is interrupted, run it
    again. For a vault, `secret backend vault --key-file FILE` comes first.
    """
    from mailctl.services.secrets.transactions import migrate_secrets

    if to is None:
        raise MissingInputError(
            "missing: --to",
            hint="name where they are to live: --to keyring, or --to vault",
            details={"missing": ["--to"]},
        )
    session = get_session(context)
    change = migrate_secrets(session.settings_file, session.secrets, to, dry_run=dry_run)
    if output is OutputFormat.JSON:
        moved = [{"name": name, "reference": str(reference)} for name, reference in change.references.items()]
        session.terminal.data(**as_applied(change, dry_run=dry_run).as_json(), backend=to, moved=moved)
    else:
        count = len(change.references)
        done = f"moved {count} secret{'s' * (count != 1)}; the {to} takes new ones"
        as_applied(change, dry_run=dry_run).tell(session, done, f"all secrets are in the {to}")
    _require_tidy(change)


@app.command()
def backend(
    context: typer.Context,
    backend_: Annotated[SecretBackend | None, typer.Argument(metavar="keyring|vault", show_default=False)] = None,
    key_file: Annotated[
        Path | None,
        typer.Option("--key-file", metavar="FILE", help="Opens the vault; made if absent.", show_default=False),
    ] = None,
    passphrase_from: Annotated[
        str | None,
        typer.Option(
            "--passphrase-from", metavar="REF", help="Where the vault's passphrase lives.", show_default=False
        ),
    ] = None,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Show where new secrets are stored, or choose it: the operating system's keyring, or a vault.

    The vault is an encrypted file (age) beside the settings, for machines without a keyring. A key file opens it at
    once; a passphrase takes a second or two each time. Keep the key file apart from the vault's backups.

    Examples:

      mailctl secret backend vault --key-file ~/keys/mailctl.key

      mailctl secret backend vault --passphrase-from env:MAILCTL_PASSPHRASE
    """
    from mailctl.services.secrets.backend import choose_backend
    from mailctl.services.secrets.state import describe_backend

    session = get_session(context)
    if backend_ is None:
        if key_file or passphrase_from:
            raise UsageError("--key-file and --passphrase-from go with `mailctl secret backend vault`")
        state = describe_backend(session.secrets)
        if output is OutputFormat.JSON:
            session.terminal.data(backend=state)
        else:
            session.terminal.result(_backend_text(state, session.terminal.width))
        _tell_problem(session, state)
        return
    is_new_key = key_file is not None and not key_file.expanduser().exists()
    change = choose_backend(
        session.settings_file,
        session.secrets,
        backend_,
        key_file=str(key_file.expanduser().absolute()) if key_file else None,
        passphrase_from=passphrase_from,
        dry_run=dry_run,
    )
    if output is OutputFormat.JSON:
        options = change.after.secrets
        chosen = {"backend": backend_, "key_file": options.key_file, "passphrase_from": options.passphrase_from}
        session.terminal.data(**AppliedChange(change, dry_run=dry_run).as_json(), backend=chosen)
    elif not change.changed:
        session.terminal.say(f"nothing to change: new secrets are stored in the {backend_} already")
    elif dry_run:
        session.terminal.result(change.diff)
        session.terminal.say("dry run, nothing was written")
    else:
        if is_new_key:
            key = change.after.secrets.key_file
            session.terminal.say(f"made the key {key}: back it up, apart from the vault, which nothing else opens")
        session.terminal.say(f"new secrets are stored in the {backend_}")
    if not dry_run:
        _tell_problem(session, describe_backend(session.secrets.with_options(change.after.secrets)))


def _read(session: Session, name: str, *, stdin: bool, source: str | None) -> Secret:
    """Return the secret to store, from standard input, a reference, or a person who types it twice."""
    if stdin and source is not None:
        raise UsageError("--stdin and --from exclude each other")
    if stdin:
        from mailctl.cli.secret_input import read_stdin_secret

        return read_stdin_secret("-")
    if source is not None:
        from mailctl.cli.secret_input import given_reference

        return session.secrets.get(given_reference(source, "--from"))
    if not session.terminal.interactive:
        raise MissingInputError(
            "missing: the secret, and nobody can be asked here", hint="give it by --stdin or --from REF"
        )
    session.secrets.open_store().check()
    question = f"Secret '{name}' (not shown)"
    while (secret := session.terminal.ask_secret(question)) != session.terminal.ask_secret("Once more"):
        session.terminal.say("the two differ; type it twice again, or leave with Ctrl-C")
    return secret


def _require_tidy(change: SecretsChange) -> None:
    """Raise SecretStoreError, naming them, where secrets are left that nothing names any more."""
    if change.orphans:
        left = [str(reference) for reference in change.orphans]
        raise SecretStoreError(
            f"the settings are changed, but what they no longer name could not be deleted: {', '.join(left)}",
            hint="`mailctl secret delete NAME` deletes it once its store can be used again",
            details={"orphans": left},
        )


def _row(secret: SecretState, said_anyway: str | None) -> tuple[str, str, str]:
    if secret.problem and secret.problem == said_anyway:
        return secret.name, secret.reference, "unavailable"
    unknown = f"unavailable: {secret.problem}" if secret.problem else "not tried"
    states = {True: "there", False: f"missing: {secret.problem}", None: unknown}
    return secret.name, secret.reference, states[secret.present]


def _backend_text(state: BackendState, width: int | None) -> str:
    from mailctl.render.wrap import wrap

    chosen = "" if state.chosen else " (by default)"
    place = f": {state.location}" if state.location else ""
    key = f", opened by the {state.opened_by}" if state.opened_by else ""
    if state.usable:
        text = f"new secrets are stored in the {state.backend}{chosen}{place}{key}"
    else:
        text = f"new secrets go to the {state.backend}{chosen}, which cannot be used{place}{key}"
    return wrap(text, width)


def _tell_problem(session: Session, state: BackendState) -> None:
    if state.warning:
        session.terminal.warn(state.warning)
    if state.problem:
        session.terminal.warn(state.problem)
        session.terminal.say(f"hint: {state.hint}")
