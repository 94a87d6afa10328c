"""The two streams and the person: results on standard output, everything said to a person on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from mailctl.cli.talk import Talk, screen_width, write
from mailctl.errors import MailctlError, MissingInputError
from mailctl.render.commands import Commands
from mailctl.render.style import Style, visible
from mailctl.render.wrap import wrap

if TYPE_CHECKING:
    from mailctl.exits import Exit
    from mailctl.model.secret import Secret
    from mailctl.render.facts import InFull

T = TypeVar("T")

SCHEMA_VERSION = 1


class Terminal:
    """Writes results and talk, and asks where a person can answer."""

    def __init__(
        self,
        *,
        no_input: bool = False,
        quiet: bool = False,
        debug: bool = False,
        no_color: bool = False,
        json_errors: bool = False,
        config: Path | None = None,
        talk: Talk | None = None,
    ) -> None:
        """`config`: the settings file that the command line names; commands that are told to people name it, too."""
        self.quiet = quiet
        self.debug = debug
        self.json_errors = json_errors
        self.commands = Commands(str(config) if config else None)
        self._talk = talk or Talk()
        self._warned: set[str] = set()
        self._held: list[str] | None = None
        plain = no_color or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
        self.out = Style(sys.stdout.isatty() and not plain)
        self.err = Style(sys.stderr.isatty() and not plain)
        self.interactive = not no_input and sys.stdin.isatty() and sys.stderr.isatty()

    @classmethod
    def for_errors(cls, arguments: Sequence[str], talk: Talk) -> Terminal:
        """Return a terminal for an error, which may come before the options were understood."""
        wants_json = wanted_output(arguments) == "json"
        return cls(
            debug="--debug" in arguments,
            no_color="--no-color" in arguments,
            json_errors=wants_json,
            config=given_config(arguments),
            talk=talk,
        )

    @property
    def width(self) -> int | None:
        """Columns of the screen that standard output is, or None where it is none: nothing is cut there."""
        return screen_width(sys.stdout)

    def result(self, text: str) -> None:
        """Write a result to standard output; raises MailctlError where that is full or broken."""
        with _writing_to_stdout():
            write(sys.stdout, text)

    @staticmethod
    def flush() -> None:
        """Let what was written to standard output be seen at once."""
        with _writing_to_stdout():
            sys.stdout.flush()

    def data(self, **fields: Any) -> None:
        """Write a result as one JSON object, with its schema version first."""
        self.result(_json_for(sys.stdout, self.commands.complete_json(fields)))

    def table(self, headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Write rows under headers to standard output; they are made to fit where it is a screen."""
        from mailctl.render.table import render_table

        self.result(render_table(headers, rows, width=self.width, style=self.out))

    def in_full(self, shown: InFull) -> None:
        """Write one thing in full to standard output."""
        from mailctl.render.facts import render_facts

        self.result(render_facts(shown.map(self.commands.complete_prose), self.out, self.width))

    def say_in_full(self, shown: InFull) -> None:
        """Tell a person of one thing in full, unless they asked for quiet."""
        from mailctl.render.facts import render_facts

        if not self.quiet:
            self._talk.say(render_facts(shown.map(self.commands.complete_prose), self.err, screen_width(sys.stderr)))

    def say(self, text: str) -> None:
        """Tell a person something, unless they asked for quiet."""
        if not self.quiet:
            self._advise(text)

    def tell(self, text: str) -> None:
        """Tell a person at once what an option asked for by name; quiet does not silence it."""
        Talk().say(text)

    def warn(self, text: str) -> None:
        """Tell a person, once, something that needs attention; quiet does not silence it."""
        if text in self._warned:
            return
        self._warned.add(text)
        said = f"{self.err.yellow('warning:')} {_visible_lines(text)}"
        if self._held is None:
            self._advise(said)
        else:
            self._held.append(said)

    @contextmanager
    def holding_warnings(self) -> Iterator[None]:
        """Tell at the end what is warned of inside: it would stand in the middle of lines that belong together."""
        held: list[str] = []
        self._held = held
        try:
            yield
        finally:
            self._held = None
            for said in held:
                self._advise(said)

    def error(self, error: MailctlError, exit_code: Exit) -> None:
        """Tell what went wrong and what to do, as text or as one JSON object."""
        if self.json_errors:
            self._json_error(error.code, exit_code, error.message, error.hint, error.details)
            return
        self._advise(f"{self.err.red('error:')} {_visible_lines(error.message)}")
        if error.hint:
            self._advise(f"{self.err.dim('hint:')} {_visible_lines(error.hint)}")
        if command := error.details.get("next"):
            self._talk.say(f"{self.err.dim('next:')} {_visible_lines(self.commands.complete(str(command)))}")

    def interrupted(self) -> None:
        """Tell that a person, or a signal, ended the command."""
        if self.json_errors:
            self._json_error("interrupted", 130, "interrupted", None, {})
        else:
            # A terminal has shown ^C, or stands behind a question.
            write(sys.stderr, "\ninterrupted" if sys.stderr.isatty() else "interrupted")

    def _advise(self, text: str) -> None:
        """Tell a person prose that may name commands."""
        self._talk.say(self.commands.complete_prose(text))

    def _json_error(
        self, code: str, exit_code: int, message: str, hint: str | None, details: Mapping[str, object]
    ) -> None:
        described = {"code": code, "exit_code": int(exit_code), "message": message, "hint": hint, **details}
        if notes := self._talk.take():
            described["notes"] = [note.removeprefix("note: ") for note in notes]
        write(sys.stderr, _json_for(sys.stderr, self.commands.complete_json({"error": described})))

    def ask(self, question: str, default: str | None = None) -> str:
        """Ask a person for a line; an empty answer takes the default, and is asked again where there is none."""
        shown = f"{question} [{default}]: " if default and default.strip() else f"{question}: "
        while True:
            sys.stderr.write(wrap(shown, screen_width(sys.stderr)))
            sys.stderr.flush()
            try:
                line = sys.stdin.readline()
            except UnicodeDecodeError:
                self.say("  this is not text in the terminal's encoding")
                continue
            if not line:
                raise EOFError
            if answer := line.strip() or default:
                return answer

    def ask_for(self, question: str, parse: Callable[[str], T], default: str | None = None) -> T:
        """Ask until the answer follows its rule; `parse` returns its value, or raises ValueError or MailctlError."""
        while True:
            answer = self.ask(question, default)
            try:
                return parse(answer)
            except ValueError as error:
                said = str(error)
            except MailctlError as error:
                said = error.message + (f"; {error.hint}" if error.hint else "")
            self.say(f"  {said[:1].upper()}{said[1:].rstrip('?.')}{'?' if said.endswith('?') else '.'}")

    def ask_secret(self, question: str, *, may_be_none: bool = False) -> Secret:
        """Ask a person for a secret, which is not shown while it is typed; `may_be_none`: Enter is an answer, too."""
        import getpass

        from mailctl.credentials import forbid_core_dumps
        from mailctl.model.secret import Secret

        forbid_core_dumps()

        shown = wrap(f"{question}: ", screen_width(sys.stderr))
        while not (typed := getpass.getpass(shown, stream=sys.stderr)) and not may_be_none:
            self.say("  Nothing was typed; Ctrl-C leaves.")
        return Secret(typed)

    def confirm(self, question: str, *, default: bool = False) -> bool:
        """Ask a person to agree; a plain Enter is the default."""
        answer = self.ask(f"{question} [{'Y/n' if default else 'y/N'}]", default=" ")
        return default if answer == " " else answer.lower() in ("y", "yes")

    def require_agreement(self, question: str, *, yes: bool) -> bool:
        """Return whether a deletion may go on: `--yes` was given, or a person agrees.

        Raises MissingInputError where nobody can be asked.
        """
        if yes:
            return True
        if not self.interactive:
            raise MissingInputError(f"{question} Nobody can be asked here, so nothing was done", hint="add --yes")
        return self.confirm(question)


def wanted_output(arguments: Sequence[str]) -> str | None:
    """Return what --output asks for in a command line that may not have been understood; None without it."""
    for argument, following in zip_longest(arguments, arguments[1:]):
        if argument in ("-o", "--output"):
            return following
        for start in ("-o", "--output="):
            if argument.startswith(start) and len(argument) > len(start):
                return argument.removeprefix(start)
    return None


def given_config(arguments: Sequence[str]) -> Path | None:
    """Return the settings file that `--config` names in a command line that may not have been understood."""
    given = None
    words = iter(arguments)
    for word in words:
        if not word.startswith("-"):
            break
        name, equals, value = word.partition("=")
        if name == "--config":
            given = value if equals else next(words, None)
    return Path(given) if given else None


def encode_json(fields: Mapping[str, Any]) -> str:
    """Encode a mapping (models inside it, too) as indented JSON text."""
    import msgspec

    try:
        return msgspec.json.format(msgspec.json.encode(fields), indent=2).decode()
    except UnicodeEncodeError:  # bytes that are no UTF-8, in a file's name, are half surrogate pairs in Python's text
        import json

        return json.dumps(msgspec.to_builtins(fields), indent=2)


def _json_for(stream: TextIO, fields: Mapping[str, Any]) -> str:
    """Encode one object with its schema version first, in ASCII where the stream cannot take more."""
    text = encode_json({"schema_version": SCHEMA_VERSION, **fields})
    try:
        text.encode(stream.encoding or "ascii")
    except UnicodeEncodeError:
        import json

        return json.dumps(json.loads(text), indent=2)
    return text


@contextmanager
def _writing_to_stdout() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        from mailctl.durable import cause_of

        raise MailctlError(
            f"standard output cannot be written: {cause_of(error)}",
            hint="what the command does may be done all the same: look, before you send or change it again",
        ) from error


def _visible_lines(text: str) -> str:
    return visible(text, keep="\n")
