"""TLS: the only place that makes contexts and shakes hands. TLS 1.2 and 1.3, verified unless it is said otherwise.

RFC 8314 (TLS for mail), RFC 9325 (versions), RFC 9525 (names: subject alternative names alone, never the common name).
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
import ssl
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, TypeAlias

from mailctl.errors import MailError, NetworkError, TLSError
from mailctl.model.secret import Secret
from mailctl.model.server import TlsOptions
from mailctl.protocol.reasons import Reason
from mailctl.transport.faults import SPEAKS_IN_CLEAR, find_mail_error
from mailctl.transport.network.limits import Deadline

Context: TypeAlias = ssl.SSLContext
"""What `build_context` makes, for those who pass it on."""

_LOST = (Reason.RESET, Reason.CLOSED)
_RECORD_TYPES = range(20, 25)
"""The first byte of all that is said in TLS (RFC 8446, 5.1); no greeting in the clear begins so."""
_PEEKED_BYTES = 1024


class SecuredSocket(ssl.SSLSocket):
    """A socket that is closed where the connection has gone before the handshake: ssl drops it open (3.11 to 3.13)."""

    def getpeername(self) -> Any:
        try:
            return super().getpeername()
        except OSError as error:
            self.close()
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)) from error


def build_context(
    options: TlsOptions,
    *,
    passphrase: Secret | None = None,
    verify: bool | None = None,
    socket_class: type[SecuredSocket] = SecuredSocket,
) -> Context:
    """Return the context of a connection. `passphrase` opens the client's key; `verify` overrules the options.

    `socket_class`: what a connection becomes by the handshake. The context is shared: nobody changes it. Raises
    TLSError of reason `ca-file` or `client-certificate` if a file cannot be used.
    """
    verify = options.verify if verify is None else verify
    if options.client_cert and options.client_key:
        context = _new_context(options.ca_file, verify, socket_class)
        _present(context, options.client_cert, options.client_key, passphrase)
        return context
    with _sharing:
        authorities = _authorities_now(options.ca_file)
        # A class can be hashed; mypy looks at how its instances are.
        return _shared_context(options.ca_file, verify, socket_class, authorities)  # type: ignore[arg-type]


def _new_context(ca_file: str | None, verify: bool, socket_class: type[SecuredSocket]) -> Context:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.sslsocket_class = socket_class
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    if verify:
        # An authority of one's own may be an intermediate one.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        _trust(context, ca_file)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


@lru_cache(maxsize=8)
def _shared_context(
    ca_file: str | None, verify: bool, socket_class: type[SecuredSocket], _authorities: object
) -> Context:
    """Return a context that connections share: OpenSSL 3 takes up to 60 ms to read the system's authorities."""
    return _new_context(ca_file, verify, socket_class)


_sharing = Lock()


def _authorities_now(ca_file: str | None) -> object:
    """Return what is another once other authorities are to be trusted."""
    if ca_file is None:
        return os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    with suppress(OSError, RuntimeError):
        found = Path(ca_file).expanduser().stat()
        return found.st_ino, found.st_mtime_ns, found.st_size
    return None


def _trust(context: Context, ca_file: str | None) -> None:
    if ca_file is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        return
    try:
        context.load_verify_locations(cafile=Path(ca_file).expanduser())
    except OSError as error:
        raise TLSError(
            f"the CA file {ca_file} cannot be used: {_file_problem(error)}",
            reason=Reason.CA_FILE,
            hint="tls.ca_file is a readable file of certificates in PEM",
        ) from error


def _present(context: Context, certificate: str, key: str, passphrase: Secret | None) -> None:
    # A password is always given: without one OpenSSL would ask for it on the terminal.
    password = passphrase.reveal() if passphrase else ""
    try:
        context.load_cert_chain(Path(certificate).expanduser(), Path(key).expanduser(), password=lambda: password)
    except (OSError, ValueError) as error:
        raise TLSError(
            f"the client certificate {certificate} with the key {key} cannot be used: {_file_problem(error)}",
            reason=Reason.CLIENT_CERTIFICATE,
            hint="both are PEM files that belong together; an encrypted key needs tls.client_key_passphrase",
        ) from error


def _file_problem(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, PermissionError):
        return "it may not be read"
    return "its contents are not as they should be, or the passphrase is wrong"


def shake_hands(connected: socket.socket, context: Context, host: str, deadline: Deadline, doing: str) -> ssl.SSLSocket:
    """Return the connection secured; implicit TLS, STARTTLS and STLS all pass here.

    `host`: A-labels or an IP address, for SNI (names only) and the certificate check. `doing` completes messages.
    Raises NetworkError where nothing comes in time, as any time-out is the network's, and else TLSError: where the
    other side speaks in the clear, with what it said. The connection is then closed.
    """
    secured: ssl.SSLSocket | None = None
    try:
        # As bytes: for text, Python's IDNA codec is loaded, whose tables take longer than the handshake.
        name = host.encode("ascii")
        secured = context.wrap_socket(connected, server_hostname=name, do_handshake_on_connect=False)
        _require_tls(secured, deadline, doing)
        secured.settimeout(deadline.left_seconds())
        secured.do_handshake()
    except TLSError:
        (secured or connected).close()
        raise
    except (OSError, ValueError) as error:
        (secured or connected).close()
        raise _handshake_error(error, doing) from error
    return secured


def _require_tls(secured: ssl.SSLSocket, deadline: Deadline, doing: str) -> None:
    """Begin a handshake, and look at the answer before OpenSSL does, which shows nobody what is no TLS."""
    secured.settimeout(0)
    try:
        secured.do_handshake()
    except ssl.SSLWantReadError:
        pass
    else:
        return  # on a machine's own addresses the answer may be there before it is looked for
    with selectors.DefaultSelector() as selector:
        selector.register(secured, selectors.EVENT_READ)
        if not selector.select(deadline.left_seconds()):
            raise TimeoutError
    said = socket.socket.recv(secured, _PEEKED_BYTES, socket.MSG_PEEK)
    if said and said[0] not in _RECORD_TYPES:
        raise cleartext_error(said, doing)


def cleartext_error(said: bytes, doing: str) -> TLSError:
    """Return the error for a server that speaks in the clear where TLS begins."""
    return TLSError(f"{SPEAKS_IN_CLEAR} ({doing})", reason=Reason.WRONG_VERSION, reply=said)


def _handshake_error(error: OSError | ValueError, doing: str) -> MailError:
    found = find_mail_error(error, doing)
    if isinstance(found, TLSError):
        return found
    if found and found.reason == Reason.TIMED_OUT:
        return NetworkError(f"the TLS handshake did not end in time ({doing})", reason=Reason.HANDSHAKE_TIMED_OUT)
    if found and found.reason in _LOST:
        said = f"the server ended the connection during the TLS handshake ({doing})"
        return TLSError(said, reason=Reason.HANDSHAKE_RESET)
    return TLSError(f"the TLS handshake failed ({doing})", reason=Reason.HANDSHAKE)


def find_certificate_chain(secured: ssl.SSLSocket) -> list[bytes]:
    """Return the certificates that the server sent, the server's own first, in DER."""
    public = getattr(secured, "get_unverified_chain", None)  # Python 3.13
    if public:
        return list(public())
    # Before 3.13 the chain is to be had from the underlying object alone.
    inner = getattr(secured, "_sslobj", None)
    chain = inner.get_unverified_chain() if inner is not None else None
    if chain:
        der_encoding = 2  # _ssl.ENCODING_DER
        return [certificate.public_bytes(der_encoding) for certificate in chain]
    own = secured.getpeercert(binary_form=True)
    return [own] if own else []


def check_pins(options: TlsOptions, chain: list[bytes], doing: str) -> None:
    """Raise TLSError of reason `pin-mismatch` unless one of the pins, if there are any, is the server's public key."""
    if not options.pins:
        return
    from mailctl.transport.network.certificate import public_key_sha256

    found = ""
    with suppress(ValueError, IndexError):  # a key that cannot be read is none of the pinned ones
        found = public_key_sha256(chain[0])
    if f"sha256:{found}" not in options.pins:
        raise TLSError(
            f"the server's public key is none of the pinned ones ({doing})",
            reason=Reason.PIN_MISMATCH,
            details={"public_key_sha256": found, "pins": list(options.pins)},
            hint="if the server's key was changed by its owner, set the new pin; if not, somebody is in between",
        )


def session_evidence(secured: ssl.SSLSocket) -> dict[str, object]:
    cipher = secured.cipher()
    return {"version": secured.version(), "cipher": cipher[0] if cipher else None}
