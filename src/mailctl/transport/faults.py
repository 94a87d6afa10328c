"""The one place where exceptions of the socket, TLS and mail libraries become errors of mailctl.

    with translated("while reading from mail.example:587"):
        ...

The reasons are those of `protocol.reasons`.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mailctl.errors import (
    AuthenticationError,
    CapabilityError,
    MailError,
    NetworkError,
    ProtocolError,
    RefusedError,
    TLSError,
)
from mailctl.protocol.reasons import Reason

LIBRARIES = ("smtplib", "poplib", "imaplib", "imapclient")
"""Packages whose exceptions are translated, besides the socket's and TLS' own."""

_UNREACHABLE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.ENETDOWN, errno.EHOSTDOWN}
_FORBIDDEN = {errno.EACCES, errno.EPERM}

# X509_V_ERR_… of OpenSSL's x509_vfy.h.
_VERIFY_REASONS = {
    9: (Reason.CERTIFICATE_NOT_YET_VALID, "the server's certificate is not valid yet"),
    10: (Reason.CERTIFICATE_EXPIRED, "the server's certificate has expired"),
    18: (Reason.CERTIFICATE_SELF_SIGNED, "the server's certificate is signed by itself, and not trusted here"),
    19: (Reason.CERTIFICATE_UNKNOWN_CA, "the server's certificate comes from an authority that is not trusted here"),
    2: (Reason.CERTIFICATE_UNKNOWN_CA, "the issuer of the server's certificate is not known here"),
    20: (Reason.CERTIFICATE_UNKNOWN_CA, "the issuer of the server's certificate is not known here"),
    21: (Reason.CERTIFICATE_CHAIN, "the server does not send the certificate of its certificate's issuer"),
    23: (Reason.CERTIFICATE_REVOKED, "the server's certificate has been revoked"),
    62: (Reason.CERTIFICATE_HOST, "the server's certificate is for another name"),
    64: (Reason.CERTIFICATE_HOST, "the server's certificate is not for this IP address"),
}
SPEAKS_IN_CLEAR = "the server does not speak TLS here, but in the clear"
_TLS_REASONS = {
    Reason.WRONG_VERSION: (
        SPEAKS_IN_CLEAR,
        ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "UNKNOWN_PROTOCOL", "BAD_RECORD_TYPE"),
    ),
    Reason.PROTOCOL_VERSION: (
        "the server offers no version of TLS that is safe: 1.2 or 1.3",
        ("UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "NO_PROTOCOLS_AVAILABLE", "VERSION_TOO_LOW"),
    ),
    Reason.CLIENT_CERTIFICATE: (
        "the server refuses the client certificate, or wants one",
        (
            "TLSV13_ALERT_CERTIFICATE_REQUIRED",
            "TLSV1_ALERT_UNKNOWN_CA",
            "SSLV3_ALERT_BAD_CERTIFICATE",
            "SSLV3_ALERT_CERTIFICATE_EXPIRED",
            "SSLV3_ALERT_CERTIFICATE_REVOKED",
            "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
            "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
            "TLSV1_ALERT_ACCESS_DENIED",
        ),
    ),
    Reason.SERVER_NAME: ("the server does not know that name", ("TLSV1_UNRECOGNIZED_NAME",)),
    Reason.NO_COMMON_CIPHER: (
        "server and client have no way of encryption in common",
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", "NO_SHARED_CIPHER", "DH_KEY_TOO_SMALL", "TLSV1_ALERT_INSUFFICIENT_SECURITY"),
    ),
    Reason.HANDSHAKE_RESET: (
        "the server ended the connection during the TLS handshake",
        ("TLSV1_ALERT_INTERNAL_ERROR",),
    ),
}
_TLS_BY_NAME = {name: reason for reason, (_, names) in _TLS_REASONS.items() for name in names}


def _tls_error(error: ssl.SSLError, doing: str) -> MailError:
    if isinstance(error, ssl.SSLCertVerificationError):
        reason, said = _VERIFY_REASONS.get(
            error.verify_code, (Reason.CERTIFICATE_INVALID, "the server's certificate does not hold")
        )
        details = {"verify_code": error.verify_code, "verify_message": error.verify_message}
        return TLSError(f"{said} ({doing})", reason=reason, details=details)
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return NetworkError(f"the server closed the connection ({doing})", reason=Reason.CLOSED)
    name = getattr(error, "reason", None) or "unknown"
    reason = _TLS_BY_NAME.get(name, Reason.TLS)
    said = _TLS_REASONS[reason][0] if reason in _TLS_REASONS else "TLS failed"
    return TLSError(f"{said} ({doing})", reason=reason, details={"openssl": name})


def _network_error(error: OSError, doing: str) -> MailError:
    if isinstance(error, socket.gaierror):
        unknown = error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", None))
        reason = Reason.NXDOMAIN if unknown else Reason.DNS
        return NetworkError(f"the name cannot be resolved ({doing})", reason=reason)
    if isinstance(error, TimeoutError):
        return NetworkError(f"no complete answer in time ({doing})", reason=Reason.TIMED_OUT)
    if isinstance(error, ConnectionRefusedError):
        return NetworkError(f"the connection was refused ({doing})", reason=Reason.REFUSED)
    if isinstance(error, ConnectionResetError | ConnectionAbortedError):
        return NetworkError(f"the connection was reset ({doing})", reason=Reason.RESET)
    if isinstance(error, BrokenPipeError):
        return NetworkError(f"the server closed the connection ({doing})", reason=Reason.CLOSED)
    if error.errno in _UNREACHABLE:
        return NetworkError(f"the server cannot be reached from here ({doing})", reason=Reason.UNREACHABLE)
    if error.errno in _FORBIDDEN:
        return NetworkError(f"this machine forbids the connection ({doing})", reason=Reason.FORBIDDEN)
    name = errno.errorcode.get(error.errno or 0, type(error).__name__)
    return NetworkError(f"the network failed with {name} ({doing})", reason=Reason.NETWORK, details={"errno": name})


def _reply_of(error: BaseException) -> bytes | None:
    reply = getattr(error, "smtp_error", None)
    return reply if isinstance(reply, bytes) else None


def _fault(kind: type[MailError], reason: str, said: str) -> Callable[[BaseException, str], MailError]:
    return lambda error, doing: kind(f"{said} ({doing})", reason=reason, reply=_reply_of(error))


_refused = _fault(RefusedError, Reason.REFUSED, "the server refused")
_broken = _fault(ProtocolError, Reason.PROTOCOL, "the server breaks the protocol")
_closed = _fault(NetworkError, Reason.CLOSED, "the server closed the connection")
_login = _fault(AuthenticationError, Reason.LOGIN_REFUSED, "the server refused the login")
_lacking = _fault(CapabilityError, Reason.NOT_OFFERED, "the server lacks a capability that is needed")
# By module and name, so that a library which is not in use need not be loaded; a subclass has its parent's fault.
_LIBRARY_FAULTS: dict[str, Callable[[BaseException, str], MailError]] = {
    "smtplib.SMTPServerDisconnected": _closed,
    "smtplib.SMTPAuthenticationError": _login,
    "smtplib.SMTPNotSupportedError": _lacking,
    "smtplib.SMTPRecipientsRefused": _refused,
    "smtplib.SMTPResponseException": _refused,
    "smtplib.SMTPException": _broken,
    "poplib.error_proto": _broken,
    "imaplib.IMAP4.abort": _broken,
    "imaplib.IMAP4.readonly": _refused,
    "imaplib.IMAP4.error": _broken,
    "imapclient.exceptions.CapabilityError": _lacking,
    "imapclient.exceptions.LoginError": _login,
}


def find_mail_error(error: BaseException, doing: str) -> MailError | None:
    """Return the MailError for an exception of a library; None if it is of another kind.

    `doing` completes the message: where, and in the course of what.
    """
    if isinstance(error, MailError):
        return error
    if isinstance(error, ssl.SSLError) and not isinstance(error, TimeoutError):
        return _tls_error(error, doing)
    if type(error).__module__.partition(".")[0] in LIBRARIES:
        for kind in type(error).__mro__:
            make = _LIBRARY_FAULTS.get(f"{kind.__module__}.{kind.__qualname__}")
            if make:
                return make(error, doing)
    if isinstance(error, OSError):
        return _network_error(error, doing)
    return None


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Let exceptions of the libraries out as MailErrors, their own words kept out of the message; others unchanged."""
    try:
        yield
    except Exception as error:
        translation = find_mail_error(error, doing)
        if translation is None or translation is error:
            raise
        raise translation from error
