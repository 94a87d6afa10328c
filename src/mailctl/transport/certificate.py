"""What a certificate says, for people to see. Whether it holds is decided by the handshake (`tls`), not here."""

from __future__ import annotations

import hashlib
import ipaddress
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtensionOID, NameOID

from mailctl.protocol.reasons import Reason
from mailctl.protocol.replies import printable

_NAMES_SHOWN = 5


def public_key_sha256(der: bytes) -> str:
    """Return the SHA-256 of a certificate's public key (SubjectPublicKeyInfo, RFC 7469, 2.4), in hex."""
    key = x509.load_der_x509_certificate(der).public_key()
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def certificate_evidence(chain: list[bytes], host: str, *, verified: bool) -> dict[str, object]:
    """Return what the server's certificate, the first of `chain`, says; DER. Raises ValueError if it cannot be read."""
    certificate = x509.load_der_x509_certificate(chain[0])
    names = _alternative_names(certificate)
    return {
        "subject": certificate.subject.rfc4514_string(),
        "names": names,
        "matched_name": find_matching_name(names, host),
        "issuer": certificate.issuer.rfc4514_string(),
        "not_before": certificate.not_valid_before_utc.isoformat(),
        "not_after": certificate.not_valid_after_utc.isoformat(),
        "days_left": (certificate.not_valid_after_utc - datetime.now(UTC)).days,
        "serial": f"{certificate.serial_number:x}",
        "fingerprint_sha256": hashlib.sha256(chain[0]).hexdigest(),
        "public_key_sha256": public_key_sha256(chain[0]),
        "chain_length": len(chain),
        "verified": verified,
    }


def describe(reason: str, evidence: dict[str, object]) -> str:
    """Say what of a certificate's evidence belongs to the reason why it does not hold; control characters escaped."""
    names = evidence["names"]
    assert isinstance(names, list)
    if reason == Reason.CERTIFICATE_HOST:
        said = f"it is for {', '.join(names[:_NAMES_SHOWN]) or 'no name'}"
    elif reason == Reason.CERTIFICATE_COMMON_NAME:
        said = f"it names the host in its subject ({evidence['subject']}) alone, which does not count"
    elif reason in (Reason.CERTIFICATE_EXPIRED, Reason.CERTIFICATE_NOT_YET_VALID):
        said = f"it is valid from {evidence['not_before']} to {evidence['not_after']}"
    else:
        said = f"its issuer is {evidence['issuer']}"
    return printable(said.encode("utf-8", "surrogateescape"))


def find_matching_name(names: list[str], host: str) -> str | None:
    """Return the name of the certificate that covers the host (RFC 9525, 6.3: one wildcard, the whole first label)."""
    host = host.lower()
    for name in names:
        wanted = name.lower().removesuffix(".")
        if wanted == host:
            return name
        label, _, rest = host.partition(".")
        if wanted.startswith("*.") and label and wanted[2:] == rest and not _is_ip(host):
            return name
    return None


def find_finer_reason(chain: list[bytes], host: str, reason: str) -> str:
    """Return why a certificate does not hold where its contents tell it more precisely than the handshake.

    A certificate without names is `certificate-common-name` if its common name would have fitted: names are looked
    for in the subject alternative names alone. An unknown issuer is a gap in the chain, `certificate-chain`, if the
    certificate itself says where its issuer's certificate is to be had and the server did not send it.
    """
    certificate = x509.load_der_x509_certificate(chain[0])
    if reason == Reason.CERTIFICATE_HOST and not _alternative_names(certificate):
        common_names = [str(name.value) for name in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        if find_matching_name(common_names, host):
            return Reason.CERTIFICATE_COMMON_NAME
    if reason == Reason.CERTIFICATE_UNKNOWN_CA and len(chain) == 1 and _names_its_issuers_place(certificate):
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


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
