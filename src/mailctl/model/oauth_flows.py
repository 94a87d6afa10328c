"""Which flows can work: what the provider, the client and the mailbox each have to say, before any network."""

from __future__ import annotations

from mailctl.errors import UsageError
from mailctl.model.oauth import Directory, Flow, OAuthClient, Provider
from mailctl.model.provider_domains import find_preset_by_domain


def require_flow(client: OAuthClient, flow: Flow, mailbox: str | None = None) -> None:
    """Raise UsageError, before any network, where a flow cannot be done for a mailbox; its hint names one that can.

    That is the provider's, the client's, or the mailbox's own doing; None: whichever mailbox it may be.
    """
    why = _why_impossible(client, flow, mailbox)
    if why:
        raise UsageError(
            f"--flow {flow} cannot work with the OAuth client '{client.name}': {why[0]}",
            hint=why[1],
            details={"flow": flow, "oauth_client": client.name},
        )


def can_do(client: OAuthClient, flow: Flow, mailbox: str | None = None) -> bool:
    """Tell whether provider and client can do a flow, for that mailbox where one is named."""
    return _why_impossible(client, flow, mailbox) is None


Impossible = tuple[str, str]
"""Why a flow cannot work, and what to do instead."""


def _why_impossible(client: OAuthClient, flow: Flow, mailbox: str | None) -> Impossible | None:
    rule = {
        Flow.BROWSER: _why_no_person,
        Flow.PASTE: _why_no_person,
        Flow.DEVICE: _why_no_device,
        Flow.CLIENT_CREDENTIALS: _why_no_client_credentials,
        Flow.SERVICE_ACCOUNT: _why_no_service_account,
    }[flow]
    return rule(client) or _why_personal(client, flow, mailbox)


_OF_PERSONS = {
    (Provider.GOOGLE, Flow.SERVICE_ACCOUNT): "gmail",
    (Provider.MICROSOFT, Flow.CLIENT_CREDENTIALS): "outlook.com",
}
"""The presets of mailboxes that belong to no organisation, which alone could let an application into them."""


def _why_personal(client: OAuthClient, flow: Flow, mailbox: str | None) -> Impossible | None:
    if mailbox is None or (client.provider, flow) not in _OF_PERSONS:
        return None
    preset = find_preset_by_domain(mailbox.rpartition("@")[2].lower())
    if preset is None or preset.name != _OF_PERSONS[client.provider, flow]:
        return None
    return (
        f"{mailbox} is a person's own, and no organisation's to give access to",
        "take --flow browser, or --flow paste over SSH",
    )


def _why_no_person(client: OAuthClient) -> Impossible | None:
    if client.endpoints.authorize:
        return None
    return "no authorisation endpoint is known", "give --authorize-url, or take --flow client-credentials"


def _why_no_device(client: OAuthClient) -> Impossible | None:
    if client.provider is Provider.GOOGLE:
        return "Google's device flow cannot grant access to Gmail", "take --flow browser, or --flow paste over SSH"
    return None if client.endpoints.device else ("no device endpoint is known", "give --device-url, or --flow paste")


def _why_no_client_credentials(client: OAuthClient) -> Impossible | None:
    if client.provider is Provider.GOOGLE:
        return "Google has no such flow for mail", "take --flow service-account (Workspace), or --flow browser"
    if client.is_multi_tenant:
        return (
            f"an app-only token is one directory's, and the client's is '{client.directory_id or Directory.COMMON}'"
            " (AADSTS9001023)",
            f"`mailctl oauth client edit {client.name} --directory-id ID`, or take --flow device",
        )
    if not (client.client_secret or client.certificate):
        return "the client has neither a secret nor a certificate", "give it one, or take --flow device"
    return None


def _why_no_service_account(client: OAuthClient) -> Impossible | None:
    if client.provider is Provider.MICROSOFT:
        return "Microsoft has no service accounts of this kind", "take --flow client-credentials"
    if not client.service_account:
        edit = f"mailctl oauth client edit {client.name} --service-account-from REF"
        return "the client has no service account", f"`{edit}`, or take --flow browser"
    return None
