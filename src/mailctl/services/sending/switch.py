"""Whether sending is still on while messages go out: a long batch may be what it is switched off for."""

from __future__ import annotations

from contextlib import suppress

from mailctl.errors import SettingsError
from mailctl.model.resolve import require_sending_on
from mailctl.store import SettingsFile


class Switch:
    """The organisation's sending, as the settings file has it."""

    def __init__(self, file: SettingsFile) -> None:
        self._file = file
        self._seen = self._state()

    def require_on(self) -> None:
        """Raise SendingDisabledError where sending has been switched off since.

        A file that cannot be read, in the middle of an edit, says nothing yet.
        """
        state = self._state()
        if state == self._seen:
            return
        with suppress(SettingsError):
            require_sending_on(self._file.load().sysmail)
            self._seen = state

    def _state(self) -> tuple[int, int, int] | None:
        try:
            found = self._file.path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size
