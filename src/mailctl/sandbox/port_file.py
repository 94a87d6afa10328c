"""The port file, by which other programs find a running sandbox. That it is there says that everything listens."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mailctl.durable import replace_file
from mailctl.errors import ConflictError

FIELDS = {"schema_version", "host", "ports", "ca_file", "logins"}


def remove_stale(path: Path) -> None:
    """Remove the port file of a sandbox that was killed; raises ConflictError if the file is something else."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError):
        text = ""
    if not _is_port_file(text):
        raise ConflictError(
            f"{path} exists and is not the port file of a sandbox", hint="name another file, or move this one away"
        )
    path.unlink()


@contextmanager
def announced(path: Path, sandbox: Mapping[str, object]) -> Iterator[None]:
    """Write a port file, atomically and for its owner alone (0600); remove it at the end."""
    text = json.dumps(sandbox, indent=2, ensure_ascii=False) + "\n"
    replace_file(path, text.encode())
    try:
        yield
    finally:
        # Another sandbox may have taken the path meanwhile: its announcement stays.
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            path.unlink()


def _is_port_file(text: str) -> bool:
    try:
        content = json.loads(text)
    except ValueError:
        return False
    return isinstance(content, dict) and content.keys() >= FIELDS
