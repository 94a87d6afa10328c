"""Calls that cannot be understood, told in the words of every other refusal: Typer's own speak of its parts."""

from __future__ import annotations

import re
from typing import Any

import typer

from mailctl.errors import UsageError
from mailctl.model.values import shown

_EXTRA = re.compile(r"Got unexpected extra argument\(s\) \((.*)\)", re.DOTALL)
_NUMBERS = {int: "whole number", float: "number"}


def explain_usage(error: typer.TyperException) -> UsageError:
    """Return the error for what Typer refuses: what is wrong, by its option, and where the options are told."""
    context = getattr(error, "ctx", None)
    page = [f"`{context.command_path} --help` shows the options"] if context else []
    missing = [_name(error.param)] if _is_missing(error) else []  # type: ignore[attr-defined]  # MissingParameter has it
    details = {"missing": missing} if missing else None
    return UsageError(_message(error), hint=" ".join([*_advise(error), *page]) or None, details=details)


def _advise(error: Any) -> list[str]:
    """Return what may have been meant."""
    given = getattr(error, "option_name", None)
    for option in error.ctx.find_root().command.params if given and error.ctx else ():
        if given in option.opts and hasattr(error, "possibilities"):
            value = "" if option.is_flag else f" {option.metavar}"
            _, _, command = error.ctx.command_path.partition(" ")
            return [f"{given} stands before the command: `mailctl {given}{value} {command}`;"]
    if meant := getattr(error, "possibilities", None):
        return [f"did you mean {' or '.join(meant)}?"]
    if given and error.ctx and error.ctx.parent is None:
        return [f"options of a command stand behind it: `mailctl COMMAND … {given}`;"]
    if other := _option_that_takes(error):
        return [f"did you mean {other}?"]
    if _EXTRA.fullmatch(error.format_message().rstrip(".")) and _takes_secrets(error):
        return ["should one of them be a secret, that is asked for, or comes by the options for it;"]
    return []


def _option_that_takes(error: Any) -> str | None:
    """Return another option of the command with the value that one has refused, such as `--format csv`."""
    refused = getattr(error.__cause__, "errors", None)
    value = refused()[0]["input"] if refused else None
    for other in error.ctx.command.params if value and error.ctx else ():
        kind = getattr(other, "type_descriptor", None)
        if other is not error.param and kind and kind.is_choice and value in kind.choices:
            return f"{_name(other)} {value}"
    return None


def _takes_secrets(error: Any) -> bool:
    return any(option.endswith("stdin") for parameter in error.ctx.command.params for option in parameter.opts)


def _message(error: Any) -> str:
    said = error.format_message().rstrip(".")
    parameter = getattr(error, "param", None)
    if _is_missing(error):
        return f"missing: {_name(parameter)}"
    if parameter is not None:
        return f"{_name(parameter)}: {_refusal(error)}"
    if extra := _EXTRA.fullmatch(said):
        return f"too many arguments: {_known_arguments(error) if _takes_secrets(error) else extra[1]}"
    if hasattr(error, "possibilities"):
        return f"there is no option {error.option_name}"
    if hasattr(error, "option_name"):
        return f"{error.option_name}: {'takes no value' if 'does not take' in said else 'its value is missing'}"
    return "missing: a command" if said == "Missing command" else said


def _known_arguments(error: Any) -> str:
    """Return which arguments a command takes."""
    names = [_name(parameter) for parameter in error.ctx.command.params if parameter.param_type_name == "argument"]
    return f"besides options, {error.ctx.command_path} takes {' '.join(names) or 'none'}"


def _is_missing(error: object) -> bool:
    return hasattr(error, "param_type") and getattr(error, "param", None) is not None


def _name(parameter: Any) -> str:
    """Return how a person writes a parameter: `--output`, or the word that stands for an argument."""
    if parameter.param_type_name == "option":
        return str(max(parameter.opts, key=len))
    return str(parameter.metavar or parameter.name.upper())


def _refusal(error: Any) -> str:
    """Return which rule a value breaks, with the value, which the library's own words leave out for numbers."""
    kind, refused = error.param.type_descriptor, getattr(error.__cause__, "errors", None)
    if refused is None:
        return str(error.message).rstrip(".")
    value = shown(refused()[0]["input"])
    if kind.is_choice:
        return f"{value} is none of: {', '.join(map(str, kind.choices))}"
    if kind.annotation is bool:
        return f"{value} is neither true nor false"
    if kind.annotation in _NUMBERS:
        rule = f"{_NUMBERS[kind.annotation]}{_range(kind.parameter_info.min, kind.parameter_info.max)}"
        return f"{value} is not a {rule}"
    return str(error.message).removeprefix("Value error, ").rstrip(".")


def _range(least: float | None, most: float | None) -> str:
    if least is None:
        return "" if most is None else f" up to {most:g}"
    return f" from {least:g} to {most:g}" if most is not None else f" of at least {least:g}"
