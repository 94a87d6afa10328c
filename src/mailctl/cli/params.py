"""Options that most commands have (output, dry run, agreement), and what options are made of.

A command takes options that belong together as one parameter, a dataclass whose fields are the options;
`expand_options` shows Typer the fields one by one.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from mailctl.cli.completion import words
from mailctl.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])


class OutputFormat(StrEnum):
    TABLE = "table"
    JSON = "json"


Output = Annotated[OutputFormat, typer.Option("--output", "-o", help="How to print the result.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Clear = Annotated[
    list[str] | None,
    typer.Option("--clear", metavar="FIELD", help="Put a field back to its default; repeatable.", show_default=False),
]


def expand_options(function: F) -> F:
    """Return a command whose dataclass parameters are shown to Typer as one option a field."""
    groups: dict[str, type[Any]] = {}
    parameters = []
    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        if isinstance(parameter.annotation, type) and is_dataclass(parameter.annotation):
            groups[parameter.name] = parameter.annotation
            hints = get_type_hints(parameter.annotation, include_extras=True)
            parameters += [
                inspect.Parameter(
                    field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
                )
                for field in fields(parameter.annotation)
            ]
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

    @wraps(function)
    def expanded(**given: Any) -> Any:
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in fields(group)})
        return function(**given)

    expanded.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by inspect
    expanded.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return expanded  # type: ignore[return-value]  # the same command, its options spelled out


def choice_option(option: str, *choices: str, help: str, panel: str) -> Any:  # noqa: A002 - Typer's own word
    metavar = "|".join(choices) if len(choices) < 5 else option.rpartition("-")[2].upper()
    spelled = f"{help} ({', '.join(choices)})" if len(choices) >= 5 else help
    return typer.Option(
        option, metavar=metavar, help=spelled, autocompletion=words(*choices), rich_help_panel=panel, show_default=False
    )


def text_option(option: str, metavar: str, help: str, panel: str) -> Any:  # noqa: A002 - Typer's own word
    return typer.Option(option, metavar=metavar, help=help, rich_help_panel=panel, show_default=False)


def existing_file(path: Path, option: str) -> Path:
    if not path.is_file():
        raise UsageError(f"{option}: there is no file {path}")
    return path.absolute()


def new_file(path: Path, option: str) -> Path:
    """Return the path of a file that is to be written; raises UsageError where its folder is missing.

    Made unseen, a mistyped folder would hold what nobody looks for there.
    """
    if not path.absolute().parent.is_dir():
        raise UsageError(f"{option}: there is no folder {path.parent}", hint="make it first, or correct the path")
    return path


def given_fields(options: object, prefix: str) -> dict[str, Any]:
    """Return the options of a group that begin with a prefix and were given, by their names behind it."""
    return {
        field.name.removeprefix(prefix): value
        for field in fields(options)  # type: ignore[arg-type]  # a dataclass instance
        if field.name.startswith(prefix) and (value := getattr(options, field.name)) is not None
    }
