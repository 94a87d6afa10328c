"""What the standards' error codes mean, whoever says them. RFC 6749 (4.1.2.1, 5.2), RFC 8628 (3.5), OpenID Connect."""

from __future__ import annotations

from mailctl.oauth.explanations.row import AUTHORISE_AGAIN, Act, Explanation, Row
from mailctl.oauth.reasons import OAuthReason

STANDARD_ROWS = (
    Row(
        errors=("redirect_uri_mismatch",),
        explanation=Explanation(
            OAuthReason.REDIRECT_URI_REFUSED,
            "the redirect URI is not registered for this client",
            "register this redirect URI: {redirect_uri} (any port); at Google, create a client of the type `Desktop "
            "app`, which needs none",
        ),
    ),
    Row(
        errors=("invalid_scope", "invalid_target"),
        explanation=Explanation(
            OAuthReason.SCOPE_REFUSED,
            "a scope is not known, or not allowed for this client: {scopes}",
            "correct --scope of the OAuth client, or allow the scope where the client is registered",
        ),
    ),
    Row(
        errors=("interaction_required", "login_required", "account_selection_required"),
        explanation=Explanation(
            OAuthReason.SIGN_IN_NEEDED,
            "the provider wants the person to sign in",
            "authorise again with a flow in which the person takes part: --flow browser, paste or device",
        ),
    ),
    Row(
        errors=("consent_required",),
        explanation=Explanation(
            OAuthReason.CONSENT_MISSING,
            "the person has not consented to what the app asks for: {scopes}",
            "authorise again and accept",
        ),
    ),
    Row(
        errors=("access_denied", "authorization_declined"),
        explanation=Explanation(
            OAuthReason.DECLINED, "access was declined on the sign-in page", "authorise again and allow access"
        ),
    ),
    Row(
        errors=("expired_token", "code_expired"),
        explanation=Explanation(
            OAuthReason.AUTHORISATION_EXPIRED,
            "the device code has expired before anybody entered it",
            "authorise again, and enter the code before it ends",
        ),
    ),
    Row(
        errors=("invalid_grant",),
        acts=(Act.REDEEM, Act.DEVICE),
        explanation=Explanation(
            OAuthReason.CODE_REFUSED,
            "the code has expired, was used already, or belongs to another attempt",
            "authorise again, and finish the attempt that was begun last",
        ),
    ),
    Row(
        errors=("invalid_grant",),
        acts=(Act.DELEGATE,),
        explanation=Explanation(
            OAuthReason.ASSERTION_REFUSED,
            "the provider does not accept what the service account signed",
            "check this machine's clock, the mailbox's address, and that the key is registered",
        ),
    ),
    Row(
        errors=("invalid_grant",),
        explanation=Explanation(
            OAuthReason.GRANT_DEAD,
            "the grant is no longer good: it was revoked, replaced or has expired",
            AUTHORISE_AGAIN,
        ),
    ),
    Row(
        errors=("invalid_client",),
        explanation=Explanation(
            OAuthReason.CLIENT_REFUSED,
            "the provider does not accept the client: its id {client_id}, secret or certificate is wrong",
            "compare them with what is registered at the provider; `mailctl oauth client edit {client}` changes them",
        ),
    ),
    Row(
        errors=("unauthorized_client", "unsupported_grant_type", "unsupported_response_type"),
        explanation=Explanation(
            OAuthReason.CLIENT_REFUSED,
            "the provider does not let this client use this flow",
            "allow it where the client is registered, or take another --flow",
        ),
    ),
)
