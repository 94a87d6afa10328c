"""The system mail account with OAuth: a dedicated set-up, a catalogue server's client, or Microsoft Graph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl, Result

Show = Callable[[], Any]

ADDRESS = ("--address", "noreply@example.org")
LOGIN = ("--username", "noreply", "--password-from", "env:SECRET")
POP = (
    "--pop-before-smtp", "--pop-host", "pop.example.org", "--pop-username", "gate", "--pop-password-from",
    "env:SECRET",
)  # fmt: skip
RELAY = ("--smtp-host", "relay.example.org")
GOOGLE = (*ADDRESS, "--oauth-client", "google")
GRAPH = (*ADDRESS, "--oauth-client", "ms", "--graph")


def set_(mailctl: Mailctl, *options: str | Path, stdin: bytes = b"") -> Result:
    return mailctl("sysmail", "set", *options, stdin=stdin)


def must(mailctl: Mailctl, *options: str | Path, stdin: bytes = b"") -> Result:
    return mailctl.must("sysmail", "set", *options, stdin=stdin)


def endpoint(account: dict[str, Any]) -> tuple[str, int, str, str]:
    smtp = account["smtp"]
    return smtp["host"], smtp["port"], smtp["security"], smtp["auth"]


@pytest.fixture
def catalogue(site: Mailctl) -> Mailctl:
    """Servers `g` (OAuth), `hq` (password) and `open` (no login)."""
    site.must("server", "add", "g", "--name", "G", "--oauth-client", "google")
    site.add_server("hq", "--smtp-auth", "plain")
    site.add_server("open")
    return site


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--oauth-client", "google"), ("smtp.gmail.com", 465, "tls", "xoauth2")),
        (("--oauth-client", "ms"), ("smtp.office365.com", 587, "starttls", "xoauth2")),
        (("--oauth-client", "ms", "--smtp-host", "smtp-mail.outlook.com"),
         ("smtp-mail.outlook.com", 587, "starttls", "xoauth2")),
        (("--oauth-client", "own", *RELAY), ("relay.example.org", 465, "tls", "xoauth2")),
        (("--oauth-client", "own", *RELAY, "--smtp-auth", "oauthbearer", "--smtp-security", "starttls"),
         ("relay.example.org", 587, "starttls", "oauthbearer")),
    ],
)  # fmt: skip
def test_a_dedicated_set_up_follows_the_client(
    site: Mailctl, sysmail: Show, options: tuple[str, ...], expected: tuple[Any, ...]
) -> None:
    result = must(site, *ADDRESS, *options, "-o", "json")
    assert result.json["sysmail"] == sysmail()
    account = sysmail()
    assert (account["oauth_client"], account["graph"], account["server"]) == (options[1], False, None)
    assert endpoint(account) == expected
    assert account["grant"]["condition"] == "not-granted"
    must(site, "--smtp-timeout", "60")
    assert sysmail()["smtp"]["timeout"] == 60
    assert endpoint(sysmail()) == expected


FIXED = [
    ("--smtp-host", "relay.example.org"),
    ("--smtp-port", "587"),
    ("--smtp-security", "starttls"),
    ("--smtp-auth", "plain"),
    ("--smtp-auth", "none"),
]


@pytest.mark.parametrize("option", FIXED)
def test_what_the_client_fixes_is_a_conflict_that_names_it(site: Mailctl, option: tuple[str, str]) -> None:
    before = site.settings()
    for first in (GOOGLE, ()):
        if not first:
            must(site, *GOOGLE)
            before = site.settings()
        result = set_(site, *first, *option)
        assert result.code == 4, result
        assert option[0] in result.err
        assert "the OAuth client 'google'" in result.err
        assert site.settings() == before


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ((*GOOGLE, *POP), ("--pop-before-smtp", "--oauth-client 'google'")),
        ((*GOOGLE, "--server", "g"), ("--oauth-client", "'g'", "brings its own")),
        ((*GOOGLE, "--server", "hq"), ("--oauth-client", "'hq'")),
        ((*GOOGLE, *LOGIN), ("--password", "--oauth-client 'google'")),
        ((*GRAPH, "--server", "g"), ("--server", "Microsoft Graph")),
        ((*GRAPH, *RELAY), ("--smtp-host", "Microsoft Graph")),
        ((*GRAPH, "--smtp-timeout", "20"), ("--smtp-timeout", "Microsoft Graph")),
        ((*GRAPH, "--no-tls-verify"), ("--no-tls-verify", "Microsoft Graph")),
        ((*GRAPH, *POP), ("--pop-before-smtp", "'ms'")),
        ((*GRAPH, *LOGIN), ("--password", "'ms'")),
        ((*GOOGLE, "--graph"), ("--graph", "'google'", "its provider is google")),
        ((*ADDRESS, "--oauth-client", "own", "--graph"), ("--graph", "'own'", "--graph-url")),
        ((*ADDRESS, "--server", "g", *LOGIN), ("--password", "'google'", "'g'")),
        ((*ADDRESS, "--oauth-client", "own", *RELAY, "--smtp-auth", "plain"), ("--smtp-auth", "'own'")),
    ],
)
def test_what_excludes_each_other_is_a_conflict_that_names_both(
    catalogue: Mailctl, options: tuple[str, ...], named: tuple[str, ...]
) -> None:
    before = catalogue.settings()
    result = set_(catalogue, *options, "-o", "json")
    assert result.code == 4, result
    assert all(word in result.error["message"] for word in named), result.error
    assert catalogue.settings() == before


def test_who_gives_a_client_to_an_account_on_a_server_of_the_catalogue_is_told_how(catalogue: Mailctl) -> None:
    catalogue.must("sysmail", "set", *ADDRESS, "--server", "open")
    way_out = "`--clear server` leaves the catalogue; or let the server itself use the client"
    assert set_(catalogue, "--oauth-client", "google", "-o", "json").error["hint"] == way_out
    both = set_(catalogue, "--oauth-client", "google", "--server", "hq", "-o", "json")
    assert both.code == 4
    assert both.error.get("hint") != way_out


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (GOOGLE, POP),
        ((*ADDRESS, *RELAY, *POP), ("--oauth-client", "own")),
        (GOOGLE, LOGIN),
        (GOOGLE, ("--graph",)),
        ((*ADDRESS, "--server", "g"), LOGIN),
        ((*ADDRESS, "--server", "open"), ("--oauth-client", "google")),
        (GRAPH, POP),
        (GRAPH, ("--smtp-timeout", "20")),
        (GRAPH, ("--oauth-client", "google")),
    ],
)
def test_setting_one_while_the_other_is_set_is_a_conflict(
    catalogue: Mailctl, first: tuple[str, ...], second: tuple[str, ...]
) -> None:
    must(catalogue, *first)
    before = catalogue.settings()
    result = set_(catalogue, *second)
    assert result.code == 4, result
    assert catalogue.settings() == before


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ((*ADDRESS, "--oauth-client", "own"), 2, "missing: --server"),
        ((*ADDRESS, "--graph"), 2, "missing: --oauth-client"),
        (("--oauth-client", "google"), 2, "missing: --address"),
        ((*ADDRESS, "--oauth-client", "gogle"), 3, "did you mean google?"),
        ((*ADDRESS, "--oauth-client", "gogle", "--graph"), 3, "oauth client add"),
    ],
)
def test_what_is_missing_or_not_there(site: Mailctl, options: tuple[str, ...], code: int, said: str) -> None:
    before = site.settings()
    result = set_(site, *options)
    assert result.code == code, result
    assert said in result.err
    assert site.settings() == before


def test_graph_needs_neither_server_nor_password(site: Mailctl, sysmail: Show) -> None:
    result = must(site, *GRAPH)
    account = sysmail()
    assert (account["graph"], account["server"], account["smtp"], account["password"]) == (True, None, None, None)
    assert "`mailctl oauth authorize sysmail`" in result.err
    assert must(site, "--graph", "-o", "json").json["changed"] is False


def test_graph_of_a_national_cloud_and_of_an_own_authority(site: Mailctl, sysmail: Show, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    must(site, *ADDRESS, "--oauth-client", "china", "--graph", "--ca-file", tmp_path / "ca.pem")
    assert (sysmail()["oauth_client"], sysmail()["tls"]["ca_file"]) == ("china", str(tmp_path / "ca.pem"))
    assert f"trusts only {tmp_path / 'ca.pem'}" in site.must("sysmail", "show").out


def test_the_ways_to_send_replace_each_other(catalogue: Mailctl, sysmail: Show) -> None:
    must(catalogue, *ADDRESS, *RELAY, *POP)
    must(catalogue, "--graph", "--oauth-client", "ms")
    assert (sysmail()["graph"], sysmail()["smtp"], sysmail()["pop_before_smtp"]) == (True, None, None)
    must(catalogue, "--no-graph")
    assert (sysmail()["graph"], endpoint(sysmail())[0]) == (False, "smtp.office365.com")
    must(catalogue, "--server", "g")
    assert (sysmail()["server"], sysmail()["smtp"], sysmail()["oauth_client"]) == ("g", None, None)
    must(catalogue, "--graph", "--oauth-client", "ms")
    assert (sysmail()["server"], sysmail()["graph"]) == (None, True)
    must(catalogue, "--server", "open")
    assert (sysmail()["server"], sysmail()["graph"], sysmail()["oauth_client"]) == ("open", False, None)
    must(catalogue, "--graph", "--oauth-client", "ms")
    must(catalogue, *RELAY)
    assert (sysmail()["graph"], sysmail()["oauth_client"], endpoint(sysmail())[3]) == (False, None, "none")
    must(catalogue, "--server", "open")
    must(catalogue, "--clear", "server", "--oauth-client", "google")
    assert (sysmail()["server"], endpoint(sysmail())[0]) == (None, "smtp.gmail.com")


def test_another_client_brings_its_own_hosts(site: Mailctl, sysmail: Show) -> None:
    must(site, *GOOGLE, "--smtp-timeout", "33", "--username", "shared@example.org")
    must(site, "--oauth-client", "ms")
    assert endpoint(sysmail()) == ("smtp.office365.com", 587, "starttls", "xoauth2")
    assert (sysmail()["smtp"]["timeout"], sysmail()["username"]) == (33, "shared@example.org")


def test_without_the_client_the_hosts_stay_and_a_login_is_needed(site: Mailctl, sysmail: Show) -> None:
    must(site, *GOOGLE)
    refused = set_(site, "--clear", "oauth-client")
    assert refused.code == 2
    assert "--username, --password-stdin or --password-from" in refused.err
    must(site, "--clear", "oauth-client", "--smtp-auth", "auto", *LOGIN)
    assert endpoint(sysmail()) == ("smtp.gmail.com", 465, "tls", "auto")
    must(site, *RELAY)


def test_a_password_goes_when_the_login_becomes_one_by_token(catalogue: Mailctl, sysmail: Show) -> None:
    dedicated = (*ADDRESS, *RELAY, "--smtp-auth", "plain", "--username", "noreply", "--password-stdin")
    for second in (("--server", "g"), ("--oauth-client", "own"), ("--oauth-client", "ms", "--graph")):
        must(catalogue, *dedicated, stdin=b"canary-4")
        result = must(catalogue, *second)
        assert "the password of noreply is gone: the login is by OAuth" in result.err
        assert (sysmail()["username"], sysmail()["password"]) == (None, None)
        assert "noreply@example.org by" in catalogue.must("sysmail", "show").out
        assert catalogue.must("secret", "status", "-o", "json").json["orphans"] == []
        catalogue.must("sysmail", "unset", "--yes")


def test_the_user_name_is_that_of_a_shared_mailbox_or_else_the_address(site: Mailctl) -> None:
    must(site, *GOOGLE)
    assert "noreply@example.org by xoauth2, with the OAuth client 'google'" in site.must("sysmail", "show").out
    must(site, "--username", "shared@example.org")
    assert "shared@example.org by xoauth2" in site.must("sysmail", "show").out
    must(site, "--clear", "username")
    assert "noreply@example.org by xoauth2" in site.must("sysmail", "show").out


def test_a_catalogue_server_brings_its_client(catalogue: Mailctl, sysmail: Show) -> None:
    result = must(catalogue, *ADDRESS, "--server", "g")
    assert "OAuth: not granted" in result.err
    account = sysmail()
    assert (account["oauth_client"], account["grant"]["oauth_client"]) == (None, "google")
    assert "oauth          Not granted: nobody has authorised it" in catalogue.must("sysmail", "show").out


def test_a_server_in_use_may_get_a_client_and_the_password_is_then_not_used(catalogue: Mailctl, sysmail: Show) -> None:
    must(catalogue, *ADDRESS, "--server", "hq", *LOGIN)
    catalogue.must("server", "edit", "hq", "--oauth-client", "google")
    shown = catalogue.must("sysmail", "show")
    assert "the password is not used: 'hq' logs in by OAuth" in shown.err
    assert "noreply by xoauth2, with the OAuth client 'google'" in shown.out
    must(catalogue, "--clear", "password")
    assert "not used" not in catalogue.must("sysmail", "show").err


def test_a_deleted_servers_client_goes_into_the_copy(catalogue: Mailctl, sysmail: Show) -> None:
    must(catalogue, *ADDRESS, "--server", "hq", *LOGIN)
    catalogue.must("server", "edit", "hq", "--oauth-client", "google")
    catalogue.must("server", "delete", "hq", "--force", "--yes")
    account = sysmail()
    assert (account["oauth_client"], account["password"], account["detached_from"]) == ("google", None, "hq")
    assert endpoint(account) == ("smtp.gmail.com", 465, "tls", "xoauth2")
    catalogue.must("oauth", "client", "edit", "google", "--client-id", "new")


def test_a_file_that_names_no_registered_client_is_invalid_at_its_line(site: Mailctl) -> None:
    must(site, *GOOGLE)
    good = site.settings()
    for right, wrong, where in (
        ('oauth_client = "google"', 'oauth_client = "gone"', "sysmail.oauth_client"),
        ('host = "smtp.gmail.com"', 'host = "evil.example.org"', "sysmail.smtp.host"),
        ('oauth_client = "google"', 'oauth_client = "google"\ngraph = true', "sysmail.smtp"),
    ):
        site.config.write_text(good.replace(right, wrong), encoding="utf-8")
        result = site("sysmail", "show", "-o", "json")
        assert result.code == 5
        assert [problem["where"] for problem in result.error["problems"]] == [where]
        assert result.error["problems"][0]["line"]


def test_before_the_first_set_oauth_is_null_too(site: Mailctl, sysmail: Show) -> None:
    account = sysmail()
    assert (account["oauth_client"], account["graph"], account["grant"]) == (None, None, None)
