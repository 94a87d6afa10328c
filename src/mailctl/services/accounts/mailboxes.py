"""Several mailboxes read at once; one that fails keeps nobody from the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from mailctl.errors import MailctlError, NetworkError
from mailctl.protocol.reasons import Reason
from mailctl.services.accounts.mailbox import MailboxAccess
from mailctl.services.together import run_together
from mailctl.transport.network.limits import Deadline

T = TypeVar("T")

SECONDS_MAX = 600.0
"""How long all of it may take. Each answer of a server has its own, shorter time."""


class Readings(Generic[T]):
    """What was read, and why something was not, by the accounts' addresses in their order."""

    def __init__(self) -> None:
        self.found: dict[str, T] = {}
        self.failed: dict[str, MailctlError] = {}


def read_mailboxes(accesses: Iterable[MailboxAccess], read: Callable[[MailboxAccess, Deadline], T]) -> Readings[T]:
    """Let mailboxes be read at once, each on a connection of its own."""
    ways = {access.address: access for access in accesses}

    def job(access: MailboxAccess) -> Callable[[], T | MailctlError]:
        def run() -> T | MailctlError:
            try:
                return read(access, Deadline(SECONDS_MAX))
            except MailctlError as error:
                return error

        return run

    ends = dict(run_together({address: job(access) for address, access in ways.items()}, SECONDS_MAX))
    readings: Readings[T] = Readings()
    for address, access in ways.items():
        end = ends.get(address) or NetworkError(f"no complete answer in time ({access.host})", reason=Reason.TIMED_OUT)
        if isinstance(end, MailctlError):
            readings.failed[address] = end
        else:
            readings.found[address] = end
    return readings
