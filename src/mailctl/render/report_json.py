"""A test's report as JSON, and the schema of that."""

from __future__ import annotations

from inspect import cleandoc
from typing import Any

import msgspec

from mailctl.model.report import Report


def render_report(report: Report, *, fail_on_warnings: bool) -> str:
    """Return the report as one indented JSON object; warnings are warnings in it in any case."""
    del fail_on_warnings
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n"


def report_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a report, as JSON values. Fields may be added to reports."""
    schema = _cleaned(msgspec.json.schema(Report))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Report of mailctl test",
        "description": "What a run of mailctl test found (-o json, --report json=PATH).",
        **schema,
    }


def _cleaned(node: Any) -> Any:
    """Return the schema with its descriptions free of the source's indentation."""
    if isinstance(node, list | tuple):
        return [_cleaned(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: cleandoc(value) if key == "description" and isinstance(value, str) else _cleaned(value)
        for key, value in node.items()
    }
