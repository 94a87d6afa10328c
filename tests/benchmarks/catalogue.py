"""A large catalogue, and many tenants: `python -m tests.benchmarks.catalogue` from the repository's root.

Listing is measured against what `tomllib` needs for the same file, start-up aside; changes against their own smaller
selves: twice the servers may cost twice the time. What is compared is the processor's time.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.measure import MAILCTL, Runs, print_ratio, run_once, side_by_side
from tests.benchmarks.startup import settings_text

ADD = ["server", "add", "new", "--name", "New", "--smtp-host", "h", "--incoming-protocol", "imap",
       "--incoming-host", "h"]  # fmt: skip


TENANT = """
[[tenants]]
code = "t{n}"
name = "Tenant {n}"
address = "noreply@tenant-{n}.example"
sender_name = "Tenant {n}"
username = "noreply@tenant-{n}.example"
password = "env:TENANT_{n}"

[tenants.smtp]
host = "smtp.tenant-{n}.example"
port = 587
security = "starttls"
auth = "auto"
timeout = 10
"""
SYSMAIL = """
[sysmail]
address = "noreply@example.org"
server = "s0"
"""
SEND = ["send", "--to", "a@example.org", "--body", "x", "--dry-run"]


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _listing(folder, 10_000, ["server", "list", "-o", "json"])
        _listing(folder, 1_000, ["server", "list"])
        _tenants(folder)
        _growth(folder)
        _import(folder)
        _memory(folder)


def _settings(folder: Path, count: int) -> Path:
    path = folder / f"settings-{count}.toml"
    path.write_text(settings_text(count))
    path.chmod(0o600)
    return path


def _listing(folder: Path, count: int, command: list[str]) -> None:
    what = f"{' '.join(command)}, {count} servers"
    _compare(what, _settings(folder, count), command, _settings(folder, 0))


def _tenants(folder: Path, count: int = 5_000) -> None:
    """Tenants with servers of their own: all of them listed, and a message of the last one's rehearsed."""
    few, many = (folder / f"tenants-{number}.toml" for number in (1, count))
    for path, number in ((few, 1), (many, count)):
        tenants = "".join(TENANT.format(n=n) for n in range(number))
        path.write_text(settings_text(1) + SYSMAIL + tenants)
        path.chmod(0o600)
    last = f"t{count - 1}"
    _compare(f"tenant list -o json, {count} tenants", many, ["tenant", "list", "-o", "json"], few)
    _compare(f"tenant list, {count} tenants", many, ["tenant", "list"], few)
    _compare(
        f"send --tenant {last} --dry-run, {count} tenants",
        many,
        [*SEND, "--tenant", last],
        few,
        [*SEND, "--tenant", "t0"],
    )


def _compare(what: str, settings: Path, command: list[str], small: Path, started: list[str] | None = None) -> None:
    """Compare a command's time on large settings, less that of `started` on small ones, with tomllib's."""
    parse = f"import tomllib; tomllib.load(open({str(settings)!r}, 'rb'))"
    results = side_by_side(
        {
            "tomllib": [sys.executable, "-c", parse],
            "python": [sys.executable, "-c", "import tomllib"],
            "list": [*MAILCTL, "--config", str(settings), *command],
            "start-up": [*MAILCTL, "--config", str(small), *(started or command)],
        },
        rounds=5,
    )
    yardstick = results["tomllib"].best_cpu - results["python"].best_cpu
    measured = results["list"].best_cpu - results["start-up"].best_cpu
    print_ratio(f"{what} (less start-up), tomllib", measured, yardstick, 2.0)


def _growth(folder: Path) -> None:
    for act in ("add", "edit"):
        least = {}
        for count in (2_000, 4_000, 8_000):
            source, settings = _settings(folder, count), folder / "work.toml"
            command = ADD if act == "add" else ["server", "edit", f"s{count // 2}", "--smtp-timeout", "30"]
            runs = Runs()
            for _ in range(3):
                shutil.copy(source, settings)
                runs.add(run_once([*MAILCTL, "--config", str(settings), *command]))
            least[count] = runs.best_cpu
        print_ratio(f"server {act}: 8,000 servers, 4,000", least[8_000], least[4_000], 2.1)
        print_ratio(f"server {act}: 4,000 servers, 2,000", least[4_000], least[2_000], 2.1)


def _import(folder: Path) -> None:
    rows, settings = folder / "rows.csv", folder / "imported.toml"
    header = "code,name,smtp.host,incoming.protocol,incoming.host\n"
    least = {}
    for count in (5_000, 10_000):
        rows.write_text(header + "".join(f"n{n},Name,h{n}.org,imap,i{n}.org\n" for n in range(count)))
        runs = Runs()
        for _ in range(3):
            settings.unlink(missing_ok=True)
            runs.add(run_once([*MAILCTL, "--config", str(settings), "server", "import", str(rows)]))
        least[count] = runs.best_cpu
    print_ratio("server import in one transaction: 10,000 rows, 5,000", least[10_000], least[5_000], 2.1)


def _memory(folder: Path) -> None:
    settings = _settings(folder, 1_000)
    exported = folder / "export.csv"
    shutil.copy(settings, folder / "m.toml")
    base = [*MAILCTL, "--config", str(folder / "m.toml")]
    with exported.open("wb") as out:
        subprocess.run([*base, "server", "export", "--format", "csv"], stdout=out, check=True)
    commands = {
        "list": ["server", "list"], "list -o json": ["server", "list", "-o", "json"], "show": ["server", "show", "s1"],
        "export csv": ["server", "export", "--format", "csv"], "export toml": ["server", "export", "--format", "toml"],
        "secret status": ["secret", "status"], "import": ["server", "import", str(exported)],
        "add": ADD, "edit": ["server", "edit", "s1", "--name", "N"], "reorder": ["server", "reorder", "s1", "--last"],
        "config validate": ["config", "validate"], "delete": ["server", "delete", "s1", "--yes"],
        "config undo": ["config", "undo"], "delete-all": ["server", "delete-all", "--yes"],
    }  # fmt: skip
    for name, command in commands.items():
        print_ratio(f"peak memory of {name}, 1,000 servers", run_once([*base, *command]).peak_mib, 100, 1.0, "MiB")


if __name__ == "__main__":
    main()
