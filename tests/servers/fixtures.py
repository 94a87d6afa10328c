"""Pytest's fixtures for the real parts: each server is started once a run, when a test first asks for it.

A test that takes one of these servers, or bears the marker `real(part)`, needs that part. Where the machine lacks it,
the test is skipped with the part's name and the reason, and the summary counts what was not tried; where `CI` is set
in the environment, the test fails instead.
"""

from __future__ import annotations

import functools
import os
import secrets
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.servers.authorisation_server import AuthorisationServer
from tests.servers.certificates import CertificateAuthority
from tests.servers.cron import Cron
from tests.servers.dovecot import Dovecot
from tests.servers.people import PEOPLE, Person
from tests.servers.postfix import Postfix
from tests.servers.processes import PartMissingError, get_program
from tests.servers.secret_service import SecretService

MISSING = "real part missing: "

PARTS: dict[str, Callable[[], object]] = {
    "dovecot": Dovecot.require,
    "postfix": Postfix.require,
    "keyring": SecretService.require,
    "oidc-provider": AuthorisationServer.require,
    "cron": Cron.require,
    "bsd-mailx": functools.partial(get_program, "bsd-mailx"),
    "git send-email": functools.partial(get_program, "git-send-email", Path("/usr/lib/git-core")),
    "php": functools.partial(get_program, "php"),
}
"""What each part needs: a function that raises PartMissingError where the machine lacks it."""

FIXTURES = {
    "dovecot": "dovecot",
    "hashed_dovecot": "dovecot",
    "bare_dovecot": "dovecot",
    "person": "dovecot",
    "postfix": "postfix",
    "oauth_dovecot": "dovecot",
    "oauth_postfix": "postfix",
    "authorisation_server": "oidc-provider",
    "secret_service": "keyring",
}
"""The part behind each fixture; those that it takes itself are found without it."""


@functools.cache
def find_lack(part: str) -> str | None:
    """Return why this machine cannot run `part`, or None where it can."""
    try:
        PARTS[part]()
    except PartMissingError as error:
        return str(error)
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for fixture in getattr(item, "fixturenames", ()):
            if fixture in FIXTURES:
                item.add_marker(pytest.mark.real(FIXTURES[fixture]))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for part in dict.fromkeys(part for marker in item.iter_markers("real") for part in marker.args):
        lack = find_lack(part)
        if lack is None:
            continue
        if os.environ.get("CI"):
            pytest.fail(f"{MISSING}{part}: {lack}; CI tries every part", pytrace=False)
        pytest.skip(f"{MISSING}{part}: {lack}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    counts: dict[str, int] = {}
    for report in terminalreporter.getreports("skipped"):
        _, found, reason = str(report.longrepr).partition(MISSING)
        if found:
            part = reason.partition(":")[0]
            counts[part] = counts.get(part, 0) + 1
    for part, count in sorted(counts.items()):
        terminalreporter.write_line(f"not tried with a real {part}: {count} tests")


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    """A throw-away certificate authority."""
    return CertificateAuthority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="session")
def server_context(ca: CertificateAuthority) -> ssl.SSLContext:
    """The TLS of a server with a good certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca.good.certificate, ca.good.key)
    return context


@pytest.fixture(scope="session")
def dovecot(ca: CertificateAuthority) -> Iterator[Dovecot]:
    """A real Dovecot with PEOPLE's mailboxes, every password mechanism, Sieve and ManageSieve."""
    with Dovecot(ca=ca, sieve=True) as server:
        for person in PEOPLE:
            server.add_user(person.address, person.password)
        yield server


@pytest.fixture(scope="session")
def hashed_dovecot(ca: CertificateAuthority) -> Iterator[Dovecot]:
    """A real Dovecot that has only the hashes of PEOPLE's passwords: PLAIN and LOGIN."""
    with Dovecot(ca=ca, hashed=True) as server:
        for person in PEOPLE:
            server.add_user(person.address, person.password)
        yield server


@pytest.fixture(scope="session")
def bare_dovecot(ca: CertificateAuthority) -> Iterator[Dovecot]:
    """A real Dovecot that tells of hardly any capability (no MOVE, UIDPLUS, LIST-STATUS, THREAD); without people."""
    with Dovecot(ca=ca, extra="imap_capability = IMAP4rev1 SASL-IR NAMESPACE") as server:
        yield server


@pytest.fixture
def person(dovecot: Dovecot) -> Person:
    """Somebody new, whose mailbox no other test touches."""
    newcomer = Person(f"{secrets.token_hex(6)}@example.test", secrets.token_urlsafe(12))
    dovecot.add_user(newcomer.address, newcomer.password)
    return newcomer


@pytest.fixture(scope="session")
def postfix(dovecot: Dovecot) -> Iterator[Postfix]:
    """A real Postfix that asks `dovecot` about logins and delivers to it."""
    with Postfix(dovecot=dovecot) as server:
        yield server


@pytest.fixture(scope="session")
def authorisation_server() -> Iterator[AuthorisationServer]:
    """A real authorisation server, at which anybody may sign in."""
    with AuthorisationServer() as server:
        yield server


@pytest.fixture(scope="session")
def oauth_dovecot(ca: CertificateAuthority, authorisation_server: AuthorisationServer) -> Iterator[Dovecot]:
    """A real Dovecot with PEOPLE's mailboxes that asks `authorisation_server` about each token."""
    with Dovecot(ca=ca, introspection_url=authorisation_server.introspection_url) as server:
        for person in PEOPLE:
            server.add_user(person.address, person.password)
        yield server


@pytest.fixture(scope="session")
def oauth_postfix(oauth_dovecot: Dovecot) -> Iterator[Postfix]:
    """A real Postfix that asks `oauth_dovecot` about logins and delivers to it."""
    with Postfix(dovecot=oauth_dovecot) as server:
        yield server


@pytest.fixture(scope="session")
def secret_service() -> Iterator[SecretService]:
    """A real Secret Service with an open login keyring; one that is locked or hangs is a test's own to start."""
    with SecretService() as service:
        yield service
