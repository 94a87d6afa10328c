"""HTML of messages: its pictures, what it says without marks, and where something is put below it."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from html.parser import HTMLParser

_SOURCE = re.compile(r"""(\ssrc\s*=\s*)(?:"[^"]*"|'[^']*'|[^\s>]+)""", re.IGNORECASE)
_END_OF_BODY = re.compile(r"</body\s*>", re.IGNORECASE)
_BLOCKS = frozenset({"p", "div", "br", "tr", "li", "ul", "ol", "table", "h1", "h2", "h3", "h4", "hr", "blockquote"})
_UNSEEN = frozenset({"style", "script", "head", "title"})


class _Pictures(HTMLParser):
    """Finds each picture: where its tag stands, the tag's text, and the address of the picture."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self._line_starts = [0, *(found.end() for found in re.finditer("\n", html))]
        self.found: list[tuple[int, str, str]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        source = dict(attrs).get("src")
        text = self.get_starttag_text()
        if tag == "img" and source and text:
            line, column = self.getpos()
            self.found.append((self._line_starts[line - 1] + column, text, source))

    handle_startendtag = handle_starttag


def replace_pictures(html: str, replaced: Callable[[str], str]) -> str:
    """Return HTML with another address for each picture; `replaced` gets the present one."""
    pieces = []
    position = 0
    for start, tag, source in _Pictures(html).found:
        before, *after = _SOURCE.split(tag, maxsplit=1)
        pieces += [html[position:start], before, f'{after[0]}"{escape(replaced(source.strip()))}"', *after[1:]]
        position = start + len(tag)
    return "".join([*pieces, html[position:]])


class _Text(HTMLParser):
    """Gathers what is read, a line a block; a link is followed by its address. `worded`: the lines with more in them
    than the names of pictures."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines = [""]
        self.worded: set[int] = set()
        self._unseen = 0
        self._links: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in _UNSEEN:
            self._unseen += 1
        elif tag in _BLOCKS:
            self.lines.append("")
        elif tag in ("td", "th"):
            self.lines[-1] += " "
        elif tag == "a":
            self._links.append((given.get("href") or "", len(self.lines[-1])))
        elif tag == "img":
            self.lines[-1] += given.get("alt") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        elif tag == "a" and self._links:
            address, start = self._links.pop()
            bare = re.sub(r"^(mailto:|tel:)", "", address)
            if bare and bare not in self.lines[-1][start:]:
                self.lines[-1] += f" <{bare}>"
                self.worded.add(len(self.lines))
        elif tag in _BLOCKS and self.lines[-1].strip():
            self.lines.append("")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.lines[-1] += re.sub(r"\s+", " ", data)
            if data.strip():
                self.worded.add(len(self.lines))


def html_to_text(html: str) -> str:
    """Return what HTML says, a line a block, without blank lines; links have their addresses beside them.

    A picture has its alternative text, but for one that stands by itself: beside words, that would be another line that
    says "logo".
    """
    parser = _Text()
    parser.feed(html)
    parser.close()
    worded = [line for number, line in enumerate(parser.lines, start=1) if number in parser.worded]
    return "\n".join(line.strip() for line in worded or parser.lines if line.strip())


def text_to_html(text: str) -> str:
    """Return text as HTML, with its line breaks."""
    return "<br>\n".join(map(escape, text.split("\n")))


def put_below(html: str, addition: str) -> str:
    """Return a document, whole or a fragment, with something below its body."""
    ends = list(_END_OF_BODY.finditer(html))
    at = ends[-1].start() if ends else len(html)
    return f"{html[:at].rstrip()}\n{addition}\n{html[at:]}"
