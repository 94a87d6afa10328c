"""Where `reorder` puts an entry: --first, --last, --before or --after another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mailctl.errors import UsageError

if TYPE_CHECKING:
    from mailctl.services.order import Placement

First = Annotated[bool, typer.Option("--first", help="Move it to the top.")]
Last = Annotated[bool, typer.Option("--last", help="Move it to the end.")]


def read_placement(
    names: Sequence[str], *, what: str, first: bool, last: bool, before: str | None, after: str | None
) -> Placement | None:
    """Return where the one named entry goes; None where the names are a whole order. `what`: what an entry is called.

    Raises UsageError for several places, or several entries at one.
    """
    from mailctl.services.order import Placement

    placements = [Placement("first")] * first + [Placement("last")] * last
    placements += [Placement(where, anchor) for where, anchor in (("before", before), ("after", after)) if anchor]
    if len(placements) > 1:
        raise UsageError("take one of --first, --last, --before and --after")
    if placements and len(names) != 1:
        raise UsageError(f"--first, --last, --before and --after move one {what}; name it alone")
    return placements[0] if placements else None
