"""OAuth clients as they present themselves to their providers: their settings, with what those refer to read."""

from __future__ import annotations

from mailctl.credentials import Secrets
from mailctl.durable import cause_of
from mailctl.errors import SecretMissingError
from mailctl.model.oauth import Flow, OAuthClient
from mailctl.model.secret import Secret, parse_secret_ref
from mailctl.oauth.registration import Registration


def read_registration(client: OAuthClient, secrets: Secrets, flow: Flow) -> Registration:
    """Return an OAuth client with the secrets that a flow needs.

    Raises SecretMissingError, which names what is not where the settings say, and SecretStoreError.
    """
    if flow is Flow.SERVICE_ACCOUNT:
        return Registration(client=client, service_account=_read(client.service_account, secrets))
    return Registration(
        client=client,
        secret=_read(client.client_secret, secrets),
        certificate=_read_certificate(client, secrets),
        key=_read(client.key, secrets),
    )


def _read(reference: str | None, secrets: Secrets) -> Secret | None:
    return secrets.get(parse_secret_ref(reference)) if reference else None


def _read_certificate(client: OAuthClient, secrets: Secrets) -> bytes | None:
    if client.certificate is None:
        return None
    path = secrets.path(client.certificate)
    try:
        return path.read_bytes()
    except OSError as error:
        raise SecretMissingError(
            f"the certificate of the OAuth client '{client.name}' cannot be read: {path}: {cause_of(error)}",
            hint=f"`mailctl oauth client edit {client.name} --certificate FILE` names another",
        ) from None
