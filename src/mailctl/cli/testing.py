"""`mailctl test`: prove that sending and receiving work, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailctl.cli.params import Output, OutputFormat, complete_target, expand_options, words
from mailctl.cli.session import Session, get_session
from mailctl.errors import MissingInputError, UsageError
from mailctl.exits import Exit
from mailctl.model.target_name import SYSTEM_MAIL
from mailctl.services.check import CERTIFICATE_DAYS_MIN, RECEIVE_DEPTHS, SEND_DEPTHS, Depth

if TYPE_CHECKING:
    from mailctl.model.report import Step, TargetReport
    from mailctl.services.check import Check, CheckOptions, GrantSource, LoginSource
    from mailctl.services.targets import Target
    from mailctl.transport.trace import Trace

app = typer.Typer(help="Prove that sending and receiving work, from DNS to the mailbox; say where they fail and why.")

TargetName = Annotated[
    str,
    typer.Argument(
        metavar="TARGET",
        help="sysmail, or a server's code. Default: sysmail.",
        autocompletion=complete_target,
        show_default=False,
    ),
]


@dataclass(frozen=True, kw_only=True)
class TestOptions:
    """What every test takes: a login, a transcript, limits."""

    username: Annotated[
        str | None, typer.Option("--username", metavar="USER", help="The login to test with.", show_default=False)
    ] = None
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read its password from standard input.")] = (
        False
    )
    password_from: Annotated[
        str | None,
        typer.Option(
            "--password-from",
            metavar="REF",
            help="Where its password or access token lives: env:NAME, file:PATH, command:PROGRAM ARGS, "
            "keyring:SERVICE/USER, vault:NAME.",
            show_default=False,
        ),
    ] = None
    transcript: Annotated[
        bool, typer.Option("--transcript", help="Show on standard error what was said on the wire, without secrets.")
    ] = False
    trace: Annotated[
        Path | None,
        typer.Option("--trace", metavar="FILE", help="Write the transcript to a file, fit for a ticket."),
    ] = None
    min_cert_days: Annotated[
        int, typer.Option("--min-cert-days", metavar="N", min=0, help="Warn of a certificate that ends sooner.")
    ] = CERTIFICATE_DAYS_MIN
    timeout: Annotated[
        float | None, typer.Option("--timeout", metavar="S", min=0.1, help="Seconds for the whole test.")
    ] = None
    fail_on: Annotated[
        str,
        typer.Option(
            "--fail-on", metavar="fail|warn", help="With warn, warnings end in exit code 16.",
            autocompletion=words("fail", "warn"),
        ),
    ] = "fail"  # fmt: skip


@app.command()
@expand_options
def send(
    context: typer.Context,
    options: TestOptions,
    target: TargetName = SYSTEM_MAIL,
    to: Annotated[
        str | None, typer.Option("--to", metavar="ADDRESS", help="Who receives the test message.", show_default=False)
    ] = None,
    sender: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="ADDRESS",
            help="The sender. Default: the target's address, else the user name.",
            show_default=False,
        ),
    ] = None,
    depth: Annotated[
        str,
        typer.Option(
            "--depth", metavar="|".join(SEND_DEPTHS), help="How far to go.", autocompletion=words(*SEND_DEPTHS)
        ),
    ] = Depth.MESSAGE,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Test sending: connection, TLS, login, envelope, and a real message.

    The system mail account is tested with its own login, also while it is inactive.

    Examples:

      mailctl test send --to you@example.org

      mailctl test send hq --to you@example.org --username you@example.org

      mailctl test send hq --depth tls -o json
    """
    from mailctl.services.check import plan_send

    session = get_session(context)
    reached = _depth(depth, SEND_DEPTHS)
    with _prepared(session, target, options, reached) as (found, checking):
        check = plan_send(found, checking, depth=reached, recipient=to, sender=sender)
        _run(session, check, options, output)


@app.command()
@expand_options
def receive(
    context: typer.Context,
    options: TestOptions,
    target: TargetName = SYSTEM_MAIL,
    depth: Annotated[
        str,
        typer.Option(
            "--depth", metavar="|".join(RECEIVE_DEPTHS), help="How far to go.", autocompletion=words(*RECEIVE_DEPTHS)
        ),
    ] = Depth.MAILBOX,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Test receiving: connection, TLS, login, and the mailbox opened read-only.

    For the system mail account that is its catalogue server's incoming side, or the POP3 server of POP before SMTP.

    Examples:

      mailctl test receive hq --username you@example.org --password-from env:PASSWORD

      mailctl test receive hq --depth tls --transcript
    """
    from mailctl.services.check import plan_receive

    session = get_session(context)
    reached = _depth(depth, RECEIVE_DEPTHS)
    with _prepared(session, target, options, reached) as (found, checking):
        _run(session, plan_receive(found, checking, depth=reached), options, output)


def _depth(given: str, depths: Sequence[Depth]) -> Depth:
    if given not in depths:
        raise UsageError(f"--depth: '{given}' is none of: {', '.join(depths)}")
    return Depth(given)


@contextmanager
def _prepared(
    session: Session, target: str, options: TestOptions, depth: Depth
) -> Iterator[tuple[Target, CheckOptions]]:
    """Yield the target and the options of its check; the trace file is written at the end, come what may."""
    from mailctl.model.secret import parse_secret_ref
    from mailctl.services.check import CheckOptions
    from mailctl.services.targets import get_target

    if options.fail_on not in ("fail", "warn"):
        raise UsageError(f"--fail-on: '{options.fail_on}' is neither fail nor warn")
    found = get_target(session.settings_file.load(), target, session.settings_file.path.parent)
    trace = _trace(session, options)
    checking = CheckOptions(
        read_secret=lambda reference: session.secrets.get(parse_secret_ref(reference)),
        open_tokens=session.open_tokens,
        login=_login(session, found, options) if depth not in (Depth.CONNECT, Depth.TLS) else None,
        certificate_days_min=options.min_cert_days,
        timeout_seconds=options.timeout,
        trace=trace,
    )
    try:
        yield found, checking
    finally:
        if trace is not None and options.trace is not None:
            from mailctl.durable import replace_file
            from mailctl.render.transcript import render_transcript

            replace_file(options.trace, render_transcript(trace.lines).encode())


def _trace(session: Session, options: TestOptions) -> Trace | None:
    if not (options.transcript or options.trace):
        return None
    from mailctl.render.transcript import render_line
    from mailctl.transport.trace import Trace

    if not options.transcript:
        return Trace()
    return Trace(on_line=lambda line: session.terminal.say(render_line(line, session.terminal.err)))


def _login(session: Session, target: Target, options: TestOptions) -> LoginSource | GrantSource | None:
    """Return the login that is given; without a password, that of an OAuth client's server is by its grant."""
    from mailctl.cli.params import given_reference, read_secret
    from mailctl.model.secret import SecretKind
    from mailctl.services.check import GrantSource, LoginSource
    from mailctl.services.grants import grant_name

    if options.username is None:
        if options.password_stdin or options.password_from is not None:
            raise MissingInputError("missing: --username, whose password was given")
        return None
    if target.sending.oauth_client and not options.password_stdin and options.password_from is None:
        return GrantSource(username=options.username, grant=grant_name(target.name, options.username))
    if options.password_from is not None and not options.password_stdin:
        reference = given_reference(options.password_from, "--password-from")
        # A command's words may say more than a report should.
        source = "command" if reference.kind is SecretKind.COMMAND else str(reference)
        return LoginSource(username=options.username, source=source, read=lambda: session.secrets.get(reference))
    secret = read_secret(
        session,
        stdin=options.password_stdin,
        reference=options.password_from,
        prompt=f"Password of {options.username}",
    )
    if secret is None:
        raise MissingInputError("missing: --password-stdin or --password-from")
    source = "standard input" if options.password_stdin else "prompt"
    return LoginSource(username=options.username, source=source, read=lambda: secret)


def _run(session: Session, check: Check, options: TestOptions, output: OutputFormat) -> None:
    """Run one check, show it, and end with its exit code."""
    from mailctl.services.check import exit_of, gather
    from mailctl.services.observation import run_check

    report = gather([show_check(session, check) if output is OutputFormat.TABLE else run_check(check)])
    if output is OutputFormat.JSON:
        import msgspec

        session.terminal.data(**msgspec.to_builtins(report))
    code = exit_of(report, fail_on_warnings=options.fail_on == "warn")
    if code == Exit.INTERRUPTED:
        raise KeyboardInterrupt
    if code:
        raise typer.Exit(code)


def show_check(session: Session, check: Check) -> TargetReport:
    """Run one check and show each step as it ends, then the first failure opened, then the verdict.

    Raises KeyboardInterrupt after that, if Ctrl-C ended it.
    """
    from mailctl.render.report import render_failures, render_step, render_verdict
    from mailctl.services.observation import run_check

    terminal = session.terminal
    side = "sending through" if check.act == "send" else "receiving from"
    terminal.result(terminal.out.bold(f"{side} {check.target.title}"))

    def show(step: Step) -> None:
        terminal.result(render_step(step, terminal.out))
        terminal.flush()

    report = run_check(check, show)
    for line in render_failures(report, terminal.out, terminal.width):
        terminal.result(line)
    terminal.result("")
    terminal.result(render_verdict(report, side, terminal.out))
    if report.exit_code == Exit.INTERRUPTED:
        raise KeyboardInterrupt
    return report
