"""Provider presets: hosts, ports and security of well-known providers, as data, each with its source.

A value that no page of the provider confirms is listed in `unconfirmed`, and that is said whenever it is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from mailctl.errors import InvalidValueError, NotFoundError, Problem
from mailctl.model.oauth import Provider
from mailctl.model.server import IncomingProtocol, Security


class Endpoint(NamedTuple):
    host: str
    port: int
    security: Security


class Preset(NamedTuple):
    """A provider's endpoints.

    `login`: what the provider takes for a login. `smtp_alternative`: for networks that block the first. `files_sent`:
    whether what is sent through the provider stands in the sent folder by itself.
    """

    name: str
    title: str
    smtp: Endpoint
    imap: Endpoint
    pop3: Endpoint | None
    login: str
    source: str
    smtp_alternative: Endpoint | None = None
    oauth: Provider | None = None
    note: str = ""
    files_sent: bool = False
    unconfirmed: tuple[str, ...] = ()

    def incoming(self, protocol: IncomingProtocol) -> Endpoint:
        """Return the incoming endpoint of a protocol; raises InvalidValueError where the provider has none."""
        endpoint = self.imap if protocol is IncomingProtocol.IMAP else self.pop3
        if endpoint is None:
            raise InvalidValueError([Problem("incoming.protocol", f"{self.title} offers no POP3; take imap")])
        return endpoint


def _tls(host: str, port: int) -> Endpoint:
    return Endpoint(host, port, Security.TLS)


def _starttls(host: str, port: int = 587) -> Endpoint:
    return Endpoint(host, port, Security.STARTTLS)


PRESETS: tuple[Preset, ...] = (
    Preset(
        "gmail", "Gmail and Google Workspace",
        _tls("smtp.gmail.com", 465), _tls("imap.gmail.com", 993), _tls("pop.gmail.com", 995),
        "OAuth, or an app password (needs 2-step verification)",
        "https://support.google.com/mail/answer/7126229",
        smtp_alternative=_starttls("smtp.gmail.com"), oauth=Provider.GOOGLE,
        note="plain passwords ended in 2022 (consumer accounts) and 2025 (Workspace)", files_sent=True,
    ),
    Preset(
        "microsoft365", "Microsoft 365 (Exchange Online)",
        _starttls("smtp.office365.com"), _tls("outlook.office365.com", 993), _tls("outlook.office365.com", 995),
        "OAuth",
        "https://support.microsoft.com/office/pop-imap-and-smtp-settings-8361e398-8af4-4e97-b147-6c6c4ac95353",
        oauth=Provider.MICROSOFT,
        note="IMAP is port 993, never 443; basic SMTP AUTH is off by default from the end of December 2026",
        files_sent=True,
    ),
    Preset(
        "outlook.com", "Outlook.com, Hotmail, Live",
        _starttls("smtp-mail.outlook.com"), _tls("outlook.office365.com", 993), _tls("outlook.office365.com", 995),
        "OAuth",
        "https://support.microsoft.com/office/pop-imap-and-smtp-settings-8361e398-8af4-4e97-b147-6c6c4ac95353",
        oauth=Provider.MICROSOFT, files_sent=True,
    ),
    Preset(
        "yahoo", "Yahoo! Mail",
        _tls("smtp.mail.yahoo.com", 465), _tls("imap.mail.yahoo.com", 993), _tls("pop.mail.yahoo.com", 995),
        "app password", "https://help.yahoo.com/kb/SLN4075.html",
    ),
    Preset(
        "aol", "AOL Mail",
        _tls("smtp.aol.com", 465), _tls("imap.aol.com", 993), _tls("pop.aol.com", 995),
        "app password",
        "https://help.aol.com/articles/how-do-i-use-other-email-applications-to-send-and-receive-my-aol-mail",
    ),
    Preset(
        "icloud", "iCloud Mail",
        _starttls("smtp.mail.me.com"), _tls("imap.mail.me.com", 993), None,
        "app password", "https://support.apple.com/102525",
    ),
    Preset(
        "fastmail", "Fastmail",
        _tls("smtp.fastmail.com", 465), _tls("imap.fastmail.com", 993), _tls("pop.fastmail.com", 995),
        "app password", "https://www.fastmail.help/hc/en-us/articles/1500000278342",
    ),
    Preset(
        "gmx", "GMX",
        _tls("mail.gmx.net", 465), _tls("imap.gmx.net", 993), _tls("pop.gmx.net", 995),
        "password", "https://hilfe.gmx.net/pop-imap/imap/imap-serverdaten.html",
        smtp_alternative=_starttls("mail.gmx.net"),
        note="POP3 and IMAP are to be switched on in the webmail's settings first",
    ),
    Preset(
        "web.de", "WEB.DE",
        _starttls("smtp.web.de"), _tls("imap.web.de", 993), _tls("pop3.web.de", 995),
        "password", "https://hilfe.web.de/pop-imap/imap/imap-serverdaten.html",
        note="POP3 and IMAP are to be switched on in the webmail's settings first",
    ),
    Preset(
        "aruba", "Aruba",
        _tls("smtps.aruba.it", 465), _tls("imaps.aruba.it", 993), _tls("pop3s.aruba.it", 995),
        "password", "https://guide.hosting.aruba.it/email.aspx",
    ),
    Preset(
        "pec-aruba", "Aruba PEC (certified mail)",
        _tls("smtps.pec.aruba.it", 465), _tls("imaps.pec.aruba.it", 993), _tls("pop3s.pec.aruba.it", 995),
        "password (with two-step verification, the one for mail programs)",
        "https://guide.pec.it/posta-pec/configurare-casella-pec/bozza.aspx",
        note="certified mail (PEC)",
    ),
    Preset(
        "pec-legalmail", "Legalmail PEC (certified mail)",
        _tls("sendm.cert.legalmail.it", 465), _tls("mbox.cert.legalmail.it", 993),
        _tls("mbox.cert.legalmail.it", 995),
        "password", "https://help.infocert.it/home/elencofaq/guida-alla-configurazione-legalmail--",
        note="certified mail (PEC); at most 6 messages a minute", unconfirmed=("smtp", "pop3"),
    ),
)  # fmt: skip
CUSTOM = "custom"


def get_preset(name: str) -> Preset | None:
    """Return the preset of that name, None for `custom`; raises NotFoundError for any other."""
    if name == CUSTOM:
        return None
    for preset in PRESETS:
        if preset.name == name:
            return preset
    from difflib import get_close_matches

    names = [preset.name for preset in PRESETS]
    near = get_close_matches(name.lower(), names, n=1)
    meant = f"did you mean '{near[0]}'? " if near else ""
    hint = f"{meant}the presets are: {', '.join(names)}; {CUSTOM} takes none of them"
    raise NotFoundError(f"there is no preset '{name}'", hint=hint)


def files_sent_messages(smtp_host: str) -> bool:
    """Tell whether what is sent through a host is filed in the sent folder by the provider."""
    return any(preset.files_sent and preset.smtp.host == smtp_host for preset in PRESETS)


def find_preset(smtp_host: str, incoming_host: str) -> Preset | None:
    """Return the preset whose hosts these are, or at least its incoming one; None where they are nobody's."""
    presets = [preset for preset in PRESETS if incoming_host in (preset.imap.host, preset.pop3 and preset.pop3.host)]
    return next((preset for preset in presets if preset.smtp.host == smtp_host), presets[0] if presets else None)


def preset_fields(preset: Preset, protocol: IncomingProtocol) -> dict[str, dict[str, Any]]:
    """Return the fields of a server that a preset gives, by section; the strongest offered login is taken."""
    incoming = preset.incoming(protocol)
    return {
        "smtp": {**preset.smtp._asdict(), "auth": "auto"},
        "incoming": {"protocol": protocol, **incoming._asdict()},
    }


def preset_remarks(preset: Preset, protocol: IncomingProtocol) -> list[str]:
    """Return what should be said when a preset is used: its note, and which of the used values are unconfirmed."""
    remarks = [f"{preset.title}: {preset.note}"] if preset.note else []
    return remarks + unconfirmed_remarks(preset, ("smtp", str(protocol)))


def replaced_hosts(preset: Preset, fields: Mapping[str, Any], sides: Iterable[str]) -> Iterator[str]:
    """Yield which given hosts take the place of a preset's, for such a mixture is rarely meant.

    `fields`: those that are given for a server. `sides`: `smtp`, `incoming`; those that the preset is used for.
    """
    for side in sides:
        given = fields.get(side) or {}
        is_pop3 = side == "incoming" and given.get("protocol") == IncomingProtocol.POP3
        usual = preset.smtp if side == "smtp" else preset.pop3 if is_pop3 else preset.imap
        host = given.get("host")
        if host and usual and host.lower() != usual.host:
            yield (
                f"--{side}-host {host} takes the place of {usual.host}; "
                f"what no option names stays as --preset {preset.name} has it"
            )


def unconfirmed_remarks(preset: Preset, sides: Iterable[str]) -> list[str]:
    """Return which endpoints of a preset no page of the provider confirms. `sides`: `smtp`, `imap`, `pop3`."""
    return [
        f"{preset.title}: the {side.upper()} endpoint {endpoint.host}:{endpoint.port} is unconfirmed"
        for side in sides
        if side in preset.unconfirmed and (endpoint := getattr(preset, side))
    ]
