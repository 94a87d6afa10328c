"""People's mail accounts: whose they are, their servers, and the logins there.

An account is on a server of the catalogue, or on servers of its own: those of a provider, or any others. It logs in by
password or, where an OAuth client is set, by token.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field

from mailctl.errors import Problem
from mailctl.model.address import parse_address
from mailctl.model.collection import CollectionSource, source_conflicts
from mailctl.model.decode import MISSING
from mailctl.model.filters import Filter, filter_conflicts
from mailctl.model.folders import Folders
from mailctl.model.sending import MailAddress
from mailctl.model.server import IncomingEndpoint, SmtpAuth, SmtpEndpoint, TlsOptions
from mailctl.model.sieve import SieveEndpoint
from mailctl.model.signature import Signature
from mailctl.model.vacation import Vacation
from mailctl.model.values import Code, Host, Name, Reference, Username, parse_name, shown

Owner = Annotated[str, Meta(description="the person, by any identifier", extra={"parse": parse_name}, min_length=1)]

RESERVED_FIELDS = frozenset({"display_name", "address"})
"""What a signature's template knows without further fields."""


class AccountSmtp(SmtpEndpoint, frozen=True, kw_only=True):
    """The outgoing side of an account: it wants a login, unless `auth` is none."""

    auth: SmtpAuth = SmtpAuth.AUTO


class Account(Struct, frozen=True, kw_only=True):
    """A person's account.

    `address`: its identity. `owner`: the address where nobody is named. `display_name`: beside the address in From.
    `fields`: further ones, for the organisation's signature. `main`: the one that its owner sends from; where none of
    an owner's is marked, the first in order is. `share_sender`: whether every owner may send from it.
    `server`: the code of a catalogue server; or `incoming` and `smtp` with `tls`. `username`: with `domain`, a user of
    that domain. `password`, `smtp_password`: secret references; `smtp_username` and `smtp_password` are for sending,
    the incoming ones by default. `detached_from`: the code of the catalogue server, deleted since, whose settings
    these are. `filters`: rules for new mail, in their order. `sieve`: the server that runs them, where it is not the
    incoming one at its usual port. `pop3`: further mailboxes, whose mail is collected into this one.
    """

    address: MailAddress
    owner: Owner
    description: Name
    display_name: Name | None = None
    fields: dict[str, Name] = {}
    main: bool = False
    share_sender: bool = False
    server: Code | None = None
    oauth_client: Code | None = None
    username: Username
    domain: Host | None = None
    password: Reference | None = None
    smtp_username: Username | None = None
    smtp_password: Reference | None = None
    incoming: IncomingEndpoint | None = None
    smtp: AccountSmtp | None = None
    tls: TlsOptions = field(default_factory=TlsOptions)
    folders: Folders = field(default_factory=Folders)
    signature: Signature | None = None
    filters: tuple[Filter, ...] = ()
    sieve: SieveEndpoint | None = None
    vacation: Vacation | None = None
    pop3: tuple[CollectionSource, ...] = ()
    detached_from: Code | None = None

    @classmethod
    def complete(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        full = dict(given)
        username = full.get("username")
        if not isinstance(username, str) or not username:
            return full
        login = login_name(username, full.get("domain"))
        if full.get("address") is None and "@" in login:
            full["address"] = login
        if full.get("owner") is None and full.get("address") is not None:
            full["owner"] = full["address"]
        if full.get("description") is None:
            full["description"] = username
        return full

    @classmethod
    def why_missing(cls, name: str, given: Mapping[str, Any]) -> str | None:
        if name == "address":
            return MISSING if given.get("username") else None
        return None if name in ("owner", "description") else MISSING  # which follow from what is missing itself

    @property
    def login(self) -> str:
        """The user name as the incoming server gets it."""
        return login_name(self.username, self.domain)

    def conflicts(self) -> Iterator[Problem]:
        yield from exclusions(msgspec.to_builtins(self))
        if not self.server:
            for side in ("incoming", "smtp"):
                if getattr(self, side) is None:
                    yield Problem(side, "is missing: an account has both sides, or a server of the catalogue (server)")
        yield from filter_conflicts(self.filters)
        yield from source_conflicts(self.pop3)
        for name in self.fields:
            if not name.isidentifier():
                yield Problem(
                    f"fields.{name}", "is no name of a further field: letters, digits and '_', a letter first"
                )
            elif name in RESERVED_FIELDS:
                yield Problem(f"fields.{name}", "is known without further fields: take another name")


def login_name(username: str, domain: object) -> str:
    """Return what a server gets for a user name: with a domain, `user` becomes `user@domain`."""
    return f"{username}@{domain}" if isinstance(domain, str) and domain and "@" not in username else username


def exclusions(account: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the pairs of fields that exclude each other in an account; fields that are needed may be missing."""
    server, client, smtp = account.get("server"), account.get("oauth_client"), account.get("smtp") or {}
    if server:
        tls = {name: value for name, value in (account.get("tls") or {}).items() if value not in (None, [], (), True)}
        own = {"incoming": account.get("incoming"), "smtp": smtp, "tls": tls, "oauth_client": client}
        for name in filter(own.get, own):
            message = f"belongs to servers of the account's own; '{server}' is one of the catalogue (server)"
            yield Problem(name, message, conflict=True)
    if client:
        for name in ("password", "smtp_username", "smtp_password"):
            if account.get(name):
                message = f"and OAuth (oauth_client {shown(client)}) exclude each other: a token logs in on both sides"
                yield Problem(name, message, conflict=True)
    elif smtp.get("auth") == SmtpAuth.NONE:
        for name in ("smtp_username", "smtp_password"):
            if account.get(name):
                message = "is a login for sending, but smtp.auth is none: name a mechanism, or auto"
                yield Problem(name, message, conflict=True)


def mailbox_key(address: str) -> str:
    """Return what two spellings of one mailbox have in common: capitals, and the form of an IDN, make no other."""
    try:
        return (address if address.isascii() else parse_address(address).with_ascii_domain).casefold()
    except ValueError:
        return address.casefold()


def main_accounts(accounts: Iterable[Account]) -> dict[str, Account]:
    """Return the account that each owner sends from: the marked one, else the first."""
    mains: dict[str, Account] = {}
    for account in accounts:
        if account.owner not in mains or (account.main and not mains[account.owner].main):
            mains[account.owner] = account
    return mains


def find_main(accounts: Iterable[Account], owner: str) -> Account | None:
    """Return the account that an owner sends from; None for who has none."""
    return main_accounts(account for account in accounts if account.owner == owner).get(owner)
