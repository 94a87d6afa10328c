"""`mailctl sandbox` and `mailctl demo`: the throw-away mail server, and the main job rehearsed against it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailctl.cli.params import Output, OutputFormat, new_file
from mailctl.cli.session import Session, get_session

if TYPE_CHECKING:
    from email.message import EmailMessage

    from mailctl.cli.terminal import Terminal
    from mailctl.render.style import Style
    from mailctl.sandbox import Sandbox


def sandbox(
    context: typer.Context,
    port_file: Annotated[
        Path | None,
        typer.Option(
            "--port-file",
            metavar="FILE",
            help="Write host, ports, CA file and logins there as JSON once everything listens; removed at the end.",
            show_default=False,
        ),
    ] = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Run a throw-away mail server for rehearsals and CI: SMTP, IMAP and POP3 with TLS, on loopback.

    It runs until Ctrl-C or SIGTERM. All mail ends in it, and everything that it wrote is removed at the end.

    Examples:

      mailctl sandbox

      mailctl sandbox --port-file ports.json &
    """
    from mailctl.sandbox import open_sandbox
    from mailctl.sandbox.server import describe

    if port_file:
        new_file(port_file, "--port-file")
    terminal = get_session(context).terminal
    with open_sandbox(port_file) as running, suppress(KeyboardInterrupt):  # which SIGTERM raises, too
        if output is OutputFormat.JSON:
            terminal.data(**describe(running))
            terminal.flush()
        else:
            terminal.say(_announcement(running, terminal))
        while True:
            time.sleep(0.5)  # Windows handles a signal only between two sleeps
    terminal.say("Stopped; nothing of it is left.")


def demo(context: typer.Context) -> None:
    """Run the main job from end to end against the sandbox: register a server, send, receive, see the message.

    The commands that it shows are the commands that it runs, with settings of their own in a temporary file: yours,
    and your keyring, are not touched.

    Example:

      mailctl demo
    """
    from mailctl.errors import NotArrivedError
    from mailctl.sandbox import open_sandbox, rehearsal

    session = get_session(context)
    tell, style = session.terminal.result, session.terminal.out
    started = time.monotonic()
    tell("The main job, against a throw-away mail server on this machine.")
    tell(style.dim("Settings and mail are temporary; yours are not touched."))
    with tempfile.TemporaryDirectory(prefix="mailctl-demo-") as folder, open_sandbox() as running:
        alice, bob = running.logins[:2]
        steps = (
            ("Register a mail server", rehearsal.add_command(running)),
            ("Prove that it sends", rehearsal.send_command(alice, bob)),
            ("Prove that it receives", rehearsal.receive_command(bob)),
        )
        for number, (title, arguments) in enumerate(steps, 1):
            tell(f"\n{style.bold(f'{number}. {title}')}")
            tell(style.cyan(f"$ {rehearsal.quote_command(arguments)}"))
            _run(session, arguments, Path(folder))
        tell("\n" + style.bold(f"{len(steps) + 1}. See the message in the mailbox of {bob.username}"))
        messages = rehearsal.read_inbox(running, bob)
        if not messages:
            raise NotArrivedError("the message is not in the mailbox", reason="not-seen")
        tell(_headers(messages[-1], style))
    tell(f"\n{style.green('All of it worked')}, in {time.monotonic() - started:.1f} s. Now yours: mailctl server add")


def _run(session: Session, arguments: Sequence[str], folder: Path) -> None:
    """Run a command of mailctl in a process of its own, which keeps everything in a folder.

    Raises typer.Exit with its code if it fails.

    What it says to a person goes to standard output, too: the whole transcript is the demo's result.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAILCTL_")}
    environment |= {
        "MAILCTL_CONFIG": str(folder / "mailctl.toml"),
        "MAILCTL_STATE_DIR": str(folder / "state"),
        "MAILCTL_NO_INPUT": "1",
    }
    if session.no_color:
        environment["NO_COLOR"] = "1"
    sys.stdout.flush()
    finished = subprocess.run(  # noqa: S603 - our own command, without a shell
        [sys.executable, "-m", "mailctl", *arguments], env=environment, stderr=subprocess.STDOUT, check=False
    )
    if finished.returncode:
        session.terminal.warn(f"the command ended with exit code {finished.returncode}")
        raise typer.Exit(finished.returncode)


def _announcement(running: Sandbox, terminal: Terminal) -> str:
    from mailctl.sandbox import rehearsal

    dim = terminal.err.dim
    alice, bob = running.logins[:2]
    ports = [
        f"  {name.upper().ljust(5)} {running.ports[name]} {dim('STARTTLS')}   {running.ports[f'{name}s']} {dim('TLS')}"
        for name in ("smtp", "imap", "pop3")
    ]
    logins = [f"  {login.username}   {dim('password in')} {login.password_file}" for login in running.logins]
    commands = (
        rehearsal.add_command(running),
        rehearsal.send_command(alice, bob),
        rehearsal.receive_command(bob),
    )
    return "\n".join(
        (
            terminal.err.bold(f"A throw-away mail server runs on {running.host}; all mail ends in it."),
            *ports,
            f"  {dim('CA')}    {running.ca_file}",
            *logins,
            "\nTo register it and try it:\n",
            *(f"{terminal.err.cyan(rehearsal.quote_command(command))}\n" for command in commands),
            "Ctrl-C ends it, and removes everything that it wrote.",
        )
    )


def _headers(message: EmailMessage, style: Style) -> str:
    shown = ((name, message[name]) for name in ("From", "To", "Subject", "Date", "Message-ID"))
    return "\n".join(f"  {style.dim(name.ljust(10))}  {value}" for name, value in shown if value is not None)
