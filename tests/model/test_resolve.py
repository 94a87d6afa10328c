"""Precedence: whose server, login, address and name are in force for a tenant, over the whole space of settings."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailctl.errors import SendingDisabledError
from mailctl.model.decode import decode_or_raise
from mailctl.model.resolve import (
    Side,
    choose_side,
    find_tenant_of,
    resolve_origins,
    resolve_receiving,
    resolve_sending,
    resolve_support_address,
    resolve_tenant,
)
from mailctl.model.settings import Settings

GLOBAL, TENANT = "global.example", "tenant.example"
CLIENTS = [{"name": f"{side}-app", "provider": "microsoft", "client_id": "id"} for side in ("global", "tenant")]


def server(side: str) -> dict[str, Any]:
    return {
        "code": f"{side}-hq",
        "name": side,
        "smtp": {"host": f"smtp.{side}.example", "auth": "plain"},
        "incoming": {"protocol": "imap", "host": f"imap.{side}.example"},
        "tls": {"ca_file": f"{side}.pem"},
    }


def ways(side: str) -> dict[str, dict[str, Any]]:
    """Every way to send, its values all telling whose they are."""
    login = {"username": f"user-{side}", "password": f"env:{side.upper()}"}
    smtp = {"host": f"relay.{side}.example"}
    return {
        "catalogue": {"server": f"{side}-hq", **login},
        "dedicated": {"smtp": {**smtp, "auth": "plain"}, "tls": {"ca_file": f"{side}.pem"}, **login},
        "open relay": {"smtp": smtp, "smtputf8": True},
        "pop before smtp": {"smtp": smtp, "pop_before_smtp": {"host": f"pop.{side}.example", **login}},
        "graph": {"graph": True, "oauth_client": f"{side}-app", "username": f"user-{side}"},
    }


def optional(**fields: str) -> st.SearchStrategy[dict[str, str]]:
    return st.fixed_dictionaries({}, optional={name: st.just(value) for name, value in fields.items()})


SYSTEM_MAIL = st.none() | st.builds(
    lambda way, active, names: {"address": f"noreply@{GLOBAL}", "active": active, **way, **names},
    st.sampled_from(list(ways("global").values())),
    st.booleans(),
    optional(sender_name="Global", reply_to=f"help@{GLOBAL}", envelope_from=f"bounces@{GLOBAL}",
             local_recipient=f"root@{GLOBAL}"),
)  # fmt: skip
TENANTS = st.builds(
    lambda way, names: {"code": "acme", "name": "Acme", **way, **names},
    st.just({}) | st.sampled_from(list(ways("tenant").values())),
    optional(address=f"noreply@{TENANT}", sender_name="Tenant", reply_to=f"help@{TENANT}",
             envelope_from=f"bounces@{TENANT}", local_recipient=f"root@{TENANT}"),
)  # fmt: skip


@st.composite
def installations(draw: st.DrawFn) -> Settings:
    fields = {"servers": [server("global"), server("tenant")], "oauth_clients": CLIENTS, "tenants": [draw(TENANTS)]}
    system_mail = draw(SYSTEM_MAIL)
    return decode_or_raise(Settings, fields | ({"sysmail": system_mail} if system_mail else {}), lax=False)


@given(installations())
def test_without_an_active_global_sender_nothing_is_sent_for_anybody(settings: Settings) -> None:
    [tenant] = settings.tenants
    is_on = settings.sysmail is not None and settings.sysmail.active
    for whom in (None, tenant):
        assert (choose_side(settings.sysmail, whom) is not None) is is_on
        if not is_on:
            with pytest.raises(SendingDisabledError):
                resolve_sending(settings, whom)
        else:
            assert resolve_sending(settings, whom).active


@given(installations())
def test_server_and_login_come_whole_from_one_side(settings: Settings) -> None:
    [tenant] = settings.tenants
    side = choose_side(settings.sysmail, tenant)
    if side is None:
        return
    assert side is (Side.TENANT if tenant.has_server else Side.GLOBAL)
    sending = resolve_sending(settings, tenant)
    receiving = resolve_receiving(settings, sending)
    connection = repr([
        sending.server, sending.smtp, sending.tls, sending.username, sending.password, sending.pop_before_smtp,
        sending.oauth_client, receiving,
    ]).lower()  # fmt: skip
    other = Side.GLOBAL if side is Side.TENANT else Side.TENANT
    assert other not in connection
    assert side in connection
    assert sending.owner == ("tenant:acme" if side is Side.TENANT else "sysmail")


@given(installations())
def test_address_and_name_are_the_tenants_where_set_and_nothing_else_is_inherited(settings: Settings) -> None:
    [tenant] = settings.tenants
    account = settings.sysmail
    if account is None or not account.active:
        return
    sending = resolve_sending(settings, tenant)
    assert sending.address == (tenant.address or account.address)
    assert sending.sender_name == (tenant.sender_name or account.sender_name)
    assert sending.envelope_from == (tenant.envelope_from or sending.address)
    assert (sending.reply_to, sending.local_recipient) == (tenant.reply_to, tenant.local_recipient)
    assert sending.smtputf8 == (tenant if tenant.has_server else account).smtputf8


@given(installations())
def test_each_value_is_told_to_come_from_where_it_does(settings: Settings) -> None:
    [tenant] = settings.tenants
    if settings.sysmail is None and not tenant.has_server:
        return
    sending = resolve_tenant(settings, tenant)
    origins = resolve_origins(settings, tenant)
    for name, origin in origins.items():
        value = repr(getattr(sending, name)).lower()
        said = {side for side in Side if f"{side}." in value or f"'{side}" in value or f"-{side}'" in value}
        assert all(side in origin for side in said), (name, value, origin)


@pytest.mark.parametrize(
    ("senders", "address", "expected"),
    [
        ([None, "a@acme.example", "b@acme.example"], "a@acme.example", "t1"),
        ([None, "a@acme.example"], "A@ACME.EXAMPLE", None),
        ([None, "a@acme.example"], "a@ACME.example", "t1"),
        ([None, "a@acme.example", "a@acme.example"], "a@acme.example", None),
        (["a@acme.example", "a@acme.example"], "a@acme.example", None),
        ([None, "山田@株式.会社"], "山田@xn--ww0a07b.xn--6oq72c", None),
        ([None, "yamada@株式.会社"], "yamada@株式.会社", "t1"),
        ([None, None], "a@acme.example", None),
        ([None, "a@acme.example"], "not an address", None),
    ],
)
def test_the_one_tenant_whose_address_it_is(senders: list[str | None], address: str, expected: str | None) -> None:
    system_mail, *tenants = senders
    settings = decode_or_raise(Settings, {
        "sysmail": {"address": system_mail or "noreply@example.org", "smtp": {"host": "h"}},
        "tenants": [{"code": f"t{number}", "name": "T", **({"address": own} if own else {})}
                    for number, own in enumerate(tenants, 1)],
    })  # fmt: skip
    found = find_tenant_of(settings, address)
    assert (found.code if found else None) == expected


@pytest.mark.parametrize("own", [None, "own@acme.example"])
@pytest.mark.parametrize("allowed", [False, True])
@pytest.mark.parametrize("of_all", [None, "all@example.org"])
def test_a_tenants_support_address_counts_only_while_tenants_may_have_one(
    own: str | None, allowed: bool, of_all: str | None
) -> None:
    settings = decode_or_raise(Settings, {
        "support": {"tenant_addresses": allowed, **({"address": of_all} if of_all else {})},
        "tenants": [{"code": "acme", "name": "Acme", **({"support_address": own} if own else {})}],
    })  # fmt: skip
    [tenant] = settings.tenants
    assert resolve_support_address(settings.support, tenant) == (own if own and allowed else of_all)
    assert resolve_support_address(settings.support, None) == of_all
