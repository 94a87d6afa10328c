"""`mailctl test`: prove that sending and receiving work, step by step."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from mailctl.cli.completion import words
from mailctl.cli.params import Output, OutputFormat, expand_options
from mailctl.cli.session import get_session
from mailctl.cli.testing.all_targets import all_
from mailctl.cli.testing.options import LoginOptions, TargetName, TestOptions, parse_depth
from mailctl.cli.testing.roundtrip import roundtrip
from mailctl.cli.testing.run import TestCall
from mailctl.model.target_name import SYSTEM_MAIL
from mailctl.services.testing.check import LOGGED_IN, RECEIVE_DEPTHS, SEND_DEPTHS, Depth

app = typer.Typer(help="Prove that sending and receiving work, from DNS to the mailbox; say where they fail and why.")


@app.command()
@expand_options
def send(
    context: typer.Context,
    login: LoginOptions,
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
) -> None:
    """Test sending: connection, TLS, login, envelope, and a real message.

    The system mail account is tested with its own login, also while it is inactive.

    Examples:

      mailctl test send --to you@example.org

      mailctl test send hq --to you@example.org --username you@example.org

      mailctl test send hq --depth tls -o json
    """
    from mailctl.services.testing.check import plan_send
    from mailctl.services.testing.observation import run_check

    call = TestCall(get_session(context), "send", options)
    reached = parse_depth(depth, SEND_DEPTHS)
    found = call.get_target(target)
    checking = call.check_options(found, login if reached in LOGGED_IN else None)
    check = plan_send(found, checking, depth=reached, recipient=to, sender=sender)
    call.run(partial(run_check, check), title=found.title, what=check.what)


@app.command()
@expand_options
def receive(
    context: typer.Context,
    login: LoginOptions,
    options: TestOptions,
    target: TargetName = SYSTEM_MAIL,
    depth: Annotated[
        str,
        typer.Option(
            "--depth", metavar="|".join(RECEIVE_DEPTHS), help="How far to go.", autocompletion=words(*RECEIVE_DEPTHS)
        ),
    ] = Depth.MAILBOX,
) -> None:
    """Test receiving: connection, TLS, login, and the mailbox opened read-only.

    For the system mail account that is its catalogue server's incoming side, or the POP3 server of POP before SMTP.

    Examples:

      mailctl test receive hq --username you@example.org --password-from env:PASSWORD

      mailctl test receive hq --depth tls --transcript
    """
    from mailctl.services.testing.check import plan_receive
    from mailctl.services.testing.observation import run_check

    call = TestCall(get_session(context), "receive", options)
    reached = parse_depth(depth, RECEIVE_DEPTHS)
    found = call.get_target(target)
    checking = call.check_options(found, login if reached in LOGGED_IN else None)
    check = plan_receive(found, checking, depth=reached)
    call.run(partial(run_check, check), title=found.title, what=check.what)


app.command()(roundtrip)


app.command()(all_)


@app.command()
def schema(context: typer.Context, output: Output = OutputFormat.TABLE) -> None:
    """Print the JSON Schema of a test's report (-o json), for programs that read it."""
    from mailctl.cli.terminal import encode_json
    from mailctl.render.report_json import report_schema

    terminal = get_session(context).terminal
    if output is OutputFormat.JSON:
        terminal.data(schema=report_schema())
    else:
        terminal.result(encode_json(report_schema()))
