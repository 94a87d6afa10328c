"""The formats of a test's report, for people, scripts, CI and monitors, by name."""

from __future__ import annotations

from enum import StrEnum
from importlib import import_module

from mailctl.model.report import Report


class ReportFormat(StrEnum):
    TABLE = "table"
    JSON = "json"
    JUNIT = "junit"
    GITHUB = "github"
    NAGIOS = "nagios"
    PROMETHEUS = "prometheus"


def render_report(report: Report, form: ReportFormat, *, fail_on_warnings: bool = False) -> str:
    """Return a report as the text of a file or of standard output; it ends with a newline.

    `fail_on_warnings`: whether the formats that know failures and no warnings show a warning as a failure.
    """
    # Each format has its module, loaded when it is asked for.
    render = import_module(f"mailctl.render.{_MODULES[form]}").render_report
    return str(render(report, fail_on_warnings=fail_on_warnings))


_MODULES = {
    ReportFormat.TABLE: "report_text",
    ReportFormat.JSON: "report_json",
    ReportFormat.JUNIT: "junit",
    ReportFormat.GITHUB: "github",
    ReportFormat.NAGIOS: "nagios",
    ReportFormat.PROMETHEUS: "prometheus",
}
