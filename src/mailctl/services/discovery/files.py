"""Autoconfig files about a domain: at its own web servers, in a database of providers, in a folder.

The domain itself is asked and nothing above it: who owns `autoconfig.co.uk` should not learn of every address below.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from mailctl.durable import cause_of
from mailctl.errors import MailError
from mailctl.model.discovery import Outcome, Question, Source, SourceAnswer
from mailctl.protocol.autoconfig import DOCUMENT_BYTES_MAX, Autoconfig, AutoconfigError, parse_autoconfig
from mailctl.protocol.reasons import Reason
from mailctl.transport.http.documents import fetch_document
from mailctl.transport.network.limits import Deadline

_NO_HOST = (Reason.NXDOMAIN, Reason.NO_ADDRESS)


def list_places(question: Question) -> Iterator[tuple[Source, str]]:
    """Yield the URLs of the domain's own files, by draft-ietf-mailmaint-autoconfig, 4.1, and what they are worth."""
    address = f"?emailaddress={quote(str(question.address))}" if question.address else ""
    paths = (
        f"autoconfig.{question.domain}/mail/config-v1.1.xml{address}",
        f"{question.domain}/.well-known/autoconfig/mail/config-v1.1.xml",
    )
    for scheme, source in (("https", Source.AUTOCONFIG), ("http", Source.AUTOCONFIG_HTTP)):
        yield from ((source, f"{scheme}://{path}") for path in paths)


def ask_web(question: Question, source: Source, url: str, deadline: Deadline) -> SourceAnswer:
    """Fetch an autoconfig file; the address, which stands in the query, is not repeated in the answer."""
    place = url.partition("?")[0]
    try:
        document = fetch_document(url, deadline, bytes_max=DOCUMENT_BYTES_MAX)
    except (MailError, TimeoutError) as error:
        own = source in (Source.AUTOCONFIG, Source.AUTOCONFIG_HTTP)
        if own and isinstance(error, MailError) and error.reason in _NO_HOST:
            return SourceAnswer.nothing(source, place, "there is no such host")
        return SourceAnswer.failed(source, place, error)
    if document.status >= 500:
        said = f"the web server, or a proxy, fails (HTTP {document.status})"
        return SourceAnswer(source=source, place=place, outcome=Outcome.FAILED, said=said)
    if document.status != 200:
        return SourceAnswer.nothing(source, place, f"there is no such file (HTTP {document.status})")
    return _read_file(question, source, place, document.body)


def _read_file(question: Question, source: Source, place: str, content: bytes) -> SourceAnswer:
    try:
        file = parse_autoconfig(content, local_part=question.local_part, domain=question.domain)
    except AutoconfigError as error:
        # Many web servers answer any path by a page of theirs.
        return SourceAnswer.nothing(source, place, f"what is there is not taken: {error}")
    return _file_answer(source, place, file)


def _file_answer(source: Source, place: str, file: Autoconfig) -> SourceAnswer:
    if not file.offers:
        return SourceAnswer.nothing(source, place, "the file names no server that can be used")
    said = f"a file of {file.provider}" if file.provider else "a file"
    return SourceAnswer(
        source=source, place=place, outcome=Outcome.FOUND, said=said, offers=file.offers, provider=file.provider
    )


def ask_database(question: Question, source: Source, ispdb: str, domain: str, deadline: Deadline) -> SourceAnswer:
    if ispdb.startswith(("https://", "http://")):
        url = f"{ispdb.rstrip('/')}/{domain}"
        return ask_web(question, source, url, deadline)
    return _ask_folder(question, source, Path(ispdb), domain)


def _ask_folder(question: Question, source: Source, folder: Path, domain: str) -> SourceAnswer:
    """Look a domain up in a folder: its own file, or another one that says it is about it, too."""
    own = folder / f"{domain}.xml"
    needle = domain.encode()
    try:
        if own.is_file():
            return _read_file(question, source, str(own), _read_start(own))
        for path in sorted(folder.glob("*.xml")):
            content = _read_start(path)
            if needle in content and domain in _domains_of(content, question):
                return _read_file(question, source, str(path), content)
    except OSError as error:
        said = f"the folder cannot be read: {cause_of(error)}"
        return SourceAnswer(source=source, place=str(folder), outcome=Outcome.FAILED, said=said)
    return SourceAnswer.nothing(source, str(folder), f"no file about {domain}")


def _read_start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(DOCUMENT_BYTES_MAX + 1)


def _domains_of(content: bytes, question: Question) -> tuple[str, ...]:
    try:
        return parse_autoconfig(content, local_part=question.local_part, domain=question.domain).domains
    except AutoconfigError:
        return ()
