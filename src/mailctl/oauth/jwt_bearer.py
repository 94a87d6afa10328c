"""The grant of RFC 7523, 2.1, for oauthlib, whose own client for it needs one more package to sign."""

from __future__ import annotations

from typing import Any

from oauthlib.oauth2 import Client  # type: ignore[import-untyped]  # the package has no types
from oauthlib.oauth2.rfc6749.parameters import prepare_token_request  # type: ignore[import-untyped]  # as above


class JwtBearerClient(Client):  # type: ignore[misc]  # of an untyped package
    """Takes an `assertion` that has been signed; nothing else says who the client is."""

    grant_type = "urn:ietf:params:oauth:grant-type:jwt-bearer"

    def prepare_request_body(self, body: str = "", **form: Any) -> str:
        request: str = prepare_token_request(self.grant_type, body=body, **form)
        return request
