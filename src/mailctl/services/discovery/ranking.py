"""Which of the answers about a domain's servers count: ranked, their disagreements named, nothing in the clear unseen.

The rules: what nobody can read on the way comes before what goes in the clear, whoever says it; then the more
believable source; then the order in which that source names its servers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from mailctl.errors import MailctlError, NetworkError, NotFoundError
from mailctl.model.discovery import Offer, Outcome, Question, Source, SourceAnswer
from mailctl.model.preset import get_preset, unconfirmed_remarks
from mailctl.model.server import IncomingProtocol, Protocol, Security, SmtpAuth
from mailctl.protocol.reasons import Reason

_WITHOUT_NETWORK = (
    "`mailctl doctor` looks at this machine's network; without one, --ispdb FOLDER takes files, and "
    "`mailctl server add` what you know"
)
_WITHOUT_LOGIN = frozenset({"none", "client-ip-address", "smtp-after-pop"})


class Candidate(Struct, frozen=True):
    """An endpoint, and all who name it, the most believable first."""

    offer: Offer
    sources: tuple[Source, ...]

    @property
    def is_cleartext(self) -> bool:
        return self.offer.security is Security.NONE

    @property
    def is_authenticated(self) -> bool:
        """Whether somebody says so in whose place nobody on the way can have put in a host of theirs."""
        return any(source.is_authenticated for source in self.sources)


class Disagreement(Struct, frozen=True):
    """A source that knows a protocol and does not name the endpoint that was chosen for it.

    `said`: what it names instead, None where it says that the protocol is not offered. `fields`: in what that differs.
    """

    protocol: Protocol
    chosen: Candidate
    said: Offer | None
    sources: tuple[Source, ...]
    fields: tuple[str, ...]


class Discovery(Struct, frozen=True):
    """What was found out. `candidates`: by protocol, the first of each being the chosen one."""

    question: Question
    answers: tuple[SourceAnswer, ...]
    candidates: dict[Protocol, tuple[Candidate, ...]]
    disagreements: tuple[Disagreement, ...]

    def find(self, protocol: Protocol) -> Candidate | None:
        """Return the chosen endpoint of a protocol."""
        return next(iter(self.candidates.get(protocol, ())), None)

    def chosen(self, incoming: IncomingProtocol | None = None) -> list[Candidate]:
        """Return the endpoints of a server: outgoing, and incoming by IMAP, unless POP3 is wanted or all there is."""
        wanted = [Protocol(incoming)] if incoming else [Protocol.IMAP, Protocol.POP3]
        found = [self.find(protocol) for protocol in wanted]
        sides = [self.find(Protocol.SMTP), next((candidate for candidate in found if candidate), None)]
        return [side for side in sides if side]

    @property
    def provider(self) -> str | None:
        """The provider's name, as the most believable source has it."""
        return next((answer.provider for answer in self.answers if answer.provider), None)

    def preset(self, chosen: Sequence[Candidate]) -> str | None:
        """Return the preset that some endpoints are all of, by the sources that lead to one."""
        for answer in self.answers:
            offered = {(offer.protocol, offer.place) for offer in answer.offers}
            if answer.preset and all((side.offer.protocol, side.offer.place) in offered for side in chosen):
                return answer.preset
        return None


def rank(question: Question, answers: Sequence[SourceAnswer]) -> Discovery:
    """Put the sources' answers, the most believable first, together."""
    candidates = {}
    for protocol in (Protocol.SMTP, Protocol.IMAP, Protocol.POP3):
        if found := list(_candidates(protocol, answers)):
            candidates[protocol] = tuple(sorted(found, key=lambda candidate: candidate.is_cleartext))
    disagreements = [
        disagreement
        for protocol, ranked in candidates.items()
        for disagreement in _disagreements(protocol, ranked[0], answers)
    ]
    return Discovery(question, tuple(answers), candidates, tuple(disagreements))


def _candidates(protocol: Protocol, answers: Sequence[SourceAnswer]) -> Iterator[Candidate]:
    named: dict[object, list[tuple[Offer, Source]]] = {}
    for answer in answers:
        for offer in answer.offers:
            if offer.protocol is protocol:
                named.setdefault(offer.place, []).append((offer, answer.source))
    for sayings in named.values():
        yield Candidate(sayings[0][0], tuple(dict.fromkeys(source for _, source in sayings)))


def _disagreements(protocol: Protocol, chosen: Candidate, answers: Sequence[SourceAnswer]) -> Iterator[Disagreement]:
    said: dict[Offer | None, list[Source]] = {}
    for answer in answers:
        offers = [offer for offer in answer.offers if offer.protocol is protocol]
        if offers and chosen.offer.place not in [offer.place for offer in offers]:
            nearest = min(offers, key=lambda offer: len(_differing(offer, chosen.offer)))
            said.setdefault(Offer(protocol, *nearest.place), []).append(answer.source)
        elif protocol in answer.absent:
            said.setdefault(None, []).append(answer.source)
    for offer, sources in said.items():
        fields = _differing(offer, chosen.offer) if offer else ()
        yield Disagreement(protocol, chosen, offer, tuple(dict.fromkeys(sources)), fields)


def _differing(one: Offer, other: Offer) -> tuple[str, ...]:
    pairs = zip(("host", "port", "security"), one.place, other.place, strict=True)
    return tuple(name for name, mine, theirs in pairs if mine != theirs)


def why_nothing(discovery: Discovery) -> MailctlError | None:
    """Return the error to be raised where no source names any server; None where one does."""
    if discovery.candidates:
        return None
    question, answers = discovery.question, discovery.answers
    details = {"sources": [{"source": answer.source, "place": answer.place, "said": answer.said} for answer in answers]}
    asked = [answer for answer in answers if _needs_network(answer)]
    unknown = {answer.source for answer in asked if answer.reason == Reason.NXDOMAIN}
    if {Source.MX, Source.ISPDB} <= unknown:
        return NetworkError(
            f"the name servers of this network know neither {question.domain} nor the database of providers: they do "
            "not lead to the internet",
            reason=Reason.NXDOMAIN,
            hint=_WITHOUT_NETWORK,
            details=details,
        )
    if Source.MX in unknown:
        said = f"the domain {question.domain} does not exist"
        return NetworkError(said, reason=Reason.NXDOMAIN, hint="look at its spelling", details=details)
    if asked and all(answer.outcome is Outcome.FAILED for answer in asked):
        return NetworkError(
            f"nobody could be asked about {question.domain}: no source answered, and it is no domain of a preset",
            reason=Reason.UNREACHABLE,
            hint=_WITHOUT_NETWORK,
            details=details,
        )
    failed = sum(answer.outcome is Outcome.FAILED for answer in asked)
    unasked = f" ({failed} of {len(asked)} sources could not be asked)" if failed else ""
    return NotFoundError(
        f"no source names a mail server of {question.domain}{unasked}",
        hint="the provider's help pages name them; `mailctl server add` takes them, and tries them before it saves",
        details=details,
    )


def _needs_network(answer: SourceAnswer) -> bool:
    is_folder = answer.source in (Source.ISPDB, Source.ISPDB_MX) and "://" not in answer.place
    return answer.source is not Source.PRESET and answer.outcome is not Outcome.SKIPPED and not is_folder


def server_fields(chosen: Sequence[Candidate]) -> dict[str, Any]:
    """Return the fields of a server with these endpoints, an outgoing and an incoming one."""
    fields: dict[str, Any] = {}
    for candidate in chosen:
        offer = candidate.offer
        place = {"host": offer.host, "port": offer.port, "security": offer.security}
        if offer.protocol is Protocol.SMTP:
            fields["smtp"] = {**place, "auth": SmtpAuth.NONE if _needs_no_login(offer) else SmtpAuth.AUTO}
        else:
            fields["incoming"] = {"protocol": IncomingProtocol(offer.protocol), **place}
    return fields


def _needs_no_login(offer: Offer) -> bool:
    return bool(offer.logins) and {login.lower() for login in offer.logins} <= _WITHOUT_LOGIN


def list_cautions(discovery: Discovery, chosen: Sequence[Candidate]) -> list[str]:
    """Say what is to be known before chosen endpoints are trusted."""
    said = []
    for candidate in chosen:
        offer = candidate.offer
        title = f"{offer.protocol} {offer.host}:{offer.port}"
        if candidate.is_cleartext:
            said.append(f"{title} is in the clear: passwords and mail can be read on the way")
        if not candidate.is_authenticated:
            strangers = candidate.sources == (Source.SRV,) and not _is_within(offer.host, discovery.question.domain)
            elsewhere = f", and it is not a host of {discovery.question.domain}" if strangers else ""
            words = "the DNS or plain http, which anybody on the way can forge"
            said.append(f"{title} is known from {words}, alone{elsewhere}: compare it with what the provider says")
    name = discovery.preset(chosen)
    if name and (preset := get_preset(name)):
        said += unconfirmed_remarks(preset, [str(candidate.offer.protocol) for candidate in chosen])
    return said


def _is_within(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")
