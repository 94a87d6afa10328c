"""The reasons for which sending or receiving fails: what `MailError.reason` may be, for remedies, reports and JSON.

They are stable words, which scripts compare; a member is its word.
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    # DNS and network
    NXDOMAIN = "nxdomain"
    NO_ADDRESS = "no-address"
    """The name exists and has no address."""
    SERVFAIL = "servfail"
    """The name servers fail."""
    DNS = "dns"
    """No address, for a reason that the system does not tell."""
    REFUSED = "refused"
    """Nobody listens on that port; after the connection: the server says no, for good."""
    TIMED_OUT = "timed-out"
    PORT_BLOCKED = "port-blocked"
    """Port 25 does not answer, and other ports of the same server do."""
    UNREACHABLE = "unreachable"
    """No route to any of the addresses."""
    RESET = "reset"
    CLOSED = "closed"
    """The server closed the connection before it had answered."""
    FORBIDDEN = "forbidden"
    """This machine does not let the program connect."""
    NETWORK = "network"
    INTERRUPTED = "interrupted"
    """Ctrl-C or a signal came when the message may have been taken already."""

    # TLS
    WRONG_VERSION = "wrong-version"
    """What answered the handshake was not TLS."""
    TLS_EXPECTED = "tls-expected"
    """The server waits for TLS from the start, and says nothing before."""
    PROTOCOL_VERSION = "protocol-version"
    """Neither TLS 1.2 nor 1.3."""
    NO_COMMON_CIPHER = "no-common-cipher"
    SERVER_NAME = "server-name"
    HANDSHAKE = "handshake"
    HANDSHAKE_RESET = "handshake-reset"
    HANDSHAKE_TIMED_OUT = "handshake-timed-out"
    TLS = "tls"
    CLIENT_CERTIFICATE = "client-certificate"
    """Cannot be read, or is not accepted, or is missing."""
    CA_FILE = "ca-file"
    STARTTLS_NOT_OFFERED = "starttls-not-offered"
    STARTTLS_REFUSED = "starttls-refused"
    """Offered, and then answered by no."""
    BYTES_BEFORE_TLS = "bytes-before-tls"
    """Something that was said before TLS would have been taken for said inside it."""

    # The server's certificate
    CERTIFICATE_EXPIRED = "certificate-expired"
    CERTIFICATE_NOT_YET_VALID = "certificate-not-yet-valid"
    CERTIFICATE_HOST = "certificate-host"
    CERTIFICATE_COMMON_NAME = "certificate-common-name"
    """The name stands in the subject alone, where it has not counted since RFC 6125."""
    CERTIFICATE_UNKNOWN_CA = "certificate-unknown-ca"
    CERTIFICATE_SELF_SIGNED = "certificate-self-signed"
    CERTIFICATE_CHAIN = "certificate-chain"
    """The server does not send the certificate of its issuer."""
    CERTIFICATE_INTERCEPTED = "certificate-intercepted"
    """A proxy or a virus scanner that looks into connections has issued it."""
    CERTIFICATE_REVOKED = "certificate-revoked"
    CERTIFICATE_INVALID = "certificate-invalid"
    PIN_MISMATCH = "pin-mismatch"

    # What the server says and can do
    GREETING_REFUSED = "greeting-refused"
    RATE_LIMITED = "rate-limited"
    """Too many connections, logins or messages: nothing is known but that it is to be tried later."""
    TEMPORARY = "temporary"
    OTHER_PROTOCOL = "other-protocol"
    """What greets speaks another protocol than the one that is configured."""
    MALFORMED_REPLY = "malformed-reply"
    REPLY_TOO_LONG = "reply-too-long"
    PROTOCOL = "protocol"
    """The server breaks the protocol in another way."""
    NOT_OFFERED = "not-offered"
    """A capability that is needed."""
    SMTPUTF8_NOT_OFFERED = "smtputf8-not-offered"
    SMTPUTF8_NOT_SET = "smtputf8-not-set"
    """The settings do not let it be used, whether the server offers it or not."""

    # Logging in
    LOGIN_REFUSED = "login-refused"
    LOGIN_DISABLED = "login-disabled"
    """The server takes no login on this connection."""
    NO_LOGIN_OFFERED = "no-login-offered"
    """The server offers no login at all, though the connection is encrypted."""
    LOGIN_NEEDS_TLS = "login-needs-tls"
    """Without TLS the server offers no login, or none that is safe."""
    MECHANISM_NOT_OFFERED = "mechanism-not-offered"
    APOP_NOT_OFFERED = "apop-not-offered"
    APOP_TIMESTAMP = "apop-timestamp"
    SASL_CHALLENGE = "sasl-challenge"
    SASL_SERVER_UNVERIFIED = "sasl-server-unverified"

    # Mailbox, envelope and message
    MAILBOX_REFUSED = "mailbox-refused"
    SENDER_REFUSED = "sender-refused"
    RECIPIENT_REFUSED = "recipient-refused"
    MESSAGE_REFUSED = "message-refused"
    MESSAGE_TOO_LARGE = "message-too-large"
    SCRIPT_REFUSED = "script-refused"
    """A Sieve script, or what was to be done with one."""

    # The round trip
    NOT_ARRIVED = "not-arrived"
    BOUNCED = "bounced"
    """A report came back that the message was given up."""
