"""One call of `mailctl test …`: its targets' checks prepared, its steps shown, its reports written, its exit code."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

import typer

from mailctl.cli.session import Session
from mailctl.cli.testing.options import LoginOptions, TestOptions
from mailctl.errors import MissingInputError, ReportWriteError, UsageError
from mailctl.exits import Exit
from mailctl.render.report_format import ReportFormat

if TYPE_CHECKING:
    from mailctl.model.report import Report, Step, TargetReport
    from mailctl.services.testing.check import CheckOptions, GrantSource, LoginSource
    from mailctl.services.testing.check_all import RunReports
    from mailctl.services.testing.steps import OnStep
    from mailctl.services.testing.targets import Target
    from mailctl.transport.trace import Trace

Perform = Callable[["OnStep | None"], "TargetReport"]
"""Runs a test of one target, tells of each step as it ends, and returns the report: `partial(run_check, check)`."""


class TestCall:
    """What the tests of one call share. `test`: send, receive, roundtrip or all.

    Raises UsageError for reports that cannot be meant.
    """

    def __init__(self, session: Session, test: str, options: TestOptions) -> None:
        self.session = session
        self.options = options
        self._test = test
        self._reports = options.reports()
        self._began = dt.datetime.now(dt.UTC)
        self._traces: dict[str, Trace] = {}
        session.terminal.json_errors = options.output is ReportFormat.JSON

    def get_target(self, name: str) -> Target:
        """Return a target by its name; raises NotFoundError where there is none, or it was never set."""
        from mailctl.services.testing.targets import get_target

        settings_file = self.session.settings_file
        return get_target(settings_file.load(), name, settings_file.path.parent)

    def check_options(self, target: Target, login: LoginOptions | None = None, *, stem: str = "") -> CheckOptions:
        """Return the options of a target's checks; without a `login` to ask for, only its stored one counts.

        `stem`: what the names of the login's options begin with, such as `incoming-`.
        Raises UsageError and MissingInputError for a login that cannot be understood or is not whole.
        """
        from mailctl.model.secret import parse_secret_ref
        from mailctl.services.testing.check import CheckOptions

        session = self.session
        return CheckOptions(
            read_secret=lambda reference: session.secrets.get(parse_secret_ref(reference)),
            open_tokens=session.open_tokens,
            login=find_login(session, target, login, stem=stem) if login else None,
            certificate_days_min=self.options.min_cert_days,
            timeout_seconds=self.options.timeout,
            trace=self._open_trace(target.name),
        )

    def run(self, perform: Perform, *, title: str, what: str, has_two_protocols: bool = False) -> None:
        """Run the test of one target, and conclude. `title`, `what`, `has_two_protocols`: as for `show_test`."""
        from mailctl.services.testing.verdict import gather

        shown = self.options.output is ReportFormat.TABLE
        reports: list[TargetReport] = []
        with self._keeping_trace():
            try:
                warned = self.options.fails_on_warnings
                reports.append(
                    show_test(
                        self.session,
                        perform,
                        title=title,
                        what=what,
                        fail_on_warnings=warned,
                        has_two_protocols=has_two_protocols,
                    )
                    if shown
                    else _completed(perform(None), self.session)
                )
            except KeyboardInterrupt:
                report = gather(self._test, reports, began=self._began, interrupted=True)
            else:
                report = gather(self._test, reports, began=self._began)
        self.conclude(report, shown=shown)

    def conclude_all(self, outcome: RunReports) -> None:
        """Conclude the run of all tests: a line a target, and what failed, opened; with -v all steps, too."""
        from mailctl.render.report_text import render_overview
        from mailctl.render.transcript import render_line
        from mailctl.services.testing.verdict import gather

        terminal = self.session.terminal
        reports = [_completed(target, self.session) for target in outcome.reports]
        report = gather(self._test, reports, began=self._began, unfinished=outcome.unfinished)
        if self.options.transcript:
            for name, trace in self._traces.items():
                terminal.tell(terminal.err.bold(name))
                for line in trace.lines:
                    terminal.tell(render_line(line, terminal.err))
        shown = self.options.output is ReportFormat.TABLE
        if shown:
            overview = render_overview(
                report,
                terminal.out,
                terminal.width,
                fail_on_warnings=self.options.fails_on_warnings,
                all_steps=self.session.verbose,
            )
            terminal.result("\n".join(overview))
        self.conclude(report, shown=shown, bug=next(iter(outcome.bugs), None))

    def conclude(self, report: Report, *, shown: bool, bug: Exception | None = None) -> None:
        """Write the reports, print the result unless it is shown already, and end with its exit code, or raise the bug.

        A report that cannot be written costs neither the others nor the result.
        """
        terminal = self.session.terminal
        self._remember(report)
        unwritten = self._write(report)
        if not shown:
            self._print(report)
        code = self._exit_code(report)
        if unwritten:
            terminal.error(unwritten, Exit(code or Exit.FAILURE))
            code = code or Exit.FAILURE
        if self.options.output is not ReportFormat.NAGIOS:
            if code == Exit.INTERRUPTED:
                raise KeyboardInterrupt
            if bug is not None:
                raise bug
        if code:
            raise typer.Exit(code)

    def _remember(self, report: Report) -> None:
        """Keep what was found for a request for support, where that is possible."""
        from mailctl.errors import SettingsError
        from mailctl.services.testing.targets import is_target
        from mailctl.store.last_tests import remember_results

        file = self.session.settings_file
        with suppress(OSError, SettingsError):
            remember_results(report, file.path, partial(is_target, file.load()))

    def _exit_code(self, report: Report) -> int:
        """Return the exit code of a report; as the answer of a monitoring plug-in it has that one's meaning."""
        if self.options.output is ReportFormat.NAGIOS:
            from mailctl.render.nagios import state_of

            return state_of(report)
        from mailctl.services.testing.verdict import exit_of

        return exit_of(report, fail_on_warnings=self.options.fails_on_warnings)

    def _print(self, report: Report) -> None:
        if self.options.output is ReportFormat.JSON:
            import msgspec

            self.session.terminal.data(**msgspec.to_builtins(report))
        else:
            self.session.terminal.result(self._render(report, self.options.output))

    def _render(self, report: Report, form: ReportFormat) -> str:
        from mailctl.render.report_format import render_report

        return render_report(report, form, fail_on_warnings=self.options.fails_on_warnings)

    def _write(self, report: Report) -> ReportWriteError | None:
        """Write the transcript and each report; return the error that names those that could not be written."""
        from mailctl.cli.testing.report_files import append_job_summary, replace_shared

        problems = self._write_trace()
        if ReportFormat.GITHUB in (self.options.output, *(form for form, _ in self._reports)):
            problems += append_job_summary(report)
        for form, path in self._reports:
            problems += replace_shared(path, self._render(report, form), f"the {form} report")
        return ReportWriteError("\n".join(problems)) if problems else None

    @contextmanager
    def _keeping_trace(self) -> Iterator[None]:
        """Write the transcript also where an error leaves nothing to report."""
        try:
            yield
        except BaseException:
            self._write_trace()
            raise

    def _write_trace(self) -> list[str]:
        if self.options.trace is None:
            return []
        from mailctl.cli.testing.report_files import replace_private
        from mailctl.render.transcript import render_transcripts

        transcripts = {name: trace.lines for name, trace in self._traces.items()}
        return replace_private(self.options.trace, render_transcripts(transcripts), "the transcript")

    def _open_trace(self, name: str) -> Trace | None:
        if not (self.options.transcript or self.options.trace):
            return None
        from mailctl.render.transcript import render_line
        from mailctl.transport.trace import Trace

        if name not in self._traces:
            terminal = self.session.terminal
            # Those of many targets at once would be mixed up: they are shown at the end.
            live = self.options.transcript and self._test != "all"
            on_line = (lambda line: terminal.tell(render_line(line, terminal.err))) if live else None
            self._traces[name] = Trace(on_line=on_line)
        return self._traces[name]


def show_test(
    session: Session,
    perform: Perform,
    *,
    title: str,
    what: str,
    fail_on_warnings: bool = False,
    has_two_protocols: bool = False,
) -> TargetReport:
    """Run a test of one target and show each step as it ends, then the first failure opened, then the verdict.

    `what`: what is done with the target (`sending through`); `title`: the target's name for people;
    `fail_on_warnings`: as --fail-on has it; `has_two_protocols`: steps stand under theirs from the first one on. Raises
    KeyboardInterrupt where Ctrl-C ended it between two stages; one that it cut off is in the report.
    """
    from mailctl.render.report import StepLines, render_failures, render_verdict
    from mailctl.render.wrap import wrap

    terminal = session.terminal
    terminal.result(terminal.out.bold(f"{what} {title}"))
    lines = StepLines(terminal.out, terminal.width, names_first=has_two_protocols)

    def show(step: Step) -> None:
        for line in lines.add(terminal.commands.complete_fields(step)):
            terminal.result(line)
        terminal.flush()

    with terminal.holding_warnings():
        report = _completed(perform(show), session)
        for line in (*lines.rest(), *render_failures(report, terminal.out, terminal.width)):
            terminal.result(line)
        terminal.result("")
        verdict = render_verdict(report, what, terminal.out, fail_on_warnings=fail_on_warnings)
        terminal.result(wrap(verdict, terminal.width))
        terminal.flush()
    return report


def _completed(report: TargetReport, session: Session) -> TargetReport:
    """Return a report whose steps name commands that act on the settings of this call."""
    from msgspec.structs import replace

    return replace(report, steps=[session.terminal.commands.complete_fields(step) for step in report.steps])


def find_login(
    session: Session, target: Target, options: LoginOptions, *, stem: str = ""
) -> LoginSource | GrantSource | None:
    """Return the login that is given; without a password, that of an OAuth client's server is by its grant."""
    from mailctl.cli.option_names import missing_input, secret_options
    from mailctl.cli.secret_input import given_reference, read_given_secrets
    from mailctl.model.secret import SecretKind
    from mailctl.services.oauth.grants import grant_name
    from mailctl.services.testing.check import GrantSource, LoginSource

    if options.username is None:
        if options.password_stdin or options.password_from is not None:
            raise MissingInputError(f"missing: --{stem}username, whose password was given")
        return None
    if not options.username.strip():
        raise UsageError(f"--{stem}username is empty: nobody is to log in with that")
    if target.sending.oauth_client and not options.password_stdin and options.password_from is None:
        return GrantSource(username=options.username, grant=grant_name(target.name, options.username))
    name = f"{stem}password"
    given = read_given_secrets({name: (options.password_stdin, options.password_from)})
    if options.password_from is not None:
        reference = given_reference(options.password_from, f"--{name}-from")
        # A command's words may say more than a report should.
        source = "command" if reference.kind is SecretKind.COMMAND else str(reference)
        option = (f"--{name}-from", "REF" if reference.kind is SecretKind.COMMAND else source)
        return LoginSource(
            username=options.username, source=source, read=lambda: session.secrets.get(reference), option=option
        )
    if given:
        return LoginSource(
            username=options.username, source="standard input", read=lambda: given[name], option=(f"--{name}-stdin",)
        )
    if not session.terminal.interactive:
        raise missing_input([secret_options(f"--{name}")])
    asked = session.terminal.ask_secret(f"Password of {options.username} (not shown)")
    return LoginSource(username=options.username, source="prompt", read=lambda: asked)
