"""Which settings file is meant."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

_RELATIVE = Path("mailctl", "mailctl.toml")


def settings_path(explicit: str | os.PathLike[str] | None, environ: Mapping[str, str]) -> Path:
    """Return the settings file: the one given, that of MAILCTL_CONFIG, the user's, or the site's.

    The site's is taken where it exists and the user has none; where neither exists, it is the user's.
    """
    given = explicit or environ.get("MAILCTL_CONFIG")
    if given:
        return Path(given)
    user = user_settings_path()
    site = site_settings_path()
    # A dangling link is somebody's settings, too: it is to be named, not passed over.
    return site if not os.path.lexists(user) and os.path.lexists(site) else user


def user_settings_path() -> Path:
    """Return the settings file in the user's config folder, by the platform's rule.

    On Linux and its like that is the XDG Base Directory Specification's, which ignores a relative XDG_CONFIG_HOME.
    platformdirs knows it too, and brings tempfile and more with it: a tenth of what a short delivery takes.
    """
    if sys.platform not in ("darwin", "win32"):
        config = Path(os.environ.get("XDG_CONFIG_HOME", ""))
        if not config.is_absolute():
            config = Path(os.path.expanduser("~/.config"))  # noqa: PTH111 - Path's own raises where nobody has a home
        return config / _RELATIVE
    import platformdirs

    return platformdirs.user_config_path(appauthor=False) / _RELATIVE


def site_settings_path() -> Path:
    """Return the settings file of the whole machine.

    On Linux and its like /etc/mailctl/mailctl.toml, as the Filesystem Hierarchy Standard (3.7) has it for a machine's
    own configuration; XDG's /etc/xdg, which platformdirs names, is for desktop programs' defaults, and an
    administrator would not look there. On macOS and Windows it is the platform's folder.
    """
    if sys.platform not in ("darwin", "win32"):
        return Path("/etc") / _RELATIVE
    import platformdirs

    return platformdirs.site_config_path(appauthor=False) / _RELATIVE


def state_folder() -> Path:
    """Return where mailctl keeps what it remembers between calls: MAILCTL_STATE_DIR, or the platform's state folder.

    On Linux and its like the platform's is the XDG Base Directory Specification's.
    """
    if given := os.environ.get("MAILCTL_STATE_DIR"):
        return Path(given)
    if sys.platform not in ("darwin", "win32"):
        state = Path(os.environ.get("XDG_STATE_HOME", ""))
        return (state if state.is_absolute() else Path(os.path.expanduser("~/.local/state"))) / "mailctl"  # noqa: PTH111 - as above
    import platformdirs

    return platformdirs.user_state_path("mailctl", appauthor=False)
