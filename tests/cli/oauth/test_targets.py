"""What can be authorised beside the system mail account: people's accounts, and tenants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.servers.dovecot import Dovecot
from tests.servers.people import ALICE, BOB
from tests.servers.postfix import Postfix

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl
    from tests.cli.oauth.conftest import Site

LENT = """
[[tenants]]
code = "lent"
name = "Lent"
"""
OWN = f"""
[[tenants]]
code = "acme"
name = "Acme"
server = "office"
address = "{BOB.address}"
"""


def add_tenant(site: Site, text: str) -> None:
    site.mailctl.config.write_text(site.mailctl.settings() + text)


@pytest.fixture
def account(mail_site: Site) -> Site:
    """Bob has an account on `office`, where a token logs in."""
    mail_site.mailctl.must("account", "add", BOB.address, "--username", BOB.address, "--server", "office")
    return mail_site


def test_an_account_is_authorised_by_its_address_however_it_is_written(account: Site) -> None:
    assert account.grant(BOB.address)["condition"] == "not-granted"
    granted = account.authorise(BOB.address.replace("@example", "@EXAMPLE"), user=BOB.address)
    assert f"authorised {BOB.address} through 'native'" in granted.err
    assert f"next: `mailctl test receive {BOB.address}`" in granted.err
    for target in (BOB.address, BOB.address.upper()):
        assert account.grant(target)["condition"] == "granted"
    found = account.mailctl("test", "receive", BOB.address, "-o", "json")
    assert found.code == 0, found
    sent = account.mailctl("test", "send", BOB.address, "--to", ALICE.address, "-o", "json")
    assert sent.code == 0, sent
    assert f"oauth/{BOB.address}" in account.secrets()
    account.mailctl.must("account", "delete", BOB.address, "--yes")
    assert f"oauth/{BOB.address}" not in account.secrets()


def test_a_tenant_on_a_server_of_its_own_has_its_own_grant(mail_site: Site) -> None:
    add_tenant(mail_site, OWN)
    _, grants = mail_site.status()
    assert [grant["target"] for grant in grants] == ["sysmail", "tenant:acme"]
    granted = mail_site.authorise("tenant:acme", user=BOB.address)
    assert "next: `mailctl test send tenant:acme --to ADDRESS`" in granted.err
    assert mail_site.grant("tenant:acme")["username"] == BOB.address
    assert mail_site.grant("sysmail")["condition"] == "not-granted"
    found = mail_site.mailctl("test", "send", "tenant:acme", "--to", ALICE.address, "-o", "json")
    assert found.code == 0, found


def test_a_tenant_without_a_server_sends_with_the_grant_of_the_organisation(mail_site: Site) -> None:
    add_tenant(mail_site, LENT)
    mail_site.authorise()
    result = mail_site.mailctl("oauth", "authorize", "tenant:lent", "--print-url", "-o", "json")
    assert result.code == 2
    assert "sends with the authorisation of sysmail" in result.error["message"]
    assert "mailctl oauth authorize sysmail" in result.error["hint"]
    found = mail_site.mailctl("test", "send", "tenant:lent", "--to", ALICE.address, "-o", "json")
    assert found.code == 0, found
    (secret,) = [step for step in found.json["targets"][0]["steps"] if step["name"] == "secret"]
    assert secret["evidence"]["source"] == "the grant of sysmail"


@pytest.mark.parametrize("verb", ["status", "refresh", "revoke", "setup-script"])
def test_every_command_knows_who_is_meant(account: Site, verb: str) -> None:
    account.mailctl.must("oauth", "client", "edit", "native", "--clear", "revoke_url")
    account.authorise(BOB.address, user=BOB.address)
    options = ("--yes",) if verb == "revoke" else ()
    result = account.mailctl("oauth", verb, BOB.address.upper(), *options, "-o", "json")
    assert result.code == (2 if verb == "setup-script" else 0), result


def test_a_person_on_servers_of_their_own_sends_and_files_by_the_token(
    site: Site, oauth_dovecot: Dovecot, oauth_postfix: Postfix
) -> None:
    site.mailctl.must(
        "account", "add", "--username", BOB.address, "--auth", "oauth2", "--ca-file", oauth_dovecot.ca_file,
        "--incoming-protocol", "imap", "--incoming-host", "localhost", "--incoming-port", str(oauth_dovecot.imaps_port),
        "--smtp-host", "localhost", "--smtp-port", str(oauth_postfix.smtps_port), "--incoming-security", "tls",
        "--smtp-security", "tls",
    )  # fmt: skip
    site.authorise(BOB.address, user=BOB.address)
    sent = site.mailctl.must("send", "--account", BOB.address, "--to", ALICE.address, "--body", "x", "-o", "json").json
    assert sent["filed"] == {"by": "mailctl", "account": BOB.address, "folder": "Sent"}
    assert any(sent["message_id"].encode() in message for message in oauth_dovecot.messages(BOB.address, "Sent"))
    assert "Sent" in site.mailctl.must("account", "folders", "show", BOB.address).out


@pytest.mark.parametrize("verb", ["authorize", "status", "refresh", "revoke", "setup-script"])
@pytest.mark.parametrize(
    "target",
    [["sysmail"], ["tenant:nobody"], ["nobody@example.net"], ["nothing"], ["nothing", "--username", ALICE.address]],
)
def test_no_command_does_anything_for_who_is_not_there(mailctl: Mailctl, verb: str, target: list[str]) -> None:
    options = ("--yes",) if verb == "revoke" else ()
    result = mailctl("oauth", verb, *target, *options, "-o", "json")
    assert result.code == 3, result
    assert result.error["code"] == "not-found"


@pytest.mark.parametrize("verb", ["status", "revoke"])
def test_a_grant_is_known_by_its_own_name_too(mail_site: Site, verb: str) -> None:
    mail_site.mailctl.must("oauth", "client", "edit", "native", "--clear", "revoke_url")
    mail_site.authorise("office", "--username", ALICE.address, user=ALICE.address)
    options = ("--yes",) if verb == "revoke" else ()
    mail_site.mailctl.must("oauth", verb, f"server:office/{ALICE.address}", *options)
