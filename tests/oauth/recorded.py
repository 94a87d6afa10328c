"""Refusals as providers word them; numbers of traces and correlations are made up."""

from __future__ import annotations

import re
from typing import Any

TRACE = "4f1b8f6c-0c2d-4a53-9d6e-1c7a4b2e3f00"
CORRELATION = "7b1d2a94-6d3a-4a0e-8f4b-2f2f6c5d1e11"


def entra(error: str, description: str, *, suberror: str | None = None) -> dict[str, Any]:
    """Return what Entra's token endpoint answers; the code is the description's."""
    found = re.match(r"AADSTS(\d+)", description)
    assert found
    return {
        "error": error,
        "error_description": f"{description} Trace ID: {TRACE} Correlation ID: {CORRELATION} "
        "Timestamp: 2026-03-02 09:14:07Z",
        "error_codes": [int(found[1])],
        "timestamp": "2026-03-02 09:14:07Z",
        "trace_id": TRACE,
        "correlation_id": CORRELATION,
        "error_uri": f"https://login.microsoftonline.com/error?code={found[1]}",
        **({"suberror": suberror} if suberror else {}),
    }


ENTRA = {
    "700082": entra(
        "invalid_grant",
        "AADSTS700082: The refresh token has expired due to inactivity. The token was issued on "
        "2025-11-01T08:00:00.0000000Z and was inactive for 90.00:00:00.",
    ),
    "70008": entra("invalid_grant", "AADSTS70008: The provided authorization code or refresh token has expired."),
    "50173": entra(
        "invalid_grant",
        "AADSTS50173: The provided grant has expired due to it being revoked, a fresh auth token is needed. The user "
        "might have changed or reset their password.",
        suberror="bad_token",
    ),
    "70043": entra(
        "invalid_grant",
        "AADSTS70043: The refresh token has expired or is invalid due to sign-in frequency checks by conditional "
        "access.",
        suberror="bad_token",
    ),
    "54005": entra(
        "invalid_grant",
        "AADSTS54005: OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an "
        "existing refresh token.",
    ),
    "501481": entra(
        "invalid_grant",
        "AADSTS501481: The Code_Verifier does not match the code_challenge supplied in the authorization request.",
    ),
    "50076": entra(
        "interaction_required",
        "AADSTS50076: Due to a configuration change made by your administrator, or because you moved to a new "
        "location, "
        "you must use multi-factor authentication to access '00000002-0000-0ff1-ce00-000000000000'.",
        suberror="basic_action",
    ),
    "50079": entra(
        "interaction_required",
        "AADSTS50079: Due to a configuration change made by your administrator, or because you moved to a new "
        "location, "
        "you must enroll in multi-factor authentication to access '00000002-0000-0ff1-ce00-000000000000'.",
        suberror="basic_action",
    ),
    "53003": entra(
        "invalid_grant",
        "AADSTS53003: Access has been blocked by Conditional Access policies. The access policy does not allow token "
        "issuance.",
        suberror="message_only",
    ),
    "530032": entra("invalid_grant", "AADSTS530032: Tenant security policy does not meet."),
    "530035": entra(
        "invalid_grant",
        "AADSTS530035: Access has been blocked by security defaults. The request is deemed unsafe by security "
        "defaults.",
    ),
    "53000": entra(
        "interaction_required",
        "AADSTS53000: Device is not in required device state: compliant. Conditional Access policy requires a "
        "compliant "
        "device, and the device is not compliant.",
        suberror="message_only",
    ),
    "65001": entra(
        "invalid_grant",
        "AADSTS65001: The user or administrator has not consented to use the application with ID 'client-id-1' named "
        "'Mail'. Send an interactive authorization request for this user and resource.",
        suberror="consent_required",
    ),
    "90094": entra(
        "invalid_grant",
        "AADSTS90094: An administrator of Example has set a policy that prevents you from granting Mail.",
    ),
    "65004": entra("access_denied", "AADSTS65004: User declined to consent to access the app."),
    "700016": entra(
        "unauthorized_client",
        "AADSTS700016: Application with identifier 'client-id-1' was not found in the directory 'Example'. This can "
        "happen if the application has not been installed by the administrator of the tenant.",
    ),
    "90002": entra(
        "invalid_request",
        "AADSTS90002: Tenant 'example.test' not found. Check to make sure you have the correct tenant ID and are "
        "signing "
        "into the correct cloud.",
    ),
    "50020": entra(
        "invalid_grant",
        "AADSTS50020: User account 'ann@outlook.com' from identity provider 'live.com' does not exist in tenant "
        "'Example' "
        "and cannot access the application 'client-id-1'(Mail) in that tenant.",
    ),
    "50194": entra(
        "invalid_request",
        "AADSTS50194: Application 'client-id-1'(Mail) is not configured as a multi-tenant application. Usage of the "
        "/common endpoint is not supported for such apps created after '10/15/2018'.",
    ),
    "9001023": entra(
        "invalid_request",
        "AADSTS9001023: The grant type is not supported over the /common or /consumers endpoints. Please use the "
        "/organizations or tenant-specific endpoint.",
    ),
    "7000215": entra(
        "invalid_client",
        "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client "
        "secret "
        "value, not the client secret ID, for a secret added to app 'client-id-1'.",
    ),
    "7000222": entra(
        "invalid_client", "AADSTS7000222: The provided client secret keys for app 'client-id-1' are expired."
    ),
    "7000218": entra(
        "invalid_client",
        "AADSTS7000218: The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    ),
    "700025": entra(
        "invalid_client",
        "AADSTS700025: Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
    ),
    "700027": entra(
        "invalid_client",
        "AADSTS700027: The certificate with identifier used to sign the client assertion is not registered on "
        "application.",
    ),
    "50011": entra(
        "invalid_request",
        "AADSTS50011: The redirect URI 'http://localhost:49152' specified in the request does not match the "
        "redirect URIs "
        "configured for the application 'client-id-1'.",
    ),
    "70011": entra(
        "invalid_scope",
        "AADSTS70011: The provided request must include a 'scope' input parameter. The provided value for the input "
        "parameter 'scope' is not valid.",
    ),
    "500011": entra(
        "invalid_resource",
        "AADSTS500011: The resource principal named https://outlook.office.example was not found in the tenant named "
        "Example.",
    ),
    "650057": entra(
        "invalid_client",
        "AADSTS650057: Invalid resource. The client has requested access to a resource which is not listed in the "
        "requested permissions in the client's application registration.",
    ),
    "90033": entra("temporarily_unavailable", "AADSTS90033: A transient error has occurred. Please try again."),
}

GOOGLE = {
    "revoked": {"error": "invalid_grant", "error_description": "Token has been expired or revoked."},
    "code": {"error": "invalid_grant", "error_description": "Malformed auth code."},
    "clock": {
        "error": "invalid_grant",
        "error_description": "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable "
        "timeframe. "
        "Check your iat and exp values in the JWT claim.",
    },
    "rapt": {
        "error": "invalid_grant",
        "error_description": "reauth related error (invalid_rapt)",
        "error_uri": "https://support.google.com/a/answer/9368756",
        "error_subtype": "invalid_rapt",
    },
    "delegation": {
        "error": "unauthorized_client",
        "error_description": "Client is unauthorized to retrieve access tokens using this method, or client not "
        "authorized for any of the scopes requested.",
    },
    "policy": {
        "error": "admin_policy_enforced",
        "error_description": "Access to your account data is restricted by policies within your organization.",
    },
    "redirect": {"error": "redirect_uri_mismatch", "error_description": "Bad Request"},
    "scope": {"error": "invalid_scope", "error_description": "Some requested scopes were invalid."},
    "client": {"error": "invalid_client", "error_description": "The OAuth client was not found."},
}
