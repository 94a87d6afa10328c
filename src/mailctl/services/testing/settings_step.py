"""The step of a test that says what is set, and what of it is unusual, before anything is connected."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mailctl.model.report import Stage
from mailctl.model.server import IncomingEndpoint, Protocol, find_pairing_change, pairing_warning
from mailctl.model.values import ascii_host
from mailctl.services.sending.outgoing import GraphEndpoint
from mailctl.services.testing.check import Check
from mailctl.services.testing.steps import StepRecorder

_FULL_ADDRESS_HOSTS = (
    "gmail.com",
    "office365.com",
    "outlook.com",
    "yahoo.com",
    "aol.com",
    "mail.me.com",
    "fastmail.com",
    "zoho.com",
    "aruba.it",
)
"""The ends of hosts that want the whole address for a user name."""


def add_settings_step(check: Check, recorder: StepRecorder) -> None:
    """Tell of the settings (stage settings): passed, or passed with warnings."""
    endpoint = check.endpoint
    evidence: dict[str, Any] = {
        "protocol": check.protocol,
        "host": endpoint.host,
        "host_ascii": ascii_host(endpoint.host),
        "port": endpoint.port,
        "security": str(endpoint.security),
        "auth": "apop" if isinstance(endpoint, IncomingEndpoint) and endpoint.apop else str(endpoint.auth),
    }
    command = check.target.edit_command
    edit = f"`{command}` changes the settings" if command else "change the settings before they are saved"
    if isinstance(endpoint, GraphEndpoint):
        client, mailbox = check.target.sending.oauth_client, check.target.sending.username
        evidence |= {"oauth_client": client.name if client else None, "mailbox": mailbox}
    found = [
        (warning, f"`{command} {options}` changes the settings" if command and options else edit)
        for warning, options in _settings_warnings(check)
    ]
    found += [check.target.notice] if check.target.notice else []
    recorder.add(
        Stage.SETTINGS,
        check.protocol,
        evidence=evidence,
        warnings=[warning for warning, _ in found],
        remedy="; ".join(dict.fromkeys(remedy for _, remedy in found)),
    )


def _settings_warnings(check: Check) -> Iterator[tuple[str, str | None]]:
    """Yield what is unusual, each with the options of an edit that mend it, where these are known."""
    endpoint = check.endpoint
    if isinstance(endpoint, GraphEndpoint):
        return
    gate = check.target.sending.pop_before_smtp if check.opens_gate else None
    incoming = "pop" if check.target.sending.pop_before_smtp else "incoming"
    sides = {incoming if isinstance(endpoint, IncomingEndpoint) else "smtp": endpoint}
    for name, side in (sides | {"pop": gate.endpoint} if gate else sides).items():
        pair = Protocol(side.protocol), side.port, side.security
        if warning := pairing_warning(*pair):
            yield warning, find_pairing_change(name, *pair)
    login = check.options.login
    username = login.username if login else check.target.sending.username or ""
    if username and "@" not in username and endpoint.host.endswith(_FULL_ADDRESS_HOSTS):
        yield f"{endpoint.host} takes the whole address for a user name; '{username}' is not one", None
