"""The files that a test leaves: reports, the transcript, a page of a CI job's summary.

Each function returns why a file is not written, which must cost neither the other files nor the result.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from mailctl.errors import MailctlError

if TYPE_CHECKING:
    from mailctl.model.report import Report


def replace_shared(path: Path, text: str, what: str) -> list[str]:
    """Replace a file that others may read, as far as the umask lets them: CI and monitors collect it as other users."""
    umask = os.umask(0o077)
    os.umask(umask)
    return _replace(path, text, what, 0o666 & ~umask)


def replace_private(path: Path, text: str, what: str) -> list[str]:
    """Replace a file that is its owner's alone."""
    return _replace(path, text, what, 0o600)


def append_job_summary(report: Report) -> list[str]:
    """Append a report to the summary of GitHub's job, where this is one."""
    from mailctl.durable import cause_of
    from mailctl.render.github import SUMMARY_VARIABLE, render_summary

    path = os.environ.get(SUMMARY_VARIABLE)
    if not path:
        return []
    try:
        with Path(path).open("a", encoding="utf-8", errors="backslashreplace") as summary:
            summary.write(render_summary(report))
    except OSError as error:
        return [f"the job summary: cannot write {path}: {cause_of(error)}"]
    return []


def _replace(path: Path, text: str, what: str, mode: int) -> list[str]:
    from mailctl.durable import replace_file

    try:
        replace_file(path, text.encode("utf-8", "backslashreplace"), mode=mode)
    except MailctlError as error:
        return [f"{what}: {error.message}"]
    return []
