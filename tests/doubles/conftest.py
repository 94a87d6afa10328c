"""The TLS of a client, for the tests of the doubles themselves."""

from __future__ import annotations

import ssl

import pytest


@pytest.fixture(scope="session")
def client_context(ca):
    return ssl.create_default_context(cafile=str(ca.ca_file))
