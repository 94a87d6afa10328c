"""Errors as the callers of a sendmail understand them: the exit codes of sysexits.h, and one line."""

from __future__ import annotations

from enum import IntEnum

from mailctl import errors
from mailctl.protocol.reasons import Reason


class Sysexit(IntEnum):
    OK = 0
    USAGE = 64
    DATA = 65
    NO_USER = 67
    NO_HOST = 68
    UNAVAILABLE = 69
    SOFTWARE = 70
    FATE_UNKNOWN = 74
    """EX_IOERR. Never 75, at which callers send again."""
    TEMPORARY = 75
    NO_PERMISSION = 77
    CONFIGURATION = 78
    INTERRUPTED = 130
    """As the shell has it; sysexits.h has no word for it."""


_BY_REASON: dict[str, Sysexit] = {
    Reason.NXDOMAIN: Sysexit.NO_HOST,
    Reason.NO_ADDRESS: Sysexit.NO_HOST,
    Reason.CA_FILE: Sysexit.CONFIGURATION,
    Reason.CLIENT_CERTIFICATE: Sysexit.CONFIGURATION,
    Reason.HANDSHAKE_TIMED_OUT: Sysexit.TEMPORARY,
    Reason.HANDSHAKE_RESET: Sysexit.TEMPORARY,
    Reason.GREETING_REFUSED: Sysexit.UNAVAILABLE,
    Reason.SENDER_REFUSED: Sysexit.NO_PERMISSION,
    Reason.RECIPIENT_REFUSED: Sysexit.NO_USER,
}
"""Reasons that say more than their error's class; not for what is temporary or of unknown fate."""

_BY_CLASS: dict[type[BaseException], Sysexit] = {
    errors.MailctlError: Sysexit.UNAVAILABLE,
    errors.UsageError: Sysexit.USAGE,
    errors.InvalidValueError: Sysexit.DATA,
    errors.NotFoundError: Sysexit.NO_USER,
    errors.ConflictError: Sysexit.CONFIGURATION,
    errors.SettingsError: Sysexit.CONFIGURATION,
    errors.SecretError: Sysexit.CONFIGURATION,
    errors.NetworkError: Sysexit.TEMPORARY,
    errors.AuthenticationError: Sysexit.NO_PERMISSION,
    errors.RefusedError: Sysexit.DATA,
    errors.TemporaryError: Sysexit.TEMPORARY,
    errors.FateUnknownError: Sysexit.FATE_UNKNOWN,
    errors.BugError: Sysexit.SOFTWARE,
    OSError: Sysexit.TEMPORARY,  # of standard input or the spool: a full disk, say; nothing was sent
    KeyboardInterrupt: Sysexit.INTERRUPTED,
}


def sysexit_for(error: BaseException) -> Sysexit:
    """Return the exit code of an error; an exception that is in neither table is a bug."""
    settled = isinstance(error, errors.TemporaryError | errors.FateUnknownError)
    if isinstance(error, errors.MailError) and not settled and error.reason in _BY_REASON:
        return _BY_REASON[error.reason]
    for kind in type(error).__mro__:
        if kind in _BY_CLASS:
            return _BY_CLASS[kind]
    return Sysexit.SOFTWARE


def one_line(error: BaseException) -> str:
    """Return what is said of an error: what and where, the server's words, what to do."""
    if isinstance(error, errors.MailctlError):
        said = error.message.replace(":\n- ", ": ").replace("\n- ", "; ")
        reply = error.reply if isinstance(error, errors.MailError) else None
        if reply:
            from mailctl.protocol.replies import printable

            said += f": {printable(reply)}"
        if error.hint:
            said += f" ({error.hint})"
    elif isinstance(error, KeyboardInterrupt):
        said = "interrupted"
    elif isinstance(error, OSError):
        from mailctl.durable import cause_of

        said = f"the message cannot be read or kept: {cause_of(error)}"
    else:
        said = f"this is a bug in mailctl: {type(error).__name__} (nothing more is shown, it might hold a secret)"
    return " ".join(said.split())
