"""A site whose mailboxes are authorised at a real authorisation server, for a real Dovecot and Postfix."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.servers.authorisation_server import MAIL_SCOPES, AuthorisationServer, Client
from tests.servers.dovecot import Dovecot
from tests.servers.people import ALICE
from tests.servers.postfix import Postfix

from mailctl.credentials.vault import Vault
from mailctl.credentials.vault_key import KeyFile
from mailctl.model.secret import Secret

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl, Result

MAIL = MAIL_SCOPES[0]
"""The scope that everybody asks for, and that opens the whole mailbox."""


@dataclass(frozen=True)
class Site:
    """Settings with a vault, OAuth clients named as the server's are, and `office`, a server that takes tokens."""

    mailctl: Mailctl
    server: AuthorisationServer
    key_file: Path

    def add_client(self, name: str, client: Client, *options: str, scopes: tuple[str, ...] = ()) -> None:
        """Register one of the server's clients; `options` go on top."""
        secret = ["--client-secret-stdin"] if client.secret else []
        asked = scopes or (MAIL, "offline_access")
        self.mailctl.must(
            "oauth", "client", "add", name, "--provider", "custom", "--client-id", client.id,
            "--authorize-url", self.server.authorise_url, "--token-url", self.server.token_url,
            "--device-url", self.server.device_url, "--revoke-url", self.server.revocation_url,
            *(word for scope in asked for word in ("--scope", scope)), *secret, *options,
            stdin=(client.secret or "").encode(),
        )  # fmt: skip

    def authorise(self, target: str = "sysmail", *options: str, user: str = ALICE.address) -> Result:
        """Authorise a target by the paste flow in two steps, as a script does."""
        url = self.mailctl.must("oauth", "authorize", target, *options, "--print-url").out.strip()
        redirect = self.server.sign_in(url, user=user)
        return self.mailctl.must("oauth", "authorize", target, *options, "--resume", stdin=redirect.encode())

    def status(self, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
        result = self.mailctl("oauth", "status", *arguments, "-o", "json")
        return result.code, result.json["grants"]

    def grant(self, *arguments: str) -> dict[str, Any]:
        """Return what `oauth status` says of one target."""
        _, (grant,) = self.status(*(arguments or ("sysmail",)))
        return grant

    def secrets(self) -> dict[str, str]:
        """Return all that the vault holds."""
        vault = self._vault
        found = {name: vault.find(name) for name in vault.names()}
        return {name: secret.reveal() for name, secret in found.items() if secret}

    def kept(self, name: str = "sysmail") -> dict[str, Any]:
        """Return a grant as it is kept."""
        grant = json.loads(self.secrets()[f"oauth/{name}"])
        assert isinstance(grant, dict)
        return grant

    def keep(self, changes: dict[str, Any], name: str = "sysmail") -> None:
        """Change a grant behind the program's back."""
        text = json.dumps(self.kept(name) | changes)
        self.mailctl.must("secret", "set", f"oauth/{name}", "--stdin", stdin=text.encode())

    def keep_pending(self, changes: dict[str, Any]) -> None:
        """Change the attempt that waits, behind the program's back."""
        name = "oauth-pending/sysmail"
        self._vault.set(name, Secret(json.dumps(json.loads(self.secrets()[name]) | changes)))

    @property
    def _vault(self) -> Vault:
        return Vault(self.mailctl.config.with_suffix(".vault"), KeyFile(self.key_file), warn=print)


@pytest.fixture
def site(mailctl: Mailctl, tmp_path: Path, authorisation_server: AuthorisationServer) -> Site:
    """The site; the system mail account sends through `office` as Alice, and nothing is authorised."""
    key_file = tmp_path / "vault.key"
    mailctl.must("secret", "backend", "vault", "--key-file", key_file)
    site = Site(mailctl, authorisation_server, key_file)
    site.add_client("native", authorisation_server.clients.native)
    mailctl.must(
        "server", "add", "office", "--name", "Office", "--oauth-client", "native", "--smtp-host", "smtp.example.org",
        "--incoming-protocol", "imap", "--incoming-host", "imap.example.org",
    )  # fmt: skip
    mailctl.must("sysmail", "set", "--address", ALICE.address, "--server", "office")
    return site


@pytest.fixture
def mail_site(site: Site, oauth_dovecot: Dovecot, oauth_postfix: Postfix) -> Site:
    """The site, whose server is a real one: Postfix on one side, Dovecot's IMAP on the other."""
    site.mailctl.must(
        "server", "edit", "office", "--smtp-host", "localhost", "--smtp-port", str(oauth_postfix.smtps_port),
        "--smtp-security", "tls", "--incoming-host", "localhost", "--incoming-port", str(oauth_dovecot.imaps_port),
        "--incoming-security", "tls", "--ca-file", oauth_dovecot.ca_file,
    )  # fmt: skip
    return site


@pytest.fixture
def use_client(site: Site) -> Callable[..., None]:
    """Register a client under its own name and let `office` use it."""

    def use(name: str, client: Client, *options: str, scopes: tuple[str, ...] = ()) -> None:
        site.add_client(name, client, *options, scopes=scopes)
        site.mailctl.must("server", "edit", "office", "--oauth-client", name)

    return use


@pytest.fixture
def account_file(site: Site, tmp_path: Path) -> Path:
    """The JSON of the server's service account, as Google hands it out."""
    account = site.server.clients.service_account
    assert account.pair is not None
    path = tmp_path / "account.json"
    path.touch(mode=0o600)
    described = {"client_email": account.id, "client_id": "1234567890", "private_key": account.pair.key.read_text()}
    path.write_text(json.dumps(described))
    return path
