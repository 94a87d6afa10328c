"""A real OAuth 2.0 authorisation server on loopback: npm's `oidc-provider`, run by `authorisation/provider.mjs`.

It grants access to mailboxes by authorisation code with PKCE, device code, refresh token, client credentials and JWT
bearer assertion, and answers revocation and introspection. Any address may sign in; nobody has a password. As OpenID
Connect Core has it (11), `offline_access` brings a refresh token only where the authorisation request also says
`prompt=consent`.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import hashlib
import json
import re
import secrets
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from tests.servers.certificates import CertificateAuthority, KeyPair
from tests.servers.processes import PartMissingError, ServerProcess, get_program, make_folder

PROGRAM = Path(__file__).parent / "authorisation/provider.mjs"

MAIL_SCOPES = (
    "https://mail.example.test/",
    "https://mail.google.com/",
    "https://outlook.office.com/IMAP.AccessAsUser.All",
    "https://outlook.office.com/POP.AccessAsUser.All",
    "https://outlook.office.com/SMTP.Send",
    "https://outlook.office365.com/.default",
)
"""What may be asked for, beside `openid` and `offline_access`; whatever is granted opens the whole mailbox."""

DEVICE_CODE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
JWT_BEARER_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"

LONG_TOKEN_CHARACTERS = 2000
"""About the length of an Entra token for one mailbox; it fits into no value of Windows' credential store."""

REDIRECT_URI = "http://127.0.0.1:49152/"
"""Registered, as is any port of 127.0.0.1, ::1 and `localhost`, the path being `/`; nobody listens on this one."""

_HIDDEN_FIELD = re.compile(r'<input type="hidden" name="xsrf" value="([^"]*)"')
_TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class Client:
    """An OAuth client that the server knows; `pair` is the RSA key that it signs with, and its certificate."""

    id: str
    secret: str | None = field(default=None, repr=False)
    pair: KeyPair | None = None


@dataclass(frozen=True)
class Clients:
    """The server's clients.

    `native`: public; each refresh token is good for one use, and the second use of one ends the grant; its tokens
    have LONG_TOKEN_CHARACTERS. `desktop`: the same grants, with a secret, with refresh tokens that stay, as Google's
    desktop apps have them, and with short tokens.
    `service`, `certified_service`: client credentials, by secret and by a signed assertion (RFC 7523, 2.2) whose
    header names the certificate (`x5t#S256`), as Entra's. `service_account`: acts for any mailbox by a signed
    assertion (RFC 7523, 2.1), as Google's. `mail_server`: may introspect, and nothing else.
    """

    native: Client
    desktop: Client
    service: Client
    certified_service: Client
    service_account: Client
    mail_server: Client


@dataclass(frozen=True)
class TokenRequest:
    """One call of the token endpoint. `outcome`: `granted`, or the error code (RFC 6749, 5.2; RFC 8628, 3.5)."""

    grant_type: str | None
    client_id: str | None
    outcome: str


@dataclass(kw_only=True)
class AuthorisationServer:
    """An authorisation server, running inside `with`.

    `ca` issues the certificate of a server on https; without it, it is on http. `access_token_seconds` is the lifetime
    of access tokens. `service_mailbox` is what the tokens of client credentials open. `device_interval_seconds` is how
    long a client of the device flow is told to wait between two polls; the server minds neither haste nor delay.
    """

    ca: CertificateAuthority | None = None
    access_token_seconds: int = 3600
    service_mailbox: str = "alice@example.test"
    device_interval_seconds: int = 1

    folder: Path = field(init=False)
    clients: Clients = field(init=False)
    issuer: str = field(init=False)
    authorise_url: str = field(init=False)
    token_url: str = field(init=False)
    device_url: str = field(init=False)
    """Where a device asks for its codes (RFC 8628, 3.1)."""
    verification_url: str = field(init=False)
    """Where people enter them."""
    revocation_url: str = field(init=False)
    introspection_url: str = field(init=False)
    """With the mail server's id and secret as userinfo, as Dovecot wants it."""

    @staticmethod
    def require() -> None:
        """Raise PartMissingError where this machine lacks node, or the checkout the packages of the lock file."""
        get_program("node")
        if not (PROGRAM.parent / "node_modules/oidc-provider").is_dir():
            raise PartMissingError(f"`npm ci` was not run in {PROGRAM.parent.name} (tests/servers/install.sh runs it)")

    def __enter__(self) -> Self:
        self.require()
        self.folder = make_folder("authorisation")
        try:
            self._prepare()
            self._start()
        except BaseException:
            shutil.rmtree(self.folder)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stop()
        shutil.rmtree(self.folder)

    def is_running(self) -> bool:
        """Tell whether the server is left."""
        return self._process.is_running()

    @property
    def requests(self) -> list[TokenRequest]:
        """All calls of the token endpoint so far, in the order of their answers."""
        with self._browser() as browser:
            answer = browser.get(f"{self.issuer}/control/token-requests", timeout=_TIMEOUT_SECONDS)
            answer.raise_for_status()
        return [TokenRequest(**noted) for noted in answer.json()]

    def authorisation_request(self, *, scope: str, client: Client | None = None, **parameters: str) -> tuple[str, str]:
        """Return the URL that asks for `scope`, and the PKCE verifier that goes with it; `parameters` come on top."""
        verifier = secrets.token_urlsafe(32)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": (client or self.clients.native).id,
            "redirect_uri": REDIRECT_URI,
            "scope": scope,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "prompt": "consent",
        }
        return f"{self.authorise_url}?{urlencode(query | parameters)}", verifier

    def sign_in(self, url: str, *, user: str) -> str:
        """Open an authorisation URL in a browser of its own, sign in as `user`, allow what is asked for.

        Returns the URL that the browser is then sent to: the redirect URI with the code, or with an error.
        Raises requests.HTTPError where the server shows its own error page instead (RFC 6749, 4.1.2.1).
        """
        return self._decide(url, user, "allow")

    def decline(self, url: str, *, user: str) -> str:
        """As `sign_in`, and refuse what is asked for."""
        return self._decide(url, user, "decline")

    def approve_device(self, user_code: str, *, user: str) -> None:
        """Enter a device's code, sign in as `user`, allow what it asks for.

        Raises requests.HTTPError where the code is unknown or used.
        """
        self._decide_device(user_code, user, "allow")

    def decline_device(self, user_code: str, *, user: str) -> None:
        """As `approve_device`, and refuse what is asked for."""
        self._decide_device(user_code, user, "decline")

    def get_tokens(
        self, user: str, *, scope: str = f"{MAIL_SCOPES[0]} offline_access", client: Client | None = None
    ) -> dict[str, Any]:
        """Go the whole way of the authorisation code as `user`; return the answer of the token endpoint."""
        client = client or self.clients.native
        url, verifier = self.authorisation_request(scope=scope, client=client)
        (code,) = parse_qs(urlsplit(self.sign_in(url, user=user)).query)["code"]
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT_URI,
            "code_verifier": verifier,
            "client_id": client.id,
            **({"client_secret": client.secret} if client.secret else {}),
        }
        return self._post(self.token_url, form).json()

    def revoke_all(self, user: str) -> None:
        """End every grant, session and token of `user`, as where the password was changed."""
        self._post(f"{self.issuer}/control/revoke", {"user": user})

    def expire_access_tokens(self, mailbox: str) -> None:
        """Let the access tokens issued so far for `mailbox` have expired, whatever lifetime was told."""
        self._post(f"{self.issuer}/control/expire", {"mailbox": mailbox})

    def _browser(self) -> requests.Session:
        browser = requests.Session()
        browser.trust_env = False  # no proxy of the machine's
        if self.ca is not None:
            browser.verify = str(self.ca.ca_file)
        return browser

    def _post(self, url: str, form: dict[str, str]) -> requests.Response:
        with self._browser() as browser:
            answer = browser.post(url, data=form, timeout=_TIMEOUT_SECONDS)
        answer.raise_for_status()
        return answer

    def _decide(self, url: str, user: str, decision: str) -> str:
        with self._browser() as browser:
            shown = self._follow(browser, browser.get(url, allow_redirects=False, timeout=_TIMEOUT_SECONDS))
            if shown.is_redirect:
                return shown.headers["Location"]
            return self._submit(browser, shown.url, user, decision).headers["Location"]

    def _decide_device(self, user_code: str, user: str, decision: str) -> None:
        with self._browser() as browser:
            shown = browser.get(self.verification_url, timeout=_TIMEOUT_SECONDS)
            found = _HIDDEN_FIELD.search(shown.text)
            assert found is not None
            form = {"xsrf": found[1], "user_code": user_code, "confirm": "yes"}
            entered = browser.post(self.verification_url, data=form, allow_redirects=False, timeout=_TIMEOUT_SECONDS)
            self._submit(browser, self._follow(browser, entered).url, user, decision)

    def _submit(self, browser: requests.Session, url: str, user: str, decision: str) -> requests.Response:
        form = {"user": user, "decision": decision}
        answer = browser.post(url, data=form, allow_redirects=False, timeout=_TIMEOUT_SECONDS)
        return self._follow(browser, answer)

    def _follow(self, browser: requests.Session, answer: requests.Response) -> requests.Response:
        """Follow redirects as long as they stay on this server."""
        while answer.is_redirect:
            location = urljoin(answer.url, answer.headers["Location"])
            if not location.startswith(f"{self.issuer}/"):
                break
            answer = browser.get(location, allow_redirects=False, timeout=_TIMEOUT_SECONDS)
        answer.raise_for_status()
        return answer

    def _prepare(self) -> None:
        pair = _make_signing_pair(self.folder)
        self.clients = Clients(
            native=Client("native"),
            desktop=Client("desktop", secrets.token_urlsafe(24)),
            service=Client("service", secrets.token_urlsafe(24)),
            certified_service=Client("certified-service", pair=pair),
            service_account=Client("service@accounts.example.test", pair=pair),
            mail_server=Client("mail-server", secrets.token_urlsafe(24)),
        )

    def _start(self) -> None:
        output = self.folder / "server.log"
        self._process = ServerProcess(
            [get_program("node"), str(PROGRAM)], output=output, stdin=json.dumps(self._settings()).encode()
        )
        self._process.wait_until(lambda: _find_ready_line(output) is not None)
        ready = _find_ready_line(output)
        assert ready is not None
        for name, url in json.loads(ready).items():
            setattr(self, name, url)
        mail_server = self.clients.mail_server
        self.introspection_url = self.introspection_url.replace("://", f"://{mail_server.id}:{mail_server.secret}@", 1)

    def _settings(self) -> dict[str, Any]:
        pair = self.clients.service_account.pair
        assert pair is not None
        registered = {
            name: {"client_id": client["id"], **({"client_secret": client["secret"]} if client["secret"] else {})}
            for name, client in dataclasses.asdict(self.clients).items()
        }
        settings = {
            "clients": registered,
            "certificate": str(pair.certificate),
            "mail_scopes": MAIL_SCOPES,
            "long_token_characters": LONG_TOKEN_CHARACTERS,
            "access_token_seconds": self.access_token_seconds,
            "service_mailbox": self.service_mailbox,
            "device_interval_seconds": self.device_interval_seconds,
        }
        if self.ca is not None:
            settings["tls"] = {"certificate": str(self.ca.good.certificate), "key": str(self.ca.good.key)}
        return settings


def _find_ready_line(output: Path) -> str | None:
    """Return the line of JSON that the server prints when it is ready; None if it is not there, or not whole."""
    lines = output.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    return next((line for line in lines if line.startswith("{") and line.endswith("\n")), None)


def _make_signing_pair(folder: Path) -> KeyPair:
    """Make an RSA key and a certificate that nobody issued, as Entra takes them."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "service")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    pair = KeyPair(folder / "service.pem", folder / "service.key")
    pair.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pair.key.touch(mode=0o600)
    pair.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pair
