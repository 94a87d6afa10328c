"""Each certificate of the throw-away authority is right, or wrong for its own reason, in Python's own eyes."""

from __future__ import annotations

import ssl

import pytest
from tests.servers.certificates import CertificateAuthority, KeyPair


def shake_hands(pair: KeyPair, ca: CertificateAuthority, host: str) -> None:
    """Do a TLS handshake in memory, as a client that trusts `ca` and asks for `host`."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(pair.certificate, pair.key)
    client_context = ssl.create_default_context(cafile=ca.ca_file)
    client_context.hostname_checks_common_name = False
    upstream, downstream = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(downstream, upstream, server_hostname=host)
    server = server_context.wrap_bio(upstream, downstream, server_side=True)
    ended: set[ssl.SSLObject] = set()
    while len(ended) < 2:
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            ended.add(side)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_the_good_certificate_is_accepted(ca: CertificateAuthority, host: str) -> None:
    shake_hands(ca.good, ca, host)


def test_an_intermediate_sent_along_is_accepted(ca: CertificateAuthority) -> None:
    shake_hands(ca.with_intermediate, ca, "localhost")


def test_an_address_is_accepted_where_the_certificate_names_it(ca: CertificateAuthority) -> None:
    shake_hands(ca.ip_addresses_only, ca, "127.0.0.1")


@pytest.mark.parametrize(
    ("flaw", "host", "reason"),
    [
        ("wrong_host", "localhost", "Hostname mismatch"),
        ("dns_names_only", "127.0.0.1", "IP address mismatch"),
        ("ip_addresses_only", "localhost", "Hostname mismatch"),
        ("common_name_only", "localhost", "Hostname mismatch"),
        ("expired", "localhost", "certificate has expired"),
        ("not_yet_valid", "localhost", "certificate is not yet valid"),
        ("unknown_authority", "localhost", "unable to get local issuer certificate"),
        ("intermediate_missing", "localhost", "unable to get local issuer certificate"),
    ],
)
def test_a_flawed_certificate_is_refused_for_its_flaw(
    ca: CertificateAuthority, flaw: str, host: str, reason: str
) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match=reason):
        shake_hands(getattr(ca, flaw), ca, host)
