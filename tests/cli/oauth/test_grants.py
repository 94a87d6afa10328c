"""`mailctl oauth status`, `refresh`, `revoke` and `setup-script`."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.cli.oauth.conftest import MAIL
from tests.servers.people import ALICE, BOB

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl
    from tests.cli.oauth.conftest import Site

FIELDS = {
    "target", "condition", "why", "remedy", "oauth_client", "provider", "username", "flow", "scopes", "missing_scopes",
    "granted_at", "last_refresh", "token_expires_at", "ends_at", "ends_because", "next", "warnings", "ok",
}  # fmt: skip


# status


def test_status_tells_each_grant_and_its_exit_code_whether_all_are_granted(site: Site) -> None:
    code, (grant,) = site.status()
    assert code == 12
    assert set(grant) == FIELDS
    assert (grant["condition"], grant["why"]) == ("not-granted", "nobody has authorised it")
    site.authorise()
    code, (grant,) = site.status()
    assert code == 0
    assert (grant["condition"], grant["why"], grant["ok"]) == ("granted", None, True)
    assert (grant["oauth_client"], grant["provider"], grant["username"]) == ("native", "custom", ALICE.address)


def test_status_is_for_people_too(site: Site) -> None:
    before = site.mailctl("oauth", "status")
    assert before.out.splitlines() == [
        "TARGET   STATE        CLIENT  FLOW  ENDS",
        "sysmail  Not granted  native",
        "sysmail: nobody has authorised it",
    ]
    assert "next: `mailctl oauth authorize sysmail`" in before.err
    site.authorise()
    listed = site.mailctl.must("oauth", "status").out.splitlines()
    assert listed[0].split() == ["TARGET", "STATE", "CLIENT", "FLOW", "ENDS"]
    assert listed[1].split() == ["sysmail", "Granted", "native", "paste"]
    shown = site.mailctl.must("oauth", "status", "sysmail").out
    assert "paste, as alice@example.test" in shown
    assert f"{MAIL} offline_access" in shown


def test_status_warns_before_the_secret_of_the_client_ends(site: Site, use_client: Callable[..., None]) -> None:
    use_client("desktop", site.server.clients.desktop)
    site.authorise()
    assert site.grant()["ends_because"] is None

    def let_end(days: int) -> str:
        day = (dt.datetime.now(dt.UTC) + dt.timedelta(days)).strftime("%Y-%m-%d")
        path = site.mailctl.config
        kept = [line for line in path.read_text().splitlines() if not line.startswith("client_secret_expires")]
        path.write_text(re.sub(r"(?m)^client_secret = .*$", rf"\g<0>\nclient_secret_expires = {day}", "\n".join(kept)))
        return day

    day = let_end(29)
    grant = site.grant()
    assert (grant["condition"], grant["ends_because"]) == ("granted", "the secret of 'desktop' ends")
    assert grant["ends_at"].startswith(day)
    (warning,) = grant["warnings"]
    assert f"the secret of 'desktop' ends on {day}" in warning
    assert warning in " ".join(site.mailctl.must("oauth", "status").err.split())
    let_end(60)
    assert site.grant()["warnings"] == []
    day = let_end(-1)
    code, (grant,) = site.status()
    assert (code, grant["condition"]) == (12, "expired")
    assert grant["why"] == f"it ended on {day}: the secret of 'desktop' ends"
    assert grant["next"].startswith("mailctl oauth client edit desktop --client-secret-stdin")


def test_status_of_nothing(mailctl: Mailctl) -> None:
    assert mailctl.must("oauth", "status", "-o", "json").json["grants"] == []
    assert "no account has an OAuth client" in mailctl.must("oauth", "status").err


@pytest.mark.parametrize(
    ("changes", "condition"),
    [
        ({"broken": "revoked"}, "broken"),
        ({"client": "other"}, "not-granted"),
        ({"client_id": "other"}, "not-granted"),
        ({"refresh_token": None, "expires_at": 1.0}, "expired"),
    ],
)
def test_status_says_why_something_is_not_granted(site: Site, changes: dict[str, object], condition: str) -> None:
    site.authorise()
    site.keep(changes)
    code, (grant,) = site.status("sysmail")
    assert (code, grant["condition"]) == (12, condition)
    assert grant["why"]


def test_status_tells_people_what_to_do_and_promises_no_token_that_cannot_come(site: Site) -> None:
    site.authorise()
    assert "the next one is had when it is needed" in site.mailctl.must("oauth", "status", "sysmail").out
    site.keep({"refresh_token": None})
    assert "the next one" not in site.mailctl.must("oauth", "status", "sysmail").out
    site.keep({"broken": "a second factor is needed", "remedy": "take --flow client-credentials"})
    assert "take --flow client-credentials" in site.mailctl("oauth", "status", "sysmail").out


def test_status_of_a_grant_whose_target_has_lost_its_client(site: Site) -> None:
    site.authorise()
    site.mailctl.must("server", "edit", "office", "--clear", "oauth_client")
    _, (grant,) = site.status()
    assert grant["condition"] == "not-granted"
    assert "mailctl server edit office --oauth-client NAME" in grant["remedy"]
    assert grant["next"] is None  # there is nothing to authorise it through
    site.mailctl.must("oauth", "revoke", "sysmail", "--yes")
    assert site.secrets() == {}


def test_what_is_no_grant_is_told_how_to_be_replaced(site: Site) -> None:
    site.authorise()
    site.mailctl.must("secret", "set", "oauth/sysmail", "--stdin", stdin=b"rubbish")
    code, (grant,) = site.status()
    assert (code, grant["condition"]) == (12, "broken")
    sent = site.mailctl("send", "--to", BOB.address, "--subject", "S", "--body", "B", "-o", "json")
    assert sent.code == 12
    assert sent.error["authorise"] == "mailctl oauth authorize sysmail"
    site.authorise()
    assert site.grant()["ok"]


# refresh


def test_refresh_gets_a_new_token(site: Site) -> None:
    site.authorise()
    first = site.kept()
    result = site.mailctl.must("oauth", "refresh", "sysmail", "-o", "json").json
    assert result["changed"] is True
    assert result["grant"]["last_refresh"] is not None
    assert site.kept()["access_token"] != first["access_token"]


def test_refresh_tells_what_has_become_of_a_grant(site: Site) -> None:
    site.authorise()
    site.server.revoke_all(ALICE.address)
    result = site.mailctl("oauth", "refresh", "sysmail", "-o", "json")
    assert result.code == 12
    assert result.error["authorise"] == "mailctl oauth authorize sysmail"
    assert site.grant()["condition"] == "broken"


def test_a_rehearsed_refresh_asks_nobody(site: Site) -> None:
    site.authorise()
    before = len(site.server.requests)
    site.mailctl.must("oauth", "refresh", "sysmail", "--dry-run")
    assert len(site.server.requests) == before


# revoke


def test_revoke_ends_a_grant_at_the_provider_and_here(site: Site) -> None:
    site.authorise()
    kept = site.kept()
    refused = site.mailctl("oauth", "revoke", "sysmail")
    assert refused.code == 2
    assert site.kept() == kept
    revoked = site.mailctl.must("oauth", "revoke", "sysmail", "--yes", "-o", "json").json
    assert (revoked["changed"], revoked["at_provider"]) == (True, True)
    assert site.secrets() == {}
    again = site.mailctl.must("oauth", "revoke", "sysmail", "-o", "json").json
    assert again["changed"] is False


def test_a_provider_that_cannot_be_asked_leaves_the_grant(site: Site) -> None:
    site.authorise()
    site.mailctl.must("oauth", "client", "edit", "native", "--revoke-url", "http://127.0.0.1:9/revoke")
    assert site.mailctl("oauth", "revoke", "sysmail", "--yes").code == 10
    assert site.grant()["ok"]
    site.mailctl.must("secret", "delete", "oauth/sysmail", "--yes")
    assert site.grant()["condition"] == "not-granted"


def test_where_the_provider_cannot_end_it_that_is_said(site: Site) -> None:
    site.authorise()
    site.mailctl.must("oauth", "client", "edit", "native", "--clear", "revoke_url")
    revoked = site.mailctl.must("oauth", "revoke", "sysmail", "--yes")
    assert "sessions there as well" in revoked.err
    assert site.secrets() == {}


def test_a_rehearsed_revocation_shows_the_difference(site: Site) -> None:
    site.authorise()
    before = site.mailctl.settings()
    result = site.mailctl.must("oauth", "revoke", "sysmail", "--dry-run", "-o", "json").json
    assert "-sysmail = " in result["diff"]
    assert site.mailctl.settings() == before
    site.mailctl.must("oauth", "refresh", "sysmail")


# setup-script


def script(site: Site, *options: str, target: tuple[str, ...]) -> str:
    text = site.mailctl.must("oauth", "setup-script", *target, *options, "-o", "json").json["script"]
    assert isinstance(text, str)
    return text


def add_microsoft(site: Site, *options: str) -> tuple[str, ...]:
    site.mailctl.must(
        "oauth", "client", "add", "entra", "--provider", "microsoft", "--client-id", "0a1b-2c3d",
        "--directory-id", "contoso.example", *options, stdin=b"canary-secret",
    )  # fmt: skip
    site.mailctl.must("server", "add", "cloud", "--name", "Cloud", "--oauth-client", "entra")
    return ("cloud", "--username", "o’neil@contoso.example")


def test_exchange_is_set_up_for_the_client_and_the_mailbox_at_hand(site: Site) -> None:
    text = script(site, target=add_microsoft(site, "--client-secret-stdin"))
    for line in (
        "$principal = Get-MgServicePrincipal -Filter 'appId eq ''0a1b-2c3d'''",
        "Connect-ExchangeOnline -Organization 'contoso.example'",
        "New-ServicePrincipal -AppId '0a1b-2c3d' -ObjectId $principal.Id -DisplayName 'mailctl entra'",
        "Add-MailboxPermission -Identity 'o’’neil@contoso.example' -User $principal.Id -AccessRights FullAccess",
        "Set-CASMailbox -Identity 'o’’neil@contoso.example' -ImapEnabled $true -PopEnabled $true "
        "-SmtpClientAuthenticationDisabled $false",
    ):
        assert line in text.splitlines()
    assert "SMTP.SendAsApp" in text


def test_exchange_is_set_up_for_people_who_sign_in(site: Site) -> None:
    target = add_microsoft(site)
    text = script(site, target=target)
    assert "New-ServicePrincipal" not in text
    assert "Set-CASMailbox" in text
    assert "http://localhost" in text
    assert "New-ServicePrincipal" in script(site, "--flow", "client-credentials", target=target)


def test_graph_is_set_up_for_one_mailbox_alone(site: Site) -> None:
    add_microsoft(site, "--client-secret-stdin")
    site.mailctl.must("sysmail", "unset", "--yes")
    site.mailctl.must("sysmail", "set", "--address", "noreply@contoso.example", "--oauth-client", "entra", "--graph")
    text = script(site, target=("sysmail",))
    assert "-RecipientRestrictionFilter 'PrimarySmtpAddress -eq ''noreply@contoso.example'''" in text
    assert "-Role 'Application Mail.Send'" in text


def test_the_right_to_send_long_messages_is_asked_for_by_a_command_of_the_script(site: Site) -> None:
    add_microsoft(site)
    site.mailctl.must("sysmail", "unset", "--yes")
    site.mailctl.must("sysmail", "set", "--address", "noreply@contoso.example", "--oauth-client", "entra", "--graph")
    assert "Mail.ReadWrite" not in site.mailctl.must("oauth", "authorize", "sysmail", "--print-url").out
    lines = script(site, target=("sysmail",)).splitlines()
    (edit,) = [
        line.removeprefix("#   mailctl ").split() for line in lines if line.startswith("#   mailctl oauth client")
    ]
    site.mailctl.must(*edit)
    url = site.mailctl.must("oauth", "authorize", "sysmail", "--print-url").out
    assert "graph.microsoft.com%2FMail.ReadWrite" in url
    assert "offline_access" in url


def test_googles_delegation_names_the_service_account_and_the_scope(site: Site, account_file: Path) -> None:
    site.mailctl.must(
        "oauth", "client", "add", "workspace", "--provider", "google", "--client-id", "id-1",
        "--service-account-from", f"file:{account_file}",
    )  # fmt: skip
    site.mailctl.must("server", "add", "gmail", "--name", "Gmail", "--oauth-client", "workspace")
    text = script(site, target=("gmail", "--username", BOB.address))
    assert "Client ID:    1234567890" in text
    assert "OAuth scopes: https://mail.google.com/" in text
    assert "PRIVATE KEY" not in text


def test_of_a_provider_that_is_not_known_there_is_no_script(site: Site) -> None:
    result = site.mailctl("oauth", "setup-script", "sysmail", "-o", "json")
    assert result.code == 2
    assert "redirect URI" in result.error["hint"]


def test_the_script_alone_goes_to_standard_output(site: Site, use_client: Callable[..., None]) -> None:
    target = add_microsoft(site)
    printed = site.mailctl.must("oauth", "setup-script", *target)
    assert printed.out.startswith("# ")
    assert printed.err == ""
