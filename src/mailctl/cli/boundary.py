"""The error boundary: runs the command line, and turns whatever it raises into one message and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from io import TextIOWrapper

import typer

from mailctl.cli.talk import Talk
from mailctl.cli.terminal import Terminal, wanted_output
from mailctl.errors import BugError, MailctlError
from mailctl.exits import Exit, exit_for
from mailctl.interruption import interrupt_on_termination


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; a message for each failure goes to standard error."""
    interrupt_on_termination()
    _prepare_streams()
    arguments = [_as_text(argument) for argument in arguments]
    talk = Talk(is_held=wanted_output(arguments) == "json" and not sys.stderr.isatty())
    try:
        code = _dispatch(arguments, talk)
        Terminal.flush()
    except BrokenPipeError:
        code = Exit.OK  # the reader has seen enough (`| head`): the work itself is done
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the one place where everything ends
        code = _report(error, arguments, talk)
    with suppress(OSError):
        talk.release()
    _forget_broken_streams()
    return int(code)


def _as_text(argument: str) -> str:
    """Return an argument as the UTF-8 that it is, where Python could not tell by the locale (LC_ALL=C, say)."""
    if argument.isascii():
        return argument
    try:
        return os.fsencode(argument).decode()
    except UnicodeError:
        return argument


def _dispatch(arguments: Sequence[str], talk: Talk) -> int:
    from mailctl.cli.app import root

    command = root()
    if "_MAILCTL_COMPLETE" in os.environ:  # set by the shells' completion scripts
        complete = partial(command.main, list(arguments), prog_name="mailctl")
        if os.environ["_MAILCTL_COMPLETE"] == "complete_bash":
            from mailctl.cli.bash_completion import complete_in_bash

            complete_in_bash(complete)
        else:
            complete()
    # Otherwise not by `main`, which makes silent exits of its own of interruptions and broken pipes.
    try:
        with command.make_context("mailctl", list(arguments), obj=talk) as context:
            command.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    except typer.TyperException as error:
        from mailctl.cli.usage import explain_usage

        raise explain_usage(error) from None
    return Exit.OK


def _report(error: BaseException, arguments: Sequence[str], talk: Talk) -> int:
    """Tell what went wrong, if anybody still listens, and return its exit code."""
    terminal = Terminal.for_errors(arguments, talk)
    if "test" in arguments and wanted_output(arguments) == "nagios":
        return _report_to_monitor(error, terminal)
    with suppress(OSError):
        if isinstance(error, KeyboardInterrupt | typer.Abort | EOFError):
            terminal.interrupted()
            return Exit.INTERRUPTED
        explained = error if isinstance(error, MailctlError) else _as_bug(error)
        if terminal.debug:
            _print_traceback(explained)
        terminal.error(explained, exit_for(explained))
    return exit_for(error)


def _report_to_monitor(error: BaseException, terminal: Terminal) -> int:
    """Answer as a monitoring plug-in does where it could not do its work: one line, and state unknown.

    Every other exit code would be taken for a verdict on the mail servers.
    """
    from mailctl.render.nagios import State, render_error

    if isinstance(error, KeyboardInterrupt | typer.Abort | EOFError):
        message = "interrupted"
    else:
        explained = error if isinstance(error, MailctlError) else _as_bug(error)
        if terminal.debug:
            _print_traceback(explained)
        message = explained.message + (f" ({explained.hint})" if explained.hint else "")
    with suppress(OSError, MailctlError):  # where nobody can be told, the exit code says it
        terminal.result(render_error(terminal.commands.complete_prose(message)))
    return State.UNKNOWN


def _as_bug(error: BaseException) -> BugError:
    bug = BugError(
        f"this is a bug in mailctl: {type(error).__name__} (nothing more is shown, it might hold a secret)",
        hint="run the same command with --debug and report what it prints",
    )
    bug.__cause__ = error
    return bug


def _print_traceback(error: BaseException) -> None:
    """Print where the error and its causes come from; of foreign exceptions the class alone, which holds no values."""
    import traceback

    if error.__cause__ is not None:
        _print_traceback(error.__cause__)
    traceback.print_tb(error.__traceback__, file=sys.stderr)
    if not isinstance(error, MailctlError):
        sys.stderr.write(f"{type(error).__module__}.{type(error).__qualname__}\n\n")


_UNFORGIVING = ("strict", "surrogateescape")
"""How Python's streams treat what they cannot encode: an exception. The second is that of the locales C and POSIX."""


def _prepare_streams() -> None:
    """Put something in the place of streams that are closed, and let text pass that a stream cannot encode.

    Without UTF-8 (PYTHONIOENCODING, old systems) it is better to show what can be shown than to fail.
    """
    for name in ("stdin", "stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the caller: `mailctl … >&-`
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - lives as long as we
        elif isinstance(stream, TextIOWrapper) and stream.errors in _UNFORGIVING and name != "stdin":
            stream.reconfigure(errors="backslashreplace")


def _forget_broken_streams() -> None:
    """Python flushes both streams once more at exit; what nobody takes then must not become an error of its own."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
