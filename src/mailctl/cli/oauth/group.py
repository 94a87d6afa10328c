"""`mailctl oauth`: authorise mailboxes at Google, Microsoft or elsewhere, and see how long that holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailctl.cli.changes import as_applied
from mailctl.cli.completion import complete_target, words
from mailctl.cli.oauth.client import client_app
from mailctl.cli.oauth.person import has_browser, person_at, read_redirect
from mailctl.cli.params import DryRun, Output, OutputFormat, Yes
from mailctl.cli.session import Session, get_session
from mailctl.errors import UsageError
from mailctl.exits import Exit
from mailctl.model.oauth import Flow

if TYPE_CHECKING:
    from mailctl.services.oauth.authorise import Authoriser
    from mailctl.services.oauth.grant_state import GrantState
    from mailctl.services.oauth.subjects import Subject
    from mailctl.services.secrets.transactions import SecretsChange

app = typer.Typer(help="Authorise mailboxes at Google, Microsoft or elsewhere, without their passwords.")
app.add_typer(client_app, name="client")

_TARGET_HELP = "sysmail, tenant:CODE, an account's address, or a server's code with --username."
TargetName = Annotated[
    str, typer.Argument(metavar="TARGET", help=_TARGET_HELP, autocompletion=complete_target, show_default=False)
]
OptionalTarget = Annotated[
    str | None,
    typer.Argument(
        metavar="TARGET", help=f"{_TARGET_HELP} Default: all.", autocompletion=complete_target, show_default=False
    ),
]
Username = Annotated[
    str | None,
    typer.Option(
        "--username", metavar="USER", help="The mailbox. Default: the user name of the target.", show_default=False
    ),
]


@app.command()
def authorize(
    context: typer.Context,
    target: TargetName,
    username: Username = None,
    flow: Annotated[
        str | None,
        typer.Option(
            "--flow",
            metavar="FLOW",
            help=f"How: {', '.join(Flow)}. Default: the first that this machine and the OAuth client can do.",
            autocompletion=words(*Flow),
            show_default=False,
        ),
    ] = None,
    print_url: Annotated[
        bool, typer.Option("--print-url", help="Print the address to sign in at, and end; then --resume.")
    ] = False,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Read the address that the browser ended at from standard input, or ask for it."),
    ] = False,
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", metavar="S", min=1, help="Seconds to wait for the person.", show_default=False),
    ] = None,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Authorise a mailbox through the OAuth client of its server or account.

    With a browser on this machine it opens there. Over SSH, a code is entered in a browser elsewhere (device), or the
    address that the browser ended at is pasted back (paste). Scripts do that in two calls, --print-url and --resume.

    Examples:

      mailctl oauth authorize sysmail

      mailctl oauth authorize office --username sales@example.org --flow paste

      mailctl oauth authorize sysmail --print-url

      mailctl oauth authorize sysmail --resume < redirected-address.txt
    """
    from mailctl.services.oauth.authorise import Authoriser, choose_flow

    session = get_session(context)
    subject = _subject(session, target, username)
    wanted = _flow(flow, paste=print_url or resume)
    if print_url and resume:
        raise UsageError("--print-url and --resume exclude each other: the first begins, the second ends")
    authoriser = Authoriser(session.settings_file, session.secrets)
    if not (print_url or resume):
        chosen = choose_flow(
            subject.client,
            wanted,
            mailbox=subject.username,
            has_person=session.terminal.interactive,
            has_browser=has_browser(),
        )
    if dry_run:
        _tell_rehearsal(session, subject, Flow.PASTE if print_url or resume else chosen, output)
        return
    if print_url:
        _print_url(session, authoriser, subject, output)
        return
    if resume:
        change = authoriser.resume(subject, read_redirect(session))
    else:
        change = authoriser.authorise(subject, chosen, person_at(session, subject, timeout))
    _tell_granted(session, subject, change, output)


@app.command()
def status(
    context: typer.Context,
    target: OptionalTarget = None,
    username: Username = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Show what is authorised, until when, and why something is not.

    Nothing is asked of a provider. Exit code 12 unless all that was asked for is granted.
    """
    from mailctl.services.oauth.grant_state import describe_grant
    from mailctl.services.oauth.subjects import find_name, list_names

    session = get_session(context)
    settings = session.settings_file.load()
    names = [find_name(settings, target, username)] if target else list_names(settings)
    states = [describe_grant(settings, session.secrets, name) for name in names]
    _show(session, states, output, in_full=target is not None)
    if not all(state.ok for state in states):
        raise typer.Exit(Exit.AUTHENTICATION)


@app.command()
def refresh(
    context: typer.Context,
    target: TargetName,
    username: Username = None,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Get a new access token now, which also tells whether the provider still honours the grant.

    That is done by itself whenever a token is needed; a broken grant is tried again by this alone.
    """
    from mailctl.services.oauth.grant_state import describe_grant
    from mailctl.services.oauth.subjects import find_name
    from mailctl.services.oauth.tokens import Tokens

    session = get_session(context)
    name = find_name(session.settings_file.load(), target, username)
    if not dry_run:
        subject = _subject(session, target, username)
        Tokens(session.settings_file, session.secrets).renew(name, graph=subject.sending.graph)
    state = describe_grant(session.settings_file.load(), session.secrets, name)
    if output is OutputFormat.JSON:
        session.terminal.data(changed=True, **({"dry_run": True} if dry_run else {}), grant=_as_json(state))
    elif dry_run:
        session.terminal.say(f"dry run, nothing was asked; would have: a new token of {name} from its provider")
    else:
        session.terminal.say(f"the provider gave {name} a new access token")


@app.command()
def revoke(
    context: typer.Context,
    target: TargetName,
    username: Username = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """End a grant at the provider, where it can be ended there, and delete it here.

    If the provider cannot be asked, nothing is deleted; `mailctl secret delete oauth/TARGET` deletes it here alone.
    """
    from mailctl.services.oauth.authorise import Authoriser
    from mailctl.services.oauth.grants import find_reference
    from mailctl.services.oauth.subjects import find_name

    session = get_session(context)
    settings = session.settings_file.load()
    name = find_name(settings, target, username)
    is_there = find_reference(settings, name) is not None
    question = f"Revoke the authorisation of {name}?"
    if is_there and not dry_run and not session.terminal.require_agreement(question, yes=yes):
        session.terminal.say("nothing was revoked")
        raise typer.Exit(Exit.FAILURE)
    change, ended = Authoriser(session.settings_file, session.secrets).revoke(name, dry_run=dry_run)
    if output is OutputFormat.JSON:
        session.terminal.data(**as_applied(change, dry_run=dry_run).as_json(), target=name, at_provider=ended)
        return
    if not change.changed:
        session.terminal.say(f"nothing to change: {name} is not authorised")
    elif dry_run:
        session.terminal.result(change.settings.diff)
        session.terminal.say(f"dry run, nothing was done; would have: revoked the authorisation of {name}")
    elif ended:
        session.terminal.say(f"revoked the authorisation of {name} at the provider, and deleted it here")
    else:
        session.terminal.say(f"deleted the authorisation of {name} here")
        session.terminal.warn("the provider has no way to end it from here: end the user's sessions there as well")


@app.command("setup-script")
def setup_script(
    context: typer.Context,
    target: TargetName,
    username: Username = None,
    flow: Annotated[
        str | None,
        typer.Option("--flow", metavar="FLOW", help="For this flow.", autocompletion=words(*Flow), show_default=False),
    ] = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Print what an administrator has to do once at the provider: PowerShell for Exchange, or Google's steps.

    Examples:

      mailctl oauth setup-script sysmail > exchange.ps1
    """
    from mailctl.services.oauth.grant_state import describe_grant
    from mailctl.services.oauth.setup_script import write_setup_script

    session = get_session(context)
    subject = _subject(session, target, username)
    wanted = _flow(flow)
    if wanted is None:
        wanted = describe_grant(session.settings_file.load(), session.secrets, subject.name).flow
    script = write_setup_script(subject, wanted, session.secrets)
    if output is OutputFormat.JSON:
        session.terminal.data(target=subject.name, script=script)
    else:
        session.terminal.result(script)


def _subject(session: Session, target: str, username: str | None) -> Subject:
    """Return what is to be authorised; a user name stands in for that of the account."""
    from msgspec.structs import replace

    from mailctl.services.oauth.subjects import find_name, get_subject

    settings = session.settings_file.load()
    subject = get_subject(settings, find_name(settings, target, username))
    return replace(subject, username=username) if username else subject


def _flow(given: str | None, *, paste: bool = False) -> Flow | None:
    if given is not None and given not in set(Flow):
        raise UsageError(f"--flow: '{given}' is none of: {', '.join(Flow)}")
    if paste and given not in (None, Flow.PASTE):
        raise UsageError(f"--print-url and --resume are of --flow {Flow.PASTE}, and exclude --flow {given}")
    return Flow(given) if given else None


def _print_url(session: Session, authoriser: Authoriser, subject: Subject, output: OutputFormat) -> None:
    from mailctl.oauth.authorisation import PENDING_SECONDS
    from mailctl.render.oauth import moment

    pending = authoriser.begin(subject)
    command = f"{subject.authorise_command} --resume"
    if output is OutputFormat.JSON:
        expires = moment(pending.created_at + PENDING_SECONDS).isoformat(timespec="seconds")
        session.terminal.data(url=pending.url, expires_at=expires, next=command)
        return
    session.terminal.result(pending.url)
    session.terminal.say(
        f"within {PENDING_SECONDS // 60} minutes: open this address, sign in, and give the one that the browser ended "
        f"at to `{command}`"
    )


def _tell_granted(session: Session, subject: Subject, change: SecretsChange, output: OutputFormat) -> None:
    from mailctl.services.oauth.authorise import list_remarks, test_command
    from mailctl.services.oauth.grant_state import describe_grant

    state = describe_grant(session.settings_file.load(), session.secrets, subject.name)
    remarks = list(list_remarks(state))
    proof = test_command(subject)
    if output is OutputFormat.JSON:
        session.terminal.data(changed=change.changed, grant=_as_json(state), warnings=remarks, next=proof)
    else:
        session.terminal.say(f"authorised {subject.name} through '{state.oauth_client}', by {state.flow}")
    for remark in remarks:
        session.terminal.warn(remark)
    for orphan in change.orphans:
        session.terminal.warn(f"the former grant at {orphan} could not be deleted")
    if output is OutputFormat.TABLE:
        session.terminal.say(f"next: `{proof}` proves that the server takes it")


def _tell_rehearsal(session: Session, subject: Subject, flow: Flow, output: OutputFormat) -> None:
    from mailctl.model.oauth import scopes_for

    scopes = scopes_for(subject.client, flow, graph=subject.sending.graph)
    if output is OutputFormat.JSON:
        session.terminal.data(
            changed=True,
            dry_run=True,
            target=subject.name,
            oauth_client=subject.client.name,
            flow=flow,
            username=subject.username,
            scopes=scopes,
        )
    else:
        session.terminal.say(
            f"dry run, nothing was asked; would have: authorised {subject.name} as {subject.username} through "
            f"'{subject.client.name}', by {flow}, for {' '.join(scopes) or 'no scope'}"
        )


def _show(session: Session, states: list[GrantState], output: OutputFormat, *, in_full: bool) -> None:
    from mailctl.render.oauth import GRANT_HEADERS, grant_in_full, grant_row, render_reason

    if output is OutputFormat.JSON:
        session.terminal.data(grants=[_as_json(state) for state in states])
        return
    if in_full:
        for state in states:
            session.terminal.in_full(grant_in_full(state, session.terminal.out))
    elif states:
        session.terminal.table(GRANT_HEADERS, map(grant_row, states))
        for state in states:
            if state.why:
                session.terminal.result(render_reason(state, session.terminal.width))
    else:
        session.terminal.say("nothing is to be authorised: no account has an OAuth client")
    for state in states:
        for warning in state.warnings:
            session.terminal.warn(warning)
        if state.next:
            session.terminal.say(f"next: `{state.next}`")


def _as_json(state: GrantState) -> dict[str, Any]:
    from mailctl.render.oauth import grant_as_json

    return grant_as_json(state)
