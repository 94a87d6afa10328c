"""What Google's refusals mean. Source: developers.google.com/identity/protocols/oauth2, and the rows' own pages."""

from __future__ import annotations

from mailctl.model.oauth import Provider
from mailctl.oauth.explanations.row import Act, Explanation, Row
from mailctl.oauth.reasons import OAuthReason

_GOOGLE_EXPIRY = "https://developers.google.com/identity/protocols/oauth2#expiration"
_GOOGLE_DELEGATION = "https://support.google.com/a/answer/162106"


def _google(
    errors: str | tuple[str, ...] = (),
    *,
    reason: OAuthReason,
    cause: str,
    remedy: str,
    words: str | None = None,
    acts: tuple[Act, ...] = (),
    document: str | None = None,
) -> Row:
    return Row(
        provider=Provider.GOOGLE,
        errors=(errors,) if isinstance(errors, str) else errors,
        words=words,
        acts=acts,
        explanation=Explanation(reason, cause, remedy, document),
    )


GOOGLE_ROWS = (
    _google(
        reason=OAuthReason.SIGN_IN_NEEDED,
        words=r"\binvalid_rapt\b",
        cause="the Workspace's policy on reauthentication (Google Cloud session control) wants the person again",
        remedy="authorise again; to keep it from ending, an administrator marks the app as trusted and exempts it from "
        "reauthentication (Admin console, Security, Google Cloud session control)",
        document="https://support.google.com/a/answer/9368756",
    ),
    _google(
        "admin_policy_enforced",
        reason=OAuthReason.POLICY,
        cause="the Workspace's administrator has not allowed this app to have Gmail",
        remedy="an administrator trusts the client id {client_id} in the Admin console, Security, API controls, App "
        "access control; then authorise again",
        document="https://support.google.com/a/answer/7281227",
    ),
    _google(
        "unauthorized_client",
        acts=(Act.DELEGATE,),
        reason=OAuthReason.CLIENT_REFUSED,
        cause="domain-wide delegation lacks the service account's client id, or exactly this scope: {scopes}",
        remedy="an administrator adds the client id {client_id} with the scope {scopes} in the Admin console, "
        "Security, API controls, Domain-wide delegation; it takes up to 24 hours",
        document=_GOOGLE_DELEGATION,
    ),
    _google(
        "invalid_grant",
        acts=(Act.DELEGATE,),
        reason=OAuthReason.ASSERTION_REFUSED,
        cause="Google does not accept what the service account signed: this machine's clock is wrong, the key was "
        "deleted, or there is no such mailbox in the Workspace",
        remedy="set the clock (NTP), check the mailbox's address, and that the key is listed under the service account "
        "in the Google Cloud console",
        document="https://developers.google.com/identity/protocols/oauth2/service-account",
    ),
    _google(
        "invalid_grant",
        acts=(Act.REDEEM,),
        reason=OAuthReason.CODE_REFUSED,
        cause="the authorisation code has expired, was used already, or belongs to another attempt",
        remedy="authorise again, and finish within a few minutes",
    ),
    _google(
        "invalid_grant",
        reason=OAuthReason.GRANT_DEAD,
        cause="the grant has ended: access was revoked, the password was changed, it was not used for 6 months, the "
        "app is in `Testing` (its grants end after 7 days), or this machine's clock is wrong",
        remedy="authorise again; for an app in `Testing`, first publish it in the Google Cloud console (OAuth consent "
        "screen), and check this machine's clock",
        document=_GOOGLE_EXPIRY,
    ),
    _google(
        "access_denied",
        reason=OAuthReason.DECLINED,
        cause="access was declined on Google's page, or the app is in `Testing` and this person is no test user of it",
        remedy="authorise again and allow access; for an app in `Testing`, add the person under Test users in the "
        "Google Cloud console",
    ),
    _google(
        "org_internal",
        reason=OAuthReason.CLIENT_REFUSED,
        cause="the app is for accounts of its own organisation alone",
        remedy="sign in with an account of that Workspace, or make the app External in the Google Cloud console",
    ),
    _google(
        ("invalid_client", "deleted_client", "disabled_client"),
        reason=OAuthReason.CLIENT_REFUSED,
        cause="Google does not know the client id {client_id}, or its secret is wrong",
        remedy="copy both from the Google Cloud console, Credentials; a desktop app's secret is sent too",
    ),
)
