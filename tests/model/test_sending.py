"""The model of who sends: what excludes each other, and what is in force."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from mailctl.errors import ExclusiveSettingsError, InvalidValueError, NotFoundError, SendingDisabledError
from mailctl.model.decode import decode_or_raise
from mailctl.model.resolve import resolve_receiving, resolve_sending, resolve_server, resolve_system_mail
from mailctl.model.sending import SystemMail
from mailctl.model.settings import Settings

SERVER = {
    "code": "hq",
    "name": "HQ",
    "smtp": {"host": "smtp.example.org", "auth": "plain"},
    "incoming": {"protocol": "imap", "host": "imap.example.org"},
    "tls": {"ca_file": "hq.pem"},
}
SMTP = {"host": "relay.example.org"}
POP = {"host": "pop.example.org", "username": "gate", "password": "env:POP"}


def account(**fields: Any) -> dict[str, Any]:
    return {"address": "noreply@example.org", **fields}


def settings(**fields: Any) -> Settings:
    return decode_or_raise(Settings, {"servers": [SERVER], "sysmail": account(**fields)}, lax=False)


def test_a_dedicated_server_and_pop_before_smtp_take_the_usual_ports() -> None:
    mail = decode_or_raise(SystemMail, account(smtp=SMTP, pop_before_smtp={**POP, "security": "none"}))
    assert mail.active
    assert mail.smtp
    assert (mail.smtp.port, mail.smtp.security, mail.smtp.auth, mail.smtp.timeout) == (465, "tls", "none", 10)
    assert mail.pop_before_smtp
    assert (mail.pop_before_smtp.port, mail.pop_before_smtp.wait, mail.pop_before_smtp.timeout) == (110, 0, 10)


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"server": "hq", "smtp": SMTP}, "smtp"),
        ({"server": "hq", "tls": {"verify": False}}, "tls"),
        ({"server": "hq", "pop_before_smtp": POP}, "pop_before_smtp"),
        ({"smtp": {**SMTP, "auth": "plain"}, "pop_before_smtp": POP}, "pop_before_smtp"),
        ({"smtp": SMTP, "username": "u"}, "username"),
    ],
)
def test_what_excludes_each_other(fields: dict[str, Any], where: str) -> None:
    with pytest.raises(ExclusiveSettingsError) as caught:
        decode_or_raise(SystemMail, account(**fields))
    assert [problem.where for problem in caught.value.problems] == [where]


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({}, "server"),
        ({"smtp": {**SMTP, "auth": "plain"}, "password": "env:X"}, "username"),
        ({"smtp": SMTP, "pop_before_smtp": {"host": "pop.example.org", "password": "env:X"}},
         "pop_before_smtp.username"),
        ({"smtp": SMTP, "pop_before_smtp": {**POP, "wait": 11}}, "pop_before_smtp.wait"),
        ({"server": "hq", "reply_to": "nobody"}, "reply_to"),
        ({"server": "hq", "envelope_from": "a@b@c"}, "envelope_from"),
    ],
)  # fmt: skip
def test_what_breaks_a_rule(fields: dict[str, Any], where: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        decode_or_raise(SystemMail, account(**fields))
    assert [problem.where for problem in caught.value.problems] == [where]


def test_a_whole_account_survives_being_written_and_read() -> None:
    mail = decode_or_raise(
        SystemMail, account(smtp=SMTP, pop_before_smtp=POP, tls={"verify": True, "pins": []}, detached_from="old")
    )
    assert decode_or_raise(SystemMail, msgspec.to_builtins(mail), lax=False) == mail


def test_a_login_for_a_catalogue_server_that_wants_none_is_a_conflict() -> None:
    raw = {"servers": [{**SERVER, "smtp": SMTP}], "sysmail": account(server="hq", username="u")}
    with pytest.raises(ExclusiveSettingsError) as caught:
        decode_or_raise(Settings, raw, lax=False)
    assert [problem.where for problem in caught.value.problems] == ["sysmail.username"]


def test_sending_takes_the_connection_whole_from_one_side() -> None:
    through = resolve_system_mail(settings(server="hq", username="u", password="env:X"))
    assert (through.origin, through.server, through.endpoint.host) == ("sysmail", "hq", "smtp.example.org")
    assert (through.tls.ca_file, through.username, through.password) == ("hq.pem", "u", "env:X")
    dedicated = resolve_system_mail(settings(smtp=SMTP, tls={"ca_file": "own.pem"}))
    assert (dedicated.server, dedicated.endpoint.host, dedicated.tls.ca_file) == (
        None, "relay.example.org", "own.pem",
    )  # fmt: skip


def test_the_envelope_sender_defaults_to_the_address() -> None:
    assert resolve_system_mail(settings(server="hq")).envelope_from == "noreply@example.org"
    given = settings(server="hq", envelope_from="bounces@example.org")
    assert resolve_system_mail(given).envelope_from == "bounces@example.org"


@pytest.mark.parametrize("raw", [{}, {"servers": [SERVER], "sysmail": account(server="hq", active=False)}])
def test_nothing_is_sent_unless_the_account_is_active(raw: dict[str, Any]) -> None:
    with pytest.raises(SendingDisabledError):
        resolve_sending(decode_or_raise(Settings, raw, lax=False))


def test_the_account_is_resolved_though_it_is_inactive_but_not_if_it_was_never_set() -> None:
    assert not resolve_system_mail(settings(server="hq", active=False)).active
    with pytest.raises(NotFoundError):
        resolve_system_mail(Settings())


def test_receiving_is_the_catalogue_servers_incoming_side_with_the_sending_login() -> None:
    given = settings(server="hq", username="u", password="env:X")
    receiving = resolve_receiving(given, resolve_system_mail(given))
    assert receiving
    assert (receiving.endpoint.host, receiving.tls.ca_file) == ("imap.example.org", "hq.pem")
    assert (receiving.username, receiving.password) == ("u", "env:X")


def test_receiving_is_the_pop3_server_of_pop_before_smtp() -> None:
    given = settings(smtp=SMTP, tls={"ca_file": "smtp.pem"}, pop_before_smtp={**POP, "ca_file": "pop.pem"})
    receiving = resolve_receiving(given, resolve_system_mail(given))
    assert receiving
    assert (receiving.endpoint.host, receiving.tls.ca_file) == ("pop.example.org", "pop.pem")
    assert (receiving.username, receiving.password) == ("gate", "env:POP")


def test_a_dedicated_server_for_sending_alone_receives_nothing() -> None:
    given = settings(smtp=SMTP)
    assert resolve_receiving(given, resolve_system_mail(given)) is None


def test_a_catalogue_server_by_itself_has_no_login() -> None:
    sending = resolve_server(settings(server="hq", username="u", password="env:X").get_server("hq"))
    assert (sending.origin, sending.address, sending.username, sending.password) == ("hq", "", None, None)
    assert sending.endpoint.host == "smtp.example.org"
