"""Models as nested fields, for edits that name only some of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

import msgspec

from mailctl.errors import Problem, UsageError
from mailctl.model.values import shown


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


def clear_fields(
    kind: type[msgspec.Struct], fields: Mapping[str, Any], names: Iterable[str], *, fixed: Iterable[str] = ()
) -> dict[str, Any]:
    """Return fields without those named, which then take their defaults, or what follows from the others.

    A name is dotted as in JSON (`tls.ca_file`) or spelled as its option (`ca-file`, `smtp-timeout`). `fixed`: those
    that are never cleared. Raises UsageError for a name that is no field, or one that cannot be absent.
    """
    places = [place for place in _places(kind) if place.name not in set(fixed)]
    known = {_spelled(_option_stem(place.name)): place for place in places}
    known |= {_spelled(place.name): place for place in places}
    cleared: dict[str, Any] = dict(fields)
    for name in names:
        place = known.get(_spelled(name))
        if place is None or not place.may_be_absent(cleared):
            clearable = [place.name for place in places if place.may_be_absent(cleared)]
            raise _not_clearable(name, clearable, meant=_find_near(name, clearable) if place is None else ())
        cleared = place.removed_from(cleared)
    return cleared


def _not_clearable(name: str, clearable: Iterable[str], *, meant: Collection[str]) -> UsageError:
    hint = f"did you mean {' or '.join(meant)}?" if meant else f"these can: {', '.join(clearable)}"
    return UsageError(f"--clear: {shown(name)} is not a field that can be cleared", hint=hint)


def _find_near(name: str, fields: Sequence[str]) -> list[str]:
    """Return the fields that a name of none may mean: those of such a last part, else those that are spelled alike."""
    from difflib import get_close_matches

    named = [field for field in fields if _spelled(field.rpartition(".")[2]) == _spelled(name)]
    spelled = {_spelled(_option_stem(field)): field for field in fields} | {_spelled(field): field for field in fields}
    alike = [spelled[near] for near in get_close_matches(_spelled(name.lower()), spelled, cutoff=0.8)]
    return named or list(dict.fromkeys(alike))


class _Place(NamedTuple):
    """Where a field stands: its dotted name, the model that it is a field of, and whether that needs it."""

    name: str
    kind: type[msgspec.Struct]
    required: bool

    def removed_from(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        section, _, field = self.name.rpartition(".")
        if not section:
            return merge_fields(fields, {field: None})
        return merge_fields(fields, {section: {field: None}}) if section in fields else dict(fields)

    def may_be_absent(self, fields: Mapping[str, Any]) -> bool:
        """Tell whether a model needs no such field, or finds it out from its others."""
        complete = getattr(self.kind, "complete", None)
        if not self.required or complete is None:
            return not self.required
        section, _, field = self.name.rpartition(".")
        rest = self.removed_from(fields)
        return complete(rest.get(section, {}) if section else rest).get(field) is not None


def _option_stem(name: str) -> str:
    """Return how a field's option is spelled: those of TLS and --apop bear no section's name, and that of POP is cut.

    So the command line's contract has it.
    """
    if name.endswith(".apop"):
        return "apop"
    return name.removeprefix("tls.").replace("pop_before_smtp.", "pop.")


def _spelled(name: str) -> str:
    return name.lstrip("-").replace(".", "-").replace("_", "-").removesuffix("s")


def _places(kind: type[msgspec.Struct], prefix: str = "") -> Iterator[_Place]:
    """Yield the fields of a model and of those within it, but for a model that it cannot be without."""
    hints = get_type_hints(kind)
    for field in msgspec.structs.fields(kind):
        hint = hints[field.name]
        inner = next((kind for kind in (hint, *_members(hint)) if _is_struct(kind)), None)
        if inner is None or inner is not hint:
            yield _Place(prefix + field.name, kind, field.required)
        if inner is not None:
            yield from _places(inner, f"{prefix}{field.name}.")


def _members(hint: Any) -> tuple[Any, ...]:
    """Return the members of a union; what a list holds has no name by which it could be cleared."""
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else ()


def _is_struct(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, msgspec.Struct)
