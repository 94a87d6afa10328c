"""The composition root: from settings and options to the services that commands call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mailctl.credentials import Secrets
    from mailctl.store import SettingsFile


def locate_settings(explicit: Path | None, environment: Mapping[str, str]) -> Path:
    """Return the path of the settings file of this call, whether it exists or not."""
    from mailctl.store.location import settings_path

    return settings_path(str(explicit) if explicit else None, environment)


def open_settings(path: Path) -> SettingsFile:
    from mailctl.store import SettingsFile

    return SettingsFile(path)


def open_secrets(settings_file: SettingsFile, warn: Callable[[str], None]) -> Secrets:
    from mailctl.credentials import Secrets

    path = settings_file.path
    return Secrets(settings_file.load().secrets, path.parent, vault_path=path.with_suffix(".vault"), warn=warn)
