"""Use cases of tenants: pure edits of the settings, and what is in force for one of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from mailctl.credentials import Secrets
from mailctl.errors import AlreadyExistsError, ConflictError, raise_problems
from mailctl.model.resolve import (
    Sending,
    Side,
    choose_side,
    find_why_off,
    resolve_origins,
    resolve_support_address,
    resolve_tenant,
)
from mailctl.model.settings import Edit, Settings
from mailctl.model.target_name import edit_command, tenant_target
from mailctl.model.tenant import Tenant
from mailctl.services.oauth.grants import find_reference, put_reference
from mailctl.services.senders import senders
from mailctl.services.senders.senders import LoginState, build_sender, describe_login


def add_tenant(fields: Mapping[str, Any], *, if_not_exists: bool = False) -> Edit:
    """Return the edit that appends a tenant; see `build_sender` for the fields and what it raises.

    Raises AlreadyExistsError where the code is taken (with `if_not_exists` only if the fields differ), ConflictError
    for a support address where tenants may have none.
    """

    def edit(settings: Settings) -> Settings:
        tenant = _build(settings, None, fields)
        present = settings.find_tenant(tenant.code)
        if present is not None and not (if_not_exists and present == tenant):
            raise AlreadyExistsError(
                f"a tenant with the code '{tenant.code}' exists already"
                + (", with other values" if if_not_exists else f" ({present.name})"),
                hint=f"`mailctl tenant edit {tenant.code}` changes it",
                details={"tenant": tenant.code},
            )
        return settings if present else _checked(replace(settings, tenants=(*settings.tenants, tenant)))

    return edit


def edit_tenant(code: str, fields: Mapping[str, Any], *, clear: Sequence[str] = ()) -> Edit:
    """Return the edit that lays fields over a tenant; those named in `clear` go back to their defaults.

    Raises as `add_tenant` does, and NotFoundError where there is no such tenant.
    """

    def edit(settings: Settings) -> Settings:
        present = settings.get_tenant(code)
        changed = _build(settings, present, fields, clear)
        taken = changed.code != present.code and settings.find_tenant(changed.code)
        if taken:
            raise AlreadyExistsError(
                f"a tenant with the code '{taken.code}' exists already ({taken.name})", details={"tenant": taken.code}
            )
        tenants = (changed if tenant is present else tenant for tenant in settings.tenants)
        return _checked(_follow_rename(replace(settings, tenants=tuple(tenants)), present.code, changed.code))

    return edit


def delete_tenant(code: str) -> Edit:
    """Return the edit that takes a tenant out of the settings; its stored secrets go with it."""

    def edit(settings: Settings) -> Settings:
        gone = settings.get_tenant(code)
        return replace(settings, tenants=tuple(tenant for tenant in settings.tenants if tenant is not gone))

    return edit


def _build(settings: Settings, present: Tenant | None, fields: Mapping[str, Any], clear: Sequence[str] = ()) -> Tenant:
    if fields.get("support_address") and not settings.support.tenant_addresses:
        raise ConflictError(
            "tenants may not have a support address of their own here",
            hint="`mailctl support set --tenant-addresses` lets them",
        )
    return build_sender(Tenant, settings, present, fields, needs=("code", "name"), clear=clear)


def _follow_rename(settings: Settings, old: str, new: str) -> Settings:
    """Return the settings in which a tenant's grant bears its new code; what is kept stays where it is."""
    reference = find_reference(settings, tenant_target(old))
    if old == new or reference is None:
        return settings
    return put_reference(put_reference(settings, tenant_target(old), None), tenant_target(new), reference)


def _checked(settings: Settings) -> Settings:
    raise_problems(list(settings.conflicts()))
    return settings


class Renaming(NamedTuple):
    """The code of a tenant before and after a change; mostly the same."""

    old: str
    new: str


def list_newly_missing(code: Renaming, before: Settings, after: Settings) -> tuple[list[str], Sending | None]:
    """Return the fields of a tenant's own logins that a change has left it without, and how it then sends.

    None where it has no server of its own: what the global login lacks is not the tenant's to give.
    """
    old, new = _own_sending(before, before.find_tenant(code.old)), _own_sending(after, after.get_tenant(code.new))
    return (senders.list_newly_missing(old, new) if new else []), new


def login_remarks(code: Renaming, before: Settings, after: Settings) -> Iterator[str]:
    """Yield what a person should know of the login where a change gave a tenant another server."""
    old, new = before.find_tenant(code.old), after.get_tenant(code.new)
    had, has = _own_sending(before, old), _own_sending(after, new)
    if old and had and has:
        yield from senders.login_remarks((old, had), (new, has))
        yield from senders.authorisation_remarks(after, had, has)
    elif old and had and old.username:
        yield f"the login of {old.username} is gone: the global server sends for '{new.code}'"


def sender_name_remarks(code: Renaming, before: Settings, after: Settings) -> Iterator[str]:
    """Yield, where a change lets a tenant's own address appear under the global sender name, that it does."""
    had, has = _lent_name(before, before.find_tenant(code.old)), _lent_name(after, after.get_tenant(code.new))
    if has and has != had:
        yield (
            f"mail from {has[0]} is shown as from '{has[1]}', the global sender name; "
            f"`{edit_command(tenant_target(code.new))} --sender-name NAME` gives the tenant its own"
        )


def _lent_name(settings: Settings, tenant: Tenant | None) -> tuple[str, str] | None:
    """Return a tenant's own address and the global name that it appears under, None where there is no such pair."""
    global_name = settings.sysmail.sender_name if settings.sysmail else None
    if tenant is None or tenant.address is None or tenant.sender_name or not global_name:
        return None
    return tenant.address, global_name


def _own_sending(settings: Settings, tenant: Tenant | None) -> Sending | None:
    return resolve_tenant(settings, tenant) if tenant and tenant.has_server else None


@dataclass(frozen=True, kw_only=True)
class TenantState:
    """A tenant as it is shown.

    `side`: whose server sends, None while sending is off; then `why_off` says why. `sending`: what is in force, or
    would be; None where neither the tenant nor the organisation has a server. `origins`: where each value of `sending`
    comes from, by field. `support_address`: where its requests for support go.
    """

    tenant: Tenant
    side: Side | None
    why_off: str | None
    sending: Sending | None
    origins: Mapping[str, str]
    support_address: str | None
    login: LoginState


def describe_tenant(settings: Settings, secrets: Secrets, tenant: Tenant) -> TenantState:
    """Return what is in force for a tenant, and where each of its own secrets is; no command is run."""
    sending = resolve_tenant(settings, tenant) if tenant.has_server or settings.sysmail else None
    login = describe_login(settings, secrets, tenant, sending) if sending else LoginState()
    if tenant.support_address and not settings.support.tenant_addresses:
        unused = "the support address is not used: tenants may not have one of their own (`mailctl support set`)"
        login = dataclasses.replace(login, warnings=(*login.warnings, unused))
    return TenantState(
        tenant=tenant,
        side=choose_side(settings.sysmail, tenant),
        why_off=find_why_off(settings.sysmail),
        sending=sending,
        origins=resolve_origins(settings, tenant),
        support_address=resolve_support_address(settings.support, tenant),
        login=login,
    )


def effective_values(state: TenantState) -> dict[str, dict[str, Any]]:
    """Return what is in force for a tenant as plain values, each with where it comes from."""
    sending = state.sending
    values = {name: msgspec.to_builtins(getattr(sending, name)) for name in state.origins} if sending else {}
    if sending:
        values["oauth_client"] = sending.oauth_client.name if sending.oauth_client else None
    effective = {name: {"value": value, "from": state.origins[name]} for name, value in values.items()}
    own = state.support_address is not None and state.support_address == state.tenant.support_address
    effective["support_address"] = {"value": state.support_address, "from": Side.TENANT if own else Side.GLOBAL}
    return effective


def list_as_json(tenants: Sequence[Tenant]) -> list[dict[str, Any]]:
    """Return tenants as plain values; whether a secret is there is not looked at."""
    listed: list[dict[str, Any]] = msgspec.to_builtins(tenants)
    for fields in listed:
        for table in filter(None, (fields, fields["tls"], fields["pop_before_smtp"])):
            for name in ("password", "client_key_passphrase"):
                if table.get(name):
                    table[name] = {"reference": table[name], "present": None}
    return listed
