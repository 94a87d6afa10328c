"""`mailctl account add|edit|show|list|delete|set-main`: every field, and the rules between accounts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import idna
import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl, Result

Show = Callable[[str], dict[str, Any]]

PASSWORD = ("--password-from", "env:PASSWORD")
OWN = (
    "--incoming-protocol", "imap", "--incoming-host", "imap.example.net", "--smtp-host", "smtp.example.net",
)  # fmt: skip


def add(mailctl: Mailctl, *options: str | Path, stdin: bytes = b"") -> Result:
    return mailctl("account", "add", *options, stdin=stdin)


def must(mailctl: Mailctl, *options: str | Path, stdin: bytes = b"") -> Result:
    return mailctl.must("account", "add", *options, stdin=stdin)


def mains(mailctl: Mailctl) -> dict[str, list[str]]:
    """Return the main accounts of each owner."""
    found: dict[str, list[str]] = {}
    for account in mailctl.must("account", "list", "-o", "json").json["accounts"]:
        found.setdefault(account["owner"], [])
        if account["main"]:
            found[account["owner"]].append(account["address"])
    return found


def test_every_field(site: Mailctl, show: Show) -> None:
    result = must(
        site, "taro@example.org", "--username", "taro", "--owner", "山田太郎", "--display-name", "山田 太郎",
        "--field", "title=社長", "--field", "phone=+81 3 1234", "--description", "本社", "--share-sender", "--server",
        "hq", *PASSWORD, "-o", "json",
    )  # fmt: skip
    account = result.json["account"]
    assert (result.json["changed"], account) == (True, show("taro@example.org"))
    assert {name: account[name] for name in ("owner", "display_name", "description", "server", "kind", "login")} == {
        "owner": "山田太郎", "display_name": "山田 太郎", "description": "本社", "server": "hq", "kind": "server",
        "login": "taro",
    }  # fmt: skip
    assert (account["fields"], account["share_sender"], account["main"]) == (
        {"title": "社長", "phone": "+81 3 1234"}, True, True,
    )  # fmt: skip
    assert account["password"] == {"reference": "env:PASSWORD", "present": True}


def test_address_description_and_owner_follow_from_the_user_name(site: Mailctl, show: Show) -> None:
    must(site, "--username", "taro@example.org", "--server", "hq", *PASSWORD)
    account = show("taro@example.org")
    assert (account["address"], account["description"], account["owner"]) == ("taro@example.org",) * 3


def test_a_user_of_a_domain(site: Mailctl, show: Show) -> None:
    must(site, "--username", "taro", "--domain", "株式.会社", "--server", "hq", *PASSWORD)
    account = show("taro@株式.会社")
    assert (account["login"], account["username"], account["address"]) == ("taro@株式.会社", "taro", "taro@株式.会社")
    must(site, "office@example.org", "--username", "taro@example.org", "--domain", "example.net", *PASSWORD, *OWN)
    assert show("office@example.org")["login"] == "taro@example.org"


def test_without_an_address_one_is_asked_for(site: Mailctl) -> None:
    result = add(site, "--username", "taro", "--server", "hq", *PASSWORD)
    assert result.code == 2
    assert "missing: ADDRESS" in result.err


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--username", "a@example.org"), "--server"),
        (("--username", "a@example.org", "--smtp-host", "h"), "--incoming-host"),
        (("--username", "a@example.org", "--server", "hq"), "--password-stdin or --password-from"),
        (("--server", "hq"), "--username"),
        (("--username", "", "--server", "hq", *PASSWORD), "--username"),
    ],
)
def test_what_is_missing_is_named(site: Mailctl, options: tuple[str, ...], named: str) -> None:
    result = add(site, *options)
    assert result.code == 2
    assert f"missing: {named}" in result.err


def test_servers_of_its_own_want_a_login_unless_told_otherwise(site: Mailctl, show: Show) -> None:
    must(site, "--username", "a@example.org", *OWN, *PASSWORD)
    account = show("a@example.org")
    assert (account["kind"], account["smtp"]["auth"], account["smtp"]["port"]) == ("custom", "auto", 465)
    must(site, "--username", "b@example.org", *OWN, *PASSWORD, "--smtp-auth", "none")
    assert (
        add(site, "--username", "c@example.org", *OWN, *PASSWORD, "--smtp-auth", "none", "--smtp-username", "x").code
        == 4
    )


@pytest.mark.parametrize(
    ("preset", "imap", "smtp"),
    [
        ("yahoo", "imap.mail.yahoo.com", "smtp.mail.yahoo.com"),
        ("pec-aruba", "imaps.pec.aruba.it", "smtps.pec.aruba.it"),
        ("gmail", "imap.gmail.com", "smtp.gmail.com"),
        ("microsoft365", "outlook.office365.com", "smtp.office365.com"),
    ],
)
def test_a_providers_servers(site: Mailctl, show: Show, preset: str, imap: str, smtp: str) -> None:
    must(site, "--username", "a@example.org", "--preset", preset, *PASSWORD)
    account = show("a@example.org")
    assert (account["kind"], account["incoming"]["host"], account["smtp"]["host"]) == (preset, imap, smtp)


def test_another_providers_server_sends(site: Mailctl, show: Show) -> None:
    must(
        site, "--username", "a@example.org", "--preset", "yahoo", "--smtp-preset", "gmx", "--smtp-username", "b",
        "--smtp-password-from", "env:OTHER", *PASSWORD,
    )  # fmt: skip
    account = show("a@example.org")
    assert (account["incoming"]["host"], account["smtp"]["host"]) == ("imap.mail.yahoo.com", "mail.gmx.net")
    assert account["smtp_password"]["reference"] == "env:OTHER"
    must(site, "--username", "c@example.org", "--preset", "yahoo", "--smtp-host", "relay.example.org", *PASSWORD)
    smtp = show("c@example.org")["smtp"]
    assert (smtp["host"], smtp["port"], smtp["security"]) == ("relay.example.org", 465, "tls")


def test_the_login_for_sending_is_the_incoming_one_unless_the_server_says_otherwise(site: Mailctl, show: Show) -> None:
    refused = add(site, "--username", "a@example.org", "--server", "hq", *PASSWORD, "--smtp-username", "b")
    assert refused.code == 4
    assert "mailctl server edit hq --smtp-credentials own" in refused.err
    lacking = add(site, "--username", "a@example.org", "--server", "split", *PASSWORD)
    assert lacking.code == 2
    assert "--smtp-password-stdin" in lacking.err
    must(site, "--username", "a@example.org", "--server", "split", *PASSWORD, "--smtp-password-from", "env:OTHER")
    assert show("a@example.org")["smtp_username"] is None


@pytest.fixture
def google(site: Mailctl) -> Mailctl:
    site.must("oauth", "client", "add", "g", "--provider", "google", "--client-id", "x")
    return site


def test_oauth_takes_the_only_client_of_the_presets_provider(google: Mailctl, show: Show) -> None:
    google.must("oauth", "client", "add", "m", "--provider", "microsoft", "--client-id", "y")
    must(google, "--username", "a@gmail.com", "--preset", "gmail", "--auth", "oauth2")
    account = show("a@gmail.com")
    assert (account["oauth_client"], account["incoming"]["auth"], account["smtp"]["auth"]) == (
        "g",
        "xoauth2",
        "xoauth2",
    )
    assert account["grant"]["condition"] == "not-granted"
    google.must("oauth", "client", "add", "g2", "--provider", "google", "--client-id", "z")
    several = add(google, "--username", "b@gmail.com", "--preset", "gmail", "--auth", "oauth2")
    assert (several.code, "missing: --oauth-client" in several.err) == (2, True)
    must(google, "--username", "b@gmail.com", "--oauth-client", "g2")
    assert show("b@gmail.com")["kind"] == "gmail"


@pytest.mark.parametrize(
    "options",
    [
        ("--preset", "custom", "--auth", "oauth2", "--incoming-protocol", "imap", "--incoming-host", "imap.gmail.com"),
        ("--auth", "oauth2", "--incoming-protocol", "imap", "--incoming-host", "imap.gmail.com", "--smtp-host", "s"),
        ("--oauth-client", "g", *OWN),
        ("--oauth-client", "g", "--preset", "yahoo"),
        ("--oauth-client", "g", "--preset", "microsoft365"),
    ],
)
def test_oauth_needs_the_providers_preset(google: Mailctl, options: tuple[str, ...]) -> None:
    result = add(google, "--username", "a@example.org", *options)
    assert result.code == 4
    assert "gmail" in result.err


def test_oauth_and_a_password_exclude_each_other(google: Mailctl) -> None:
    options = ("--username", "a@gmail.com", "--preset", "gmail", "--auth", "oauth2")
    assert add(google, *options, *PASSWORD).code == 4
    assert add(google, "--username", "a@x.org", "--preset", "yahoo", "--auth", "oauth2").code == 4
    assert add(google, "--username", "a@x.org", "--server", "hq", "--auth", "oauth2").code == 4


def test_oauth_without_a_client_says_how_to_add_one(site: Mailctl) -> None:
    result = add(site, "--username", "a@gmail.com", "--preset", "gmail", "--auth", "oauth2")
    assert result.code == 3
    assert "mailctl oauth client add" in result.err


def test_oauth_is_given_up_for_a_password(google: Mailctl, show: Show) -> None:
    must(google, "--username", "a@gmail.com", "--preset", "gmail", "--auth", "oauth2")
    assert google("account", "edit", "a@gmail.com", "--auth", "password").code == 2  # nobody can be asked for it
    google.must("account", "edit", "a@gmail.com", "--auth", "password", *PASSWORD)
    account = show("a@gmail.com")
    assert (account["oauth_client"], account["incoming"]["auth"], account["smtp"]["auth"]) == (None, "auto", "auto")
    google.must("account", "edit", "a@gmail.com", "--auth", "oauth2")
    assert (show("a@gmail.com")["oauth_client"], show("a@gmail.com")["password"]) == ("g", None)


def test_an_address_is_taken_once_however_it_is_written(site: Mailctl) -> None:
    must(site, "taro@株式.会社", "--username", "taro", "--server", "hq", *PASSWORD)
    for address in ("Taro@株式.会社", f"taro@{idna.encode('株式.会社').decode()}"):
        site.must("account", "show", address)
    result = add(site, "TARO@株式.会社", "--username", "other", "--server", "hq", *PASSWORD)
    assert result.code == 4
    assert "--if-not-exists" in result.err


def test_an_equal_account_is_accepted_where_that_is_asked_for(site: Mailctl) -> None:
    options = ("a@example.org", "--username", "a", "--owner", "ann", "--server", "hq", *PASSWORD, "--if-not-exists")
    must(site, *options)
    before = site.config.stat().st_mtime_ns
    assert must(site, *options, "-o", "json").json["changed"] is False
    assert site.config.stat().st_mtime_ns == before
    other = add(site, *options, "--display-name", "Ann")
    assert (other.code, "display_name" in other.err) == (4, True)


def test_the_first_account_of_an_owner_is_the_main_one_and_another_can_be(site: Mailctl) -> None:
    for address in ("a1@example.org", "a2@example.org", "a3@example.org"):
        must(site, "--username", address, "--owner", "ann", "--server", "hq", *PASSWORD)
    must(site, "--username", "b@example.org", "--owner", "bob", "--server", "hq", *PASSWORD)
    assert mains(site) == {"ann": ["a1@example.org"], "bob": ["b@example.org"]}
    site.must("account", "set-main", "a2@example.org")
    assert mains(site)["ann"] == ["a2@example.org"]
    deleted = site.must("account", "delete", "a2@example.org", "--yes", "-o", "json").json
    assert (deleted["main"], mains(site)["ann"]) == ("a3@example.org", ["a3@example.org"])
    must(site, "--username", "a4@example.org", "--owner", "ann", "--server", "hq", *PASSWORD, "--main")
    assert mains(site)["ann"] == ["a4@example.org"]
    assert "ann sends from a1@example.org now" in site.must("account", "delete", "a4@example.org", "--yes").err


def test_a_stored_secret_is_named_once(site: Mailctl) -> None:
    site.must(
        "account", "add", "--username", "a@example.org", "--server", "hq", "--password-stdin", stdin=b"stored"
    )  # fmt: skip
    shown = site.must("account", "show", "a@example.org").out
    assert "account:a@example.org/password in the vault: there\n" in shown


def test_who_sends_from_another_account_after_an_edit_is_said(site: Mailctl) -> None:
    for address in ("a1@example.org", "a2@example.org"):
        must(site, "--username", address, "--owner", "ann", "--server", "hq", *PASSWORD)
    must(site, "--username", "b@example.org", "--owner", "bob", "--server", "hq", *PASSWORD)
    told = site.must("account", "edit", "a1@example.org", "--owner", "bob").err
    assert "note: ann sends from a2@example.org now\n" in told
    assert "note: bob sends from b@example.org; `mailctl account set-main a1@example.org` makes it this one\n" in told
    told = site.must("account", "edit", "a1@example.org", "--owner", "ann").err
    assert "sends from b@example.org" not in told
    assert "note: ann sends from a1@example.org now\n" in told
    told = site.must("account", "edit", "a1@example.org", "--display-name", "Ann").err
    assert "sends from" not in told


def test_another_owner_has_one_main_account_too(site: Mailctl) -> None:
    for address, owner in (("a1@example.org", "ann"), ("a2@example.org", "ann"), ("b@example.org", "bob")):
        must(site, "--username", address, "--owner", owner, "--server", "hq", *PASSWORD)
    site.must("account", "edit", "a1@example.org", "--owner", "bob")
    assert mains(site) == {"bob": ["b@example.org"], "ann": ["a2@example.org"]}


def test_accounts_written_by_hand(site: Mailctl) -> None:
    for address in ("a1@example.org", "a2@example.org"):
        must(site, "--username", address, "--owner", "ann", "--server", "hq", *PASSWORD)
    text = site.settings()
    site.config.write_text(text.replace("main = true\n", ""), encoding="utf-8")
    assert mains(site) == {"ann": ["a1@example.org"]}
    doubled = text.replace('username = "a2@example.org"', 'main = true\nusername = "a2@example.org"')
    site.config.write_text(doubled, encoding="utf-8")
    result = site("account", "list")
    assert result.code == 5
    assert "'ann' has 2 main accounts" in result.err


def test_what_is_not_named_stays(site: Mailctl, show: Show) -> None:
    must(site, "--username", "a@example.org", *OWN, *PASSWORD, "--field", "title=CEO", "--smtp-timeout", "30")
    before = show("a@example.org")
    site.must("account", "edit", "a@example.org", "--display-name", "Ann")
    assert show("a@example.org") == {**before, "display_name": "Ann"}
    site.must(
        "account", "edit", "a@example.org", "--field", "title=", "--clear", "display-name", "--clear", "smtp-timeout"
    )
    after = show("a@example.org")
    assert (after["fields"], after["display_name"], after["smtp"]["timeout"]) == ({}, None, 10)
    assert (
        site.must("account", "edit", "a@example.org", "--username", "a@example.org", "-o", "json").json["changed"]
        is False
    )


def test_what_follows_from_the_user_name_does_so_again_when_it_is_cleared(site: Mailctl, show: Show) -> None:
    named = ("--owner", "ann", "--description", "Ann's")
    must(site, "a@example.org", "--username", "ann", "--server", "hq", *PASSWORD, *named)
    site.must("account", "edit", "a@example.org", "--clear", "description", "--clear", "owner")
    account = show("a@example.org")
    assert (account["description"], account["owner"]) == ("ann", "a@example.org")


@pytest.mark.parametrize("field", ["address", "username", "incoming.host", "filters.match", "pop3.auth"])
def test_what_cannot_be_cleared_is_refused_with_what_can(site: Mailctl, field: str) -> None:
    must(site, "a@example.org", "--username", "a@example.org", *OWN, *PASSWORD)
    before = site.settings()
    refused = site("account", "edit", "a@example.org", "--clear", field)
    assert (refused.code, site.settings()) == (2, before)
    assert f"'{field}' is not a field that can be cleared" in refused.err
    assert "description" in refused.err
    assert not {"address", "filters.match"} & set(refused.err.replace(",", "").split())


def test_a_cleared_port_is_the_one_of_its_security(site: Mailctl, show: Show) -> None:
    odd = ("--smtp-port", "1465", "--smtp-security", "tls")
    must(site, "a@example.org", "--username", "a@example.org", *OWN, *PASSWORD, *odd)
    site.must("account", "edit", "a@example.org", "--clear", "smtp-port")
    assert show("a@example.org")["smtp"]["port"] == 465


def test_another_user_name_gives_another_description(site: Mailctl, show: Show) -> None:
    must(site, "a@example.org", "--username", "a", "--server", "hq", *PASSWORD)
    site.must("account", "edit", "a@example.org", "--username", "ann")
    assert show("a@example.org")["description"] == "ann"
    site.must("account", "edit", "a@example.org", "--description", "Ann's", "--username", "b")
    site.must("account", "edit", "a@example.org", "--username", "c")
    assert show("a@example.org")["description"] == "Ann's"


def test_another_address(site: Mailctl, show: Show) -> None:
    for address in ("a@example.org", "b@example.org"):
        must(site, "--username", address, "--owner", "ann", "--server", "hq", *PASSWORD)
    assert site("account", "edit", "a@example.org", "--address", "B@example.org").code == 4
    site.must("account", "edit", "a@example.org", "--address", "new@example.org")
    assert (show("new@example.org")["main"], site("account", "show", "a@example.org").code) == (True, 3)


def test_servers_replace_each_other(site: Mailctl, show: Show) -> None:
    must(site, "--username", "a@example.org", *OWN, *PASSWORD, "--pin", "sha256:" + "0" * 64)
    site.must("account", "edit", "a@example.org", "--server", "hq")
    account = show("a@example.org")
    assert (account["server"], account["incoming"], account["smtp"], account["tls"]) == ("hq", None, None, None)
    half = site("account", "edit", "a@example.org", "--smtp-host", "smtp.example.net")
    assert (half.code, "--incoming-host" in half.err) == (2, True)
    site.must("account", "edit", "a@example.org", "--preset", "yahoo")
    assert (show("a@example.org")["server"], show("a@example.org")["kind"]) == (None, "yahoo")


def test_a_server_that_wants_no_login_for_sending_excludes_one(site: Mailctl) -> None:
    must(site, "--username", "a@example.org", "--server", "split", *PASSWORD, "--smtp-username", "out",
         "--smtp-password-from", "env:OTHER")  # fmt: skip
    before = site.settings()
    result = site("server", "edit", "split", "--smtp-auth", "none")
    assert result.code == 4
    assert "is a login for sending, but the SMTP authentication of 'split' is none" in result.err
    assert site.settings() == before


def test_a_deleted_server_leaves_a_copy_behind(site: Mailctl, show: Show) -> None:
    must(site, "--username", "a@example.org", "--server", "split", *PASSWORD, "--smtp-username", "out",
         "--smtp-password-from", "env:OTHER")  # fmt: skip
    result = site.must("server", "delete", "split", "--yes", "-o", "json")
    assert result.json["detached"] == ["a@example.org"]
    account = show("a@example.org")
    assert (account["server"], account["detached_from"], account["smtp"]["host"]) == (None, "split", "out.example.org")
    assert (account["smtp_username"], account["incoming"]["host"]) == ("out", "imap.example.org")
    assert "a copy of 'split'" in site.must("account", "show", "a@example.org").out
    assert "detached from split" in site.must("account", "list").out
    site.must("account", "edit", "a@example.org", "--smtp-port", "587", "--smtp-security", "starttls")
    assert show("a@example.org")["detached_from"] is None


def test_a_renamed_server_keeps_its_accounts(site: Mailctl, show: Show) -> None:
    must(site, "--username", "a@example.org", "--server", "hq", *PASSWORD)
    site.must("server", "edit", "hq", "--code", "office")
    assert show("a@example.org")["server"] == "office"


def test_stored_secrets_go_with_the_account_and_borrowed_ones_stay(site: Mailctl) -> None:
    must(site, "--username", "a@example.org", "--server", "split", "--password-stdin",
         "--smtp-password-from", "env:OTHER", stdin=b"vault-canary\n")  # fmt: skip
    names = [secret["name"] for secret in site.must("secret", "status", "-o", "json").json["secrets"]]
    assert names == ["account:a@example.org/password", "account:a@example.org/smtp-password"]
    site.must("account", "delete", "a@example.org", "--yes")
    status = site.must("secret", "status", "-o", "json").json
    assert (status["secrets"], status["orphans"]) == ([], [])


def test_a_secret_is_given_anew_by_its_name(site: Mailctl, show: Show) -> None:
    must(site, "--username", "a@example.org", "--server", "hq", *PASSWORD)
    site.must("secret", "set", "account:a@example.org/password", "--stdin", stdin=b"other\n")
    assert show("a@example.org")["password"]["reference"] == "vault:account:a@example.org/password"


def test_a_deletion_nobody_agrees_to_is_none(site: Mailctl) -> None:
    must(site, "--username", "a@example.org", "--server", "hq", *PASSWORD)
    before = site.settings()
    assert site("account", "delete", "a@example.org").code == 2
    assert "-address" in site.must("account", "delete", "a@example.org", "--dry-run").out
    assert site.settings() == before


def test_a_dry_run_shows_the_difference_and_writes_nothing(site: Mailctl) -> None:
    before = site.settings()
    result = must(site, "--username", "a@example.org", "--server", "hq", *PASSWORD, "--dry-run")
    assert '+address = "a@example.org"' in result.out
    assert site.settings() == before


def test_the_list_of_one_owner(site: Mailctl) -> None:
    for address, owner in (("a@example.org", "ann"), ("b@example.org", "bob")):
        must(site, "--username", address, "--owner", owner, "--server", "hq", *PASSWORD)
    listed = site.must("account", "list", "--owner", "bob", "-o", "json").json["accounts"]
    assert [account["address"] for account in listed] == ["b@example.org"]
    assert site("account", "list", "--owner", "nobody").code == 3
    assert site.must("account", "list").out.splitlines() == [
        "ADDRESS        OWNER  SERVERS    LOGIN          NOTES",
        "a@example.org  ann    server hq  a@example.org  main",
        "b@example.org  bob    server hq  b@example.org  main",
    ]


@pytest.mark.parametrize("field", ["address=x", "display_name=x", "a b=x", "1st=x", "title", "=x"])
def test_what_is_no_further_field_is_refused(site: Mailctl, field: str) -> None:
    assert add(site, "--username", "a@example.org", "--server", "hq", *PASSWORD, "--field", field).code == 2


def test_a_host_in_a_presets_place_is_warned_of(site: Mailctl) -> None:
    options = ("--username", "a@example.org", "--preset", "yahoo", "--smtp-preset", "gmx", *PASSWORD)
    said = must(site, *options, "--smtp-host", "smtp.own.example", "--smtp-password-from", "env:OTHER").err
    assert said.count("takes the place of") == 1
    assert "--smtp-host smtp.own.example takes the place of mail.gmx.net; " in said


def test_what_is_to_be_known_of_a_preset_is_said(site: Mailctl) -> None:
    said = must(site, "--username", "a@example.org", "--preset", "pec-legalmail", *PASSWORD).err
    assert "at most 6 messages a minute" in said
    assert "sendm.cert.legalmail.it:465 is unconfirmed" in said
    assert add(site, "--username", "b@example.org", "--preset", "gmial", *PASSWORD).code == 3
    pop3 = add(site, "--username", "b@icloud.com", "--preset", "icloud", "--incoming-protocol", "pop3", *PASSWORD)
    assert (pop3.code, "--incoming-protocol: iCloud Mail offers no POP3" in pop3.err) == (2, True)


def test_who_deletes_their_server_is_told_before_that_accounts_will_have_a_copy(site: Mailctl) -> None:
    for name in ("a", "b", "c", "d"):
        site.must(
            "account",
            "add",
            f"{name}@example.org",
            "--username",
            name,
            "--server",
            "hq",
            "--password-from",
            "env:PASSWORD",
        )
    asked = site("server", "delete", "hq")
    assert asked.code == 2
    named = "a@example.org, b@example.org, c@example.org and 1 more"
    assert f"{named} will go on with a copy of what is deleted. Delete the server 'hq' (HQ)?" in asked.err
    rehearsed = site.must("server", "delete", "hq", "--dry-run").err
    assert f"{named} would go on with a copy of what is deleted" in rehearsed
    assert "used what was deleted" not in rehearsed
    site.must(
        "sysmail",
        "set",
        "--address",
        "e@example.org",
        "--server",
        "hq",
        "--username",
        "e",
        "--password-from",
        "env:OTHER",
    )
    refused = site("server", "delete", "hq", "--yes", "-o", "json").error
    assert refused["users"] == {"hq": ["sysmail"]}
    assert refused["accounts"] == ["a@example.org", "b@example.org", "c@example.org", "d@example.org"]
    assert refused["hint"].endswith("as people's accounts there will (4)")


def test_what_an_account_fills_in_by_itself_can_be_cleared(mailctl: Mailctl) -> None:
    mailctl.add_server("hq")
    mailctl.must(
        "account", "add", "a@example.org", "--username", "a", "--server", "hq", "--owner", "anna", "--description",
        "Anna's", "--password-from", "env:A",
    )  # fmt: skip
    cleared = mailctl.must(
        "account", "edit", "a@example.org", "--clear", "description", "--clear", "owner", "-o", "json"
    )
    account = cleared.json["account"]
    assert (account["description"], account["owner"]) == ("a", "a@example.org")
    assert mailctl("account", "edit", "a@example.org", "--clear", "username").code == 2
