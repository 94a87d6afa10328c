"""Asking everybody who may know a domain's mail servers, all at once, each for a few seconds.

Presets answer without a network. Whose answer counts is decided in `discover_ranking`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from msgspec.structs import replace

from mailctl.model.discovery import Question, Source, SourceAnswer
from mailctl.services.discovery.files import ask_database, ask_web, list_places
from mailctl.services.discovery.sources import ask_autodiscover, ask_exchangers, ask_presets, ask_services
from mailctl.services.together import run_together
from mailctl.transport.network.limits import Deadline

SOURCE_SECONDS = 5.0
"""How long a source may take."""
ISPDB_URL = "https://autoconfig.thunderbird.net/v1.1/"
"""Thunderbird's database: a file a domain, under the domain's name."""


def ask_sources(
    question: Question,
    *,
    ispdb: str = ISPDB_URL,
    seconds: float = SOURCE_SECONDS,
    on_answer: Callable[[SourceAnswer], None] = lambda _: None,
) -> list[SourceAnswer]:
    """Ask all sources at once, and return their answers, the most believable source's first.

    `ispdb`: the database's URL, to which the domain is appended, or a folder of DOMAIN.xml files. `seconds`: how long
    each source may take. `on_answer` is told of each as it comes.
    """
    jobs = dict(_jobs(question, ispdb, Deadline(seconds)))
    answers: list[SourceAnswer] = []
    began = time.monotonic()
    for _, found in run_together(jobs, seconds):
        duration_ms = round((time.monotonic() - began) * 1000)
        for answer in found:
            answers.append(replace(answer, duration_ms=duration_ms))
            on_answer(answers[-1])
    order = list(Source)
    return sorted(answers, key=lambda answer: (order.index(answer.source), answer.place))


_Job = Callable[[], Sequence[SourceAnswer]]


def _jobs(question: Question, ispdb: str, deadline: Deadline) -> Iterator[tuple[str, _Job]]:
    yield "presets", lambda: [ask_presets(question)]
    for source, place in list_places(question):
        yield place, partial(_ask_file, question, source, place, deadline)
    yield "database", lambda: [ask_database(question, Source.ISPDB, ispdb, question.domain, deadline)]
    yield "SRV", lambda: [ask_services(question, deadline)]
    yield "MX", lambda: ask_exchangers(question, ispdb, deadline)
    yield "Autodiscover", lambda: [ask_autodiscover(question, deadline)]


def _ask_file(question: Question, source: Source, url: str, deadline: Deadline) -> list[SourceAnswer]:
    return [ask_web(question, source, url, deadline)]
