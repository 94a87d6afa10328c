"""`mailctl server add`: what is saved, what is answered, what is refused."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl

PLAIN = ("--name", "Headquarters", "--smtp-host", "smtp.example.org", "--incoming-protocol", "imap",
         "--incoming-host", "imap.example.org")  # fmt: skip


def test_a_new_server_is_saved_with_its_defaults(mailctl: Mailctl) -> None:
    result = mailctl("server", "add", "hq", *PLAIN, "-o", "json")
    assert result.code == 0
    assert result.err == ""
    assert result.json == {
        "schema_version": 1,
        "changed": True,
        "server": {
            "code": "hq",
            "name": "Headquarters",
            "oauth_client": None,
            "smtp": {
                "host": "smtp.example.org", "port": 465, "security": "tls", "auth": "none",
                "credentials": "incoming", "timeout": 10,
            },
            "incoming": {
                "protocol": "imap", "host": "imap.example.org", "port": 993, "security": "tls", "auth": "auto",
                "apop": False, "timeout": 10,
            },
            "tls": {
                "verify": True, "ca_file": None, "pins": [], "client_cert": None, "client_key": None,
                "client_key_passphrase": None,
            },
        },
    }  # fmt: skip
    [saved] = tomllib.loads(mailctl.settings())["servers"]
    assert saved["smtp"] == {
        "host": "smtp.example.org", "port": 465, "security": "tls", "auth": "none", "credentials": "incoming",
        "timeout": 10,
    }  # fmt: skip


def test_people_are_told_on_standard_error_alone(mailctl: Mailctl) -> None:
    result = mailctl("server", "add", "hq", *PLAIN)
    assert (result.code, result.out) == (0, "")
    assert result.err.startswith("added 'hq'\n")
    assert mailctl("-q", "server", "add", "hq2", *PLAIN).err == ""


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ((), ["--name", "--smtp-host", "--incoming-protocol", "--incoming-host"]),
        (("--name", "HQ", "--smtp-host", "mail.example.org"), ["--incoming-protocol", "--incoming-host"]),
        (("--name", "HQ", "--incoming-host", "mail.example.org"), ["--smtp-host", "--incoming-protocol"]),
        (("--name", "HQ", "--incoming-protocol", "pop3"), ["--smtp-host", "--incoming-host"]),
    ],
)
def test_a_side_that_is_missing_is_named_by_its_options(
    mailctl: Mailctl, given: tuple[str, ...], missing: list[str]
) -> None:
    refused = mailctl("server", "add", "hq", *given)
    assert refused.code == 2
    assert refused.err.startswith(f"error: missing: {', '.join(missing)}\nhint: an entry has an outgoing (SMTP) and ")
    assert mailctl("server", "add", "hq", *given, "-o", "json").error["missing"] == missing
    assert not mailctl.config.exists()


def test_a_rule_of_two_fields_names_both_by_their_options(mailctl: Mailctl, tmp_path: Path) -> None:
    (tmp_path / "key.pem").touch()
    refused = mailctl("server", "add", "hq", *PLAIN, "--client-key", tmp_path / "key.pem")
    assert refused.code == 2
    assert refused.err == "error: --client-key: needs --client-cert as well: a certificate and its key go together\n"


def test_names_and_codes_in_any_script(mailctl: Mailctl) -> None:
    mailctl.must("server", "add", "本社", *PLAIN[2:], "--name", "本社メール")
    assert '"本社メール"' in mailctl.settings()
    assert mailctl.must("server", "show", "本社", "-o", "json").json["server"]["name"] == "本社メール"


def test_a_taken_code_is_refused_and_the_file_untouched(mailctl: Mailctl) -> None:
    mailctl.add_server("hq")
    before = mailctl.config.stat()
    result = mailctl("server", "add", "hq", *PLAIN, "-o", "json")
    assert (result.code, result.out) == (4, "")
    assert result.error["code"] == "already-exists"
    assert "'hq' exists already" in result.error["message"]
    after = mailctl.config.stat()
    assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)


def test_if_not_exists_accepts_an_equal_server_and_names_what_differs(mailctl: Mailctl) -> None:
    mailctl.must("server", "add", "hq", *PLAIN)
    same = mailctl("server", "add", "hq", *PLAIN, "--if-not-exists", "-o", "json")
    assert (same.code, same.json["changed"]) == (0, False)
    other = mailctl("server", "add", "hq", *PLAIN, "--smtp-auth", "plain", "--apop", "--incoming-protocol", "pop3",
                    "--if-not-exists", "-o", "json")  # fmt: skip
    assert other.code == 4
    assert other.error["fields"] == ["smtp.auth", "incoming.protocol", "incoming.port", "incoming.apop"]


def test_a_dry_run_shows_the_difference_and_writes_nothing(mailctl: Mailctl) -> None:
    result = mailctl("server", "add", "hq", *PLAIN, "--dry-run")
    assert result.code == 0
    assert '+code = "hq"' in result.out
    assert "dry run, nothing was written" in result.err
    assert not mailctl.config.exists()
    assert mailctl("server", "add", "hq", *PLAIN, "--dry-run", "-o", "json").json["dry_run"] is True


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--smtp-port", "２５"], 2, "--smtp-port: '２５' is not a port: a port is a whole number from 1 to 65535"),
        (["--smtp-port", "0"], 2, "--smtp-port: '0' is not a port"),
        (["--smtp-port", "2525"], 2, "--smtp-security: is missing, and port 2525 does not tell it"),
        (["--smtp-timeout", "9"], 2, "--smtp-timeout: '9' is not a time-out: a time-out is a whole number of seconds"),
        (["--incoming-timeout", "121"], 2, "--incoming-timeout: '121' is not a time-out"),
        (["--smtp-security", "ssl"], 2, "--smtp-security: 'ssl' is none of: none, starttls, tls"),
        (["--smtp-auth", "login-command"], 2, "--smtp-auth: 'login-command' is none of: none, auto, plain"),
        (["--incoming-auth", "none"], 2, "--incoming-auth: 'none' is none of: auto, login-command"),
        (["--apop"], 4, "--apop: APOP is a login of POP3; the incoming protocol is imap"),
        (["--incoming-protocol", "pop3", "--apop", "--incoming-auth", "plain"], 4, "--apop: APOP excludes"),
        (["--smtp-host", "a\r\nb"], 2, r"--smtp-host: 'a\r\nb' contains a blank or a control character"),
        (["--name", "  "], 2, "--name: a name must not be blank"),
        (["--name", "a\x1b[31m"], 2, "contains a control character"),
        (["--oauth-client", "google"], 3, "no OAuth client 'google' is registered"),
        (["--pin", "sha1:00"], 2, "--pin: 'sha1:00' is not a pin"),
        (["--ca-file", "/nowhere/ca.pem"], 2, "--ca-file: there is no file /nowhere/ca.pem"),
        (["--preset", "hotmale"], 3, "there is no preset 'hotmale'"),
    ],
)
def test_what_breaks_a_rule_is_one_clear_message(mailctl: Mailctl, options: list[str], code: int, said: str) -> None:
    result = mailctl("server", "add", "hq", *PLAIN, *options)
    assert (result.code, result.out) == (code, "")
    assert said in result.err
    assert "Traceback" not in result.err
    assert not mailctl.config.exists()


@pytest.mark.parametrize("code", ["a b", "a@b", "a:b", "sysmail", "a\tb", ""])
def test_codes_that_break_a_rule_are_refused(mailctl: Mailctl, code: str) -> None:
    result = mailctl("server", "add", code, *PLAIN)
    assert result.code == 2
    assert result.err.startswith("error: CODE: ")
    assert not mailctl.config.exists()


def test_what_is_missing_is_named_by_its_options(mailctl: Mailctl) -> None:
    result = mailctl("--no-input", "server", "add", "hq", "-o", "json")
    assert result.code == 2
    assert result.error["code"] == "missing-input"
    assert result.error["missing"] == ["--name", "--smtp-host", "--incoming-protocol", "--incoming-host"]


@pytest.mark.parametrize(
    ("preset", "smtp", "incoming"),
    [
        ("gmail", ("smtp.gmail.com", 465, "tls"), ("imap.gmail.com", 993, "tls")),
        ("microsoft365", ("smtp.office365.com", 587, "starttls"), ("outlook.office365.com", 993, "tls")),
        ("outlook.com", ("smtp-mail.outlook.com", 587, "starttls"), ("outlook.office365.com", 993, "tls")),
        ("yahoo", ("smtp.mail.yahoo.com", 465, "tls"), ("imap.mail.yahoo.com", 993, "tls")),
        ("icloud", ("smtp.mail.me.com", 587, "starttls"), ("imap.mail.me.com", 993, "tls")),
        ("aruba", ("smtps.aruba.it", 465, "tls"), ("imaps.aruba.it", 993, "tls")),
        ("pec-aruba", ("smtps.pec.aruba.it", 465, "tls"), ("imaps.pec.aruba.it", 993, "tls")),
        ("pec-legalmail", ("sendm.cert.legalmail.it", 465, "tls"), ("mbox.cert.legalmail.it", 993, "tls")),
    ],
)
def test_presets_give_hosts_ports_and_security(
    mailctl: Mailctl, preset: str, smtp: tuple[str, int, str], incoming: tuple[str, int, str]
) -> None:
    server = mailctl.must("server", "add", "p", "--name", "P", "--preset", preset, "-o", "json").json["server"]
    assert tuple(server["smtp"][name] for name in ("host", "port", "security")) == smtp
    assert tuple(server["incoming"][name] for name in ("host", "port", "security")) == incoming
    assert server["smtp"]["auth"] == "auto"


def test_a_preset_follows_the_protocol_and_given_fields_win(mailctl: Mailctl) -> None:
    server = mailctl.must(
        "server", "add", "p", "--name", "P", "--preset", "gmail", "--incoming-protocol", "pop3",
        "--smtp-port", "587", "--smtp-security", "starttls", "-o", "json",
    ).json["server"]  # fmt: skip
    assert server["incoming"]["host"] == "pop.gmail.com"
    assert (server["smtp"]["port"], server["smtp"]["security"]) == (587, "starttls")
    assert mailctl("server", "add", "i", "--name", "I", "--preset", "icloud", "--incoming-protocol", "pop3").code == 2


def test_a_host_in_a_presets_place_is_warned_of(mailctl: Mailctl) -> None:
    added = mailctl.must("server", "add", "p", "--name", "P", "--preset", "gmail", "--smtp-host", "smtp.own.example")
    warning = (
        "warning: --smtp-host smtp.own.example takes the place of smtp.gmail.com; "
        "what no option names stays as --preset gmail has it\n"
    )
    assert warning in added.err
    assert "imap.gmail.com" not in added.err
    same = mailctl.must("server", "add", "q", "--name", "Q", "--preset", "gmail", "--smtp-host", "SMTP.gmail.com")
    assert "takes the place" not in same.err
    changed = mailctl.must("server", "edit", "q", "--preset", "yahoo", "--incoming-host", "imap.own.example")
    assert "warning: --incoming-host imap.own.example takes the place of imap.mail.yahoo.com;" in changed.err


def test_unconfirmed_preset_values_say_so(mailctl: Mailctl) -> None:
    said = mailctl.must("server", "add", "l", "--name", "L", "--preset", "pec-legalmail").err
    assert "sendm.cert.legalmail.it:465 is unconfirmed" in said
    assert "mbox.cert.legalmail.it" not in said


def test_a_preset_is_told_of_once_it_is_taken_and_not_where_nothing_changes(mailctl: Mailctl) -> None:
    add = ("server", "add", "g", "--name", "Gmail", "--preset", "gmail")
    assert [line.partition(":")[0] for line in mailctl.must(*add).err.splitlines()] == ["added 'g'", "note", "next"]
    assert "note" not in mailctl.must(*add, "--if-not-exists").err
    refused = mailctl(*add)
    assert refused.code == 4
    assert "note" not in refused.err


def test_contradictory_ports_are_a_warning_only(mailctl: Mailctl) -> None:
    result = mailctl("server", "add", "hq", *PLAIN, "--incoming-port", "443", "--incoming-security", "tls")
    assert result.code == 0
    assert "warning: port 443 is a web server's; IMAP with security tls usually has port 993" in result.err


def test_verification_off_is_said(mailctl: Mailctl) -> None:
    assert "certificate verification is off" in mailctl("server", "add", "hq", *PLAIN, "--no-tls-verify").err


def test_paths_are_kept_absolute(mailctl: Mailctl, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ca.pem").write_text("")
    monkeypatch.chdir(tmp_path)
    server = mailctl.must("server", "add", "hq", *PLAIN, "--ca-file", "ca.pem", "-o", "json").json["server"]
    assert server["tls"]["ca_file"] == str(tmp_path / "ca.pem")


def test_a_preset_that_is_misspelt_is_guessed(mailctl: Mailctl) -> None:
    result = mailctl("server", "add", "g", "--name", "G", "--preset", "gmial", "-o", "json")
    assert result.code == 3
    assert result.error["hint"].startswith("did you mean 'gmail'? the presets are: gmail, ")


def test_what_to_do_after_an_addition_is_said_once_it_is_made(mailctl: Mailctl) -> None:
    assert "next: `mailctl test send hq --depth tls`" in mailctl.add_server("hq").err
    rehearsed = mailctl.add_server("b", "--dry-run").err
    assert "next:" not in rehearsed
    assert "dry run, nothing was written; without --dry-run: added 'b'" in rehearsed


@pytest.mark.parametrize(
    ("port", "auth", "noted"),
    [("587", "none", True), ("465", "none", True), ("465", "auto", False), ("25", "none", False)],
)
def test_a_login_that_is_missing_where_servers_want_one_is_noted(
    mailctl: Mailctl, port: str, auth: str, noted: bool
) -> None:
    smtp = ("--smtp-port", port, "--smtp-auth", auth)
    added = mailctl.must("server", "add", "hq", *PLAIN, *smtp)
    assert (f"note: SMTP authentication is none, and servers usually want a login on port {port}" in added.err) is noted
    assert ("note:" in added.err) is noted
    assert "note: SMTP authentication" not in mailctl.must("server", "edit", "hq", "--name", "Main").err


def test_where_a_relay_that_only_sends_belongs_is_said(mailctl: Mailctl) -> None:
    refused = mailctl("server", "add", "relay", "--name", "Relay", "--smtp-host", "relay.example.org", "-o", "json")
    assert refused.code == 2
    assert "`mailctl sysmail set --smtp-host HOST`" in refused.error["hint"]
    mailctl.must("sysmail", "set", "--address", "a@example.org", "--smtp-host", "relay.example.org")


def test_a_folder_that_is_made_for_the_settings_is_named(mailctl: Mailctl, tmp_path: Path) -> None:
    folder = tmp_path / "mistyped"
    words = ("--config", folder / "x.toml", "server", "add", "g", "--name", "G", "--preset", "gmail")
    made = f"note: made the folder {folder}, which was not there"
    assert made not in " ".join(mailctl.must(*words, "--dry-run").err.split())
    assert not folder.exists()
    assert made in " ".join(mailctl.must(*words).err.split())
    assert "made the folder" not in mailctl.must(*words[:4], "h", *words[5:]).err
