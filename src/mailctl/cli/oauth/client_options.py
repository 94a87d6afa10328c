"""The options of an OAuth client."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailctl.cli.completion import words
from mailctl.cli.params import choice_option, existing_file, given_fields, text_option
from mailctl.cli.secret_input import given_reference, read_given_secrets

if TYPE_CHECKING:
    from mailctl.model.secret import Secret

_CLIENT, _PROOF, _ENDPOINTS = "Client", "How the client proves itself", "National clouds, own servers"


@dataclass(frozen=True, kw_only=True)
class ClientOptions:
    """The fields of an OAuth client."""

    provider: Annotated[
        str | None,
        choice_option("--provider", "google", "microsoft", "custom", help="Who authorises.", panel=_CLIENT),
    ] = None
    client_id: Annotated[
        str | None, text_option("--client-id", "ID", "The id that the registration has there.", _CLIENT)
    ] = None
    directory_id: Annotated[
        str | None,
        typer.Option(
            "--directory-id",
            metavar="ID",
            help="Microsoft's tenant id, or common, organizations, consumers. Default: common.",
            autocompletion=words("common", "organizations", "consumers"),
            rich_help_panel=_CLIENT,
            show_default=False,
        ),
    ] = None
    client_secret_stdin: Annotated[
        bool,
        typer.Option(
            "--client-secret-stdin", help="Read the client's secret from standard input.", rich_help_panel=_PROOF
        ),
    ] = False
    client_secret_from: Annotated[
        str | None, text_option("--client-secret-from", "REF", "Where the client's secret stays: env:, file: …", _PROOF)
    ] = None
    client_secret_expires: Annotated[
        str | None,
        text_option("--client-secret-expires", "YYYY-MM-DD", "The secret's last day, to be warned before it.", _PROOF),
    ] = None
    certificate: Annotated[
        Path | None, text_option("--certificate", "FILE", "PEM of a certificate, in the place of a secret.", _PROOF)
    ] = None
    key_from: Annotated[str | None, text_option("--key-from", "REF", "Where its key (PEM) stays.", _PROOF)] = None
    service_account_from: Annotated[
        str | None,
        text_option("--service-account-from", "REF", "Where Google's service account (JSON) stays.", _PROOF),
    ] = None
    authorize_url: Annotated[
        str | None, text_option("--authorize-url", "URL", "The authorisation endpoint.", _ENDPOINTS)
    ] = None
    token_url: Annotated[str | None, text_option("--token-url", "URL", "The token endpoint.", _ENDPOINTS)] = None
    device_url: Annotated[str | None, text_option("--device-url", "URL", "The device endpoint.", _ENDPOINTS)] = None
    revoke_url: Annotated[str | None, text_option("--revoke-url", "URL", "The revocation endpoint.", _ENDPOINTS)] = None
    issuer: Annotated[
        str | None,
        text_option("--issuer", "URL", "What the server calls itself, where its answers say so (iss).", _ENDPOINTS),
    ] = None
    scope: Annotated[
        list[str] | None,
        text_option("--scope", "SCOPE", "What to ask for, in the place of the usual; repeatable.", _ENDPOINTS),
    ] = None
    graph_url: Annotated[
        str | None, text_option("--graph-url", "URL", "Microsoft Graph of a national cloud.", _ENDPOINTS)
    ] = None

    def given(self) -> dict[str, Any]:
        """Return the given fields, references for secrets; paths are made absolute."""
        plain_fields = (
            "provider",
            "client_id",
            "client_secret_expires",
            "directory_id",
            "authorize_url",
            "token_url",
            "device_url",
            "revoke_url",
            "issuer",
            "graph_url",
        )
        every = given_fields(self, "")
        fields = {name: every[name] for name in plain_fields if name in every}
        references = {
            "client_secret": (self.client_secret_from, "--client-secret-from"),
            "key": (self.key_from, "--key-from"),
            "service_account": (self.service_account_from, "--service-account-from"),
        }
        fields |= {
            name: str(given_reference(text, option)) for name, (text, option) in references.items() if text is not None
        }
        if self.certificate is not None:
            fields["certificate"] = str(existing_file(self.certificate, "--certificate"))
        if self.scope:
            fields["scopes"] = self.scope
        return fields

    def read_secret(self) -> Secret | None:
        """Return the client's secret if standard input gives it."""
        wanted = {"client-secret": (self.client_secret_stdin, self.client_secret_from)}
        return read_given_secrets(wanted).get("client-secret")
