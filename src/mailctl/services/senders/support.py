"""Use cases of support: whom to ask, and what a request carries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from mailctl.errors import NotFoundError
from mailctl.model.decode import decode_or_raise
from mailctl.model.resolve import resolve_support_address
from mailctl.model.settings import Edit, Settings
from mailctl.model.support import SupportOptions
from mailctl.model.tenant import Tenant
from mailctl.services.fields import clear_fields, merge_fields, to_fields
from mailctl.services.sending.compose import Attachment

FACTS_FILENAME = "system-information.json"


def set_support(fields: Mapping[str, Any], *, clear: Sequence[str] = ()) -> Edit:
    """Return the edit that lays fields over the options of support; those in `clear` go back to their defaults."""

    def edit(settings: Settings) -> Settings:
        base = clear_fields(SupportOptions, to_fields(settings.support), clear)
        return replace(settings, support=decode_or_raise(SupportOptions, merge_fields(base, fields)))

    return edit


def get_support_address(settings: Settings, tenant: Tenant | None) -> str:
    """Return where a request goes, a tenant's or the organisation's own; raises NotFoundError where nobody said."""
    address = resolve_support_address(settings.support, tenant)
    if address is None:
        raise NotFoundError(
            "there is no support address, so nobody could be asked",
            hint="`mailctl support set --address ADDRESS` sets it",
        )
    return address


def list_unused_addresses(settings: Settings) -> list[str]:
    """Return the codes of the tenants whose own support address is not used, as tenants may have none."""
    if settings.support.tenant_addresses:
        return []
    return [tenant.code for tenant in settings.tenants if tenant.support_address]


def attach_facts(facts: Mapping[str, Any]) -> Attachment:
    """Return what is known of this installation as an attachment, for people to read: JSON, indented, in UTF-8."""
    return Attachment(FACTS_FILENAME, msgspec.json.format(msgspec.json.encode(facts), indent=2) + b"\n")
