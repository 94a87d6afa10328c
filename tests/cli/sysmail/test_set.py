"""`mailctl sysmail set`: whole or in part, through a server of the catalogue or a dedicated one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl, Result

Show = Callable[[], dict[str, Any]]

ADDRESS = ("--address", "noreply@example.org")
LOGIN = ("--username", "noreply", "--password-from", "env:PASSWORD")
POP = (
    "--pop-before-smtp", "--pop-host", "pop.example.org", "--pop-username", "gate", "--pop-password-from",
    "env:PASSWORD",
)  # fmt: skip


def set_(mailctl: Mailctl, *options: str | Path, stdin: bytes = b"") -> Result:
    return mailctl("sysmail", "set", *options, stdin=stdin)


def must(mailctl: Mailctl, *options: str | Path, stdin: bytes = b"") -> Result:
    return mailctl.must("sysmail", "set", *options, stdin=stdin)


def test_a_catalogue_server_with_a_login(site: Mailctl, show: Show) -> None:
    result = must(site, *ADDRESS, "--server", "hq", *LOGIN, "-o", "json")
    assert result.json["changed"] is True
    assert result.json["sysmail"] == show()
    account = show()
    assert (account["state"], account["server"], account["smtp"]) == ("active", "hq", None)
    assert account["password"] == {"reference": "env:PASSWORD", "present": True}


def test_a_dedicated_server_takes_the_defaults(site: Mailctl, show: Show) -> None:
    must(site, *ADDRESS, "--smtp-host", "relay.example.org")
    assert show()["smtp"] == {
        "host": "relay.example.org", "port": 465, "security": "tls", "auth": "none", "timeout": 10,
    }  # fmt: skip
    must(site, "--smtp-security", "none", "--smtp-port", "25")
    assert (show()["smtp"]["port"], show()["smtp"]["host"]) == (25, "relay.example.org")


def test_an_explicit_none_has_port_25_and_110(site: Mailctl, show: Show) -> None:
    must(site, *ADDRESS, "--smtp-host", "r.example.org", "--smtp-security", "none", *POP, "--pop-security", "none")
    account = show()
    assert (account["smtp"]["port"], account["pop_before_smtp"]["port"]) == (25, 110)


def test_every_field_of_the_sender(site: Mailctl, show: Show) -> None:
    must(
        site, "--address", "通知@株式.会社", "--sender-name", "本社メール", "--reply-to", "help@example.org",
        "--envelope-from", "bounces@example.org", "--local-recipient", "root@example.org", "--smtputf8",
        "--server", "open",
    )  # fmt: skip
    account = show()
    assert {name: account[name] for name in ("address", "sender_name", "reply_to", "envelope_from")} == {
        "address": "通知@株式.会社", "sender_name": "本社メール", "reply_to": "help@example.org",
        "envelope_from": "bounces@example.org",
    }  # fmt: skip
    assert (account["local_recipient"], account["smtputf8"]) == ("root@example.org", True)


def test_what_is_not_named_stays(site: Mailctl, show: Show) -> None:
    must(site, *ADDRESS, "--server", "hq", *LOGIN, "--sender-name", "HQ")
    before = show()
    must(site, "--reply-to", "help@example.org")
    assert show() == {**before, "reply_to": "help@example.org"}


def test_what_changes_nothing_leaves_the_file_alone(site: Mailctl) -> None:
    must(site, *ADDRESS, "--server", "hq", *LOGIN)
    before = site.config.stat().st_mtime_ns
    assert must(site, *ADDRESS, "-o", "json").json["changed"] is False
    assert site.config.stat().st_mtime_ns == before


def test_a_dry_run_shows_the_difference_and_writes_nothing(site: Mailctl) -> None:
    before = site.settings()
    result = must(site, *ADDRESS, "--server", "open", "--dry-run")
    assert '+address = "noreply@example.org"' in result.out
    as_json = must(site, *ADDRESS, "--server", "open", "--dry-run", "-o", "json").json
    assert (as_json["dry_run"], as_json["changed"]) == (True, True)
    assert site.settings() == before


def test_fields_are_cleared(site: Mailctl, show: Show) -> None:
    must(site, *ADDRESS, "--smtp-host", "r.example.org", "--smtp-timeout", "30", "--sender-name", "X", *POP,
         "--pop-wait", "3", "--apop")  # fmt: skip
    clear = [word for name in ("sender-name", "smtp-timeout", "pop-wait", "apop") for word in ("--clear", name)]
    must(site, *clear)
    account = show()
    pop = account["pop_before_smtp"]
    assert (account["sender_name"], account["smtp"]["timeout"], pop["wait"], pop["apop"]) == (None, 10, 0, False)
    assert set_(site, "--clear", "smtp-host").code == 2
    assert set_(site, "--clear", "address").code == 2


def test_clearing_a_detail_of_what_is_not_set_changes_nothing(site: Mailctl) -> None:
    must(site, *ADDRESS, "--server", "open")
    assert must(site, "--clear", "smtp.timeout", "--clear", "pop-wait", "-o", "json").json["changed"] is False


def test_the_first_set_activates_and_later_ones_keep_the_state(site: Mailctl, show: Show) -> None:
    must(site, *ADDRESS, "--server", "open", "--inactive")
    assert show()["state"] == "inactive"
    must(site, "--sender-name", "X")
    assert show()["state"] == "inactive"
    must(site, "--active")
    assert show()["state"] == "active"


def test_a_catalogue_server_replaces_a_dedicated_one_and_the_reverse(site: Mailctl, show: Show) -> None:
    must(site, *ADDRESS, "--smtp-host", "relay.example.org", "--pin", "sha256:" + "0" * 64, *POP)
    must(site, "--server", "open")
    account = show()
    assert (account["server"], account["smtp"], account["pop_before_smtp"]) == ("open", None, None)
    assert "sha256" not in site.settings()
    must(site, "--smtp-host", "other.example.org")
    account = show()
    assert (account["server"], account["smtp"]["host"], account["tls"]["pins"]) == (None, "other.example.org", [])


def test_the_login_stays_with_a_server_that_wants_one_and_goes_with_one_that_does_not(
    site: Mailctl, show: Show
) -> None:
    must(site, *ADDRESS, "--smtp-host", "relay.example.org", "--smtp-auth", "auto", *LOGIN)
    kept = must(site, "--server", "hq")
    assert show()["username"] == "noreply"
    assert "smtp.example.org gets the password" in kept.err
    dropped = must(site, "--server", "open")
    assert (show()["username"], show()["password"]) == (None, None)
    assert "the login of noreply is gone" in dropped.err


def test_pop_before_smtp_whole_and_off_again(site: Mailctl, show: Show) -> None:
    must(site, *ADDRESS, "--smtp-host", "relay.example.org", *POP, "--pop-port", "110", "--apop", "--pop-timeout", "60",
         "--pop-wait", "10")  # fmt: skip
    assert show()["pop_before_smtp"] == {
        "host": "pop.example.org", "port": 110, "security": "starttls", "ca_file": None, "apop": True,
        "username": "gate", "password": {"reference": "env:PASSWORD", "present": True}, "wait": 10, "timeout": 60,
    }  # fmt: skip
    must(site, "--pop-wait", "0")
    assert show()["pop_before_smtp"]["wait"] == 0
    must(site, "--no-pop-before-smtp")
    assert show()["pop_before_smtp"] is None


DEDICATED = (*ADDRESS, "--smtp-host", "relay.example.org")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ((*DEDICATED, "--smtp-auth", "plain", *LOGIN, *POP), ("POP before SMTP", "SMTP authentication")),
        ((*DEDICATED, "--smtp-auth", "plain", "--pop-before-smtp"), ("POP before SMTP", "SMTP authentication")),
        ((*ADDRESS, "--server", "open", *POP), ("--pop-before-smtp", "(server)")),
        ((*ADDRESS, "--server", "open", "--pop-before-smtp"), ("--pop-before-smtp", "(server)")),
        ((*ADDRESS, "--server", "open", "--smtp-host", "x.example.org"), ("--smtp-host", "(server)")),
        ((*ADDRESS, "--server", "open", "--smtp-timeout", "20"), ("--smtp-timeout", "(server)")),
        ((*ADDRESS, "--server", "open", "--no-tls-verify"), ("--no-tls-verify", "(server)")),
        ((*DEDICATED, *POP, "--oauth-client", "google"), ("POP before SMTP", "OAuth")),
        ((*DEDICATED, *LOGIN), ("--username", "--smtp-auth is none")),
        ((*ADDRESS, "--server", "open", *LOGIN), ("--username", "'open' is none")),
    ],
)
def test_what_excludes_each_other_is_a_conflict_that_names_both(
    site: Mailctl, options: tuple[str, ...], named: tuple[str, ...]
) -> None:
    before = site.settings()
    result = set_(site, *options, "-o", "json")
    assert result.code == 4, result
    assert result.error["code"] == "exclusive-settings"
    assert all(word in result.error["message"] for word in named), result
    assert site.settings() == before


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((*DEDICATED, *POP), ("--smtp-auth", "plain", *LOGIN)),
        ((*DEDICATED, "--smtp-auth", "plain", *LOGIN), POP),
        ((*ADDRESS, "--server", "open"), ("--smtp-port", "25")),
        ((*ADDRESS, "--server", "open"), POP),
        ((*ADDRESS, "--server", "open"), LOGIN),
        ((*DEDICATED, *POP), LOGIN),
    ],
)
def test_setting_one_while_the_other_is_set_is_a_conflict(
    site: Mailctl, first: tuple[str, ...], second: tuple[str, ...]
) -> None:
    must(site, *first)
    before = site.settings()
    assert set_(site, *second).code == 4
    assert site.settings() == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "missing: --address, --server"),
        (ADDRESS, "missing: --server"),
        (("--server", "open"), "missing: --address"),
        ((*ADDRESS, "--smtp-port", "25"), "missing: --smtp-host"),
        ((*ADDRESS, "--server", "hq"), "missing: --username, --password-stdin or --password-from"),
        ((*ADDRESS, "--server", "hq", "--username", "u"), "missing: --password-stdin or --password-from"),
        (
            (*ADDRESS, "--server", "hq", "--username", "u"),
            "hint: such as --password-stdin < FILE, --password-from env:",
        ),
        ((*DEDICATED, *POP[:-2]), "hint: such as --pop-password-stdin < FILE, --pop-password-from env:NAME"),
        ((*ADDRESS, "--server", "hq", "--password-from", "env:PASSWORD"), "--username: is missing"),
        ((*DEDICATED, "--pop-before-smtp"), "missing: --pop-host"),
        ((*DEDICATED, "--pop-host", "x.example.org"), "missing: --pop-before-smtp"),
        ((*DEDICATED, "--pop-before-smtp", "--pop-host", "x.example.org"), "--pop-username, --pop-password-stdin or"),
        ((*DEDICATED, *POP, "--pop-wait", "11"), "--pop-wait: '11' is not a wait"),
        ((*DEDICATED, *POP, "--pop-wait", "-1"), "--pop-wait: '-1'"),
        ((*DEDICATED, *POP, "--pop-timeout", "9"), "--pop-timeout: '9'"),
        ((*DEDICATED, *POP, "--pop-timeout", "121"), "--pop-timeout: '121'"),
        ((*DEDICATED, "--smtp-timeout", "9"), "--smtp-timeout: '9'"),
        ((*DEDICATED, "--smtp-port", "２５"), "--smtp-port: '２５'"),
        ((*DEDICATED, "--no-pop-before-smtp", "--apop"), "--no-pop-before-smtp excludes"),
        (("--address", "nobody", "--server", "open"), "--address: 'nobody' is not an address"),
        ((*ADDRESS, "--server", "open", "--reply-to", "a b"), "--reply-to"),
        ((*ADDRESS, "--server", "open", "--sender-name", "a\nb"), "--sender-name"),
        ((*ADDRESS, "--server", "hq", "--username", "u", "--password-from", "hunter2"), "not a secret reference"),
        ((*DEDICATED, "--ca-file", "nowhere.pem"), "--ca-file: there is no file"),
        ((*DEDICATED, *POP, "--pop-ca-file", "nowhere.pem"), "--pop-ca-file: there is no file"),
    ],
)
def test_what_is_missing_or_wrong_is_named_by_its_option(site: Mailctl, options: tuple[str, ...], said: str) -> None:
    before = site.settings()
    result = set_(site, *options)
    assert result.code == 2, result
    assert said in result.err
    assert "hunter2" not in result.err
    assert site.settings() == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((*ADDRESS, "--server", "nowhere"), "there is no server with the code 'nowhere'"),
        ((*ADDRESS, "--oauth-client", "google"), "no OAuth client 'google' is registered"),
        ((*DEDICATED, "--oauth-client", "google"), "no OAuth client 'google' is registered"),
        ((*ADDRESS, "--graph"), "none is registered"),
        ((*ADDRESS, "--oauth-client", "ms", "--graph"), "no OAuth client 'ms' is registered"),
    ],
)
def test_what_is_not_there_is_exit_3(site: Mailctl, options: tuple[str, ...], said: str) -> None:
    result = set_(site, *options)
    assert result.code == 3, result
    assert said in result.err
    assert ("oauth client add" in result.err) is ("nowhere" not in result.err)


def test_what_was_missing_before_does_not_hinder_other_changes(site: Mailctl) -> None:
    must(site, *ADDRESS, "--server", "open")
    site.must("server", "edit", "open", "--smtp-auth", "plain")
    result = must(site, "--reply-to", "help@example.org")
    assert "the settings lack: username, password" in result.err
    assert set_(site, "--server", "hq").code == 0
    assert must(site, *LOGIN).err.count("warning") == 0


def test_an_account_for_external_needs_no_password(site: Mailctl, tmp_path: Path) -> None:
    for name in ("c.pem", "k.pem"):
        (tmp_path / name).touch()
    must(site, *DEDICATED, "--smtp-auth", "external", "--username", "noreply", "--client-cert", tmp_path / "c.pem",
         "--client-key", tmp_path / "k.pem")  # fmt: skip


def test_odd_pairings_are_warned_of(site: Mailctl) -> None:
    result = must(site, *DEDICATED, "--smtp-port", "465", "--smtp-security", "starttls", "--no-tls-verify")
    assert "port 465 of SMTP usually goes with security tls" in result.err
    assert "sysmail set --smtp-security tls`)\n" in result.err
    assert "certificate verification is off" in result.err


def test_comments_in_the_file_stay(site: Mailctl) -> None:
    must(site, *ADDRESS, "--server", "open")
    text = site.settings().replace('address = "noreply@example.org"', 'address = "noreply@example.org" # ours')
    site.config.write_text(text, encoding="utf-8")
    must(site, "--sender-name", "HQ")
    assert 'address = "noreply@example.org" # ours\n' in site.settings()


def test_the_test_of_the_account_is_named_once_it_is_set(site: Mailctl) -> None:
    options = ("sysmail", "set", "--address", "a@example.org", "--smtp-host", "relay.example.org")
    assert "next:" not in site.must(*options, "--dry-run").err
    assert "next: `mailctl test send sysmail --to ADDRESS`" in site.must(*options).err


def test_a_login_that_is_missing_where_servers_want_one_is_noted(site: Mailctl) -> None:
    note = "note: SMTP authentication is none, and servers usually want a login on port 587"
    dedicated = ("--smtp-host", "relay.example.org", "--smtp-port", "587")
    assert note in must(site, *ADDRESS, *dedicated).err
    assert note not in must(site, "--sender-name", "Office").err
    assert note not in must(site, "--smtp-auth", "plain", *LOGIN).err
    assert note not in must(site, "--smtp-auth", "none", *POP, "--clear", "username").err


def test_a_side_without_tls_is_warned_of(site: Mailctl) -> None:
    said = "warning: --{} none: passwords and mail can be read on the way"
    both = ("--smtp-host", "r.example.org", "--smtp-security", "none", *POP, "--pop-security", "none")
    warned = must(site, *ADDRESS, *both).err
    assert said.format("smtp-security") in warned
    assert said.format("pop-security") in warned
    assert "can be read" not in must(site, "--smtp-security", "tls", "--pop-security", "tls").err
