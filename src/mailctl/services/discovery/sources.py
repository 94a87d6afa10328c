"""What else is asked about a domain's mail servers: mailctl's presets, the DNS, Microsoft's Autodiscover."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

from mailctl.errors import MailError, NetworkError
from mailctl.model.discovery import Offer, Outcome, Question, Source, SourceAnswer
from mailctl.model.preset import Preset, get_preset
from mailctl.model.provider_domains import find_preset_by_domain, find_preset_by_exchanger
from mailctl.model.server import Protocol
from mailctl.protocol.reasons import Reason
from mailctl.protocol.service_records import SERVICES, parse_exchangers, parse_targets
from mailctl.services.discovery.files import ask_database
from mailctl.services.together import run_together
from mailctl.transport.http.documents import fetch_document
from mailctl.transport.network.limits import Deadline
from mailctl.transport.network.resolver import NameServers

_AUTODISCOVER_URL = "https://outlook.office365.com/autodiscover/autodiscover.json/v1.0/"
_AUTODISCOVER_BYTES_MAX = 64 * 1024
_MICROSOFT_HOSTS = (".outlook.com", ".office365.com")
_PARENTS_MAX = 4
_PLACE_OF_PRESETS = "mailctl's presets"


def ask_presets(question: Question) -> SourceAnswer:
    preset = find_preset_by_domain(question.domain)
    if preset is None:
        return SourceAnswer.nothing(Source.PRESET, _PLACE_OF_PRESETS, "not a domain of a known provider")
    return _preset_answer(Source.PRESET, _PLACE_OF_PRESETS, preset, f"a domain of {preset.title}")


def _preset_answer(source: Source, place: str, preset: Preset, said: str) -> SourceAnswer:
    logins = (preset.login,)
    sides = [
        (Protocol.SMTP, preset.smtp),
        (Protocol.SMTP, preset.smtp_alternative),
        (Protocol.IMAP, preset.imap),
        (Protocol.POP3, preset.pop3),
    ]
    return SourceAnswer(
        source=source,
        place=place,
        outcome=Outcome.FOUND,
        said=said,
        offers=tuple(Offer(protocol, *endpoint, logins) for protocol, endpoint in sides if endpoint),
        absent=() if preset.pop3 else (Protocol.POP3,),
        preset=preset.name,
        provider=preset.title,
    )


def ask_services(question: Question, deadline: Deadline) -> SourceAnswer:
    place = f"_…._tcp.{question.domain}"
    try:
        servers = NameServers()
        jobs = {
            service: partial(_find_records, servers, f"{service.label}.{question.domain}", "SRV", deadline)
            for service in SERVICES
        }
        found = dict(run_together(jobs, deadline.left_seconds()))
    except (MailError, TimeoutError) as error:
        return SourceAnswer.failed(Source.SRV, place, error)
    targets = {service: parse_targets(service, found.get(service, ())) for service in SERVICES}
    offers = tuple(offer for service in SERVICES for offer in targets[service].offers)
    offered = {offer.protocol for offer in offers}
    refused = {service.protocol for service in SERVICES if targets[service].refused} - offered
    if not offers and not refused:
        return SourceAnswer.nothing(Source.SRV, place, "there are no such records")
    named = [service.label.partition(".")[0] for service in SERVICES if targets[service].offers]
    said = f"records for {', '.join(named)}" if named else "records that say which services there are not"
    return SourceAnswer(
        source=Source.SRV,
        place=place,
        outcome=Outcome.FOUND,
        said=said,
        offers=offers,
        absent=tuple(protocol for protocol in Protocol if protocol in refused),
    )


def _find_records(servers: NameServers, name: str, kind: str, deadline: Deadline) -> tuple[str, ...]:
    """Return the records of a name that need not exist."""
    try:
        return servers.ask(name, kind, deadline).values
    except NetworkError as error:
        if error.reason != Reason.NXDOMAIN:
            raise
        return ()


def ask_exchangers(question: Question, ispdb: str, deadline: Deadline) -> list[SourceAnswer]:
    place = f"MX of {question.domain}"
    try:
        hosts = parse_exchangers(NameServers().ask(question.domain, "MX", deadline).values)
    except (MailError, TimeoutError) as error:
        return [SourceAnswer.failed(Source.MX, place, error)]
    if not hosts:
        return [SourceAnswer.nothing(Source.MX, place, "the domain has no mail exchanger")]
    host = hosts[0]
    preset = find_preset_by_exchanger(host)
    said = f"mail goes to {host}"
    answers = [SourceAnswer.nothing(Source.MX, place, f"{said}, which is no known provider's")]
    if preset:
        answers = [_preset_answer(Source.MX, place, preset, f"{said}, of {preset.title}")]
    return answers + _ask_database_by_host(question, ispdb, host, deadline)


def _ask_database_by_host(question: Question, ispdb: str, host: str, deadline: Deadline) -> list[SourceAnswer]:
    """Look up the domains above a host, the nearest first; at the public suffix nothing is found, and no harm done."""
    labels = host.split(".")
    parents = [".".join(labels[start:]) for start in range(1, len(labels) - 1)][-_PARENTS_MAX:]
    answers: list[SourceAnswer] = []
    for parent in parents:
        if parent != question.domain:
            answers = [ask_database(question, Source.ISPDB_MX, ispdb, parent, deadline)]
            if answers[0].outcome is not Outcome.NOTHING:
                break
    return answers


def ask_autodiscover(question: Question, deadline: Deadline) -> SourceAnswer:
    """Ask Microsoft 365 whether it has the mailbox; nobody logs in ([MS-OXDSCLI], 2.2.2 and 3.1.5: JSON).

    It answers 200 with its own URL for a mailbox that it has, and leads elsewhere for any other.
    """
    place = urlsplit(_AUTODISCOVER_URL).netloc
    if question.address is None:
        said = "not asked about a domain, only about an address"
        return SourceAnswer(source=Source.AUTODISCOVER, place=place, outcome=Outcome.SKIPPED, said=said)
    url = f"{_AUTODISCOVER_URL}{quote(str(question.address), safe='@')}?Protocol=AutodiscoverV1"
    try:
        document = fetch_document(url, deadline, bytes_max=_AUTODISCOVER_BYTES_MAX, follows=False)
    except (MailError, TimeoutError) as error:
        return SourceAnswer.failed(Source.AUTODISCOVER, place, error)
    if document.status != 200 or not _is_microsofts(document.body):
        return SourceAnswer.nothing(Source.AUTODISCOVER, place, "Microsoft 365 knows no such mailbox")
    preset = get_preset("microsoft365")
    assert preset
    return _preset_answer(Source.AUTODISCOVER, place, preset, "the mailbox is at Microsoft 365")


def _is_microsofts(body: bytes) -> bool:
    import json

    try:
        answer: Any = json.loads(body)
        host = urlsplit(answer["Url"]).hostname or ""
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
    return host.endswith(_MICROSOFT_HOSTS)
