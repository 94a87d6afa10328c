"""TLS contexts for the tests of the doubles themselves."""

from __future__ import annotations

import ssl

import pytest


@pytest.fixture(scope="session")
def server_context(ca):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca.good.certificate, ca.good.key)
    return context


@pytest.fixture(scope="session")
def client_context(ca):
    return ssl.create_default_context(cafile=str(ca.ca_file))
