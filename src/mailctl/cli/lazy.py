"""Command groups that build a command, and import its module, only when it is called.

Start-up is felt at every call: Typer inspects each parameter of each command that it registers.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from mailctl.cli.help import HelpPage
from mailctl.errors import UsageError
from mailctl.exits import Exit

Loader = Callable[[], Any]


class Entry(NamedTuple):
    """A command or group that is known by name and help before it is loaded.

    `verbatim`: the words after its name are its own to understand, options and `--` too; but for a lone --help.
    """

    help: str
    load: Loader
    hidden: bool = False
    verbatim: bool = False


class _Command(HelpPage, TyperCommand):
    """A command whose help page is ours."""


class LazyGroup(HelpPage, TyperGroup):
    """A group whose listing (help, completion) shows entries, and whose dispatch loads the one that is called."""

    def __init__(self, *, entries: Mapping[str, Entry], **attributes: Any) -> None:
        listed: dict[str, Any] = {
            name: _Command(name, help=entry.help, hidden=entry.hidden) for name, entry in entries.items()
        }
        super().__init__(commands=listed, no_args_is_help=False, **attributes)
        self._entries = entries

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            typer.echo(ctx.get_help(), err=True)
            raise typer.Exit(Exit.USAGE)
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        if args[0] not in self.commands and not args[0].startswith("-") and not ctx.resilient_parsing:
            raise _unknown(args[0], self.commands, ctx.command_path)
        name, listed, rest = super().resolve_command(ctx, args)
        if not name:
            return name, listed, rest
        entry = self._entries[name]
        return name, entry.load(), ["--", *rest] if entry.verbatim and rest != ["--help"] else rest


def _unknown(name: str, commands: Iterable[str], group: str) -> UsageError:
    from difflib import get_close_matches

    from mailctl.model.values import shown

    near = [f"did you mean {' or '.join(near)}?"] if (near := get_close_matches(name, commands)) else []
    return UsageError(
        f"there is no command {shown(name)}", hint=" ".join([*near, f"`{group} --help` shows the commands"])
    )


def group_of(module: str, name: str) -> Loader:
    """Return a loader of the group `name`, whose commands are those of the Typer application `app` in `module`."""

    def load() -> LazyGroup:
        return lazy_group(import_module(module).app, name)

    return load


def lazy_group(application: typer.Typer, name: str) -> LazyGroup:
    """Return the commands and nested groups of a Typer application as a group that builds each on demand."""
    entries = {}
    for info in application.registered_commands:
        if info.callback is None:
            continue
        command_name = info.name or info.callback.__name__.removesuffix("_").replace("_", "-")
        entries[command_name] = Entry(
            _first_sentence(info.help or info.callback.__doc__), _command(info, command_name), info.hidden
        )
    for nested in application.registered_groups:
        if nested.typer_instance is not None and nested.name:
            inner = nested.typer_instance
            entries[nested.name] = Entry(_first_sentence(str(inner.info.help)), partial(lazy_group, inner, nested.name))
    return LazyGroup(name=name, entries=entries, help=str(application.info.help))


def command_of(module: str, function: str, name: str, **settings: Any) -> Loader:
    """Return a loader of a single command: a plain function of a module."""

    def load() -> Any:
        application = typer.Typer(add_completion=False)
        application.command(name, cls=_Command, **settings)(getattr(import_module(module), function))
        return typer.main.get_command(application)

    return load


def _command(info: Any, name: str) -> Loader:
    def load() -> Any:
        application = typer.Typer(add_completion=False)
        info.name, info.cls = name, _Command
        application.registered_commands.append(info)
        return typer.main.get_command(application)

    return load


def _first_sentence(text: str | None) -> str:
    return inspect.cleandoc(text or "").split("\n\n")[0].replace("\n", " ")
