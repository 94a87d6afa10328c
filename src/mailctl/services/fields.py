"""Models as nested fields, for edits that name only some of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, get_args, get_type_hints

import msgspec

from mailctl.errors import Problem, UsageError


def to_fields(model: msgspec.Struct) -> dict[str, Any]:
    """Return a model as nested mappings of plain values, without what is not set."""
    return without_none(msgspec.to_builtins(model))


def without_none(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested mappings without what is None."""
    return {
        name: without_none(value) if isinstance(value, Mapping) else value
        for name, value in fields.items()
        if value is not None
    }


def merge_fields(base: Mapping[str, Any], *overlays: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested mappings laid over each other; a None in an overlay takes the value away."""
    merged = dict(base)
    for overlay in overlays:
        for name, value in overlay.items():
            inner = merged.get(name)
            if isinstance(value, Mapping):
                merged[name] = merge_fields(inner if isinstance(inner, Mapping) else {}, value)
            elif value is None:
                merged.pop(name, None)
            else:
                merged[name] = value
    return merged


def place_problem(problem: Problem, given: Mapping[str, Any], tables: Collection[str]) -> Problem:
    """Return the problem of one of these tables as that of the first field that was given in it."""
    inner = given.get(problem.where)
    if problem.where not in tables or not isinstance(inner, Mapping) or not inner:
        return problem
    return Problem(f"{problem.where}.{next(iter(inner))}", problem.message, conflict=problem.conflict)


def changed_fields(before: msgspec.Struct, after: msgspec.Struct) -> list[str]:
    """Return the dotted names of the fields in which two models of a kind differ."""
    old, new = flatten(msgspec.to_builtins(before)), flatten(msgspec.to_builtins(after))
    return [name for name in new if old.get(name) != new[name]]


def flatten(fields: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as one, names joined by dots."""
    flat: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def clear_fields(kind: type[msgspec.Struct], fields: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return fields without those named, which then take their defaults.

    A name is dotted as in JSON (`tls.ca_file`) or spelled as its option (`ca-file`, `smtp-timeout`).
    Raises UsageError for a name that is no field, or one that cannot be absent.
    """
    optional = _optional_fields(kind)
    known = {_spelled(_option_stem(name)): name for name in optional}
    known |= {_spelled(name): name for name in optional}
    cleared: dict[str, Any] = dict(fields)
    for name in names:
        target = known.get(_spelled(name))
        if target is None:
            raise UsageError(
                f"--clear: '{name}' is not a field that can be cleared", hint=f"these can: {', '.join(optional)}"
            )
        section, _, field = target.rpartition(".")
        if not section:
            cleared = merge_fields(cleared, {field: None})
        elif section in cleared:
            cleared = merge_fields(cleared, {section: {field: None}})
    return cleared


def _option_stem(name: str) -> str:
    """Return how a field's option is spelled: those of TLS and --apop bear no section's name, and that of POP is cut.

    So the command line's contract has it.
    """
    if name.endswith(".apop"):
        return "apop"
    return name.removeprefix("tls.").replace("pop_before_smtp.", "pop.")


def _spelled(name: str) -> str:
    return name.lstrip("-").replace(".", "-").replace("_", "-").removesuffix("s")


def _optional_fields(kind: type[msgspec.Struct], prefix: str = "") -> list[str]:
    hints = get_type_hints(kind)
    names = []
    for field in msgspec.structs.fields(kind):
        hint = hints[field.name]
        inner = next((kind for kind in (hint, *get_args(hint)) if _is_struct(kind)), None)
        if inner is not hint and not field.required:
            names.append(prefix + field.name)
        if inner is not None:
            names += _optional_fields(inner, f"{prefix}{field.name}.")
    return names


def _is_struct(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, msgspec.Struct)
