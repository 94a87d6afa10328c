"""What a round trip is to be: who sends, whose mailbox is read, and with which logins."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from dataclasses import dataclass

from mailctl.errors import MissingInputError, UsageError
from mailctl.model.values import ascii_host
from mailctl.services.testing.check import (
    ROUNDTRIP_SECONDS,
    Check,
    CheckOptions,
    Depth,
    GrantSource,
    LoginSource,
    plan_receive,
    plan_send,
)
from mailctl.services.testing.login_step import described
from mailctl.services.testing.targets import Target


@dataclass(frozen=True, kw_only=True)
class RoundTrip:
    """What is sent by `sending`, and looked for by `reading`.

    `reads_bounces`: whether a bounce goes to the mailbox that is read. `bounces`: how the sender's own is read, where
    that is another one and its login is known.
    `within_seconds`: from the sending server's word that it has the message. `keep`: delete nothing, neither the
    message nor what earlier tests left. `authserv_id`: the only one whose Authentication-Results count.
    `doubt`: why the message may never come to the mailbox that is read.
    """

    sending: Check
    reading: Check
    reads_bounces: bool
    bounces: Check | None = None
    within_seconds: float = ROUNDTRIP_SECONDS
    keep: bool = False
    authserv_id: str | None = None
    doubt: str | None = None


def plan_roundtrip(
    target: Target,
    reader: Target,
    options: CheckOptions,
    *,
    incoming: CheckOptions,
    recipient: str | None = None,
    sender: str | None = None,
    within_seconds: float = ROUNDTRIP_SECONDS,
    keep: bool = False,
    authserv_id: str | None = None,
) -> RoundTrip:
    """Return the round trip from a target to the mailbox of `reader`, which may be the same.

    `incoming`: the reader's options, with the login where one is given; without one it is the stored one, else the one
    that sends: a stored one only for the hosts that the settings give it to. The recipient defaults to the mailbox that
    is read. Raises UsageError where there is none, MissingInputError naming the options that are missing, and what
    `plan_send` raises.
    """
    if reader.receiving is None:
        raise UsageError(
            f"'{reader.name}' has no mailbox that could be read: it is for sending alone",
            hint="`--read TARGET` names the mailbox that the message goes to: a server of the catalogue, say, with "
            "--incoming-username",
        )
    login = incoming.login or _find_reading_login(target, reader, options)
    mailboxes = _list_mailbox_addresses(reader, login)
    mailbox = next(iter(mailboxes), None)
    lacks_login = _lacks_login(target, options)
    # The login that sends reads the target's own mailbox, too.
    lacks_reading_login = login is None and not reader.stores_login and not (lacks_login and reader.name == target.name)
    missing = ["--username"] * lacks_login + ["--incoming-username"] * lacks_reading_login
    missing += ["--to"] * (not recipient and not mailbox)
    if missing:
        raise MissingInputError(
            f"missing for a round trip: {', '.join(missing)}",
            hint="\n      ".join(_why_missing(option, target, reader) for option in missing),
            details={"missing": missing},
        )
    speaks_for_nobody = not target.sending.address and options.login is None
    sending = plan_send(
        target,
        options,
        depth=Depth.MESSAGE,
        recipient=recipient or mailbox,
        sender=sender or (mailbox if speaks_for_nobody else None),
    )
    reading = plan_receive(reader, dataclasses.replace(incoming, login=login), depth=Depth.AUTH)
    reads_bounces = _are_same(mailbox, sending.envelope_from)
    return RoundTrip(
        sending=sending,
        reading=reading,
        reads_bounces=reads_bounces,
        bounces=None if reads_bounces else _plan_bounces(sending),
        within_seconds=within_seconds,
        keep=keep,
        authserv_id=authserv_id,
        doubt=_find_doubt(sending.recipient, mailboxes),
    )


def _find_doubt(recipient: str, mailboxes: list[str]) -> str | None:
    """Tell of a message that goes to another mailbox than the one that is read, as far as their addresses tell."""
    if not mailboxes or _plain(recipient) in map(_plain, mailboxes):
        return None
    return (
        f"the message goes to {recipient}, and the mailbox of {mailboxes[0]} is read: it is found there only if the one"
        f" leads to the other; `--read TARGET` or `--incoming-username USER` names the mailbox of {recipient}"
    )


def _plain(address: str) -> str:
    """Return an address without what only sorts mail within its mailbox (RFC 5233), for comparisons."""
    local, _, domain = address.casefold().rpartition("@")
    with suppress(ValueError):
        domain = ascii_host(domain)
    return f"{local.partition('+')[0]}@{domain}"


_WHY_MISSING = {
    "--username": "entries of the catalogue have no login: give one",
    "--incoming-username": "the mailbox to read wants a login: give one",
    "--to": "no user name is an address that the message could go to: name one",
}


def _why_missing(option: str, target: Target, reader: Target) -> str:
    if option == "--incoming-username" and reader.receiving and target.sending.username:
        host = reader.receiving.endpoint.host
        return f"the login of {target.name} is kept for its own server, not for {host}: give the one that reads there"
    return _WHY_MISSING[option]


def _lacks_login(target: Target, options: CheckOptions) -> bool:
    needs = plan_send(target, options, depth=Depth.TLS).authenticates
    return needs and options.login is None and not target.stores_login


def _find_reading_login(target: Target, reader: Target, options: CheckOptions) -> LoginSource | GrantSource | None:
    """Return the login that reads where none is given for that; None for the one that the settings hold."""
    if reader.name == target.name:
        return options.login
    if reader.stores_login:
        return None
    return options.login or (_find_stored_login(target, options) if _shares_a_host(target, reader) else None)


def _shares_a_host(target: Target, reader: Target) -> bool:
    """Tell whether the target's own server has the host that is read: no other is shown a stored login unasked."""
    endpoints = [target.sending.smtp, target.receiving and target.receiving.endpoint]
    hosts = {endpoint.host.casefold() for endpoint in endpoints if endpoint}
    return reader.receiving is not None and reader.receiving.endpoint.host.casefold() in hosts


def _find_stored_login(target: Target, options: CheckOptions) -> LoginSource | GrantSource | None:
    sending = target.sending
    if sending.username is None:
        return None
    if sending.oauth_client is not None:
        return GrantSource(username=sending.username, grant=sending.origin)
    password = sending.password
    if password is None:
        return None
    return LoginSource(
        username=sending.username,
        source=described(password) or "",
        read=lambda: options.read_secret(password),
    )


def _list_mailbox_addresses(reader: Target, login: LoginSource | GrantSource | None) -> list[str]:
    """Return the addresses of the mailbox that is read, as far as the settings and the login tell; its own first."""
    if login and "@" in login.username:
        return [login.username]
    stored = (reader.receiving and reader.receiving.username) or ""
    if reader.sending.lent_by and "@" in stored:
        return [stored]  # a tenant's own address may lead anywhere
    return [name for name in (reader.sending.address, stored) if "@" in name]


def _plan_bounces(sending: Check) -> Check | None:
    """Return how the sender's own mailbox is read; None where nobody can, or bounces go elsewhere."""
    target, login = sending.target, sending.options.login
    if target.receiving is None or not (target.stores_login or login):
        return None
    if not _are_same(next(iter(_list_mailbox_addresses(target, login)), None), sending.envelope_from):
        return None
    return plan_receive(target, sending.options, depth=Depth.AUTH)


def _are_same(address: str | None, other: str) -> bool:
    return address is not None and address.casefold() == other.casefold()
