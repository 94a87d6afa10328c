"""OAuth clients: their endpoints, scopes and flows, and what is in force for who sends through one."""

from __future__ import annotations

from typing import Any

import pytest

from mailctl.errors import BugError, ExclusiveSettingsError, InvalidValueError, UsageError
from mailctl.model.decode import decode_or_raise
from mailctl.model.oauth import Flow, OAuthClient, scopes_for
from mailctl.model.oauth_flows import require_flow
from mailctl.model.preset import PRESETS
from mailctl.model.resolve import resolve_receiving, resolve_server, resolve_system_mail
from mailctl.model.settings import Settings

OWN = {"authorize_url": "https://l.example/a", "token_url": "https://l.example/t"}


def client(provider: str, **fields: Any) -> OAuthClient:
    return decode_or_raise(OAuthClient, {"name": provider, "provider": provider, "client_id": "id", **fields})


GOOGLE, WORKSPACE = client("google", client_secret="env:S"), client("google", service_account="env:A")
MULTI, TENANT = client("microsoft"), client("microsoft", directory_id="contoso", client_secret="env:S")
CHINA = client("microsoft", **OWN)
CUSTOM = client("custom", **OWN, device_url="https://l.example/d", client_secret="env:S")
MACHINE = client("custom", token_url="https://l.example/t", certificate="c.pem", key="env:K")


def test_endpoints_are_the_providers_unless_given() -> None:
    assert GOOGLE.endpoints.token == "https://oauth2.googleapis.com/token"
    assert GOOGLE.endpoints.revoke == "https://oauth2.googleapis.com/revoke"
    assert GOOGLE.endpoints.device is None
    base = "https://login.microsoftonline.com"
    assert MULTI.endpoints.authorize == f"{base}/common/oauth2/v2.0/authorize"
    assert TENANT.endpoints.device == f"{base}/contoso/oauth2/v2.0/devicecode"
    assert TENANT.endpoints.revoke is None
    assert (CHINA.endpoints.authorize, CHINA.endpoints.token) == ("https://l.example/a", "https://l.example/t")
    assert MACHINE.endpoints.authorize is None


def test_hosts_are_fixed_by_a_provider_and_not_with_endpoints_of_its_own() -> None:
    assert [known.fixes_hosts for known in (GOOGLE, MULTI, TENANT, CHINA, CUSTOM)] == [True, True, True, False, False]


@pytest.mark.parametrize(
    ("known", "possible"),
    [
        (GOOGLE, {Flow.BROWSER, Flow.PASTE}),
        (WORKSPACE, {Flow.BROWSER, Flow.PASTE, Flow.SERVICE_ACCOUNT}),
        (MULTI, {Flow.BROWSER, Flow.PASTE, Flow.DEVICE}),
        (TENANT, {Flow.BROWSER, Flow.PASTE, Flow.DEVICE, Flow.CLIENT_CREDENTIALS}),
        (client("microsoft", directory_id="organizations", client_secret="env:S"),
         {Flow.BROWSER, Flow.PASTE, Flow.DEVICE}),
        (client("microsoft", directory_id="contoso"), {Flow.BROWSER, Flow.PASTE, Flow.DEVICE}),
        (CUSTOM, {Flow.BROWSER, Flow.PASTE, Flow.DEVICE, Flow.CLIENT_CREDENTIALS}),
        (MACHINE, {Flow.CLIENT_CREDENTIALS}),
        (client("custom", token_url="https://l.example/t", service_account="env:A"), {Flow.SERVICE_ACCOUNT}),
    ],
)  # fmt: skip
def test_impossible_flows_are_refused_with_one_to_take_instead(known: OAuthClient, possible: set[Flow]) -> None:
    for flow in possible:
        require_flow(known, flow)
    for flow in set(Flow) - possible:
        with pytest.raises(UsageError, match=f"--flow {flow} cannot work") as caught:
            require_flow(known, flow)
        assert caught.value.hint


def test_scopes_are_the_clients_own_or_the_providers() -> None:
    assert scopes_for(client("custom", **OWN, scopes=["mail"]), Flow.BROWSER) == ("mail",)
    assert scopes_for(GOOGLE, Flow.SERVICE_ACCOUNT) == ("https://mail.google.com/",)
    delegated = scopes_for(TENANT, Flow.DEVICE)
    assert "https://outlook.office.com/SMTP.Send" in delegated
    assert "offline_access" in delegated
    assert scopes_for(TENANT, Flow.CLIENT_CREDENTIALS) == ("https://outlook.office365.com/.default",)
    assert scopes_for(TENANT, Flow.CLIENT_CREDENTIALS, graph=True) == ("https://graph.microsoft.com/.default",)
    assert "https://graph.microsoft.com/Mail.Send" in scopes_for(TENANT, Flow.BROWSER, graph=True)
    assert not any("outlook" in scope for scope in scopes_for(TENANT, Flow.BROWSER, graph=True))


def test_scopes_of_graph_in_a_national_cloud_are_of_its_own_server() -> None:
    url = "https://microsoftgraph.chinacloudapi.cn/v1.0"
    china = client("microsoft", directory_id="contoso", client_secret="env:S", graph_url=url)
    app_only = scopes_for(china, Flow.CLIENT_CREDENTIALS, graph=True)
    assert app_only == ("https://microsoftgraph.chinacloudapi.cn/.default",)
    assert "https://microsoftgraph.chinacloudapi.cn/Mail.Send" in scopes_for(china, Flow.PASTE, graph=True)


@pytest.mark.parametrize(
    "url",
    ["http://l.example/t", "ftp://l.example", "https://", "l.example/t", "https://u:p@l.example/", "https://l.example/#f",
     "https://l.example/a b", "https://l.example/\n", "https://[::1"],
)  # fmt: skip
def test_endpoints_are_https_urls(url: str) -> None:
    with pytest.raises(InvalidValueError, match="an endpoint is an https URL"):
        client("custom", token_url=url)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_plain_http_is_for_loopback(host: str) -> None:
    assert client("custom", token_url=f"http://{host}:8080/t").endpoints.token == f"http://{host}:8080/t"


@pytest.mark.parametrize(
    ("provider", "fields", "where"),
    [
        ("google", {"token_url": "https://l.example/t"}, "token_url"),
        ("google", {"graph_url": "https://l.example/t"}, "graph_url"),
        ("google", {"directory_id": "x"}, "directory_id"),
        ("microsoft", {"service_account": "env:A"}, "service_account"),
        ("microsoft", {"client_secret": "env:S", "certificate": "c.pem", "key": "env:K"}, "client_secret"),
    ],
)
def test_fields_of_another_provider_are_conflicts(provider: str, fields: dict[str, Any], where: str) -> None:
    with pytest.raises(ExclusiveSettingsError) as caught:
        client(provider, **fields)
    assert [problem.where for problem in caught.value.problems] == [where]


def settings(**sysmail: Any) -> Settings:
    clients = [{"name": name, "provider": name, "client_id": "id"} for name in ("google", "microsoft")]
    gmail = next(preset for preset in PRESETS if preset.name == "gmail")
    server = {
        "code": "g",
        "name": "G",
        "oauth_client": "google",
        "smtp": {**gmail.smtp._asdict(), "auth": "xoauth2"},
        "incoming": {"protocol": "imap", **gmail.imap._asdict(), "auth": "xoauth2"},
    }
    account = {"address": "noreply@example.org", **sysmail}
    return decode_or_raise(Settings, {"oauth_clients": clients, "servers": [server], "sysmail": account}, lax=False)


def test_a_catalogue_servers_client_is_that_of_who_sends_and_receives_through_it() -> None:
    given = settings(server="g", username="noreply@example.org", password="env:UNUSED")
    sending = resolve_system_mail(given)
    assert (sending.oauth_client, sending.graph) == (given.get_oauth_client("google"), False)
    assert (sending.username, sending.password) == ("noreply@example.org", None)
    receiving = resolve_receiving(given, sending)
    assert receiving
    assert (receiving.oauth_client, receiving.username) == (sending.oauth_client, "noreply@example.org")
    assert resolve_system_mail(settings(server="g")).username == "noreply@example.org"
    assert resolve_system_mail(settings(server="g", username="shared@example.org")).username == "shared@example.org"


def test_a_server_by_itself_is_nobodys() -> None:
    given = settings(server="g")
    alone = resolve_server(given.get_server("g"), given.get_oauth_client("google"))
    assert (alone.oauth_client, alone.username) == (given.get_oauth_client("google"), None)


def test_graph_sends_without_a_server_and_receives_nothing() -> None:
    given = settings(graph=True, oauth_client="microsoft")
    sending = resolve_system_mail(given)
    assert (sending.graph, sending.smtp, sending.server) == (True, None, None)
    assert sending.oauth_client == given.get_oauth_client("microsoft")
    assert resolve_receiving(given, sending) is None
    with pytest.raises(BugError):
        _ = sending.endpoint


def test_every_preset_with_oauth_belongs_to_a_provider_that_fixes_hosts() -> None:
    assert {preset.name: str(preset.oauth) for preset in PRESETS if preset.oauth} == {
        "gmail": "google", "microsoft365": "microsoft", "outlook.com": "microsoft",
    }  # fmt: skip
