"""The step of a test that says what is set, and what of it is unusual, before anything is connected."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mailctl.model.report import Stage
from mailctl.model.server import IncomingEndpoint, Protocol, pairing_warning
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
    found = [(warning, edit) for warning in _settings_warnings(check)]
    found += [check.target.notice] if check.target.notice else []
    recorder.add(
        Stage.SETTINGS,
        check.protocol,
        evidence=evidence,
        warnings=[warning for warning, _ in found],
        remedy="; ".join(dict.fromkeys(remedy for _, remedy in found)),
    )


def _settings_warnings(check: Check) -> Iterator[str]:
    endpoint = check.endpoint
    if isinstance(endpoint, GraphEndpoint):
        return
    gate = check.target.sending.pop_before_smtp if check.opens_gate else None
    for side in (endpoint, gate.endpoint) if gate else (endpoint,):
        if warning := pairing_warning(Protocol(side.protocol), side.port, side.security):
            yield warning
    login = check.options.login
    username = login.username if login else check.target.sending.username or ""
    if username and "@" not in username and endpoint.host.endswith(_FULL_ADDRESS_HOSTS):
        yield f"{endpoint.host} takes the whole address for a user name; '{username}' is not one"
