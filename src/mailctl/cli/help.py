"""Help pages: what a command does, examples that can be copied, and each option with its value on one line.

Typer's own pages are drawn by Rich, whose boxes leave an 80-column screen half empty, cut long options off, and break
examples where they can no longer be copied.
"""

from __future__ import annotations

import inspect
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Any

from mailctl.cli.terminal import Terminal
from mailctl.render.style import Style

_NARROWEST, _WIDEST = 20, 100
_INDENT = "  "
_OPTIONS = "Options"
_USAGE = "Usage: "
_GLUE = "\N{NO-BREAK SPACE}"
_NAMES_WIDTH = 30
"""Columns for an option and its value; what is longer has a line of its own."""


class HelpPage:
    """Mixed into a Typer command or group, it shows the help page of this module."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the page into a formatter of Typer."""
        terminal = Terminal(no_color="--no-color" in sys.argv)
        width = max(_NARROWEST, min(shutil.get_terminal_size().columns, _WIDEST))
        formatter.write("\n".join(_page(self, ctx, width, terminal.out)) + "\n")

    def get_help_option(self, ctx: Any) -> Any:
        """Return the option --help; its page goes the way of every result."""
        option = super().get_help_option(ctx)  # type: ignore[misc]  # of the Typer command that this is mixed into
        if option is not None:
            option.callback = _show_page
        return option


def _show_page(context: Any, _option: Any, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        Terminal().result(context.get_help())
        context.exit()


def _page(command: Any, context: Any, width: int, style: Style) -> Iterator[str]:
    parameters = [parameter for parameter in command.get_params(context) if not getattr(parameter, "hidden", False)]
    arguments = [parameter for parameter in parameters if parameter.param_type_name == "argument"]
    options = [parameter for parameter in parameters if parameter.param_type_name == "option"]
    commands = getattr(command, "commands", {})
    usage = [context.command_path, "[OPTIONS]", *map(_in_usage, arguments), *["COMMAND …"] * bool(commands)]
    first, *rest = textwrap.wrap(" ".join(usage), width - len(_USAGE), break_long_words=False, break_on_hyphens=False)
    yield f"{style.bold(_USAGE.rstrip())} {first}"
    yield from (" " * len(_USAGE) + line for line in rest)
    yield ""
    yield from _prose(command.help or "", width, style)
    explained = [(_argument_name(argument), argument.help or "") for argument in arguments if argument.help]
    yield from _section("Arguments", explained, width, style)
    visible = [(name, entry.help or "") for name, entry in commands.items() if not entry.hidden]
    yield from _section("Commands", visible, width, style)
    panels: dict[str, list[tuple[str, str]]] = {_OPTIONS: []}
    for option in options:
        panels.setdefault(option.rich_help_panel or _OPTIONS, []).append((_option_names(option), _option_help(option)))
    for panel, rows in panels.items():
        yield from _section(panel, rows, width, style)


def _prose(text: str, width: int, style: Style) -> Iterator[str]:
    """Yield the paragraphs of a docstring; those that are indented are commands, one a paragraph."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    for index, paragraph in enumerate(paragraphs):
        if paragraph.startswith(" "):
            yield from _example(paragraph.split(), width)
            is_last_example = not paragraphs[index + 1 : index + 2] or not paragraphs[index + 1].startswith(" ")
            yield from [""] * is_last_example
        elif paragraph in ("Example:", "Examples:"):
            yield style.bold(paragraph)
        else:
            yield from textwrap.wrap(paragraph, width)
            yield ""


def _example(words: Sequence[str], width: int) -> Iterator[str]:
    """Yield one command, continued in a way that a shell understands, an option and its value on one line."""
    quoted = re.sub(r"'[^']*'", lambda found: found[0].replace(" ", _GLUE), " ".join(words))
    command = re.sub(r"(?<= )(--[\w-]+) (?!-)", rf"\1{_GLUE}", quoted)
    lines = textwrap.wrap(
        command,
        width - len(" \\"),
        initial_indent=_INDENT,
        subsequent_indent=_INDENT * 3,
        break_long_words=False,
        break_on_hyphens=False,
    )
    yield " \\\n".join(lines).replace(_GLUE, " ")


def _section(title: str, rows: Iterable[tuple[str, str]], width: int, style: Style) -> Iterator[str]:
    rows = list(rows)
    if not rows:
        return
    column = min(max(len(name) for name, _ in rows), _NAMES_WIDTH) + len(_INDENT) * 2
    yield style.bold(f"{title}:")
    for name, text in rows:
        lines = textwrap.wrap(text, max(width - column, 20), break_on_hyphens=False)
        beside = lines.pop(0) if lines and len(name) + len(_INDENT) * 2 <= column else ""
        yield f"{_INDENT}{style.cyan(name)}{' ' * (column - len(name) - len(_INDENT))}{beside}".rstrip()
        yield from (" " * column + line for line in lines)
    yield ""


def _in_usage(argument: Any) -> str:
    return _argument_name(argument) if argument.required else f"[{_argument_name(argument)}]"


def _argument_name(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


def _option_names(option: Any) -> str:
    """Return how an option is written: `-o, --output table|json`, `--apop / --no-apop`."""
    names = ", ".join(sorted(option.opts, key=len))
    if option.secondary_opts:
        names += f" / {', '.join(option.secondary_opts)}"
    return names if option.is_flag else f"{names} {option.metavar or _value_name(option)}"


def _value_name(option: Any) -> str:
    kind = option.type_descriptor.annotation
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "|".join(str(member.value) for member in kind)
    return str(option.name.rpartition("_")[2].upper())


def _option_help(option: Any) -> str:
    help_ = str(option.help or "")
    default = option.default.value if isinstance(option.default, Enum) else option.default
    if isinstance(default, float):
        default = f"{default:g}"
    notes = [f"default: {default}"] * bool(option.show_default and not option.is_flag and default is not None)
    notes += [f"also {option.envvar}"] * bool(option.envvar)
    return f"{help_} [{'; '.join(notes)}]".strip() if notes else help_
