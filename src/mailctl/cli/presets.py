"""Providers' presets, as commands take them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mailctl.cli.option_names import as_options
from mailctl.errors import InvalidValueError

if TYPE_CHECKING:
    from mailctl.cli.session import Session


def tell_preset(
    session: Session, name: str, fields: Mapping[str, Any], sides: Iterable[str] = ("smtp", "incoming")
) -> None:
    """Say what should be said of a preset that is used.

    `fields`: those that are given beside it. `sides`: those that it is used for. Raises NotFoundError where there is
    none of that name, InvalidValueError where it has no such side.
    """
    from mailctl.model.preset import get_preset, preset_remarks, replaced_hosts
    from mailctl.services.catalogue.servers import protocol_of

    preset = get_preset(name)
    if preset is None:
        return
    try:
        remarks = preset_remarks(preset, protocol_of(fields))
    except InvalidValueError as error:
        raise as_options(error) from None
    for remark in remarks:
        session.terminal.say(f"note: {remark}")
    for replaced in replaced_hosts(preset, fields, sides):
        session.terminal.warn(replaced)
