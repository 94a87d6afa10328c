"""What tenants use: servers and OAuth clients are not taken from under them, and renamed with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl
    from tests.cli.tenant.conftest import Show


@pytest.fixture
def used(site: Mailctl) -> Mailctl:
    """Two tenants send through `branch`, one of them with a login of its own."""
    for code in ("acme", "globex"):
        site.must("tenant", "add", code, "--name", code.title(), "--server", "branch", "--username", code,
                  "--password-from", "env:TENANT_PASSWORD")  # fmt: skip
    return site


@pytest.mark.parametrize("command", [("delete", "branch", "--yes"), ("delete-all", "--yes")])
def test_a_server_in_use_is_not_deleted_and_its_users_are_named(used: Mailctl, command: tuple[str, ...]) -> None:
    before = used.settings()
    refused = used("server", *command, "-o", "json")
    assert refused.code == 4
    assert refused.error["users"]["branch"] == ["tenant:acme", "tenant:globex"]
    assert "tenant:acme, tenant:globex" in refused.error["message"]
    assert used.settings() == before


@pytest.mark.parametrize("command", [("delete", "branch"), ("delete-all",)])
def test_by_force_each_takes_a_copy(used: Mailctl, command: tuple[str, ...], show: Show) -> None:
    deleted = used.must("server", *command, "--force", "--yes", "-o", "json").json
    assert [user for user in deleted["detached"] if user != "sysmail"] == ["tenant:acme", "tenant:globex"]
    tenant = show("acme")
    assert (tenant["server"], tenant["detached_from"]) == (None, "branch")
    assert (tenant["smtp"]["host"], tenant["username"]) == ("branch.example.org", "acme")
    assert "a copy of 'branch', which was deleted" in used.must("tenant", "show", "acme").err


def test_a_servers_new_code_is_followed(used: Mailctl, show: Show) -> None:
    used.must("server", "edit", "branch", "--code", "支店")
    assert {show(code)["server"] for code in ("acme", "globex")} == {"支店"}


def test_taking_the_login_away_from_under_a_tenant_is_a_conflict(used: Mailctl) -> None:
    refused = used("server", "edit", "branch", "--smtp-auth", "none", "-o", "json")
    assert refused.code == 4
    assert "tenants[0].username" in refused.error["message"]


def test_an_oauth_client_in_use_is_not_deleted(site: Mailctl, show: Show) -> None:
    site.must("oauth", "client", "add", "office", "--provider", "microsoft", "--client-id", "id",
              "--directory-id", "acme.example")  # fmt: skip
    site.must("tenant", "add", "acme", "--name", "Acme", "--address", "it@acme.example", "--graph",
              "--oauth-client", "office")  # fmt: skip
    refused = site("oauth", "client", "delete", "office", "--yes", "-o", "json")
    assert (refused.code, refused.error["users"]) == (4, {"office": ["tenant:acme"]})
    assert "Microsoft Graph" in site("oauth", "client", "delete", "office", "--yes", "--force").err
    tenant = show("acme")
    assert tenant["grant"]["condition"] == "not-granted"
    assert tenant["effective"]["username"] == {"value": "it@acme.example", "from": "tenant"}
    status = site("oauth", "status", "-o", "json")
    assert [grant["target"] for grant in status.json["grants"]] == ["tenant:acme"]
    site.must("tenant", "edit", "acme", "--smtp-host", "relay.acme.example")
    site.must("oauth", "client", "delete", "office", "--yes")


def test_a_token_is_had_for_a_mailbox_of_the_tenants_own(site: Mailctl) -> None:
    site.must("oauth", "client", "add", "office", "--provider", "microsoft", "--client-id", "id")
    refused = site("tenant", "add", "acme", "--name", "Acme", "--graph", "--oauth-client", "office")
    assert refused.code == 2
    assert "--username: is missing" in refused.err


def test_authorising_a_tenant_on_the_global_server_is_refused(site: Mailctl) -> None:
    site.must("tenant", "add", "acme", "--name", "Acme")
    refused = site("oauth", "authorize", "tenant:acme")
    assert refused.code == 2
    assert site("oauth", "status", "tenant:nope").code == 3
