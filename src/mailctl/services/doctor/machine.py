"""What `doctor` looks at outside of mailctl's own files: Python, TLS, authorities, clock, environment, terminal."""

from __future__ import annotations

import codecs
import datetime as dt
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import mailctl
from mailctl.model.finding import Finding, note, ok, problem, warning
from mailctl.transport.network.authorities import find_authorities, tls_library

_PYTHON_MIN, _PYTHON_FIXED = (3, 11), {(3, 11): 4, (3, 12): 0}
"""Before 3.11.4, a TLS connection could take what came before the handshake for its own (CVE-2023-40217)."""
_OPENSSL_MIN = (3, 0)
_CLOCK_SLACK_SECONDS = 24 * 3600
_PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


def check_python() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    fixed = _PYTHON_FIXED.get(sys.version_info[:2], 0)
    if sys.version_info[2] < fixed:
        said = f"Python {version} takes data from before a TLS handshake for its own (CVE-2023-40217)"
        yield warning("python", said, f"install Python {sys.version_info[0]}.{sys.version_info[1]}.{fixed} or newer")
    else:
        yield ok("python", f"Python {version}")
    name, numbers, has_tls13 = tls_library()
    if numbers[:2] < _OPENSSL_MIN or not has_tls13:
        lacks = "" if has_tls13 else ", and cannot speak TLS 1.3"
        yield warning("tls", f"{name} gets no more security fixes{lacks}", "use a Python built with OpenSSL 3 or newer")
    else:
        yield ok("tls", f"{name}, TLS 1.2 and 1.3")


def check_authorities() -> Iterator[Finding]:
    found = find_authorities()
    source = ", ".join(place for place in (found.file, found.folder) if place) or "the system's store"
    named = f" (named by {', '.join(found.named_by)})" if found.named_by else ""
    if not found.count and not found.folder:
        yield problem(
            "authorities",
            f"no certificate authority is trusted here: {source}{named} holds none, so that every certificate fails",
            "install the system's package of authorities (ca-certificates), or let SSL_CERT_FILE name a readable file",
        )
        return
    count = f"{found.count} certificate authorities" if found.count else "certificate authorities"
    yield ok("authorities", f"{count} from {source}{named}")


def check_clock() -> Iterator[Finding]:
    """Compare the clock with files that are older than now: a clock that was never set is behind them."""
    written = max(path.stat().st_mtime for path in Path(mailctl.__file__).parent.glob("*.py"))
    now = dt.datetime.fromtimestamp(time.time(), dt.UTC)
    if time.time() < written - _CLOCK_SLACK_SECONDS:
        yield problem(
            "clock",
            f"the clock says {now:%Y-%m-%d %H:%M} UTC, which is before mailctl itself was written; certificates and"
            " tokens will not hold",
            "set the clock, and keep it right by NTP",
            "timedatectl set-ntp true" if sys.platform == "linux" else None,
        )
    else:
        yield ok("clock", f"{now:%Y-%m-%d %H:%M} UTC is plausible (it was compared with no other clock)")


def check_environment() -> Iterator[Finding]:
    for name in _PROXIES:
        if proxy := os.environ.get(name):
            place = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
            shown = f"{place.hostname}:{place.port}" if place.port else str(place.hostname)
            # Credentials may stand in it.
            yield note("proxy", f"{name} leads https (OAuth, Graph, discovery) through {shown}; mail goes past it")
            break
    else:
        yield ok("proxy", "none in the environment")
    encoding = sys.getfilesystemencoding()
    screen = getattr(sys.stdout, "encoding", None) or "ascii"
    if codecs.lookup(screen).name != "utf-8" or codecs.lookup(encoding).name != "utf-8":
        yield warning(
            "locale",
            f"the terminal's encoding is {screen}, not UTF-8: names beyond it are shown escaped",
            "set LANG to a UTF-8 locale, or PYTHONUTF8=1",
        )
    else:
        yield ok("locale", "UTF-8")


def check_programs() -> Iterator[Finding]:
    shim = shutil.which("mailctl-sendmail")
    sendmail = shutil.which("sendmail", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/lib"]))
    if shim is None:
        said = "mailctl-sendmail is not in the PATH: programs that know sendmail cannot send through it"
        yield note("sendmail", said, "link it to where the PATH finds it")
    elif sendmail and Path(sendmail).resolve() == Path(shim).resolve():
        yield ok("sendmail", f"{sendmail} is mailctl-sendmail")
    else:
        other = f"; {sendmail} is another program" if sendmail else ""
        yield ok("sendmail", f"{shim}{other}")
    if _has_completion():
        yield ok("completion", "installed")
    else:
        yield note("completion", "not installed for your shell", next="mailctl --install-completion")


def _has_completion() -> bool:
    """Tell whether one of the files is there into which the shells' completion is installed."""
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - Path's own raises where nobody has a home
    places = (".bash_completions/mailctl.sh", ".zfunc/_mailctl", ".config/fish/completions/mailctl.fish")
    return any((home / place).is_file() for place in places)
