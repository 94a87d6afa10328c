"""`mailctl server edit`: named fields change, all else stays, in the file too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl


def test_only_named_fields_change(mailctl: Mailctl) -> None:
    mailctl.add_server("hq", "--smtp-auth", "plain", "--smtp-timeout", "30")
    before = mailctl.must("server", "show", "hq", "-o", "json").json["server"]
    after = mailctl.must("server", "edit", "hq", "--smtp-timeout", "45", "-o", "json").json
    assert after["changed"] is True
    assert after["server"] == {**before, "smtp": {**before["smtp"], "timeout": 45}}


def test_comments_and_unknown_keys_survive(mailctl: Mailctl) -> None:
    mailctl.add_server("hq")
    marked = mailctl.settings().replace('name = "HQ"', 'name = "HQ" # the old name\ncolour = "blue"')
    mailctl.config.write_text(marked, encoding="utf-8")
    mailctl.must("server", "edit", "hq", "--smtp-timeout", "45")
    assert mailctl.settings() == marked.replace("timeout = 10", "timeout = 45", 1)


def test_an_edit_that_changes_nothing_leaves_the_file_alone(mailctl: Mailctl) -> None:
    mailctl.add_server("hq")
    before = mailctl.config.stat()
    result = mailctl("server", "edit", "hq", "--name", "HQ")
    assert (result.code, result.err) == (0, "nothing to change: 'hq' is so already\n")
    assert mailctl.config.stat().st_mtime_ns == before.st_mtime_ns
    assert mailctl("server", "edit", "hq", "--name", "HQ", "-o", "json").json["changed"] is False


def test_a_rename_keeps_place_and_fields(mailctl: Mailctl) -> None:
    for code in ("a", "b", "c"):
        mailctl.add_server(code)
    mailctl.must("server", "edit", "b", "--code", "本社")
    assert mailctl.codes == ["a", "本社", "c"]
    assert mailctl("server", "edit", "a", "--code", "c").code == 4
    assert mailctl("server", "edit", "a", "--code", "x@y").code == 2


def test_fields_are_cleared_to_their_defaults(mailctl: Mailctl) -> None:
    mailctl.add_server("hq", "--smtp-auth", "plain", "--smtp-timeout", "30", "--pin", "sha256:" + "0" * 64)
    server = mailctl.must(
        "server", "edit", "hq", "--clear", "smtp.timeout", "--clear", "smtp-auth", "--clear", "pin", "-o", "json"
    ).json["server"]
    assert (server["smtp"]["timeout"], server["smtp"]["auth"], server["tls"]["pins"]) == (10, "none", [])


def test_what_cannot_be_cleared_is_refused(mailctl: Mailctl) -> None:
    mailctl.add_server("hq")
    result = mailctl("server", "edit", "hq", "--clear", "smtp.host")
    assert result.code == 2
    assert "'smtp.host' is not a field that can be cleared" in result.err


def test_an_unknown_server_is_named_with_near_ones(mailctl: Mailctl) -> None:
    mailctl.add_server("berlin")
    result = mailctl("server", "edit", "belin", "--name", "X", "-o", "json")
    assert result.code == 3
    assert result.error["message"] == "there is no server with the code 'belin'"
    assert result.error["hint"] == "did you mean berlin?"


def test_a_changed_security_without_a_port_is_warned_of(mailctl: Mailctl) -> None:
    mailctl.add_server("hq")
    result = mailctl.must("server", "edit", "hq", "--smtp-security", "starttls")
    assert "port 465 of SMTP usually goes with security tls, not starttls" in result.err


@pytest.mark.parametrize(
    ("odd", "mending"),
    [
        (("--smtp-port", "587"), "--smtp-security starttls"),
        (("--incoming-port", "143"), "--incoming-security starttls"),
        (("--incoming-port", "443"), "--incoming-port 993"),
    ],
)
def test_an_odd_pair_is_mended_by_the_command_that_is_named(
    mailctl: Mailctl, odd: tuple[str, ...], mending: str
) -> None:
    mailctl.add_server("hq")
    warned = mailctl.must("server", "edit", "hq", *odd).err
    assert f"(`mailctl server edit hq {mending}`)\n" in warned
    assert "warning" not in mailctl.must("server", "edit", "hq", *mending.split()).err


def test_a_preset_replaces_hosts_and_ports(mailctl: Mailctl) -> None:
    mailctl.add_server("hq", "--smtp-timeout", "30")
    server = mailctl.must("server", "edit", "hq", "--preset", "gmail", "-o", "json").json["server"]
    assert (server["smtp"]["host"], server["incoming"]["host"]) == ("smtp.gmail.com", "imap.gmail.com")
    assert server["smtp"]["timeout"] == 30


def test_an_edit_that_names_nothing_asks_for_an_option(mailctl):
    mailctl.add_server("hq")
    result = mailctl("server", "edit", "hq")
    assert result.code == 2
    assert "name an option" in result.err
    assert mailctl("server", "edit", "nobody").code == 3


def test_a_side_without_tls_is_warned_of_and_shown_as_such(mailctl):
    mailctl.add_server("hq")
    result = mailctl.must("server", "edit", "hq", "--smtp-security", "none")
    assert "warning: --smtp-security none: passwords and mail can be read" in result.err
    assert "certificates are verified" in mailctl.must("server", "show", "hq").out
    mailctl.must("server", "edit", "hq", "--incoming-security", "none")
    shown = mailctl.must("server", "show", "hq").out
    assert "certificates are verified" not in shown
    assert "not used" in shown


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("smtp.timeou", "did you mean smtp.timeout"),
        ("timeout", "did you mean smtp.timeout or incoming.timeout?"),
        ("ca-fle", "did you mean tls.ca_file?"),
        ("foo", "these can: oauth_client, "),
    ],
)
def test_a_field_that_cannot_be_cleared_names_those_that_may_be_meant(mailctl: Mailctl, name: str, hint: str) -> None:
    mailctl.add_server("hq")
    refused = mailctl("server", "edit", "hq", "--clear", name)
    assert refused.code == 2
    assert refused.err.startswith(f"error: --clear: '{name}' is not a field that can be cleared\nhint: {hint}")


def test_a_preset_without_the_servers_protocol_is_refused_by_the_options_name(mailctl: Mailctl) -> None:
    mailctl.add_server("hq", "--incoming-protocol", "pop3")
    refused = mailctl("server", "edit", "hq", "--preset", "icloud")
    assert (refused.code, "--incoming-protocol: iCloud Mail offers no POP3" in refused.err) == (2, True)
