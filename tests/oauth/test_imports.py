"""The modules that others import at their top load none of the libraries, which take long."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
import mailctl.oauth.app_only, mailctl.oauth.authorisation, mailctl.oauth.browser, mailctl.oauth.device
import mailctl.oauth.refresh, mailctl.oauth.revoke
heavy = {"requests", "urllib3", "oauthlib", "requests_oauthlib", "cryptography", "webbrowser"}
print(sorted(heavy & sys.modules.keys()))
"""


def test_flows_load_no_library_until_they_run():
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
