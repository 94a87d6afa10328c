"""Testing everything at once: what is tested of each target, and the order in which hosts are asked.

Targets are tested in parallel, and a host, by the name that is dialled, is asked by one test at a time: what bears
two hundred accounts must not take the test for an attack, nor be measured while it is busy with another test. The two
sides of a target, sending and receiving, follow each other. A thread a running test is enough: it waits nearly always.
"""

from __future__ import annotations

import queue
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from threading import Event, Thread
from typing import Protocol

from mailctl.errors import MailctlError
from mailctl.exits import exit_for
from mailctl.model.report import Stage, Status, Step, TargetReport
from mailctl.model.settings import Settings
from mailctl.services.oauth.grants import find_server_grants
from mailctl.services.sending.outgoing import outgoing_of
from mailctl.services.testing.check import JOBS, Check, CheckOptions, Depth, GrantSource, spare_refused_login
from mailctl.services.testing.observation import run_check
from mailctl.services.testing.targets import Target
from mailctl.services.testing.verdict import join_sides

_FILES_A_JOB = 8
"""Open files that a test may need: addresses that are raced, the connection, a secret's file or program."""

_TICK_SECONDS = 0.25
_GRACE_SECONDS = 1.0
"""How long an interrupted run waits for what is under way: a token that a provider has just given is stored by then."""


class Watcher(Protocol):
    """Is told how a run goes, in the run's own thread."""

    def began(self, target: str) -> None: ...

    def ended(self, report: TargetReport) -> None: ...

    def tick(self) -> None:
        """Called at least four times a second."""


@dataclass(frozen=True, kw_only=True)
class RunReports:
    """What a run of all tests came to: the reports in the order of the targets, less those that were `unfinished`.

    `bugs`: what was raised by mistake; the target's report says that it was a bug.
    """

    reports: list[TargetReport]
    unfinished: list[str]
    bugs: list[Exception]


def plan_all(target: Target, settings: Settings, options: CheckOptions) -> list[Check]:
    """Return the tests of a target's sides: sending as far as the login, receiving as far as the mailbox.

    The logins are those that are stored; for a server of the catalogue, its first grant through its OAuth client.
    """
    login, no_login = None, None
    if not target.stores_login:
        grants = find_server_grants(settings, target.name)
        login = next((GrantSource(username=username, grant=grant) for grant, username in grants), None)
        no_login = None if login else "no login is stored"
    # Both sides may have their secret from the same program: it is run once.
    options = replace(options, read_secret=cache(options.read_secret), login=login)
    sending, receiving = target.sending, target.receiving
    checks = [
        Check(
            target=target,
            endpoint=outgoing_of(sending),
            tls=sending.tls,
            depth=Depth.AUTH,
            options=options,
            no_login=no_login,
        )
    ]
    if receiving is not None:
        if target.stores_login and receiving.username is None:
            no_login = "no login is stored"
        checks.append(
            Check(
                target=target,
                endpoint=receiving.endpoint,
                tls=receiving.tls,
                depth=Depth.MAILBOX,
                options=options,
                no_login=no_login,
            )
        )
    return checks


def run_all(plans: Mapping[str, Sequence[Check]], watcher: Watcher, *, jobs: int = JOBS) -> RunReports:
    """Run the tests of targets, by their names, in parallel; no more than `jobs` at once.

    Ctrl-C ends it soon: what has ended is kept, and what has not is left behind in daemon threads, which do not keep
    the process from ending.
    """
    _allow_open_files(min(jobs, len(plans)) * _FILES_A_JOB)
    run = _Run([_Progress(name, list(checks)) for name, checks in plans.items()], watcher, jobs)
    # In a thread of its own, so that an interruption, which comes to the main one, is never in the midst of it.
    Thread(target=run.work, daemon=True, name="mailctl test all").start()
    try:
        while not run.is_over.wait(_TICK_SECONDS):  # Windows handles a signal only between two waits
            pass
    except KeyboardInterrupt:
        run.start_nothing_more()
        with suppress(KeyboardInterrupt):  # whoever is in a hurry does not wait for the rest
            run.is_over.wait(_GRACE_SECONDS)
    if run.bug is not None:
        raise run.bug
    found = [(target.name, target.report) for target in run.targets]
    return RunReports(
        reports=[report for _, report in found if report],
        unfinished=[name for name, report in found if not report],
        bugs=[bug for target in run.targets for bug in target.bugs],
    )


@dataclass(eq=False)
class _Progress:
    """How far a target has come. `checks`: those that are still to be run."""

    name: str
    checks: list[Check]
    sides: list[TargetReport] = field(default_factory=list)
    bugs: list[Exception] = field(default_factory=list)
    report: TargetReport | None = None

    def next_check(self) -> Check:
        """Return the next check, with the time that those before it have left of the target's."""
        check = spare_refused_login(self.checks[0], self.sides)
        limit = check.options.timeout_seconds
        if limit is None:
            return check
        used = sum(side.duration_ms for side in self.sides) / 1000
        return replace(check, options=replace(check.options, timeout_seconds=max(limit - used, 0.001)))


class _Run:
    """A run under way. Threads of their own only run checks: all else happens in the one that calls `work`."""

    def __init__(self, targets: list[_Progress], watcher: Watcher, jobs: int) -> None:
        self.targets = targets
        self.is_over = Event()
        self.bug: Exception | None = None
        self._watcher = watcher
        self._jobs = jobs
        self._waiting = list(targets)
        self._running = 0
        self._busy_hosts: set[str] = set()
        self._ends: queue.SimpleQueue[tuple[_Progress, TargetReport | Exception]] = queue.SimpleQueue()

    def work(self) -> None:
        """Run all checks."""
        try:
            while self._waiting or self._running:
                self._start_what_can_be()
                self._take_an_end()
                self._watcher.tick()
        except Exception as error:  # noqa: BLE001 - it is raised again in the thread that waits
            self.bug = error
        finally:
            self.is_over.set()

    def start_nothing_more(self) -> None:
        """Let the run be over once what is running has ended."""
        self._jobs = 0

    def _start_what_can_be(self) -> None:
        if not self._jobs:
            self._waiting = []
        started = []
        for target in self._waiting:
            if self._running >= self._jobs:
                break
            hosts = hosts_of(target.checks[0])
            if self._busy_hosts.isdisjoint(hosts):
                started.append(target)
                self._start(target, hosts)
        if started:
            self._waiting = [target for target in self._waiting if target not in started]

    def _start(self, target: _Progress, hosts: frozenset[str]) -> None:
        if not target.sides:
            self._watcher.began(target.name)
        self._busy_hosts |= hosts
        self._running += 1
        check = target.next_check()

        def run() -> None:
            try:
                end: TargetReport | Exception = run_check(check)
            except Exception as error:  # noqa: BLE001 - it is told, and raised again, where the run ends
                end = error
            self._ends.put((target, end))

        Thread(target=run, daemon=True, name=f"mailctl test {target.name}").start()

    def _take_an_end(self) -> None:
        try:
            target, end = self._ends.get(timeout=_TICK_SECONDS)
        except queue.Empty:
            return
        self._running -= 1
        check = target.checks.pop(0)
        self._busy_hosts -= hosts_of(check)
        if isinstance(end, Exception):
            if not isinstance(end, MailctlError):
                target.bugs.append(end)
            end = _untested(check, end)
        target.sides.append(end)
        if target.checks:
            # Ahead of targets that have not begun: what has begun is to end.
            self._waiting.insert(0, target)
            return
        target.report = join_sides(target.sides)
        self._watcher.ended(target.report)


def hosts_of(check: Check) -> frozenset[str]:
    """Return the names of the hosts that a check dials, lower-cased."""
    hosts = {check.endpoint.host.lower()}
    gate = check.target.sending.pop_before_smtp
    if check.opens_gate and gate is not None:
        hosts.add(gate.host.lower())
    return frozenset(hosts)


def _allow_open_files(count: int) -> None:
    """Raise this process' own limit on open files as far as it may (256 on macOS, where nobody changed it)."""
    if sys.platform == "win32":
        return  # sockets are not counted there
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):  # macOS says "unlimited", and takes less
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _untested(check: Check, error: Exception) -> TargetReport:
    """Return the report of a side whose test could not even begin, or broke off by a bug."""
    cause, remedy = f"this is a bug in mailctl: {type(error).__name__}", "`mailctl --debug test all` shows where"
    if isinstance(error, MailctlError):
        cause, remedy = error.message, error.hint or ""
    step = Step(
        name=Stage.SETTINGS,
        protocol=check.protocol,
        status=Status.ERROR,
        duration_ms=0,
        cause=cause,
        remedy=remedy or None,
    )
    return TargetReport(target=check.target.name, ok=False, exit_code=int(exit_for(error)), duration_ms=0, steps=[step])
