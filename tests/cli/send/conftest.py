"""A system mail account on the real Postfix, or on a scripted server."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from tests.servers.people import ALICE
from tests.servers.postfix import Postfix

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl

SetSysmail = Callable[..., None]

SETTINGS = """\
schema_version = 1

[sysmail]
active = {active}
address = "{address}"
smtputf8 = {smtputf8}
{fields}

[sysmail.smtp]
host = "{host}"
port = {port}
security = "{security}"
auth = "{auth}"
{tls}
"""


@pytest.fixture
def set_sysmail(mailctl: Mailctl, monkeypatch: pytest.MonkeyPatch) -> SetSysmail:
    """Return a function that writes the settings of a system account with a dedicated server."""
    monkeypatch.setenv("SYSMAIL_PASSWORD", ALICE.password)

    def write(
        port: int,
        *,
        host: str = "localhost",
        security: str = "none",
        auth: str = "none",
        ca_file: object = None,
        active: bool = True,
        smtputf8: bool = False,
        address: str = ALICE.address,
        **fields: str,
    ) -> None:
        if auth != "none":
            fields = {"username": ALICE.address, "password": "env:SYSMAIL_PASSWORD", **fields}
        text = SETTINGS.format(
            active=str(active).lower(),
            smtputf8=str(smtputf8).lower(),
            address=address,
            fields="\n".join(f'{name} = "{value}"' for name, value in fields.items()),
            host=host,
            port=port,
            security=security,
            auth=auth,
            tls=f'[sysmail.tls]\nca_file = "{ca_file}"' if ca_file else "",
        )
        mailctl.config.touch(mode=0o600)
        mailctl.config.write_text(text, encoding="utf-8")

    return write


@pytest.fixture
def on_postfix(set_sysmail: SetSysmail, postfix: Postfix) -> SetSysmail:
    """Return a function that sets the account on Postfix's submission port, as Alice."""

    def write(**options: object) -> None:
        set_sysmail(postfix.submission_port, security="starttls", auth="plain", ca_file=postfix.ca_file, **options)

    return write
