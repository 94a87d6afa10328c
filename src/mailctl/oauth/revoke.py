"""The end of a grant. RFC 7009."""

from __future__ import annotations

from mailctl.errors import AuthenticationError
from mailctl.model.secret import Secret
from mailctl.oauth.explanations import Act
from mailctl.oauth.refusals import Occasion
from mailctl.oauth.registration import Registration


def revoke_token(registration: Registration, token: Secret, *, timeout_seconds: float = 30) -> bool:
    """Revoke a refresh token, or an access token; tell whether the provider can: Microsoft has no such endpoint.

    A token that the provider does not know any more counts as revoked. Raises as `token_endpoint.fetch_token`.
    """
    url = registration.client.endpoints.revoke
    if url is None:
        return False
    from mailctl.oauth.token_endpoint import post_form

    occasion = Occasion.of(Act.REVOKE, registration.client)
    try:
        post_form(url, registration, {"token": token}, occasion, timeout_seconds=timeout_seconds)
    except AuthenticationError as error:
        if error.details.get("error") != "invalid_token":  # Google's, for one that has ended already
            raise
    return True
