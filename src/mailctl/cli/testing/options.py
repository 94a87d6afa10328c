"""Options of the commands of `mailctl test`: what each takes, and the login of those that test one target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from mailctl.cli.completion import complete_target, words
from mailctl.cli.params import new_file
from mailctl.errors import UsageError
from mailctl.render.report_format import ReportFormat
from mailctl.services.testing.check import CERTIFICATE_DAYS_MIN, Depth

TargetName = Annotated[
    str,
    typer.Argument(
        metavar="TARGET",
        help="sysmail, tenant:CODE, an account's address, or a server's code. Default: sysmail.",
        autocompletion=complete_target,
        show_default=False,
    ),
]

_REPORTS = "Reports"


@dataclass(frozen=True, kw_only=True)
class TestOptions:
    """What every test takes: limits, a transcript, reports."""

    min_cert_days: Annotated[
        int, typer.Option("--min-cert-days", metavar="N", min=0, help="Warn of a certificate that ends sooner.")
    ] = CERTIFICATE_DAYS_MIN
    timeout: Annotated[
        float | None, typer.Option("--timeout", metavar="S", min=0.1, help="Seconds for the whole test of a target.")
    ] = None
    transcript: Annotated[
        bool, typer.Option("--transcript", help="Show on standard error what was said on the wire, without secrets.")
    ] = False
    trace: Annotated[
        Path | None,
        typer.Option("--trace", metavar="FILE", help="Write the transcript to a file, fit for a ticket."),
    ] = None
    output: Annotated[
        ReportFormat, typer.Option("--output", "-o", help="How to print the result.", rich_help_panel=_REPORTS)
    ] = ReportFormat.TABLE
    report: Annotated[
        list[str] | None,
        typer.Option(
            "--report", metavar="FORMAT=PATH", autocompletion=words(*(f"{form}=" for form in ReportFormat)),
            help="Write the result to a file, too, in any of those formats; repeatable.", rich_help_panel=_REPORTS,
        ),
    ] = None  # fmt: skip
    fail_on: Annotated[
        str,
        typer.Option(
            "--fail-on", metavar="fail|warn", help="With warn, warnings end in exit code 16.",
            autocompletion=words("fail", "warn"), rich_help_panel=_REPORTS,
        ),
    ] = "fail"  # fmt: skip

    @property
    def fails_on_warnings(self) -> bool:
        return self.fail_on == "warn"

    def reports(self) -> list[tuple[ReportFormat, Path]]:
        """Return the reports to write; raises UsageError for what is none of --report and --fail-on."""
        if self.fail_on not in ("fail", "warn"):
            raise UsageError(f"--fail-on: '{self.fail_on}' is neither fail nor warn")
        reports = [_parse_report(given) for given in self.report or ()]
        if self.trace:
            new_file(self.trace, "--trace")
        paths = [path.absolute() for _, path in reports] + ([self.trace.absolute()] if self.trace else [])
        for path in paths:
            if paths.count(path) > 1:
                raise UsageError(f"--report: two files are to be written to {path}, and one would replace the other")
        return reports


def _parse_report(given: str) -> tuple[ReportFormat, Path]:
    form, separator, path = given.partition("=")
    if not separator or form not in list(ReportFormat):
        raise UsageError(f"--report: '{given}' is not FORMAT=PATH", hint=f"FORMAT is one of: {', '.join(ReportFormat)}")
    if path in ("", "-"):
        raise UsageError(
            f"--report: '{given}' names no file", hint=f"`-o {form}` prints that format to standard output"
        )
    return ReportFormat(form), new_file(Path(path), "--report")


@dataclass(frozen=True, kw_only=True)
class LoginOptions:
    """The login to test a target with, in the place of its own."""

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


def parse_depth(given: str, depths: Sequence[Depth]) -> Depth:
    """Return the depth of that name; raises UsageError where it is none of a test's."""
    if given not in depths:
        raise UsageError(f"--depth: '{given}' is none of: {', '.join(depths)}")
    return Depth(given)
