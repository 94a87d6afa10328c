"""How TARGET on the command line, grants and reports name what sends: `sysmail`, `tenant:CODE`, a server's code."""

from __future__ import annotations

import unicodedata

SYSTEM_MAIL = "sysmail"
TENANT_PREFIX = "tenant:"


def tenant_target(code: str) -> str:
    """Return the name of a tenant as a target."""
    return TENANT_PREFIX + (code if code.isascii() else unicodedata.normalize("NFC", code))


def find_tenant_code(target: str) -> str | None:
    """Return the code of the tenant that a target's name means; None for another target."""
    return target.removeprefix(TENANT_PREFIX) if target.startswith(TENANT_PREFIX) else None


def edit_command(target: str) -> str:
    """Return the command that changes the login of a target, without its options."""
    from shlex import quote

    if target == SYSTEM_MAIL:
        return "mailctl sysmail set"
    code = find_tenant_code(target)
    if code is not None:
        return f"mailctl tenant edit {quote(code)}"
    return f"mailctl {'account' if '@' in target else 'server'} edit {quote(target)}"
