"""What Entra's numbers (`AADSTS…`) mean. Source: its list of authentication errors, the page that each row names."""

from __future__ import annotations

from mailctl.oauth.explanations.row import AUTHORISE_AGAIN, Act, Explanation, Row
from mailctl.oauth.reasons import OAuthReason

_ENTRA_CODES = "https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes"
_ENTRA_LOG = "Entra's sign-in log names the policy for this attempt"


def _entra(code: int | tuple[int, ...], reason: OAuthReason, cause: str, remedy: str) -> Row:
    codes = code if isinstance(code, tuple) else (code,)
    return Row(codes=codes, explanation=Explanation(reason, cause, remedy, _ENTRA_CODES))


_GRANT_ROWS = (
    Row(
        codes=(70008,),
        acts=(Act.REDEEM,),
        explanation=Explanation(
            OAuthReason.CODE_REFUSED, "the authorisation code has expired", AUTHORISE_AGAIN, _ENTRA_CODES
        ),
    ),
    _entra(
        (700082, 70008),
        OAuthReason.GRANT_DEAD,
        "the grant was not used for too long and has expired",
        AUTHORISE_AGAIN,
    ),
    _entra(
        50173,
        OAuthReason.GRANT_DEAD,
        "the grant was revoked: the password was changed or reset, or an administrator ended all sessions",
        AUTHORISE_AGAIN,
    ),
    _entra(
        70043,
        OAuthReason.GRANT_DEAD,
        "the grant has ended by the organisation's policy on sign-in frequency (Conditional Access)",
        f"{AUTHORISE_AGAIN}; to keep it from ending, exempt this app from that policy, or take --flow "
        "client-credentials",
    ),
    _entra(
        54005,
        OAuthReason.CODE_REFUSED,
        "the authorisation code has been used already",
        "authorise again and paste the new address once",
    ),
    _entra(
        501481,
        OAuthReason.CODE_REFUSED,
        "the authorisation code belongs to another attempt: its PKCE verifier does not match",
        "authorise again, and finish the attempt that was begun last",
    ),
    _entra(
        (50076, 50079, 50074, 50072),
        OAuthReason.SIGN_IN_NEEDED,
        "the account needs a second factor, which nobody can give without a person",
        "authorise again with a flow in which the person takes part: --flow browser, paste or device; for an "
        "unattended service, --flow client-credentials",
    ),
)
_POLICY_ROWS = (
    _entra(
        53003,
        OAuthReason.POLICY,
        "a Conditional Access policy forbids this sign-in; it often forbids the device flow alone",
        f"{_ENTRA_LOG}; take --flow browser instead of device, sign in from a place that the policy allows, or let an "
        "administrator exempt this app",
    ),
    _entra(
        530032,
        OAuthReason.POLICY,
        "a security policy of the organisation forbids this sign-in",
        f"{_ENTRA_LOG}; take --flow browser instead of device, or ask the administrator",
    ),
    _entra(
        530035,
        OAuthReason.POLICY,
        "the organisation's security defaults forbid this sign-in",
        "take --flow browser instead of device; or replace security defaults by Conditional Access policies in Entra",
    ),
    _entra(
        53000,
        OAuthReason.POLICY,
        "the organisation lets only compliant devices sign in, and this one is not, or cannot show it",
        "sign in with a browser on a managed device (--flow browser there, or --flow paste with its browser), or let "
        "an administrator exempt this app from the policy on device compliance",
    ),
)
_CONSENT_ROWS = (
    _entra(
        65001,
        OAuthReason.CONSENT_MISSING,
        "nobody has consented to what the app asks for: {scopes}",
        "authorise again and accept; for --flow client-credentials, an administrator grants consent in Entra, App "
        "registrations, API permissions",
    ),
    _entra(
        90094,
        OAuthReason.CONSENT_MISSING,
        "only an administrator may consent to what the app asks for",
        "an administrator grants consent in Entra, Enterprise applications, Permissions; then authorise again",
    ),
    _entra(
        65004,
        OAuthReason.DECLINED,
        "consent was declined on the sign-in page",
        "authorise again and accept",
    ),
)
_PLACE_ROWS = (
    _entra(
        700016,
        OAuthReason.CLIENT_REFUSED,
        "this directory has no app with the client id {client_id}",
        "check the client id (Application ID) and the directory id of the OAuth client; an app of another "
        "organisation needs an administrator's consent here first",
    ),
    _entra(
        90002,
        OAuthReason.CLIENT_REFUSED,
        "there is no such directory (tenant)",
        "check the directory id of the OAuth client; national clouds have hosts of their own (--token-url and others)",
    ),
    _entra(
        50020,
        OAuthReason.CLIENT_REFUSED,
        "the account is of another kind or organisation than the app takes",
        "sign in with an account of the app's directory; for personal accounts (outlook.com), the app has to support "
        "them and the directory id is `consumers` or `common`",
    ),
    _entra(
        50194,
        OAuthReason.CLIENT_REFUSED,
        "the app is of one directory alone, and was used through `common`",
        "give the OAuth client the directory id of its organisation, or make the app multi-tenant in Entra",
    ),
    _entra(
        9001023,
        OAuthReason.CLIENT_REFUSED,
        "an app-only token is one directory's, and was asked for through `common`",
        "give the OAuth client the directory id of its organisation",
    ),
)
_SECRET_ROWS = (
    _entra(
        7000215,
        OAuthReason.CLIENT_REFUSED,
        "the client secret is wrong",
        "give the OAuth client the secret's *value*, which Entra shows once, when it is created; often its *id* was "
        "pasted: `mailctl oauth client edit {client} --client-secret-stdin`",
    ),
    _entra(
        7000222,
        OAuthReason.CLIENT_REFUSED,
        "the client secret has expired",
        "create a new secret in Entra, App registrations, Certificates & secrets, and give it to the OAuth client: "
        "`mailctl oauth client edit {client} --client-secret-stdin --client-secret-expires YYYY-MM-DD`; grants stay "
        "good",
    ),
    _entra(
        7000218,
        OAuthReason.CLIENT_REFUSED,
        "the app is not a public client, and no secret was sent",
        "in Entra, App registrations, Authentication, set `Allow public client flows` to yes and register the redirect "
        "URI under `Mobile and desktop applications`; or give the OAuth client a secret",
    ),
    _entra(
        700025,
        OAuthReason.CLIENT_REFUSED,
        "the app is a public client, which must send no secret",
        "take the client secret (or certificate) from the OAuth client: `mailctl oauth client edit {client} --clear "
        "client-secret`",
    ),
    _entra(
        700027,
        OAuthReason.CLIENT_REFUSED,
        "the client certificate is not one of the app's, or the key is another certificate's",
        "upload the certificate in Entra, App registrations, Certificates & secrets, and check that it has not expired",
    ),
)
_REQUEST_ROWS = (
    _entra(
        50011,
        OAuthReason.REDIRECT_URI_REFUSED,
        "the redirect URI is not registered for this app",
        "register this redirect URI: http://localhost, in Entra, App registrations, Authentication, under `Mobile and "
        "desktop applications` (the port does not matter; {redirect_uri} was sent)",
    ),
    _entra(
        (70011, 500011, 650057),
        OAuthReason.SCOPE_REFUSED,
        "a scope, or the resource that it belongs to, is wrong or not known in this directory: {scopes}",
        "one request names the scopes of one resource; add them to the app under API permissions (Office 365 Exchange "
        "Online), or correct --scope of the OAuth client",
    ),
)

MICROSOFT_ROWS = (*_GRANT_ROWS, *_POLICY_ROWS, *_CONSENT_ROWS, *_PLACE_ROWS, *_SECRET_ROWS, *_REQUEST_ROWS)
