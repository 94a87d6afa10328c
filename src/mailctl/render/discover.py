"""What was found out about a domain's mail servers: for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mailctl.model.discovery import Offer, Outcome, Source, SourceAnswer
from mailctl.render.style import Style

if TYPE_CHECKING:
    from mailctl.services.discovery.ranking import Candidate, Disagreement, Discovery

CANDIDATE_HEADERS = ("PROTOCOL", "SERVER", "WHO SAYS SO")
SOURCE_HEADERS = ("SOURCE", "ANSWER", "ASKED")


def candidate_rows(discovery: Discovery) -> Iterator[Sequence[str]]:
    """Yield the cells of each endpoint, in the order of CANDIDATE_HEADERS; each protocol's chosen one comes first."""
    for protocol, candidates in discovery.candidates.items():
        for index, candidate in enumerate(candidates):
            clear = " (in the clear!)" if candidate.is_cleartext else ""
            said = _joined(candidate.sources)
            yield ("" if index else str(protocol), f"{_place(candidate.offer)}{clear}", said)


def source_rows(answers: Sequence[SourceAnswer]) -> Iterator[Sequence[str]]:
    """Yield the cells of each source, in the order of SOURCE_HEADERS; of several places of one, the telling answer."""
    for source in Source:
        found = [answer for answer in answers if answer.source is source]
        if found:
            best = min(found, key=lambda answer: list(_TELLING).index(answer.outcome))
            yield str(source), _TELLING[best.outcome] + best.said, best.place


_TELLING = {Outcome.FOUND: "", Outcome.FAILED: "no answer: ", Outcome.NOTHING: "", Outcome.SKIPPED: ""}


def render_disagreements(disagreements: Sequence[Disagreement], style: Style) -> Iterator[str]:
    """Yield who contradicts the chosen endpoints, and in what, a line each."""
    for index, disagreement in enumerate(disagreements):
        if not index:
            yield style.yellow("The sources disagree:")
        chosen = disagreement.chosen
        who, others = _joined(chosen.sources), _joined(disagreement.sources)
        if disagreement.said is None:
            yield f"  {disagreement.protocol}: {who} says {_place(chosen.offer)}; {others} says that there is none"
            continue
        ours = _values(chosen.offer, disagreement.fields)
        theirs = _values(disagreement.said, disagreement.fields)
        yield f"  {disagreement.protocol} {_joined(disagreement.fields)}: {who} says {ours}; {others} says {theirs}"


def discovery_as_json(discovery: Discovery, chosen: Sequence[Candidate], server: Any, cautions: list[str]) -> Any:
    """Return the whole as plain values. `server`: the fields that would be saved, None where a side is missing."""
    import msgspec

    question = discovery.question
    return {
        "domain": question.domain,
        "address": str(question.address) if question.address else None,
        "provider": discovery.provider,
        "preset": discovery.preset(chosen),
        "server": server,
        "candidates": [_candidate(candidate) for found in discovery.candidates.values() for candidate in found],
        "disagreements": [
            {
                "protocol": disagreement.protocol,
                "fields": disagreement.fields,
                "chosen": _candidate(disagreement.chosen),
                "said": _offer(disagreement.said) if disagreement.said else None,
                "sources": disagreement.sources,
            }
            for disagreement in discovery.disagreements
        ],
        "sources": msgspec.to_builtins(discovery.answers),
        "warnings": cautions,
    }


def _candidate(candidate: Candidate) -> dict[str, Any]:
    return {
        **_offer(candidate.offer),
        "logins": candidate.offer.logins,
        "sources": candidate.sources,
        "authenticated": candidate.is_authenticated,
        "cleartext": candidate.is_cleartext,
    }


def _offer(offer: Offer) -> dict[str, Any]:
    return {"protocol": offer.protocol, "host": offer.host, "port": offer.port, "security": offer.security}


def _place(offer: Offer) -> str:
    return f"{offer.host}:{offer.port} {offer.security}"


def _values(offer: Offer, fields: Sequence[str]) -> str:
    return " ".join(str(getattr(offer, name)) for name in fields)


def _joined(words: Sequence[str]) -> str:
    return ", ".join(words)
