"""What keeps secrets in memory from reaching a disk."""

from __future__ import annotations


def forbid_core_dumps() -> None:
    """Forbid core dumps of this process from now on; to be called before the first secret is held.

    The limit is inherited by programs that are started from here. systemd-coredump honours it as well. Windows has
    no such limit: there it depends on the machine's error reporting.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
