"""A tenant: a customer or client organisation inside one installation, which may send through a server of its own."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import structs

from mailctl.errors import Problem
from mailctl.model.sending import OF_A_SERVER, MailAddress, Sender, given_tls_fields
from mailctl.model.server import TlsOptions
from mailctl.model.values import Code, Name


class Tenant(Sender, frozen=True, kw_only=True):
    """A tenant. Without a server of its own, the global one sends, with the global login (see `resolve`).

    `address`, `sender_name`: None for the global ones. `support_address`: used only where tenants may have one.
    """

    code: Code
    name: Name
    support_address: MailAddress | None = None

    def conflicts(self) -> Iterator[Problem]:
        yield from super().conflicts()
        for name in () if self.has_server else OF_A_SERVER:
            if getattr(self, name) not in (None, False, TlsOptions()):
                where = f"tls.{given_tls_fields(structs.asdict(self.tls))[0]}" if name == "tls" else name
                yield Problem(where, "belongs to a server of the tenant's own, and it has none (server, smtp or graph)")
        if self.oauth_client and not (self.username or self.address):
            yield Problem("username", "is missing: the mailbox that OAuth logs in to (or the tenant's own address)")
