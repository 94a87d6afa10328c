"""A test's report for people: one line a step as it happens, and the first failure opened."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from mailctl.model.report import Stage, Status, Step, TargetReport
from mailctl.render.style import Style

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


def render_step(step: Step, style: Style) -> str:
    """Return one line for a step: verdict, name, duration, and what was found or why not."""
    paint = {
        Status.PASS: style.green,
        Status.WARN: style.yellow,
        Status.FAIL: style.red,
        Status.ERROR: style.red,
    }.get(step.status, style.dim)
    word = paint(_WORDS[step.status].ljust(5))
    run = step.status not in (Status.SKIPPED, Status.NOT_APPLICABLE)
    duration = f"{step.duration_ms:>6} ms" if run else " " * 9
    found = step.evidence.get("problem") or step.cause or summary(step)
    return f"{_INDENT}{word} {step.name.ljust(_NAME_WIDTH)} {style.dim(duration)}  {found}".rstrip()


def render_failures(report: TargetReport, style: Style, width: int | None) -> Iterator[str]:
    """Yield the first failure and each warning, opened: the server's words, cause, remedy, next command.

    With a `width` in columns, causes and remedies are wrapped to it; what is to be copied or quoted never is.
    """
    opened = [step for step in report.steps if step.status in (Status.FAIL, Status.ERROR)][:1]
    opened += [step for step in report.steps if step.status is Status.WARN and step.remedy]
    for step in opened:
        paint = style.yellow if step.status is Status.WARN else style.red
        protocol = f" ({step.protocol.upper()})" if step.protocol else ""
        yield ""
        yield f"{paint(step.name)}{protocol}"
        facts = (
            ("what", step.cause, True),
            ("server said", step.reply, False),
            ("what to do", step.remedy, True),
            ("next", step.next, False),
        )
        for name, fact, is_prose in facts:
            for index, line in enumerate(_lines(fact or "", width if is_prose else None)):
                yield f"{_INDENT}{style.dim((name if not index else '').ljust(11))}  {line}"


def _lines(fact: str, width: int | None) -> Iterator[str]:
    for line in fact.splitlines():
        yield from textwrap.wrap(line, max(width - 15, 20), break_long_words=False) if width else [line]


def render_verdict(report: TargetReport, what: str, style: Style) -> str:
    """Return the last line: what was tested, and how it ended."""
    seconds = report.duration_ms / 1000
    if report.ok:
        warnings = sum(step.status is Status.WARN for step in report.steps)
        suffix = f", {warnings} warning{'s' * (warnings > 1)}" if warnings else ""
        return f"{style.green('passed')}: {what} {report.target} in {seconds:.1f} s{suffix}"
    failed = next(step for step in report.steps if step.status in (Status.FAIL, Status.ERROR))
    return f"{style.red('failed')}: {what} {report.target} at {failed.name} (exit code {report.exit_code})"


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
    return _joined(evidence, "addresses")


def _tcp(evidence: Mapping[str, Any]) -> str:
    return f"{evidence.get('address', '')} ({evidence.get('family', '')})"


def _tls(evidence: Mapping[str, Any]) -> str:
    return f"{evidence.get('version', '')} {evidence.get('cipher', '')} ({evidence.get('mode', '')})"


def _certificate(evidence: Mapping[str, Any]) -> str:
    said = f"{evidence.get('matched_name') or evidence.get('subject', '')}"
    if evidence.get("days_left") is not None:
        said += f", {evidence['days_left']} days left"
    if evidence.get("issuer"):
        said += f", by {evidence['issuer']}"
    return said if evidence.get("verified", True) else f"NOT VERIFIED: {said}"


def _capabilities(evidence: Mapping[str, Any]) -> str:
    mechanisms = _joined(evidence, "mechanisms", most=8)
    return f"logins: {mechanisms}" if mechanisms else _joined(evidence, "capabilities", most=8)


def _auth(evidence: Mapping[str, Any]) -> str:
    return str(evidence.get("mechanism", ""))


def _mailbox(evidence: Mapping[str, Any]) -> str:
    messages = evidence.get("messages")
    folders = evidence.get("folders")
    said = f"{messages} message{'' if messages == 1 else 's'}"
    return f"{said} in {evidence.get('folder', 'INBOX')}" + (f", {len(folders)} folders" if folders else "")


def _envelope(evidence: Mapping[str, Any]) -> str:
    return f"{evidence.get('sender', '')} → {_joined(evidence, 'accepted')}"


def _message(evidence: Mapping[str, Any]) -> str:
    queue = evidence.get("queue_id")
    doubt = f", delivered: {evidence['delivered']}" if "delivered" in evidence else ""
    return f"accepted{f' as {queue}' if queue else ''}, Message-ID {evidence.get('message_id', '')}{doubt}"


def _roundtrip(evidence: Mapping[str, Any]) -> str:
    if "folder" not in evidence:
        return ""
    hops = len(evidence.get("hops") or [])
    skew = evidence.get("clock_skew_seconds")
    said = f"in {evidence['folder']} {evidence['latency_seconds']:.1f} s after it was accepted"
    said += f", {hops} hop{'' if hops == 1 else 's'}"
    return said + (f"; clocks on the way differ by {skew} s" if skew else "")


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
    return " ".join(str(evidence.get(name, "")) for name in ("protocol", "host", "port", "security"))


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
