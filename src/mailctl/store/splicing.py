"""Single values set and removed in TOML text, everything around them left as it is.

A value that is there is replaced in place, in whatever form its table is written: under a header, inline, or by
dotted keys. A new key goes behind the sibling that it follows, in the same form. What results is not checked here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mailctl.store.canonical import Edit, key_text, table_text, value_text
from mailctl.store.layout import Pair, Path, Section, inline_items, inner_pairs, read_layout

Splice = tuple[int, int, str]  # from where to where, and what is to stand there

_blank_lines = re.compile(r"(?:[ \t]*\r?\n)+")
_indent = re.compile(r"[ \t]*")


def apply_edits(text: str, edits: Iterable[Edit], newline: str) -> str:
    """Return the text with values set and removed; its last line ends with the newline."""
    for edit in edits:
        sections = read_layout(text)
        if edit.value is None:
            text = splice(text, _removals(text, sections, edit.path))
        else:
            text = splice(text, [_setting(text, sections, edit, newline)])
    return text


def splice(text: str, splices: Iterable[Splice]) -> str:
    """Return the text with its parts replaced; parts that are removed may overlap."""
    pieces: list[str] = []
    position = 0
    for start, end, piece in sorted(splices):
        pieces += (text[position:start], piece)
        position = max(position, end)
    return "".join((*pieces, text[position:]))


def removal(text: str, start: int, end: int) -> Splice:
    """Return the splice that removes whole lines and the blank lines below or, at the end of the text, above them."""
    if blank := _blank_lines.match(text, end):
        end = blank.end()
    if end == len(text):
        filled = len(text[:start].rstrip())
        if blank := _blank_lines.match(text, filled):
            start = min(start, text.index("\n", filled) + 1)
    return start, end, ""


def _setting(text: str, sections: Sequence[Section], edit: Edit, newline: str) -> Splice:
    parent, name = edit.path[:-1], str(edit.path[-1])
    if pair := _find(text, sections, edit.path):
        kept = text[pair.value_start : pair.value_end]
        return pair.value_start, pair.value_end, kept if edit.keeps else value_text(edit.value)
    if inline := _find(text, sections, parent):
        return _inline_setting(text, inline, edit)
    if section := _home(sections, parent):
        return _line_setting(text, section, edit, newline)
    outer = parent[:-1]
    if outer and (inline := _find(text, sections, outer)):
        siblings = tuple(str(item.path[0]) for item in inline_items(text, inline.value_start))
        return _inline_setting(text, inline, Edit(parent, {name: edit.value}, siblings))
    keys = tuple(part for part in parent if isinstance(part, str))
    around = [section for section in sections if section.path[: len(outer)] == outer]
    position = around[-1].end if around else len(text)
    return position, position, newline + table_text(keys, {name: edit.value}).replace("\n", newline)


def _line_setting(text: str, section: Section, edit: Edit, newline: str) -> Splice:
    """Return the splice that adds a line to the section that its table's other values stand in."""
    parent = edit.path[:-1]
    siblings = [pair for pair in section.pairs if pair.path[: len(parent)] == parent]
    before = [pair for pair in siblings if pair.path[len(parent)] in edit.after]
    if before:
        position = before[-1].end
    elif siblings:
        position = siblings[0].start
    else:
        position = section.body
    model = _indent.match(text, siblings[0].start if siblings else section.start)
    key = ".".join(key_text(str(part)) for part in edit.path[len(section.path) :])
    return position, position, f"{model.group() if model else ''}{key} = {value_text(edit.value)}{newline}"


def _inline_setting(text: str, table: Pair, edit: Edit) -> Splice:
    items = list(inline_items(text, table.value_start))
    added = f"{key_text(str(edit.path[-1]))} = {value_text(edit.value)}"
    if not items:
        return table.value_start, table.value_end, f"{{ {added} }}"
    before = [item for item in items if item.path[0] in edit.after]
    if before:
        return before[-1].value_end, before[-1].value_end, f", {added}"
    return items[0].start, items[0].start, f"{added}, "


def _removals(text: str, sections: Sequence[Section], path: Path) -> list[Splice]:
    """Return the splices that remove a value or a whole table, in whatever form it is written."""
    pair = _find(text, sections, path)
    if pair and pair.container is not None:
        return [_inline_removal(text, pair.container, pair)]
    splices = []
    for section in sections:
        doomed = [pair for pair in section.pairs if pair.path[: len(path)] == path]
        is_part = section.path[: len(path)] == path
        if is_part or (doomed and _holds_only(text, section, doomed)):
            splices.append(removal(text, section.lead, section.end))
        else:
            splices += [(pair.start, pair.end, "") for pair in doomed]
    return splices


def _holds_only(text: str, section: Section, pairs: Sequence[Pair]) -> bool:
    """Tell whether a table would be left without anything, comments included: its header goes then, too."""
    is_table = bool(section.path) and isinstance(section.path[-1], str)
    return (
        is_table
        and len(pairs) == len(section.pairs)
        and "#" not in text[section.lead : section.start]
        and (
            not splice(
                text[section.body : section.end], [(p.start - section.body, p.end - section.body, "") for p in pairs]
            )
        )
    )


def _inline_removal(text: str, container: int, pair: Pair) -> Splice:
    items = list(inline_items(text, container))
    index = next(index for index, item in enumerate(items) if item.start == pair.start)
    if index + 1 < len(items):
        return pair.start, items[index + 1].start, ""
    if index:
        return items[index - 1].value_end, pair.value_end, ""
    return container + 1, pair.value_end, ""


def _find(text: str, sections: Sequence[Section], path: Path) -> Pair | None:
    """Return the pair that gives a path its value, on a line of its own or inside another value."""
    for section in sections:
        if section.path != path[: len(section.path)]:
            continue
        for pair in section.pairs:
            if pair.path == path:
                return pair
            if pair.path == path[: len(pair.path)]:
                for inner in inner_pairs(text, pair):
                    if inner.path == path:
                        return inner
    return None


def _home(sections: Sequence[Section], table: Path) -> Section | None:
    """Return the section where a table's values stand: under its own header, or by dotted keys under another's."""
    for section in sections:
        if section.path == table:
            return section
    for section in sections:
        if any(pair.path[: len(table)] == table for pair in section.pairs):
            return section
    return None
