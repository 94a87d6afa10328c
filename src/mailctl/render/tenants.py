"""Tenants for people: one line each, or one in full with where each value comes from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mailctl.model.resolve import Sending
from mailctl.model.server import Security
from mailctl.model.tenant import Tenant
from mailctl.render.facts import Fact, InFull
from mailctl.render.senders import login_facts, state_facts, utf8_headers
from mailctl.render.servers import address, tls_facts
from mailctl.render.style import Style
from mailctl.services.senders.tenants import TenantState

TENANT_HEADERS = ("CODE", "NAME", "FROM", "SERVER")
_HEADERS = ("SETTING", "COMES FROM", "VALUE")
_INHERITED = "(global)"


def tenant_row(tenant: Tenant) -> Sequence[str]:
    """Return the cells of a tenant in a listing, in the order of TENANT_HEADERS."""
    return tenant.code, tenant.name, tenant.address or _INHERITED, _server(tenant)


def _server(tenant: Tenant) -> str:
    if tenant.server:
        return tenant.server
    if tenant.graph:
        return f"Microsoft Graph, {tenant.oauth_client}"
    return address(tenant.smtp) if tenant.smtp else _INHERITED


def tenant_in_full(state: TenantState, style: Style) -> InFull:
    """Return whether anything is sent in a tenant's name, and what is in force with where it comes from."""
    sends = style.yellow("nothing is sent") if state.why_off else style.green("active")
    title = f"{style.bold(state.tenant.code)}  {state.tenant.name}  {sends}"
    return InFull(title, list(_values(state, style)), _HEADERS)


def _values(state: TenantState, style: Style) -> Iterator[Fact]:
    """Yield settings, where each comes from, and its value."""
    if state.sending:
        yield from _sending_values(state.sending, state, style)
    if state.support_address:
        is_own = state.support_address == state.tenant.support_address
        yield "support", "tenant" if is_own else "global", state.support_address
    for name, fact in state_facts(state.login, style):
        yield name, "", fact


def _sending_values(sending: Sending, state: TenantState, style: Style) -> Iterator[Fact]:
    from_ = state.origins
    for field in ("address", "sender_name", "reply_to", "envelope_from", "local_recipient"):
        if value := getattr(sending, field):
            yield field.replace("_", " "), from_[field], value
    yield "utf-8 headers", from_["smtputf8"], utf8_headers(sending)
    if sending.smtp is None:
        yield "server", from_["graph"], "Microsoft Graph, no SMTP server"
        if sending.tls.ca_file:
            yield "tls", from_["tls"], f"trusts only {sending.tls.ca_file}"
    else:
        yield "server", from_["server"], f"'{sending.server}' of the catalogue" if sending.server else "dedicated"
        yield "smtp", from_["smtp"], f"{address(sending.smtp)}, time-out {sending.smtp.timeout} s"
        if sending.smtp.security is not Security.NONE:
            yield from (("tls", from_["tls"], fact) for fact in tls_facts(sending.tls, style))
    for name, fact in login_facts(sending):
        yield name, from_["pop_before_smtp" if sending.pop_before_smtp else "username"], fact
