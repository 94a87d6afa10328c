"""`mailctl doctor`: look at this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from mailctl.cli.params import Output, OutputFormat
from mailctl.cli.session import get_session
from mailctl.exits import Exit


def doctor(
    context: typer.Context,
    offline: Annotated[bool, typer.Option("--offline", help="Look at nothing outside of this machine.")] = False,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="S", min=0.1, help="Seconds for the network, all in all.")
    ] = 5.0,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Look at this machine: settings file, secrets, grants, clock, certificate authorities, name servers, ports.

    The ports are those of the servers in the settings: each is connected to, and nothing is said there. Nothing is
    changed. Exit code 1 if something is to be mended; warnings alone do not count.

    Examples:

      mailctl doctor

      mailctl doctor --offline -o json
    """
    from mailctl.render.doctor import render_findings, render_verdict
    from mailctl.services.doctor.examination import examine, needs_mending

    session = get_session(context)
    terminal = session.terminal
    findings = examine(session.settings_file, lambda: session.secrets, offline=offline, seconds=timeout)
    if output is OutputFormat.JSON:
        terminal.data(ok=not needs_mending(findings), findings=findings)
    else:
        findings = [terminal.commands.complete_fields(finding) for finding in findings]
        for line in render_findings(findings, terminal.out, terminal.width):
            terminal.result(line)
        terminal.result("")
        terminal.result(render_verdict(findings, terminal.out))
    if needs_mending(findings):
        raise typer.Exit(Exit.FAILURE)
