"""A test's report for people: one line a step as it happens, and the first failure opened."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mailctl.exits import Exit
from mailctl.model.report import Stage, Status, Step, TargetReport
from mailctl.render.style import Style
from mailctl.render.wrap import hang

_WORDS = {
    Status.PASS: "pass",
    Status.WARN: "warn",
    Status.FAIL: "FAIL",
    Status.ERROR: "ERROR",
    Status.SKIPPED: "skip",
    Status.NOT_APPLICABLE: "n/a",
}
_NAME_WIDTH = max(len(stage) for stage in Stage) - 7  # all but `authentication-results`, which stands last
_INDENT = "  "
_SLOW_HOP_SECONDS = 2
"""From here on a hop's delay is worth a word: clocks that are set to the second differ by one."""
_FOUND_COLUMN = len(_INDENT) + 5 + 1 + _NAME_WIDTH + 1 + 9 + 2
_FACT_COLUMN = 15
_MOST_LINES = 20
"""More of a server's words would push away what is said of them; no server that means well says more."""
_NOT_RUN = (Status.SKIPPED, Status.NOT_APPLICABLE)
_WORKFLOW_COMMAND = re.compile(r"^(\s*):(?=:.*::)|#(?=#\[)")
"""What GitHub's runner takes for a command in whatever a step writes, blanks before it or not (`ActionCommand.cs`)."""


class StepLines:
    """The lines of steps as they end: one a step; those in a row that were not run for one reason share theirs.

    A protocol is named where another one begins; `names_first`: the first one, too. `width`: in columns, None where
    nothing is to be wrapped.
    """

    def __init__(self, style: Style, width: int | None, *, names_first: bool = False) -> None:
        self._style = style
        self._width = width
        self._protocol: str | None = "" if names_first else None
        self._not_run: list[Step] = []

    def add(self, step: Step) -> Iterator[str]:
        """Yield the lines that a step completes."""
        if self._not_run and not _belong_together(self._not_run[-1], step):
            yield from self.rest()
        if step.protocol and self._protocol not in (None, step.protocol):
            yield f"{_INDENT}{self._style.dim(step.protocol.upper())}"
        self._protocol = step.protocol or self._protocol
        if step.status in _NOT_RUN:
            self._not_run.append(step)
        else:
            yield render_step(step, self._style, self._width)

    def rest(self) -> Iterator[str]:
        """Yield the line that waits for more of its kind."""
        steps, self._not_run = self._not_run, []
        if len(steps) == 1:
            yield render_step(steps[0], self._style, self._width)
        elif steps:
            word = self._style.dim(_WORDS[steps[0].status].ljust(5))
            names = ", ".join(step.name for step in steps)
            yield hang(f"{_INDENT}{word} ", f"{names}: {steps[0].cause}", len(_INDENT) + 6, self._width)


def _belong_together(step: Step, other: Step) -> bool:
    return (step.status, step.cause, step.protocol) == (other.status, other.cause, other.protocol)


def render_step(step: Step, style: Style, width: int | None = None) -> str:
    """Return one line for a step: verdict, name, duration, and what was found or why not."""
    paint = {
        Status.PASS: style.green,
        Status.WARN: style.yellow,
        Status.FAIL: style.red,
        Status.ERROR: style.red,
    }.get(step.status, style.dim)
    word = paint(_WORDS[step.status].ljust(5))
    duration = " " * 9 if step.status in _NOT_RUN else f"{step.duration_ms:>6} ms"
    start = f"{_INDENT}{word} {step.name.ljust(_NAME_WIDTH)} {style.dim(duration)}  "
    found = _no_command(step.evidence.get("problem") or step.cause or summary(step))
    return hang(start, found, _FOUND_COLUMN, width)


def render_failures(report: TargetReport, style: Style, width: int | None) -> Iterator[str]:
    """Yield each side's failure and each warning, opened: why, the server's words, what to do, the next command.

    What failed stands in the step's own line; what both sides would say alike is said once. With a `width` in columns,
    prose is wrapped to it; what is to be copied or quoted never is.
    """
    opened = list(
        {(step.cause, step.reply, step.remedy, step.next): step for step in reversed(report.failures)}.values()
    )
    opened.reverse()
    opened += [step for step in report.warned if step.remedy]
    for step in opened:
        paint = style.yellow if step.status is Status.WARN else style.red
        protocol = f" ({step.protocol.upper()})" if step.protocol else ""
        yield ""
        yield f"{paint(step.name)}{protocol}"
        for name, fact, is_prose in (
            ("why", _why(step), True),
            ("server said", step.reply, False),
            ("what to do", step.remedy, True),
            ("next", step.next, False),
        ):
            for index, line in enumerate(_lines_worth_showing(fact or "")):
                start = f"{_INDENT}{style.dim((name if not index else '').ljust(11))}  "
                yield hang(start, _no_command(line), _FACT_COLUMN, width if is_prose else None)


def _no_command(line: str) -> str:
    """Return a line, which may be a server's, so that no runner that reads it does what it says."""
    return _WORKFLOW_COMMAND.sub(lambda found: (found[1] or "") + f"\\x{ord(found[0][-1]):02x}", line)


def _lines_worth_showing(fact: str) -> list[str]:
    lines = fact.splitlines()
    if len(lines) <= _MOST_LINES:
        return lines
    return [*lines[:_MOST_LINES], f"… and {len(lines) - _MOST_LINES} lines more, which `-o json` has"]


def _why(step: Step) -> str:
    """Return what the cause says beyond what the step's line has said."""
    said = str(step.evidence.get("problem") or step.cause or "")
    return (step.cause or "").removeprefix(said).removeprefix(": ")


def render_verdict(report: TargetReport, what: str, style: Style, *, fail_on_warnings: bool = False) -> str:
    """Return the last line: what was tested, and how it ended. `fail_on_warnings`: as --fail-on has it."""
    seconds = report.duration_ms / 1000
    if not report.ok:
        failed = next(step for step in report.steps if step.status in (Status.FAIL, Status.ERROR))
        return f"{style.red('failed')}: {what} {report.target} at {failed.name} (exit code {report.exit_code})"
    warnings = sum(step.status is Status.WARN for step in report.steps)
    suffix = f", {warnings} warning{'s' * (warnings > 1)}" if warnings else ""
    if warnings and fail_on_warnings:
        suffix += f", which --fail-on warn turns into exit code {int(Exit.WARNINGS)}"
    return f"{style.green('passed')}: {what} {report.target} in {seconds:.1f} s{suffix}"


def summary(step: Step) -> str:
    """Return a step's evidence as one short line; its reply where there is no evidence worth a line."""
    summarise = _SUMMARIES.get(step.name)
    text = summarise(step.evidence) if summarise and step.evidence else ""
    # IMAP greets with all that it can do, which is a step of its own.
    return text or re.sub(r"\[CAPABILITY [^\]]*\] ?", "", (step.reply or "").partition("\n")[0])


def _joined(evidence: Mapping[str, Any], name: str, most: int = 6) -> str:
    values = [str(value) for value in evidence.get(name) or []]
    return ", ".join(values[:most]) + (f" and {len(values) - most} more" if len(values) > most else "")


def _dns(evidence: Mapping[str, Any]) -> str:
    aliases = evidence.get("aliases")
    suffix = f" (by way of {', '.join(aliases)})" if aliases else ""
    return _joined(evidence, "addresses") + suffix


def _tcp(evidence: Mapping[str, Any]) -> str:
    return f"{evidence.get('address', '')} ({evidence.get('family', '')})"


def _tls(evidence: Mapping[str, Any]) -> str:
    session = [str(evidence[name]) for name in ("version", "cipher") if evidence.get(name)]
    return " ".join([*session, f"({evidence.get('mode', '')})"])


def _certificate(evidence: Mapping[str, Any]) -> str:
    said = f"{evidence.get('matched_name') or evidence.get('subject', '')}"
    if evidence.get("days_left") is not None:
        said += f", {evidence['days_left']} days left"
    if evidence.get("issuer"):
        said += f", by {evidence['issuer']}"
    if evidence.get("pinned"):
        said += ", pinned"
    return said if evidence.get("verified", True) else f"NOT VERIFIED: {said}"


_WORTH_A_WORD = (
    *("8BITMIME", "SMTPUTF8", "PIPELINING", "CHUNKING", "DSN"),
    *("IDLE", "MOVE", "UIDPLUS", "SPECIAL-USE", "QUOTA"),
    *("UIDL", "TOP"),
)
"""What of SMTP, IMAP and POP3 servers' capabilities makes a difference to who uses them."""


def _worth_a_word(evidence: Mapping[str, Any]) -> list[str]:
    return [name for name in _WORTH_A_WORD if name in (evidence.get("capabilities") or ())]


def _capabilities(evidence: Mapping[str, Any]) -> str:
    mechanisms = _joined(evidence, "mechanisms", most=8)
    if "USER" in (evidence.get("capabilities") or ()):  # POP3's own login is none of SASL's mechanisms
        mechanisms = ", ".join(filter(None, (mechanisms, "USER")))
    offered = _worth_a_word(evidence)
    if size := evidence.get("size"):
        shown = f"{size / 1_000_000:.1f} MB" if size >= 100_000 else f"{size} bytes"
        offered.append(f"messages up to {shown}")
    return "; ".join(filter(None, (f"logins: {mechanisms}" if mechanisms else "no logins", ", ".join(offered))))


def _auth(evidence: Mapping[str, Any]) -> str:
    # IMAP servers tell most of what they can do only to who has logged in.
    return "; ".join(filter(None, (str(evidence.get("mechanism", "")), ", ".join(_worth_a_word(evidence)))))


def _mailbox(evidence: Mapping[str, Any]) -> str:
    messages, folders = evidence.get("messages"), evidence.get("folders") or ()
    unseen = f" ({evidence['unseen']} unseen)" if evidence.get("unseen") else ""
    said = [f"{messages} message{'' if messages == 1 else 's'}{unseen} in {evidence.get('folder', 'INBOX')}"]
    if folders:
        roles = [folder.get("used_as") or folder["role"] for folder in folders if folder["role"] not in (None, "inbox")]
        said.append(f"{len(folders)} folders" + (f" ({', '.join(roles)})" if roles else ""))
    said += [
        f"{quota['used'] / quota['limit']:.0%} of the quota ({quota['resource'].lower()})"
        for quota in evidence.get("quota") or ()
        if quota["limit"]
    ]
    return ", ".join(said)


def _envelope(evidence: Mapping[str, Any]) -> str:
    return f"{evidence.get('sender', '')} → {_joined(evidence, 'accepted')}; some servers decide only at the message"


def _message(evidence: Mapping[str, Any]) -> str:
    queue = evidence.get("queue_id")
    doubt = f", delivered: {evidence['delivered']}" if "delivered" in evidence else ""
    return f"accepted{f' as {queue}' if queue else ''}, Message-ID {evidence.get('message_id', '')}{doubt}"


def _roundtrip(evidence: Mapping[str, Any]) -> str:
    if "folder" not in evidence:
        return ""
    hops: list[dict[str, Any]] = evidence.get("hops") or []
    said = f"in {evidence['folder']} {evidence['latency_seconds']:.1f} s after it was accepted"
    said += f", {len(hops)} hop{'' if len(hops) == 1 else 's'}"
    slowest = max(hops, key=lambda hop: hop["delay_seconds"] or 0, default=None)
    if slowest and (slowest["delay_seconds"] or 0) >= _SLOW_HOP_SECONDS:
        said += f", the slowest {slowest['delay_seconds']} s to {slowest['by'] or 'a server without a name'}"
    skew = evidence.get("clock_skew_seconds")
    return said + (f"; clocks on the way differ by {skew} s at least" if skew else "")


def _authentication_results(evidence: Mapping[str, Any]) -> str:
    found = [f"{method} {evidence[method]['result']}" for method in ("spf", "dkim", "dmarc") if evidence.get(method)]
    by = f", as found by {evidence['authserv_id']}" if evidence.get("authserv_id") else ""
    return ", ".join(found) + by


def _secret(evidence: Mapping[str, Any]) -> str:
    said = f"from {evidence.get('source', '')}"
    if evidence.get("token_expires_at"):
        said += f", {'new ' * bool(evidence.get('token_renewed'))}token until {evidence['token_expires_at']}"
    return said


def _pop_before_smtp(evidence: Mapping[str, Any]) -> str:
    wait = f", then {evidence['wait']} s" if evidence.get("wait") else ""
    return f"logged in to {evidence.get('host')}:{evidence.get('port')} by {evidence.get('mechanism')}{wait}"


def _settings(evidence: Mapping[str, Any]) -> str:
    said = " ".join(str(evidence.get(name, "")) for name in ("protocol", "host", "port", "security"))
    host, written = evidence.get("host"), evidence.get("host_ascii")
    return f"{said} ({written})" if written and str(host).isascii() is False else said


_SUMMARIES = {
    Stage.SETTINGS: _settings,
    Stage.SECRET: _secret,
    Stage.POP_BEFORE_SMTP: _pop_before_smtp,
    Stage.DNS: _dns,
    Stage.TCP: _tcp,
    Stage.TLS: _tls,
    Stage.CERTIFICATE: _certificate,
    Stage.CAPABILITIES: _capabilities,
    Stage.AUTH: _auth,
    Stage.MAILBOX: _mailbox,
    Stage.ENVELOPE: _envelope,
    Stage.MESSAGE: _message,
    Stage.ROUNDTRIP: _roundtrip,
    Stage.AUTHENTICATION_RESULTS: _authentication_results,
}
