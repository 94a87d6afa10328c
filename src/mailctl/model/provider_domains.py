"""Which domains, and which mail exchangers, belong to the providers that have a preset. As data, by preset.

Exchangers are those that each provider's help has its customers enter: Google (support.google.com/a/answer/174125),
Microsoft (learn.microsoft.com, "External Domain Name System records for Microsoft 365"), Apple
(support.apple.com/102374), Fastmail (fastmail.help, "Manual DNS configuration"); the others' are those that their own
domains have. A domain's exchanger is where its mail comes in, perhaps a filter's: what is not here says nothing.
"""

from __future__ import annotations

from mailctl.model.preset import PRESETS, Preset

_DOMAINS: dict[str, tuple[str, ...]] = {
    "gmail": ("gmail.com", "googlemail.com"),
    "outlook.com": (
        "outlook.com", "outlook.de", "outlook.fr", "outlook.es", "outlook.it", "outlook.jp", "outlook.co.id",
        "hotmail.com", "hotmail.co.uk", "hotmail.co.jp", "hotmail.de", "hotmail.fr", "hotmail.it", "hotmail.es",
        "live.com", "live.co.uk", "live.jp", "live.de", "live.fr", "live.it", "live.nl", "live.cn", "msn.com",
        "passport.com",
    ),
    "yahoo": (
        "yahoo.com", "yahoo.co.uk", "yahoo.co.in", "yahoo.co.id", "yahoo.de", "yahoo.fr", "yahoo.it", "yahoo.es",
        "yahoo.ca", "yahoo.in", "yahoo.com.au", "yahoo.com.br", "yahoo.com.ar", "yahoo.com.mx", "yahoo.com.sg",
        "yahoo.com.tw", "yahoo.com.hk", "yahoo.com.ph", "yahoo.com.vn", "ymail.com", "rocketmail.com",
    ),
    "aol": ("aol.com", "aim.com", "aol.co.uk", "aol.de", "aol.fr"),
    "icloud": ("icloud.com", "me.com", "mac.com"),
    "fastmail": ("fastmail.com", "fastmail.fm", "fastmail.net", "messagingengine.com"),
    "gmx": ("gmx.net", "gmx.de", "gmx.at", "gmx.ch"),
    "web.de": ("web.de",),
    "aruba": ("aruba.it", "technet.it"),
    "pec-aruba": ("pec.it", "arubapec.it"),
    "pec-legalmail": ("legalmail.it", "cert.legalmail.it"),
}  # fmt: skip

_EXCHANGERS: tuple[tuple[str, str], ...] = (
    ("google.com", "gmail"),
    ("googlemail.com", "gmail"),
    ("olc.protection.outlook.com", "outlook.com"),
    ("mail.protection.outlook.com", "microsoft365"),
    ("mx.microsoft", "microsoft365"),
    ("mail.icloud.com", "icloud"),
    ("messagingengine.com", "fastmail"),
    ("yahoodns.net", "yahoo"),
    ("gmx.net", "gmx"),
    ("web.de", "web.de"),
    ("pec.aruba.it", "pec-aruba"),
    ("aruba.it", "aruba"),
    ("cert.legalmail.it", "pec-legalmail"),
)
"""Ends of exchangers' names, in the order in which they are looked at, and the preset that they lead to."""

_TENANT_DOMAINS = ".onmicrosoft.com"
"""The names that Microsoft 365 gives its customers' directories."""


def find_preset_by_domain(domain: str) -> Preset | None:
    """Return the preset of the provider to which a domain (A-labels) belongs."""
    if domain.endswith(_TENANT_DOMAINS):
        return _preset("microsoft365")
    return next((_preset(name) for name, domains in _DOMAINS.items() if domain in domains), None)


def find_preset_by_exchanger(host: str) -> Preset | None:
    """Return the preset of the provider to which a mail exchanger (A-labels, no final dot) belongs."""
    host = host.lower()
    return next((_preset(name) for end, name in _EXCHANGERS if host == end or host.endswith(f".{end}")), None)


def _preset(name: str) -> Preset:
    return next(preset for preset in PRESETS if preset.name == name)
