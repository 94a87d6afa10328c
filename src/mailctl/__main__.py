"""The entry point of the `mailctl` command, and of `python -m mailctl`."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line of this process and return its exit code."""
    try:
        from mailctl.cli.boundary import run
    except KeyboardInterrupt:  # impatience while the modules load
        sys.stderr.write("interrupted\n")
        return 130
    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
