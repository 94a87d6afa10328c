"""The contexts of hostile servers' TLS, by the name of what is wrong with them."""

from __future__ import annotations

import ssl
import warnings
from functools import cache

import pytest

UP_TO_TLS_1_1 = "_up_to_tls_1_1"
FOR_KNOWN_CLIENTS = "_for_known_clients"


@pytest.fixture(scope="session")
def context_for(ca):
    """Return a server's context that shows a certificate of the authority's, as `expired`,
    `good_up_to_tls_1_1` or `good_for_known_clients`."""

    @cache
    def build(name: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if name.endswith(UP_TO_TLS_1_1):
            context.set_ciphers("ALL:@SECLEVEL=0")
            with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
                context.minimum_version = ssl.TLSVersion.TLSv1
                context.maximum_version = ssl.TLSVersion.TLSv1_1
        pair = getattr(ca, name.removesuffix(UP_TO_TLS_1_1).removesuffix(FOR_KNOWN_CLIENTS))
        context.load_cert_chain(pair.certificate, pair.key)
        if name.endswith(FOR_KNOWN_CLIENTS):
            context.load_verify_locations(ca.ca_file)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    return build
