"""Exit codes, and the one table from error class to exit code. Scripts rely on these numbers: they are stable."""

from __future__ import annotations

from enum import IntEnum

from mailctl import errors


class Exit(IntEnum):
    OK = 0
    FAILURE = 1
    USAGE = 2
    NOT_FOUND = 3
    CONFLICT = 4
    SETTINGS = 5
    SECRET = 6
    SENDING_DISABLED = 7
    NETWORK = 10
    TLS = 11
    AUTHENTICATION = 12
    REFUSED = 13
    TEMPORARY = 14
    NOT_ARRIVED = 15
    WARNINGS = 16
    FATE_UNKNOWN = 17
    PROTOCOL = 18
    DIFFERENCES = 20
    BUG = 70
    INTERRUPTED = 130


_EXITS: dict[type[BaseException], Exit] = {
    errors.MailctlError: Exit.FAILURE,
    errors.UsageError: Exit.USAGE,
    errors.NotFoundError: Exit.NOT_FOUND,
    errors.ConflictError: Exit.CONFLICT,
    errors.SettingsError: Exit.SETTINGS,
    errors.SecretError: Exit.SECRET,
    errors.SendingDisabledError: Exit.SENDING_DISABLED,
    errors.NetworkError: Exit.NETWORK,
    errors.TLSError: Exit.TLS,
    errors.AuthenticationError: Exit.AUTHENTICATION,
    errors.RefusedError: Exit.REFUSED,
    errors.TemporaryError: Exit.TEMPORARY,
    errors.NotArrivedError: Exit.NOT_ARRIVED,
    errors.FateUnknownError: Exit.FATE_UNKNOWN,
    errors.ProtocolError: Exit.PROTOCOL,
    errors.CapabilityError: Exit.PROTOCOL,
    errors.BugError: Exit.BUG,
    KeyboardInterrupt: Exit.INTERRUPTED,
}


def exit_for(error: BaseException) -> Exit:
    """Return the exit code of an error: that of its nearest class in the table; a foreign exception is a bug."""
    for kind in type(error).__mro__:
        if kind in _EXITS:
            return _EXITS[kind]
    return Exit.BUG
