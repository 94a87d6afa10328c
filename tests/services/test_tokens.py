"""Access tokens from grants, against a real authorisation server: kept, renewed once, replaced, and lost."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.credentials.keyring_doubles import MODULE, Countdown, Died, Memory
from tests.oauth.provider import Reply, ScriptedProvider
from tests.servers.authorisation_server import MAIL_SCOPES, AuthorisationServer, Client
from tests.servers.people import ALICE

from mailctl.credentials import Secrets
from mailctl.credentials.vault_key import KeyFile
from mailctl.errors import AuthenticationError, NetworkError, SettingsWriteError
from mailctl.model.oauth import Flow, OAuthClient, Provider
from mailctl.model.secret import Secret
from mailctl.model.sending import SystemMail
from mailctl.model.server import Security, SmtpAuth, SmtpEndpoint
from mailctl.model.settings import SecretBackend, SecretOptions, Settings
from mailctl.oauth.reasons import OAuthReason
from mailctl.services.oauth.grant_state import Condition, describe_grant
from mailctl.services.oauth.grants import Grant, find_grant, put_reference
from mailctl.services.oauth.tokens import Tokens
from mailctl.store import SettingsFile

MAIL = MAIL_SCOPES[0]

ASK = """
import sys
from hashlib import sha256
from pathlib import Path
from mailctl.credentials import Secrets
from mailctl.services.oauth.tokens import Tokens
from mailctl.store import SettingsFile

file = SettingsFile(Path(sys.argv[1]))
secrets = Secrets(file.load().secrets, file.path.parent, vault_path=file.path.with_suffix(".vault"))
print("ready", flush=True)
token = Tokens(file, secrets).get("sysmail")
print(sha256(token.secret.reveal().encode()).hexdigest(), token.renewed)
"""


class Site:
    """Settings whose system mail account logs in by the token of a grant of Alice's."""

    def __init__(self, folder: Path, server: AuthorisationServer, options: SecretOptions) -> None:
        self.server = server
        self.file = SettingsFile(folder / "mailctl.toml")
        self.secrets = Secrets(options, folder)
        self.tokens = Tokens(self.file, self.secrets)

    def grant_by(self, client: Client, *, flow: Flow = Flow.PASTE) -> None:
        """Let Alice authorise one of the server's clients; the access token that came with it is over."""
        secret = self.secrets.store("client", Secret(client.secret)) if client.secret else None
        registered = OAuthClient(
            name="client",
            provider=Provider.CUSTOM,
            client_id=client.id,
            client_secret=str(secret) if secret else None,
            authorize_url=self.server.authorise_url,
            token_url=self.server.token_url,
            revoke_url=self.server.revocation_url,
            scopes=(MAIL,),
        )
        refresh_token = None
        if flow is Flow.PASTE:
            refresh_token = Secret(self.server.get_tokens(ALICE.address, client=client)["refresh_token"])
        grant = Grant(
            client="client",
            client_id=client.id,
            username=ALICE.address,
            flow=flow,
            asked=(MAIL,),
            scopes=(MAIL,),
            granted_at=time.time() - 7200,
            refresh_token=refresh_token,
            access_token=Secret("over"),
            expires_at=time.time() - 3600,
        )
        reference = self.secrets.store("oauth/sysmail", grant.to_secret())
        endpoint = SmtpEndpoint(host="smtp.example.org", port=465, security=Security.TLS, auth=SmtpAuth.XOAUTH2)
        account = SystemMail(address=ALICE.address, smtp=endpoint, oauth_client="client")
        settings = Settings(oauth_clients=(registered,), sysmail=account, secrets=self.secrets.options)
        self.file.change(lambda _: put_reference(settings, "sysmail", reference))

    @property
    def grant(self) -> Grant:
        grant = find_grant(self.file.load(), self.secrets, "sysmail")
        assert grant is not None
        return grant

    def keep(self, grant: Grant) -> None:
        self.secrets.store("oauth/sysmail", grant.to_secret())

    def let_expire(self) -> None:
        self.keep(replace(self.grant, expires_at=time.time() + 30))

    def edit_client(self, **changes: str) -> None:
        def edit(settings: Settings) -> Settings:
            (client,) = settings.oauth_clients
            return replace(settings, oauth_clients=(replace(client, **changes),))

        self.file.change(edit)

    def use_google(self) -> None:
        """Let the client be one of Google's, and the account send through Gmail."""
        client = OAuthClient(name="client", provider=Provider.GOOGLE, client_id="native")
        endpoint = SmtpEndpoint(host="smtp.gmail.com", port=465, security=Security.TLS, auth=SmtpAuth.XOAUTH2)
        account = SystemMail(address=ALICE.address, smtp=endpoint, oauth_client="client")
        self.file.change(lambda settings: replace(settings, oauth_clients=(client,), sysmail=account))

    @property
    def condition(self) -> Condition:
        return describe_grant(self.file.load(), self.secrets, "sysmail").condition

    def count(self) -> int:
        return len(self.server.requests)


@pytest.fixture
def site(tmp_path: Path, authorisation_server: AuthorisationServer) -> Site:
    KeyFile(tmp_path / "vault.key").create()
    options = SecretOptions(backend=SecretBackend.VAULT, key_file=str(tmp_path / "vault.key"))
    return Site(tmp_path, authorisation_server, options)


def asking(site: Site) -> subprocess.Popen[str]:
    """Start a process that asks for the token, and return it when it is about to."""
    process = subprocess.Popen([sys.executable, "-c", ASK, str(site.file.path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


# Kept and renewed


def test_a_token_is_kept_until_shortly_before_its_end(site: Site) -> None:
    site.grant_by(site.server.clients.native)
    first = site.tokens.get("sysmail")
    before = site.count()
    second = site.tokens.get("sysmail")
    assert (first.renewed, second.renewed) == (True, False)
    assert first.secret == second.secret
    assert site.count() == before
    site.let_expire()
    assert site.tokens.get("sysmail").renewed


def test_a_refresh_token_that_was_replaced_is_stored(site: Site) -> None:
    site.grant_by(site.server.clients.native)
    seen = {site.grant.refresh_token}
    for _ in range(3):
        site.tokens.renew("sysmail")
        seen.add(site.grant.refresh_token)
    assert len(seen) == 4  # each is good for one use: none was lost
    assert site.condition is Condition.GRANTED


def test_a_refresh_token_that_stays_is_kept(site: Site) -> None:
    site.grant_by(site.server.clients.desktop)
    before = site.grant.refresh_token
    assert site.tokens.get("sysmail").renewed
    assert site.grant.refresh_token == before


def test_an_application_needs_no_refresh_token(site: Site) -> None:
    site.grant_by(site.server.clients.service, flow=Flow.CLIENT_CREDENTIALS)
    assert site.tokens.get("sysmail").renewed
    assert not site.tokens.get("sysmail").renewed
    assert site.grant.refresh_token is None


def test_processes_that_need_a_token_at_once_ask_the_provider_once(site: Site) -> None:
    site.grant_by(site.server.clients.native)
    before = site.count()
    with ExitStack() as stack:
        with site.tokens.locked("sysmail"):
            processes = [stack.enter_context(asking(site)) for _ in range(2)]
        answers = [process.communicate(timeout=60)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert [request.grant_type for request in site.server.requests[before:]] == ["refresh_token"]
    assert len({token for token, _ in answers}) == 1
    assert sorted(renewed for _, renewed in answers) == ["False", "True"]


def test_a_process_that_was_killed_holds_nobody_up(site: Site) -> None:
    site.grant_by(site.server.clients.native)
    with site.tokens.locked("sysmail"), asking(site) as process:
        process.kill()
    assert site.tokens.get("sysmail").renewed


# Crashes and trouble


@pytest.fixture
def keyring_site(
    tmp_path: Path, authorisation_server: AuthorisationServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    """The same with a keyring in memory, in which writing can end."""
    Memory.reset()
    monkeypatch.setenv("MAILCTL_KEYRING_BACKEND", f"{MODULE}.Memory")
    options = SecretOptions(backend=SecretBackend.KEYRING, namespace="1a2b3c4d")
    yield Site(tmp_path, authorisation_server, options)
    Memory.reset()


def test_what_was_stored_before_a_crash_is_used_after_it(keyring_site: Site) -> None:
    site = keyring_site
    site.grant_by(site.server.clients.native)
    stored = site.tokens.get("sysmail")  # and the process dies before it uses it
    again = Tokens(SettingsFile(site.file.path), Secrets(site.secrets.options, site.file.path.parent)).get("sysmail")
    assert again.secret == stored.secret
    assert not again.renewed


@pytest.mark.parametrize("client", ["desktop", "native"])
def test_a_crash_before_what_came_is_stored_costs_the_grant_only_where_refresh_tokens_are_replaced(
    keyring_site: Site, client: str
) -> None:
    site = keyring_site
    site.grant_by(getattr(site.server.clients, client))
    Memory.countdown = Countdown(0)
    with pytest.raises(Died):
        site.tokens.get("sysmail")
    Memory.countdown = Countdown()
    if client == "desktop":
        assert site.tokens.get("sysmail").renewed
    else:
        with pytest.raises(AuthenticationError, match="sysmail"):
            site.tokens.get("sysmail")
        assert site.condition is Condition.BROKEN


def test_temporary_trouble_leaves_the_grant(site: Site) -> None:
    site.grant_by(site.server.clients.native)
    before = site.grant
    site.edit_client(token_url="http://127.0.0.1:9/token")
    with pytest.raises(NetworkError):
        site.tokens.get("sysmail")
    assert site.grant == before
    site.edit_client(token_url=site.server.token_url)
    assert site.tokens.get("sysmail").renewed


def test_a_grant_that_was_revoked_is_broken_and_the_provider_is_not_asked_again(site: Site) -> None:
    site.grant_by(site.server.clients.native)
    site.server.revoke_all(ALICE.address)
    before = site.count()
    for _ in range(2):
        with pytest.raises(AuthenticationError) as raised:
            site.tokens.get("sysmail")
        assert raised.value.reason == OAuthReason.GRANT_DEAD
        assert raised.value.hint == "authorise again: `mailctl oauth authorize sysmail`"
    assert site.count() == before + 1
    assert site.condition is Condition.BROKEN
    assert site.grant.refresh_token is not None


def test_what_to_do_about_a_broken_grant_is_told_as_often_as_it_is(site: Site) -> None:
    site.grant_by(site.server.clients.native)
    refusal = {"error": "interaction_required", "error_description": "AADSTS50076: use multi-factor authentication."}
    with ScriptedProvider(Reply(400, refusal)) as double:
        site.edit_client(token_url=f"{double.url}/token")
        for _ in range(2):
            with pytest.raises(AuthenticationError) as raised:
                site.tokens.get("sysmail")
            assert raised.value.reason in (OAuthReason.SIGN_IN_NEEDED, OAuthReason.GRANT_DEAD)
            assert "--flow client-credentials" in (raised.value.hint or "")
            assert "`mailctl oauth authorize sysmail`" in (raised.value.hint or "")
    state = describe_grant(site.file.load(), site.secrets, "sysmail")
    assert state.condition is Condition.BROKEN
    assert "--flow client-credentials" in (state.remedy or "")
    site.edit_client(token_url=site.server.token_url)
    site.tokens.renew("sysmail")
    assert site.grant.remedy is None


def test_a_broken_grant_can_be_tried_again(site: Site) -> None:
    site.grant_by(site.server.clients.native)
    site.keep(replace(site.grant, broken="the organisation's rules forbade it for a day"))
    assert site.condition is Condition.BROKEN
    assert site.tokens.renew("sysmail").renewed
    assert site.condition is Condition.GRANTED


def test_a_client_that_is_refused_leaves_the_grant(site: Site) -> None:
    site.grant_by(site.server.clients.desktop)
    before = site.grant
    secret = site.secrets.store("client", Secret("wrong"))
    site.edit_client(client_secret=str(secret))
    with pytest.raises(AuthenticationError) as raised:
        site.tokens.get("sysmail")
    assert raised.value.reason == OAuthReason.CLIENT_REFUSED
    assert site.grant == before


def test_a_token_that_a_server_refused_is_not_used_again(site: Site) -> None:
    site.grant_by(site.server.clients.native)
    first = site.tokens.get("sysmail")
    site.tokens.forget(first)
    second = site.tokens.get("sysmail")
    assert second.renewed
    site.tokens.forget(first)  # which is kept no longer, so nothing is lost
    assert site.tokens.get("sysmail").secret == second.secret


def test_who_cannot_write_beside_the_settings_gets_tokens_that_need_nothing_kept(site: Site) -> None:
    site.grant_by(site.server.clients.service, flow=Flow.CLIENT_CREDENTIALS)
    unwritable = site.file.path.parent
    with site.tokens.locked("sysmail"):
        (lock,) = unwritable.glob(".mailctl.grant-*.lock")
    lock.mkdir()
    assert site.tokens.get("sysmail").renewed
    before = site.count()
    site.grant_by(site.server.clients.native)
    with pytest.raises(SettingsWriteError):
        site.tokens.get("sysmail")
    assert site.count() == before + 1  # the one that made the grant


def test_a_grant_through_another_client_is_none(site: Site) -> None:
    site.grant_by(site.server.clients.native)
    site.edit_client(client_id="another")
    before = site.count()
    with pytest.raises(AuthenticationError, match="another client id"):
        site.tokens.get("sysmail")
    assert site.count() == before
    assert site.condition is Condition.NOT_GRANTED


def test_what_a_service_account_was_authorised_for_is_for_no_other_mailbox(site: Site) -> None:
    site.grant_by(site.server.clients.native)
    site.keep(replace(site.grant, flow=Flow.SERVICE_ACCOUNT, username="bob@example.org"))
    with pytest.raises(AuthenticationError, match="the mailbox bob@example"):
        site.tokens.get("sysmail")
    assert site.condition is Condition.NOT_GRANTED


# Until when


@pytest.mark.parametrize(
    ("provider", "days_ago", "condition", "because"),
    [
        (Provider.MICROSOFT, 1, Condition.GRANTED, "90 days unused"),
        (Provider.MICROSOFT, 91, Condition.EXPIRED, "90 days unused"),
        (Provider.GOOGLE, 1, Condition.GRANTED, 'only if the app is External and in "Testing"'),
        (Provider.GOOGLE, 8, Condition.GRANTED, "6 months unused"),
        (Provider.GOOGLE, 190, Condition.EXPIRED, "6 months unused"),
        (Provider.CUSTOM, 1000, Condition.GRANTED, None),
    ],
)
def test_a_grant_ends_as_its_provider_has_it(
    site: Site, provider: Provider, days_ago: int, condition: Condition, because: str | None
) -> None:
    site.grant_by(site.server.clients.native)
    then = time.time() - days_ago * 86_400
    site.keep(replace(site.grant, granted_at=then))
    if provider is Provider.GOOGLE:
        site.use_google()
    else:
        site.edit_client(provider=provider)
    state = describe_grant(site.file.load(), site.secrets, "sysmail")
    assert (state.condition, state.ends_because) == (condition, because)


def test_the_end_of_entras_secrets_is_not_known_unless_it_is_told(site: Site) -> None:
    site.grant_by(site.server.clients.desktop)
    site.edit_client(provider=Provider.MICROSOFT)
    site.keep(replace(site.grant, flow=Flow.CLIENT_CREDENTIALS))
    state = describe_grant(site.file.load(), site.secrets, "sysmail")
    assert (state.condition, state.ends_at) == (Condition.GRANTED, None)
    assert state.ends_because == "the secret of 'client' ends on a day that is not known here"


def test_without_a_refresh_token_a_grant_ends_with_its_access_token(site: Site) -> None:
    site.grant_by(site.server.clients.native)
    site.keep(replace(site.grant, refresh_token=None))
    assert site.condition is Condition.EXPIRED
    with pytest.raises(AuthenticationError, match="no refresh token"):
        site.tokens.get("sysmail")
