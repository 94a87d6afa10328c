"""Routes to servers on this machine, whose certificates come from the tests' authority."""

from __future__ import annotations

import pytest

from mailctl.model.secret import Secret
from mailctl.model.server import (
    IncomingAuth,
    IncomingEndpoint,
    IncomingProtocol,
    Security,
    SmtpAuth,
    SmtpEndpoint,
    TlsOptions,
)
from mailctl.protocol.sasl import Login
from mailctl.transport.route import Route


@pytest.fixture
def route_to(ca):
    """Return a function that makes a route: protocol and port, then `security`, `auth`, `login`, …"""

    def build(protocol, port, *, security="none", auth="auto", apop=False, login=None, host="localhost", **options):
        options.setdefault("tls", TlsOptions(ca_file=str(ca.ca_file)))
        if login is not None:
            user, password = login
            options["login"] = Login(user, Secret(password))
        if protocol == "smtp":
            endpoint = SmtpEndpoint(host=host, port=port, security=Security(security), auth=SmtpAuth(auth))
        else:
            endpoint = IncomingEndpoint(
                protocol=IncomingProtocol(protocol),
                host=host,
                port=port,
                security=Security(security),
                auth=IncomingAuth(auth),
                apop=apop,
            )
        return Route(endpoint=endpoint, **options)

    return build
