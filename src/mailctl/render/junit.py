"""A test's report as JUnit XML: a suite is a target, a case a step.

JUnit XML has no standard. This is what Jenkins, GitLab and GitHub's actions agree on: the elements and attributes of
the schema of Jenkins' xUnit plugin (junit-10.xsd), less those that only Maven writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from mailctl.model.report import Report, Status, Step, TargetReport
from mailctl.render.report_text import facts

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 (2.2, Char) cannot hold, not even as a reference."""

_ELEMENTS = {
    Status.FAIL: "failure",
    Status.ERROR: "error",
    Status.SKIPPED: "skipped",
    Status.NOT_APPLICABLE: "skipped",
}


def render_report(report: Report, *, fail_on_warnings: bool) -> str:
    """Return the report as an XML document; a warning passes, its text beside it, unless warnings fail the test."""
    suites = Element("testsuites")
    for target in report.targets:
        suite = SubElement(suites, "testsuite", name=_text(target.target), timestamp=report.started_at[:19])
        for step in target.steps:
            _add_case(suite, target, step, fail_on_warnings=fail_on_warnings)
        suite.set("time", _seconds(target.duration_ms))
    if report.interrupted:
        suite = SubElement(suites, "testsuite", name="mailctl", timestamp=report.started_at[:19])
        case = SubElement(suite, "testcase", name="run", classname="mailctl")
        SubElement(
            case, "error", type="interrupted", message="the run was interrupted; what it had not reached is missing"
        )
    for suite in suites:
        _count(suite, suite, ("tests", "failures", "errors", "skipped"))
    suites.set("name", f"mailctl test {report.test}")
    suites.set("time", _seconds(report.duration_ms))
    # No `skipped` here: the schema has none at the top, and Jenkins' plugin refuses a file that it does not allow.
    _count(suites, suites, ("tests", "failures", "errors"))
    indent(suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(suites, encoding="unicode")}\n'


def _add_case(suite: Element, target: TargetReport, step: Step, *, fail_on_warnings: bool) -> None:
    name = f"{step.name} ({step.protocol})" if step.protocol else str(step.name)
    case = SubElement(
        suite, "testcase", name=_text(name), classname=_text(target.target), time=_seconds(step.duration_ms)
    )
    element = _ELEMENTS.get(step.status)
    if step.status is Status.WARN:
        element = "failure" if fail_on_warnings else "system-out"
    if element is None:
        return
    told = SubElement(case, element)
    if element == "system-out":
        told.text = _text("warning: " + "\n".join(facts(step)))
        return
    told.set("type", str(step.evidence.get("reason") or step.status))
    told.set("message", _text(step.cause or str(step.status)))
    if element != "skipped":
        told.text = _text("\n".join(facts(step)))


def _count(element: Element, below: Element, names: Iterable[str]) -> None:
    elements = {"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"}
    for name in names:
        element.set(name, str(sum(1 for _ in below.iter(elements[name]))))


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.3f}"


def _text(text: str) -> str:
    r"""Return text that XML can hold: what it cannot is escaped as on terminals, `\x1b`."""
    return _FORBIDDEN.sub(lambda found: _escaped(ord(found[0])), text)


def _escaped(number: int) -> str:
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{{{number:x}}}"
