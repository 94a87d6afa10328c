#!/bin/sh
# See mailctl do its main job on this machine, against a throw-away mail server of its own: register a mail server,
# prove that it sends and receives, see the message. Needs Python 3.11 or newer and the packages that mailctl uses.
# It writes nothing but the folder .venv beside the checkout's pyproject.toml; a second run takes what is there.
#
#     examples/quickstart.sh              PYTHON=/path/to/python3.13 examples/quickstart.sh
set -eu

fail() {
    printf 'quickstart: %s\n' "$1" >&2
    exit 1
}

is_recent() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11 python; do
        if command -v "$candidate" >/dev/null && is_recent "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    fail "mailctl needs Python 3.11 or newer, and none was found; name one: PYTHON=/path/to/python3 $0"
}

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
venv=$root/.venv
bin=$venv/bin
[ -d "$venv/Scripts" ] && bin=$venv/Scripts # Windows, under Git's shell

if [ ! -x "$bin/python" ] && [ ! -x "$bin/python.exe" ]; then
    python=$(find_python)
    "$python" -c 'import venv, ensurepip' 2>/dev/null ||
        fail "$python cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv"
    printf 'Making a virtual environment in %s\n' "$venv" >&2
    "$python" -m venv "$venv"
    [ -d "$venv/Scripts" ] && bin=$venv/Scripts
fi
is_recent "$bin/python" || fail "the Python in $venv is older than 3.11; remove that folder and start again"

# Installed, with the sandbox's servers, and by the pyproject.toml that is there now?
stamp=$venv/quickstart.stamp
if [ ! -f "$stamp" ] || [ "$root/pyproject.toml" -nt "$stamp" ] ||
    ! "$bin/python" -c 'import mailctl, aiosmtpd, twisted' 2>/dev/null; then
    printf 'Installing mailctl and the packages that it uses (about a minute)\n' >&2
    "$bin/python" -m pip install --quiet --disable-pip-version-check --editable "$root[sandbox]" ||
        fail "the packages could not be installed; what pip says stands above"
    : >"$stamp"
fi

"$bin/python" -m mailctl demo
printf '(mailctl is %s)\n' "$bin/mailctl" >&2
