"""A look at this machine: everything that sending and receiving rest upon, before any server is tried.

Nothing is changed, nobody is logged in to, and each look is bounded in time; they run at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from mailctl.credentials import Secrets
from mailctl.errors import SettingsError
from mailctl.model.finding import Finding, Verdict, note, warning
from mailctl.model.settings import Settings
from mailctl.services.doctor.machine import (
    check_authorities,
    check_clock,
    check_environment,
    check_programs,
    check_python,
)
from mailctl.services.doctor.network import check_network
from mailctl.services.doctor.settings import check_grants, check_logins, check_secrets, check_settings
from mailctl.services.together import run_together
from mailctl.store import SettingsFile

NETWORK_SECONDS = 5.0
_LOOK_SECONDS = 15.0
"""More than the keyring is waited for, which is the most patient look."""


def examine(
    file: SettingsFile, open_secrets: Callable[[], Secrets], *, offline: bool = False, seconds: float = NETWORK_SECONDS
) -> list[Finding]:
    """Return what was found, in a stable order. `offline`: nothing leaves the machine. `seconds`: for the network."""
    try:
        settings = file.load()
    except SettingsError:
        settings = Settings()
        secrets = None
    else:
        secrets = open_secrets()
    looks: dict[str, Callable[[], Iterable[Finding]]] = {"settings": partial(check_settings, file)}
    if secrets is not None:
        looks["logins"] = partial(check_logins, settings)
        looks["secrets"] = partial(_check_kept, settings, secrets)
    looks |= {
        "clock": check_clock,
        "authorities": check_authorities,
        "python": check_python,
    }
    if not offline:
        looks["network"] = partial(check_network, settings, seconds)
    looks |= {"environment": check_environment, "programs": check_programs}
    jobs = {name: partial(_listed, look) for name, look in looks.items()}
    found = dict(run_together(jobs, max(_LOOK_SECONDS, seconds)))
    findings = [finding for name in looks for finding in found.get(name, [_unanswered(name)])]
    if offline:
        findings.append(note("network", "not looked at (--offline)"))
    return findings


def needs_mending(findings: Iterable[Finding]) -> bool:
    return any(finding.verdict is Verdict.PROBLEM for finding in findings)


def _check_kept(settings: Settings, secrets: Secrets) -> Iterable[Finding]:
    # One after the other: a keyring that hung once is not waited for again.
    yield from check_secrets(settings, secrets)
    yield from check_grants(settings, secrets)


def _listed(look: Callable[[], Iterable[Finding]]) -> list[Finding]:
    return list(look())


def _unanswered(name: str) -> Finding:
    return warning(name, f"this did not end within {_LOOK_SECONDS:g} s, and was left", "run it again")
