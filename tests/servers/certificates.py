"""A throw-away certificate authority: the certificate that is right for this machine, and those that are wrong.

Every file is PEM. The right one names `localhost`, `127.0.0.1` and `::1`; each wrong one is wrong in one way only,
so that a refusal can be traced to its reason.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class KeyPair:
    """A certificate (followed by its intermediates, as servers send them) and its private key, as PEM files."""

    certificate: Path
    key: Path


class CertificateAuthority:
    """A certificate authority of its own in `folder`; its certificates are issued when they are first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority = trustme.CA(organization_name="mailctl tests")
        self.ca_file = folder / "ca.pem"
        """The authority's own certificate: what a client is to trust."""
        self._authority.cert_pem.write_to_path(str(self.ca_file))

    @cached_property
    def good(self) -> KeyPair:
        """For `localhost`, `127.0.0.1` and `::1`."""
        return self._issue("good", *LOOPBACK_NAMES)

    @cached_property
    def wrong_host(self) -> KeyPair:
        """For another name than this machine's."""
        return self._issue("wrong-host", "elsewhere.example.test")

    @cached_property
    def dns_names_only(self) -> KeyPair:
        """For the name `localhost` and no address: wrong for who connects to 127.0.0.1."""
        return self._issue("dns-names-only", "localhost")

    @cached_property
    def ip_addresses_only(self) -> KeyPair:
        """For the addresses 127.0.0.1 and ::1 and no name."""
        return self._issue("ip-addresses-only", "127.0.0.1", "::1")

    @cached_property
    def expired(self) -> KeyPair:
        """Valid until yesterday."""
        now = dt.datetime.now(dt.UTC)
        return self._issue("expired", *LOOPBACK_NAMES, not_before=now - 30 * DAY, not_after=now - DAY)

    @cached_property
    def not_yet_valid(self) -> KeyPair:
        """Valid from tomorrow."""
        now = dt.datetime.now(dt.UTC)
        return self._issue("not-yet-valid", *LOOPBACK_NAMES, not_before=now + DAY, not_after=now + 30 * DAY)

    @cached_property
    def unknown_authority(self) -> KeyPair:
        """Right in all but its issuer, an authority that nobody trusts."""
        stranger = trustme.CA(organization_name="nobody")
        return self._write("unknown-authority", stranger.issue_cert(*LOOPBACK_NAMES))

    @cached_property
    def with_intermediate(self) -> KeyPair:
        """Issued by an intermediate, whose certificate is sent along."""
        return self._write("with-intermediate", self._intermediate.issue_cert(*LOOPBACK_NAMES))

    @cached_property
    def intermediate_missing(self) -> KeyPair:
        """Issued by an intermediate, whose certificate the server forgets to send."""
        issued = self._intermediate.issue_cert(*LOOPBACK_NAMES)
        pair = self._write("intermediate-missing", issued)
        issued.cert_chain_pems[0].write_to_path(str(pair.certificate))
        return pair

    @cached_property
    def common_name_only(self) -> KeyPair:
        """`localhost` in the subject's common name, and no subject alternative name (RFC 9525, 2)."""
        issuer = x509.load_pem_x509_certificate(self._authority.cert_pem.bytes())
        issuer_key = serialization.load_pem_private_key(self._authority.private_key_pem.bytes(), password=None)
        assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)
        key = ec.generate_private_key(ec.SECP256R1())
        now = dt.datetime.now(dt.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]))
            .issuer_name(issuer.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + 30 * DAY)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
            .sign(issuer_key, hashes.SHA256())
        )
        pair = self._pair("common-name-only")
        pair.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        pair.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return pair

    def for_names(self, *names: str) -> KeyPair:
        """For other names than this machine's, as a server of many sites has it."""
        return self._issue(f"for-{names[0]}", *names)

    def client(self, user: str) -> KeyPair:
        """A client certificate whose common name is the login `user`."""
        return self._write(f"client-{user}", self._authority.issue_cert(common_name=user))

    @cached_property
    def _intermediate(self) -> trustme.CA:
        return self._authority.create_child_ca()

    def _issue(self, label: str, *names: str, **validity: dt.datetime) -> KeyPair:
        return self._write(label, self._authority.issue_cert(*names, **validity))

    def _write(self, label: str, issued: trustme.LeafCert) -> KeyPair:
        pair = self._pair(label)
        pair.certificate.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(str(pair.key))
        return pair

    def _pair(self, label: str) -> KeyPair:
        return KeyPair(self._folder / f"{label}.pem", self._folder / f"{label}.key")
