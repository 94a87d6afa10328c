"""When an account's server ran the rules, or gave the answer, by itself: mail of that time is its, and not a run's.

What was installed is known from a ledger, without asking the server. Installed by other means, or with other settings,
nobody here knows of it. A moment is as exact as the clocks of both sides agree.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from mailctl.store.ledger import Ledger, read_ledger

LEDGER_NAME = "installed"


class Part(StrEnum):
    """What a script at the server does."""

    FILTERS = "filters"
    VACATION = "vacation"


class InstallationRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of the ledger: what the server does from a moment on, in UTC and whole seconds, as IMAP has them."""

    at: dt.datetime
    parts: tuple[Part, ...] = ()


class ServerTimes:
    """When the server did a part by itself. `since`: from when on it does so now; None where it does not."""

    def __init__(self, records: Iterable[InstallationRecord], part: Part) -> None:
        self.since: dt.datetime | None = None
        self._past: list[tuple[dt.datetime, dt.datetime]] = []
        for record in records:
            if part in record.parts:
                self.since = self.since or record.at
            elif self.since:
                self._past.append((self.since, record.at))
                self.since = None

    def cover(self, moment: dt.datetime | None) -> bool:
        """Tell whether a message that came at a moment was, or is, the server's to look at.

        IMAP tells seconds alone: those of the first and of the last count whole, so that nothing is done twice.
        """
        if moment is None:
            return False
        is_now = self.since is not None and self.since <= moment
        return is_now or any(first <= moment <= end for first, end in self._past)


def append_installation(ledger: Ledger[InstallationRecord], parts: Iterable[Part], now: dt.datetime) -> None:
    """Write down what the server does from now on, where that is something else; raises SettingsWriteError."""
    done = tuple(sorted(parts))
    if done != (ledger.records[-1].parts if ledger.records else ()):
        ledger.append(InstallationRecord(at=now.astimezone(dt.UTC).replace(microsecond=0), parts=done))


def read_parts(settings: Path, owner: str) -> tuple[Part, ...]:
    """Return what the server does at present, as far as it is known here; arguments as of `read_server_times`."""
    records = read_ledger(settings, owner, LEDGER_NAME, InstallationRecord)
    return records[-1].parts if records else ()


def read_server_times(settings: Path, owner: str, part: Part) -> ServerTimes:
    """Return when the server did a part; `settings`: the settings file, `owner`: as `ledger_owner` says."""
    return ServerTimes(read_ledger(settings, owner, LEDGER_NAME, InstallationRecord), part)
