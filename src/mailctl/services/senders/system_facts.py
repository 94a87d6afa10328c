"""What is known of an installation, for those who support it: nothing of it is a secret, or leads to one.

Of a reference to a secret there is only its kind: the rest may be a path, a command's words or a name that tell more
than support needs. Of people there is their number. What is gathered for a tenant is about this tenant alone.
"""

from __future__ import annotations

import platform
import ssl
import sys
from collections.abc import Mapping
from typing import Any, get_args, get_type_hints

import msgspec

import mailctl
from mailctl.credentials import Secrets
from mailctl.model.resolve import find_why_off, resolve_tenant
from mailctl.model.settings import Settings
from mailctl.model.target_name import tenant_target
from mailctl.model.tenant import Tenant
from mailctl.model.values import Reference
from mailctl.store.last_tests import StepResult, TestResult


def gather_facts(
    settings: Settings, secrets: Secrets, results: list[TestResult], tenant: Tenant | None = None
) -> dict[str, Any]:
    """Return what is known of this installation, or what concerns one tenant of it, as JSON values."""
    return {
        "mailctl": mailctl.__version__,
        "platform": platform.platform(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "tls_library": ssl.OPENSSL_VERSION,
        "encoding": sys.getfilesystemencoding(),
        "secret_backend": secrets.backend,
        "sending_is_off": find_why_off(settings.sysmail),
        "settings": _settings_of_tenant(settings, tenant) if tenant else _settings(settings),
        "last_tests": [_described(result) for result in _results_of(settings, results, tenant)],
    }


def _settings(settings: Settings) -> dict[str, Any]:
    return {
        "schema_version": settings.schema_version,
        "servers": [without_secrets(server) for server in settings.servers],
        "oauth_clients": [without_secrets(client) for client in settings.oauth_clients],
        "sysmail": without_secrets(settings.sysmail) if settings.sysmail else None,
        "support": without_secrets(settings.support),
        "number_of_tenants": len(settings.tenants),
        "number_of_accounts": len(settings.accounts),
        "number_of_grants": len(settings.secrets.grants),
    }


def _settings_of_tenant(settings: Settings, tenant: Tenant) -> dict[str, Any]:
    """Return a tenant's own settings, and what it uses of those that it shares; nothing of the global sender's."""
    client = resolve_tenant(settings, tenant).oauth_client if tenant.has_server else None
    return {
        "schema_version": settings.schema_version,
        "tenant": without_secrets(tenant),
        "sends_through": "a server of its own" if tenant.has_server else "the global server",
        "server": without_secrets(settings.get_server(tenant.server)) if tenant.server else None,
        "oauth_client": without_secrets(client) if client else None,
    }


def _results_of(settings: Settings, results: list[TestResult], tenant: Tenant | None) -> list[TestResult]:
    """Return the results of targets that are there still, those of people's accounts left out."""
    if tenant:
        return [result for result in results if result.target == tenant_target(tenant.code)]
    known = {server.code for server in settings.servers} | {target for target, _ in settings.list_senders()}
    return [result for result in results if result.target in known]


def _described(result: TestResult) -> dict[str, Any]:
    """Return a result with its steps as lines, which people read."""
    return {**msgspec.to_builtins(result), "steps": [_line(step) for step in result.steps]}


def _line(step: StepResult) -> str:
    said = [step.cause] if step.cause else []
    said += [f"the server said: {step.reply}"] if step.reply else []
    return ": ".join([f"{step.protocol or 'all'} {step.name} {step.status}", *said])


def without_secrets(model: msgspec.Struct) -> dict[str, Any]:
    """Return a model as JSON values, of each reference to a secret its kind alone, without what is not set."""
    hints = get_type_hints(type(model), include_extras=True)
    described: dict[str, Any] = {}
    for name in model.__struct_fields__:
        value = getattr(model, name)
        if value is None or value == {} or value == ():
            continue
        if isinstance(value, msgspec.Struct):
            described[name] = without_secrets(value)
        elif Reference in (hints[name], *get_args(hints[name])):
            described[name] = _kind_of(value)
        else:
            described[name] = msgspec.to_builtins(value)
    return described


def _kind_of(reference: str | Mapping[str, str]) -> str | dict[str, str]:
    if isinstance(reference, Mapping):
        return {name: f"{text.partition(':')[0]}:…" for name, text in reference.items()}
    return f"{reference.partition(':')[0]}:…"
