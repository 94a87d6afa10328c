"""Tenants for people: one line each, or one in full with where each value comes from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mailctl.model.resolve import Sending
from mailctl.model.server import Security
from mailctl.model.tenant import Tenant
from mailctl.render.senders import login_facts, state_facts
from mailctl.render.servers import address, tls_facts
from mailctl.render.style import Style
from mailctl.services.senders.tenants import TenantState

TENANT_HEADERS = ("CODE", "NAME", "FROM", "SERVER")
VALUE_HEADERS = ("SETTING", "VALUE", "COMES FROM")
_INHERITED = "(global)"
_PLAIN = Style()
"""Cells are without colour: a table would show the sequences."""


def tenant_row(tenant: Tenant) -> Sequence[str]:
    """Return the cells of a tenant in a listing, in the order of TENANT_HEADERS."""
    return tenant.code, tenant.name, tenant.address or _INHERITED, _server(tenant)


def _server(tenant: Tenant) -> str:
    if tenant.server:
        return tenant.server
    if tenant.graph:
        return f"Microsoft Graph, {tenant.oauth_client}"
    return address(tenant.smtp) if tenant.smtp else _INHERITED


def render_title(state: TenantState, style: Style) -> str:
    """Return the tenant, and whether anything is sent in its name."""
    sends = "nothing is sent" if state.why_off else "active"
    paint = style.yellow if state.why_off else style.green
    return f"{style.bold(state.tenant.code)}  {state.tenant.name}  {paint(sends)}"


def value_rows(state: TenantState) -> Iterator[Sequence[str]]:
    """Yield what is in force for a tenant, in the order of VALUE_HEADERS."""
    if state.sending:
        yield from _sending_rows(state.sending, state)
    if state.support_address:
        is_own = state.support_address == state.tenant.support_address
        yield "support", state.support_address, "tenant" if is_own else "global"
    for name, fact in state_facts(state.login, _PLAIN):
        yield name, fact, ""


def _sending_rows(sending: Sending, state: TenantState) -> Iterator[Sequence[str]]:
    from_ = state.origins
    for field in ("address", "sender_name", "reply_to", "envelope_from", "local_recipient"):
        if value := getattr(sending, field):
            yield field.replace("_", " "), value, from_[field]
    yield "utf-8 headers", "where the server offers them" if sending.smtputf8 else "no", from_["smtputf8"]
    if sending.smtp is None:
        yield "server", "Microsoft Graph, no SMTP server", from_["graph"]
        if sending.tls.ca_file:
            yield "tls", f"trusts only {sending.tls.ca_file}", from_["tls"]
    else:
        yield "server", f"'{sending.server}' of the catalogue" if sending.server else "dedicated", from_["server"]
        yield "smtp", f"{address(sending.smtp)}, time-out {sending.smtp.timeout} s", from_["smtp"]
        if sending.smtp.security is not Security.NONE:
            yield from (("tls", fact, from_["tls"]) for fact in tls_facts(sending.tls, _PLAIN))
    for name, fact in login_facts(sending):
        yield name, fact, from_["pop_before_smtp" if sending.pop_before_smtp else "username"]
