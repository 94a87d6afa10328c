"""A server with an OAuth client: what that fixes, what stays editable, and how it is left again."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl, Result

Server = Callable[[str], Any]

HOSTS = ("--smtp-host", "smtp.example.org", "--incoming-protocol", "imap", "--incoming-host", "imap.example.org")


def add(mailctl: Mailctl, code: str, *options: str) -> Result:
    return mailctl("server", "add", code, "--name", code.upper(), *options)


def endpoint(side: dict[str, Any]) -> tuple[str, int, str, str]:
    return side["host"], side["port"], side["security"], side["auth"]


@pytest.mark.parametrize(
    ("options", "smtp", "incoming"),
    [
        (("--oauth-client", "google"),
         ("smtp.gmail.com", 465, "tls", "xoauth2"), ("imap.gmail.com", 993, "tls", "xoauth2")),
        (("--oauth-client", "google", "--incoming-protocol", "pop3"),
         ("smtp.gmail.com", 465, "tls", "xoauth2"), ("pop.gmail.com", 995, "tls", "xoauth2")),
        (("--oauth-client", "ms"),
         ("smtp.office365.com", 587, "starttls", "xoauth2"), ("outlook.office365.com", 993, "tls", "xoauth2")),
        (("--oauth-client", "ms", "--preset", "outlook.com"),
         ("smtp-mail.outlook.com", 587, "starttls", "xoauth2"), ("outlook.office365.com", 993, "tls", "xoauth2")),
        (("--oauth-client", "ms", "--smtp-host", "smtp-mail.outlook.com"),
         ("smtp-mail.outlook.com", 587, "starttls", "xoauth2"), ("outlook.office365.com", 993, "tls", "xoauth2")),
        (("--oauth-client", "google", "--preset", "gmail", "--smtp-host", "smtp.gmail.com", "--smtp-port", "465"),
         ("smtp.gmail.com", 465, "tls", "xoauth2"), ("imap.gmail.com", 993, "tls", "xoauth2")),
    ],
)  # fmt: skip
def test_a_client_implies_its_providers_preset(
    site: Mailctl, server: Server, options: tuple[str, ...], smtp: tuple[Any, ...], incoming: tuple[Any, ...]
) -> None:
    result = add(site, "s", *options, "-o", "json")
    assert result.code == 0, result
    assert result.json["server"] == server("s")
    shown = server("s")
    assert shown["oauth_client"] == options[1]
    assert (endpoint(shown["smtp"]), endpoint(shown["incoming"])) == (smtp, incoming)
    assert shown["incoming"]["apop"] is False


FIXED = [
    ("--smtp-host", "relay.example.org"),
    ("--smtp-port", "587"),
    ("--smtp-security", "none"),
    ("--smtp-auth", "plain"),
    ("--smtp-auth", "oauthbearer"),
    ("--smtp-auth", "none"),
    ("--incoming-host", "imap.example.org"),
    ("--incoming-port", "143"),
    ("--incoming-security", "starttls"),
    ("--incoming-auth", "login-command"),
]


@pytest.mark.parametrize(("option", "value"), FIXED)
def test_what_the_client_fixes_is_a_conflict_that_names_it(site: Mailctl, option: str, value: str) -> None:
    before = site.settings()
    result = add(site, "s", "--oauth-client", "google", option, value, "-o", "json")
    assert result.code == 4, result
    assert result.error["message"].startswith(f"{option}: '{value}' cannot be: the OAuth client 'google'")
    assert site.settings() == before


@pytest.mark.parametrize(("option", "value"), FIXED)
def test_on_edit_too(site: Mailctl, option: str, value: str) -> None:
    add(site, "s", "--oauth-client", "google")
    before = site.settings()
    result = site("server", "edit", "s", option, value)
    assert result.code == 4, result
    assert option in result.err
    assert "'google'" in result.err
    assert site.settings() == before


def test_apop_and_another_providers_preset_are_conflicts(site: Mailctl) -> None:
    apop = add(site, "s", "--oauth-client", "google", "--incoming-protocol", "pop3", "--apop")
    assert (apop.code, "--apop: APOP and the OAuth client 'google'" in apop.err) == (4, True)
    for preset in ("yahoo", "microsoft365", "custom"):
        result = add(site, "s", "--oauth-client", "google", "--preset", preset)
        assert result.code == 4, result
        assert "--preset: is not one of google's (gmail)" in result.err


def test_timeouts_protocol_credentials_name_and_tls_stay_editable(site: Mailctl, server: Server) -> None:
    add(site, "s", "--oauth-client", "google", "--smtp-timeout", "20")
    site.must(
        "server", "edit", "s", "--incoming-timeout", "30", "--incoming-protocol", "pop3", "--smtp-credentials", "own",
        "--name", "G", "--pin", "sha256:" + "0" * 64, "--code", "g",
    )  # fmt: skip
    shown = server("g")
    assert (shown["smtp"]["timeout"], shown["incoming"]["timeout"], shown["smtp"]["credentials"]) == (20, 30, "own")
    assert endpoint(shown["incoming"]) == ("pop.gmail.com", 995, "tls", "xoauth2")
    site.must("server", "edit", "g", "--incoming-protocol", "imap4")
    assert endpoint(server("g")["incoming"])[:2] == ("imap.gmail.com", 993)


def test_the_chosen_preset_outlives_other_edits(site: Mailctl, server: Server) -> None:
    add(site, "s", "--oauth-client", "ms", "--preset", "outlook.com")
    site.must("server", "edit", "s", "--incoming-protocol", "pop3")
    assert server("s")["smtp"]["host"] == "smtp-mail.outlook.com"
    site.must("server", "edit", "s", "--preset", "microsoft365")
    assert server("s")["smtp"]["host"] == "smtp.office365.com"
    assert server("s")["incoming"]["protocol"] == "pop3"


def test_given_to_a_server_it_replaces_hosts_and_login(site: Mailctl, server: Server) -> None:
    add(site, "s", "--smtp-host", "pop.example.org", "--smtp-auth", "plain", "--incoming-protocol", "pop3",
        "--incoming-host", "pop.example.org", "--apop", "--incoming-timeout", "50")  # fmt: skip
    site.must("server", "edit", "s", "--oauth-client", "google")
    shown = server("s")
    assert endpoint(shown["smtp"]) == ("smtp.gmail.com", 465, "tls", "xoauth2")
    assert endpoint(shown["incoming"]) == ("pop.gmail.com", 995, "tls", "xoauth2")
    assert (shown["incoming"]["apop"], shown["incoming"]["timeout"]) == (False, 50)
    site.must("server", "edit", "s", "--oauth-client", "ms")
    assert server("s")["smtp"]["host"] == "smtp.office365.com"


def test_clearing_the_client_keeps_the_hosts_editable_again(site: Mailctl, server: Server) -> None:
    add(site, "s", "--oauth-client", "google")
    before = server("s")
    result = site.must("server", "edit", "s", "--clear", "oauth_client")
    assert server("s") == {**before, "oauth_client": None}
    assert "its authentication still wants tokens" in result.err
    site.must(
        "server", "edit", "s", "--smtp-host", "relay.example.org", "--smtp-auth", "auto", "--incoming-auth", "auto"
    )
    assert endpoint(server("s")["smtp"]) == ("relay.example.org", 465, "tls", "auto")


@pytest.mark.parametrize("name", ["own", "china"])
def test_a_client_with_endpoints_of_its_own_fixes_no_hosts(site: Mailctl, server: Server, name: str) -> None:
    missing = add(site, "s", "--oauth-client", name, "-o", "json")
    assert missing.code == 2
    assert missing.error["missing"] == ["--smtp-host", "--incoming-protocol", "--incoming-host"]
    assert add(site, "s", "--oauth-client", name, *HOSTS).code == 0
    assert endpoint(server("s")["smtp"]) == ("smtp.example.org", 465, "tls", "xoauth2")
    assert endpoint(server("s")["incoming"]) == ("imap.example.org", 993, "tls", "xoauth2")
    site.must("server", "edit", "s", "--smtp-auth", "oauthbearer", "--incoming-auth", "oauthbearer", "--smtp-host",
              "relay.example.org", "--smtp-security", "starttls", "--smtp-port", "587")  # fmt: skip
    site.must("server", "edit", "s", "--smtp-timeout", "20")
    assert endpoint(server("s")["smtp"]) == ("relay.example.org", 587, "starttls", "oauthbearer")
    assert endpoint(server("s")["incoming"])[3] == "oauthbearer"


@pytest.mark.parametrize(
    "option", [("--smtp-auth", "plain"), ("--smtp-auth", "auto"), ("--incoming-auth", "login-command"), ("--apop",)]
)
def test_its_logins_are_by_token_all_the_same(site: Mailctl, option: tuple[str, ...]) -> None:
    pop3 = (*HOSTS, "--incoming-protocol", "pop3")
    result = add(site, "s", "--oauth-client", "own", *pop3, *option)
    assert result.code == 4, result
    assert option[0] in result.err
    assert "'own'" in result.err


def test_a_preset_gives_it_hosts_that_stay_editable(site: Mailctl, server: Server) -> None:
    assert add(site, "s", "--oauth-client", "china", "--preset", "microsoft365").code == 0
    assert endpoint(server("s")["smtp"]) == ("smtp.office365.com", 587, "starttls", "xoauth2")
    site.must("server", "edit", "s", "--smtp-host", "smtp.partner.outlook.cn")


@pytest.mark.parametrize("command", [("add", "s", "--name", "S"), ("edit", "present")])
def test_an_unregistered_client_is_exit_3_and_says_how_to_add_one(site: Mailctl, command: tuple[str, ...]) -> None:
    add(site, "present", *HOSTS)
    result = site("server", *command, "--oauth-client", "gogle", "-o", "json")
    assert result.code == 3
    assert "oauth client add" in result.error["hint"]
    assert "did you mean google?" in result.error["hint"]


def test_if_not_exists_accepts_the_same_client(site: Mailctl) -> None:
    for _ in range(2):
        result = add(site, "s", "--oauth-client", "google", "--if-not-exists")
        assert result.code == 0, result
    assert add(site, "s", "--oauth-client", "ms", "--if-not-exists").code == 4


def test_the_listing_and_show_name_the_client(site: Mailctl) -> None:
    add(site, "s", "--oauth-client", "google")
    assert "OAuth google" in site.must("server", "list").out
    assert "oauth client  google" in site.must("server", "show", "s").out


@pytest.mark.parametrize("format_", ["csv", "json", "toml"])
def test_an_export_is_a_valid_import(site: Mailctl, server: Server, tmp_path: Path, format_: str) -> None:
    add(site, "g", "--oauth-client", "google")
    add(site, "o", "--oauth-client", "own", *HOSTS, "--smtp-auth", "oauthbearer")
    before = {code: server(code) for code in ("g", "o")}
    file = tmp_path / f"servers.{format_}"
    file.write_text(site.must("server", "export", "--format", format_).out, encoding="utf-8")
    assert site.must("server", "import", file, "-o", "json").json["unchanged"] == ["g", "o"]
    site.must("server", "delete-all", "--yes")
    site.must("server", "import", file)
    assert {code: server(code) for code in ("g", "o")} == before


def test_an_imported_row_needs_no_more_than_the_client(site: Mailctl, server: Server) -> None:
    rows = "code,name,oauth_client,smtp.host,smtp.port,incoming.protocol\ng,G,google,,,pop3\n"
    site.must("server", "import", "-", "--format", "csv", stdin=rows.encode())
    assert endpoint(server("g")["smtp"]) == ("smtp.gmail.com", 465, "tls", "xoauth2")
    assert server("g")["incoming"]["host"] == "pop.gmail.com"
    site.must("server", "import", "-", "--format", "json", stdin=b'[{"code": "g", "oauth_client": null}]')
    assert (server("g")["oauth_client"], server("g")["smtp"]["host"]) == (None, "smtp.gmail.com")


def test_every_row_that_contradicts_its_client_is_named(site: Mailctl) -> None:
    before = site.settings()
    out = io.StringIO()
    csv.writer(out).writerows(
        [
            ["code", "name", "oauth_client", "smtp.host", "smtp.auth"],
            ["a", "A", "google", "relay.example.org", ""],
            ["b", "B", "nobody", "", ""],
            ["c", "C", "ms", "", "plain"],
        ]
    )
    result = site("server", "import", "-", "--format", "csv", "-o", "json", stdin=out.getvalue().encode())
    assert result.code == 2
    wheres = [(problem["line"], problem["where"]) for problem in result.error["problems"]]
    assert wheres == [(2, "smtp.host"), (3, "oauth_client"), (4, "smtp.auth")]
    assert site.settings() == before


def test_a_file_that_contradicts_the_client_or_names_none_is_invalid_at_its_line(site: Mailctl) -> None:
    add(site, "s", "--oauth-client", "google")
    good = site.settings()
    for right, wrong, where in (
        ('host = "smtp.gmail.com"', 'host = "evil.example.org"', "servers[0].smtp.host"),
        ('oauth_client = "google"', 'oauth_client = "gone"', "servers[0].oauth_client"),
    ):
        site.config.write_text(good.replace(right, wrong), encoding="utf-8")
        result = site("server", "list", "-o", "json")
        assert result.code == 5
        [problem] = result.error["problems"]
        assert problem["where"] == where
        assert site.settings().splitlines()[problem["line"] - 1] == wrong


def test_a_catalogue_of_another_machine_is_refused_without_its_clients(mailctl: Mailctl) -> None:
    entry = {"code": "g", "name": "G", "oauth_client": "google", "incoming": {"protocol": "imap"}}
    result = mailctl("server", "import", "-", "--format", "json", stdin=json.dumps([entry]).encode())
    assert result.code == 2
    assert "no OAuth client 'google' is registered" in result.err
