"""Where requests for support go, and what goes with them."""

from __future__ import annotations

from msgspec import Struct

from mailctl.model.sending import MailAddress


class SupportOptions(Struct, frozen=True, kw_only=True):
    """How support is asked for.

    `address`: where requests go. `tenant_addresses`: whether tenants may have an address of their own for theirs.
    `attach_system_info`: whether a request carries what is known of this installation, without any secret.
    """

    address: MailAddress | None = None
    tenant_addresses: bool = False
    attach_system_info: bool = False
