"""What a certificate says, for people to see. Whether it holds is decided by the handshake (`tls`), not here."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtensionOID, NameOID

from mailctl.errors import TLSError
from mailctl.model.values import is_ip_address
from mailctl.protocol.reasons import Reason
from mailctl.protocol.replies import printable

_NAMES_SHOWN = 5
_CERTIFICATES_SHOWN = 10
_INSPECTORS = re.compile(
    r"Zscaler|Forti(?:net|gate|client)|Palo Alto Networks|Sophos|Blue ?Coat|Symantec Web|Netskope|Cisco Umbrella"
    r"|IronPort|Kaspersky|Avast|AVG Technologies|ESET SSL|Bitdefender|Norton|McAfee|Trellix|Skyhigh|Check Point"
    r"|WatchGuard|Barracuda|SonicWall|Untangle|Smoothwall|Lightspeed|Securly|GoGuardian|Squid|mitmproxy|PortSwigger"
    r"|Charles Proxy|DO_NOT_TRUST_FiddlerRoot|Forcepoint|Websense|Menlo Security|iboss|AdGuard|Dr\.? ?Web"
    r"|\b(?:SSL|TLS|HTTPS|Deep|Traffic)[ _-]?(?:Inspect|Intercept|Decrypt|Scan|Proxy)|\bMITM\b",
    re.IGNORECASE,
)
"""Makers of web gateways, virus scanners and debugging proxies, by whose own authorities they show themselves, and what
organisations call the authorities that they make for such."""

_UNKNOWN = (Reason.CERTIFICATE_UNKNOWN_CA, Reason.CERTIFICATE_SELF_SIGNED)


@contextmanager
def _reading() -> Iterator[None]:
    """Let what cryptography makes of a certificate that OpenSSL takes, and it does not, out as ValueError."""
    try:
        yield
    except (x509.DuplicateExtension, x509.UnsupportedGeneralNameType, UnsupportedAlgorithm) as error:
        raise ValueError("the certificate cannot be read") from error


@_reading()
def public_key_sha256(der: bytes) -> str:
    """Return the SHA-256 of a certificate's public key (SubjectPublicKeyInfo, RFC 7469, 2.4), in hex.

    Raises ValueError if it cannot be read.
    """
    key = x509.load_der_x509_certificate(der).public_key()
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


@_reading()
def certificate_evidence(chain: list[bytes], host: str, *, verified: bool) -> dict[str, object]:
    """Return what the server's certificate, the first of `chain`, says; DER. Raises ValueError if it cannot be read."""
    certificate = x509.load_der_x509_certificate(chain[0])
    names = _alternative_names(certificate)
    sent = [x509.load_der_x509_certificate(der).subject for der in chain]
    return {
        "subject": certificate.subject.rfc4514_string(),
        "names": names,
        "matched_name": find_matching_name(names, host),
        "issuer": certificate.issuer.rfc4514_string(),
        "issuer_sent": certificate.issuer in sent,
        "not_before": certificate.not_valid_before_utc.isoformat(),
        "not_after": certificate.not_valid_after_utc.isoformat(),
        "days_left": (certificate.not_valid_after_utc - datetime.now(UTC)).days,
        "serial": f"{certificate.serial_number:x}",
        "fingerprint_sha256": hashlib.sha256(chain[0]).hexdigest(),
        "public_key_sha256": public_key_sha256(chain[0]),
        "chain": [_outline(der) for der in chain[:_CERTIFICATES_SHOWN]],
        "chain_length": len(chain),
        "verified": verified,
    }


def _outline(der: bytes) -> dict[str, object]:
    certificate = x509.load_der_x509_certificate(der)
    return {
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "not_after": certificate.not_valid_after_utc.isoformat(),
    }


def explain_failure(failure: TLSError, chain: list[bytes], host: str) -> dict[str, object]:
    """Return the evidence of a certificate that does not hold, and complete the failure's reason and message by it.

    `chain`: as a second look has found it; empty if it found none, and the failure stays as it is.
    """
    try:
        evidence = certificate_evidence(chain, host, verified=False)
        failure.reason = find_finer_reason(chain, host, failure.reason)
    except (ValueError, IndexError):
        return {"verified": False}
    failure.details |= evidence
    failure.message = f"{failure.message}; {describe(failure.reason, evidence)}"
    return evidence


def inspection_warnings(chain: list[bytes]) -> list[str]:
    """Say who looks into a connection whose certificate holds: by an authority that this machine was made to trust."""
    inspector = _find_inspector(chain)
    said = "looks into this connection: the certificate that it shows is its own, not the server's"
    return [f"{printable(inspector.encode())} {said}"] if inspector else []


def _find_inspector(chain: list[bytes]) -> str | None:
    """Return the issuer in a chain that is known for looking into connections; None if there is none."""
    issuers = [x509.load_der_x509_certificate(der).issuer.rfc4514_string() for der in chain]
    return next((issuer for issuer in issuers if _INSPECTORS.search(issuer)), None)


def describe(reason: str, evidence: dict[str, object]) -> str:
    """Say what of a certificate's evidence belongs to the reason why it does not hold; control characters escaped."""
    names = evidence["names"]
    assert isinstance(names, list)
    if reason == Reason.CERTIFICATE_HOST:
        said = f"it is for {', '.join(names[:_NAMES_SHOWN]) or 'no name'}"
    elif reason == Reason.CERTIFICATE_COMMON_NAME:
        said = f"it names the host in its subject ({evidence['subject']}) alone, which does not count"
    elif reason in (Reason.CERTIFICATE_EXPIRED, Reason.CERTIFICATE_NOT_YET_VALID):
        said = f"it is valid from {_minute(evidence['not_before'])} to {_minute(evidence['not_after'])} UTC"
    elif reason == Reason.CERTIFICATE_CHAIN:
        said = f"the certificate of {evidence['issuer']} is missing, which is between it and a trusted authority"
    else:
        said = f"its issuer is {evidence['issuer']}"
        said += ", whose certificate the server does not send" * (not evidence["issuer_sent"])
    return printable(said.encode("utf-8", "surrogateescape"))


def _minute(moment: object) -> str:
    return str(moment)[:16].replace("T", " ")


def find_matching_name(names: list[str], host: str) -> str | None:
    """Return the name of the certificate that covers the host (RFC 9525, 6.3: one wildcard, the whole first label)."""
    host = host.lower()
    for name in names:
        wanted = name.lower().removesuffix(".")
        if wanted == host:
            return name
        label, _, rest = host.partition(".")
        if wanted.startswith("*.") and label and wanted[2:] == rest and not is_ip_address(host):
            return name
    return None


@_reading()
def find_finer_reason(chain: list[bytes], host: str, reason: str) -> str:
    """Return why a certificate does not hold where its contents tell it more precisely than the handshake.

    A certificate without names is `certificate-common-name` if its common name would have fitted: names are looked
    for in the subject alternative names alone. An unknown issuer is `certificate-intercepted` if it is known for
    looking into connections, and a gap in the chain, `certificate-chain`, if the certificate itself says where its
    issuer's certificate is to be had and the server did not send it.
    """
    certificate = x509.load_der_x509_certificate(chain[0])
    if reason == Reason.CERTIFICATE_HOST and not _alternative_names(certificate):
        common_names = [str(name.value) for name in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        if find_matching_name(common_names, host):
            return Reason.CERTIFICATE_COMMON_NAME
    if reason in _UNKNOWN and _find_inspector(chain):
        return Reason.CERTIFICATE_INTERCEPTED
    sent = [x509.load_der_x509_certificate(der).subject for der in chain[1:]]
    unknown = reason == Reason.CERTIFICATE_UNKNOWN_CA and certificate.issuer not in sent
    if unknown and _names_its_issuers_place(certificate):
        return Reason.CERTIFICATE_CHAIN
    return reason


def _alternative_names(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    found = names.get_values_for_type(x509.DNSName)
    return [*found, *(str(address) for address in names.get_values_for_type(x509.IPAddress))]


def _names_its_issuers_place(certificate: x509.Certificate) -> bool:
    try:
        access = certificate.extensions.get_extension_for_oid(ExtensionOID.AUTHORITY_INFORMATION_ACCESS).value
    except x509.ExtensionNotFound:
        return False
    assert isinstance(access, x509.AuthorityInformationAccess)
    return any(place.access_method == AuthorityInformationAccessOID.CA_ISSUERS for place in access)
