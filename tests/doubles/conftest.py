"""Certificates for the tests of the doubles themselves."""

from __future__ import annotations

import ssl

import pytest
from tests.servers.certificates import CertificateAuthority


@pytest.fixture(scope="session")
def double_authority(tmp_path_factory):
    return CertificateAuthority(tmp_path_factory.mktemp("double-authority"))


@pytest.fixture(scope="session")
def server_context(double_authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(double_authority.good.certificate, double_authority.good.key)
    return context


@pytest.fixture(scope="session")
def client_context(double_authority):
    return ssl.create_default_context(cafile=str(double_authority.ca_file))
