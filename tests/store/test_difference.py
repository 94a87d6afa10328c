"""The unified diff: applied by patch(1) or read by people, it leads from one text to the other."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from mailctl.store.difference import unified_difference

lines = st.lists(st.sampled_from(["a", "b", "c", "", "timeout = 10", "x", "y", "z"]), max_size=30)


def patched(old: list[str], diff: str) -> list[str]:
    """Apply a unified diff, strictly: each line that it names must be there."""
    new: list[str] = []
    position = 0
    for line in diff.split("\n") if diff else []:
        if hunk := re.fullmatch(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", line):
            start = int(hunk[1]) - (hunk[2] != "0")
            new += old[position:start]
            position = start
            assert len(new) == int(hunk[3]) - (hunk[4] != "0")
        elif line.startswith("+"):
            new.append(line[1:])
        else:
            assert old[position] == line[1:]
            new += [line[1:]] if line.startswith(" ") else []
            position += 1
    return new + old[position:]


def difference(old: list[str], new: list[str]) -> str:
    return unified_difference(*("".join(f"{line}\n" for line in text).encode() for text in (old, new)))


@given(lines, lines)
def test_a_diff_leads_from_one_text_to_the_other(old, new):
    diff = difference(old, new)
    assert patched(old, diff) == new
    assert (diff == "") is (old == new)


@given(lines, st.integers(0, 30), st.integers(0, 5))
def test_a_single_insertion_is_a_single_hunk_of_its_size(old, position, size):
    position = min(position, len(old))
    diff = difference(old, [*old[:position], *(f"new {number}" for number in range(size)), *old[position:]])
    assert diff.count("@@ -") == min(size, 1)
    assert sum(line.startswith("+") for line in diff.split("\n")) == size
    assert not any(line.startswith("-") for line in diff.split("\n"))


def test_a_change_of_every_entry_of_a_long_catalogue_shows_each_by_itself():
    old = [
        line for number in range(3000) for line in ("[[servers]]", f"code = {number}", "timeout = 10", "auth = 1", "")
    ]
    diff = difference(old, [line.replace("timeout = 10", "timeout = 30") for line in old])
    assert diff.count("\n-timeout = 10\n+timeout = 30\n") == 3000
    assert sum(line.startswith(("+", "-")) for line in diff.split("\n")) == 6000
