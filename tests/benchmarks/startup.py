"""Start-up: `python -m tests.benchmarks.startup` from the repository's root.

The yardstick is the smallest program of its kind: two commands on Typer, one of which is called. What is compared is
the processor's time: none of the programs waits for anything, and other programs' share of the clock falls out.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.benchmarks.measure import MAILCTL, print_ratio, side_by_side

YARDSTICK = """
import typer

app = typer.Typer()


@app.command()
def one(times: int = 1) -> None:
    print(times)


@app.command()
def two() -> None:
    print(2)


app()
"""

ENTRY = """
[[servers]]
code = "s{0}"
name = "Server {0}"

[servers.smtp]
host = "smtp{0}.example.org"
port = 587
security = "starttls"
auth = "auto"
credentials = "incoming"
timeout = 10

[servers.incoming]
protocol = "imap"
host = "imap{0}.example.org"
port = 993
security = "tls"
auth = "auto"
timeout = 10
"""


def settings_text(count: int) -> str:
    """Return a settings file with so many servers."""
    return "schema_version = 1\n" + "".join(ENTRY.format(number) for number in range(count))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        yardstick = Path(folder, "two_commands.py")
        yardstick.write_text(YARDSTICK)
        settings = Path(folder, "mailctl.toml")
        settings.write_text(settings_text(10))
        settings.chmod(0o600)
        results = side_by_side(
            {
                "two commands on Typer": [sys.executable, str(yardstick), "one"],
                "--version": [*MAILCTL, "--version"],
                "server list": [*MAILCTL, "server", "list"],
                "server list -o json": [*MAILCTL, "server", "list", "-o", "json"],
                "--help": [*MAILCTL, "--help"],
                "two commands on Typer, --help": [sys.executable, str(yardstick), "--help"],
            },
            rounds=15,
            environment={"MAILCTL_CONFIG": str(settings)},
        )
    base = results["two commands on Typer"].best_cpu
    print_ratio("mailctl --version", results["--version"].best_cpu, base, 1.1)
    print_ratio("mailctl server list, ten servers", results["server list"].best_cpu, base, 1.5)
    print_ratio("mailctl server list -o json, ten servers", results["server list -o json"].best_cpu, base, 1.5)
    print_ratio(
        "mailctl --help, against the other's --help",
        results["--help"].best_cpu,
        results["two commands on Typer, --help"].best_cpu,
        1.1,
    )


if __name__ == "__main__":
    main()
