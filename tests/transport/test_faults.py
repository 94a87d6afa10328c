"""Exceptions of the libraries become errors of mailctl, each with its reason; none is forgotten."""

from __future__ import annotations

import errno
import imaplib
import importlib
import inspect
import pkgutil
import poplib
import smtplib
import socket
import ssl

import pytest

from mailctl.errors import (
    AuthenticationError,
    CapabilityError,
    MailError,
    NetworkError,
    ProtocolError,
    RefusedError,
    TLSError,
)
from mailctl.transport.faults import LIBRARIES, find_mail_error, translated


def exception_classes():
    """Every exception class that the libraries define, those inside of classes and submodules too."""
    found = set()
    for name in LIBRARIES:
        library = importlib.import_module(name)
        modules = [library]
        modules += [
            importlib.import_module(f"{name}.{part.name}")
            for part in pkgutil.iter_modules(getattr(library, "__path__", []))
            if part.name not in ("interact", "testable_imapclient")  # tools beside the library
        ]
        for module in modules:
            holders = [module, *(member for _, member in inspect.getmembers(module, inspect.isclass))]
            for holder in holders:
                found |= {
                    member
                    for _, member in inspect.getmembers(holder, inspect.isclass)
                    if issubclass(member, Exception) and member.__module__.partition(".")[0] == name
                }
    return sorted(found, key=lambda kind: kind.__qualname__)


def make(kind):
    if issubclass(kind, smtplib.SMTPSenderRefused):
        return kind(550, b"no", "a@example.org")
    if issubclass(kind, smtplib.SMTPRecipientsRefused):
        return kind({})
    if issubclass(kind, smtplib.SMTPResponseException):
        return kind(550, b"no")
    return kind("what the library says")


def test_the_libraries_have_the_exceptions_that_are_known():
    names = {kind.__qualname__ for kind in exception_classes()}
    assert {"SMTPServerDisconnected", "error_proto", "IMAP4.abort", "LoginError"} <= names


@pytest.mark.parametrize("kind", exception_classes(), ids=lambda kind: kind.__qualname__)
def test_every_exception_of_the_libraries_is_translated(kind):
    translation = find_mail_error(make(kind), "reading")
    assert isinstance(translation, MailError)
    assert translation.reason
    assert "what the library says" not in translation.message


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (TimeoutError(), NetworkError, "timed-out"),
        (ConnectionRefusedError(errno.ECONNREFUSED, ""), NetworkError, "refused"),
        (ConnectionResetError(errno.ECONNRESET, ""), NetworkError, "reset"),
        (BrokenPipeError(errno.EPIPE, ""), NetworkError, "closed"),
        (OSError(errno.ENETUNREACH, ""), NetworkError, "unreachable"),
        (OSError(errno.EACCES, ""), NetworkError, "forbidden"),
        (OSError(errno.EIO, ""), NetworkError, "network"),
        (socket.gaierror(socket.EAI_NONAME, ""), NetworkError, "nxdomain"),
        (socket.gaierror(socket.EAI_AGAIN, ""), NetworkError, "dns"),
        (ssl.SSLEOFError(ssl.SSL_ERROR_EOF, ""), NetworkError, "closed"),
        (ssl.SSLError(1, "of another kind"), TLSError, "tls"),
        (smtplib.SMTPAuthenticationError(535, b"no"), AuthenticationError, "login-refused"),
        (smtplib.SMTPDataError(554, b"no"), RefusedError, "refused"),
        (poplib.error_proto("-ERR EOF"), ProtocolError, "protocol"),
        (imaplib.IMAP4.abort("unexpected"), ProtocolError, "protocol"),
        (smtplib.SMTPNotSupportedError("no SMTPUTF8"), CapabilityError, "not-offered"),
    ],
)
def test_reasons_are_told_apart(error, kind, reason):
    translation = find_mail_error(error, "reading")
    assert type(translation) is kind
    assert translation.reason == reason


def test_what_is_no_librarys_goes_through_unchanged():
    with pytest.raises(KeyError), translated("reading"):
        raise KeyError
    first = RefusedError("no", reason="refused")
    with pytest.raises(RefusedError) as caught, translated("reading"):
        raise first
    assert caught.value is first
