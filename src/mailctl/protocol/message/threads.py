"""Messages put into threads: by what they refer to, or as a server has it. RFC 5256.

What arrives may be anything: references in circles, thousands of them, one Message-ID on many messages. Nothing here
raises or recurses.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from mailctl.protocol.message.header_text import parse_base_subject

_MESSAGE_ID = re.compile(r'<((?:[^<>"\s]|"(?:[^"\\]|\\.)*")+@[^<>\s]+)>')
_QUOTED_LOCAL_PART = re.compile(r'"((?:[^"\\]|\\.)*)"@(.*)', re.DOTALL)
_QUOTED_PAIR, _KEPT = re.compile(r"\\(.)", re.DOTALL), r"\1"
_REFERENCES_MAX = 500
"""The nearest ancestors stand last; none has more than a few hundred."""
_THREAD_TOKEN = re.compile(rb"[()]|[0-9]{1,10}")


class Linked(Struct, frozen=True, kw_only=True):
    """What threads are made of. `references`: of `list_references`. `subject`: decoded, on one line."""

    message_id: str | None
    references: tuple[str, ...]
    subject: str
    date: dt.datetime


class Placed(Struct, frozen=True):
    """A message in its thread. `number`: which one it is; `depth`: 0 for the one that begins the thread."""

    number: int
    depth: int


Thread = list[Placed]
"""A conversation: each message is followed by those that answer it."""


def list_references(references: str | None, in_reply_to: str | None) -> tuple[str, ...]:
    """Return the Message-IDs that a message refers to, its parent's last; In-Reply-To counts where References has none.

    They are without angle brackets, and without quotes that make no difference.
    """
    found = _MESSAGE_ID.findall(references or "") or _MESSAGE_ID.findall(in_reply_to or "")[:1]
    return tuple(map(_normalised, found[-_REFERENCES_MAX:]))


def find_message_id(value: str | None) -> str | None:
    """Return a message's own Message-ID in the form of `list_references`; None where there is none."""
    found = _MESSAGE_ID.search(value or "")
    return _normalised(found[1]) if found else None


def _normalised(message_id: str) -> str:
    quoted = _QUOTED_LOCAL_PART.fullmatch(message_id)
    return f"{_QUOTED_PAIR.sub(_KEPT, quoted[1])}@{quoted[2]}" if quoted else message_id


def parse_threads(response: bytes) -> list[Thread]:
    """Parse what a server answers to THREAD, such as `(2)(3 6 (4 23)(44 7 96))`; anything else is passed over."""
    root = parent = _Node(None)
    opened: list[_Node] = []
    for token in _THREAD_TOKEN.findall(response):
        if token == b"(":
            opened.append(parent)
            if parent is root:
                parent = _Node(None)  # where more than one thing follows, what they answer is missing
                root.children.append(parent)
        elif token == b")":
            parent = opened.pop() if opened else root
        else:
            node = _Node(int(token))
            parent.children.append(node)
            parent = node
    return [_placed(thread) for thread in root.children]


def build_threads(messages: Sequence[Linked]) -> list[Thread]:
    """Return the messages, by their places in the sequence, in threads (the algorithm REFERENCES of RFC 5256, 3).

    Threads, and answers to one message, are in the order of their dates.
    """
    dates = [message.date for message in messages]
    root = _Node(None)
    root.children = _link(messages)
    _prune(root)
    _sort(root, dates)
    _gather_subjects(root, messages)
    _sort(root, dates)
    return [_placed(thread) for thread in root.children]


class _Node:
    """A message, or (None) one that others refer to and that is not there."""

    __slots__ = ("children", "number", "parent")

    def __init__(self, number: int | None) -> None:
        self.number = number
        self.parent: _Node | None = None
        self.children: list[_Node] = []

    def adopt(self, child: _Node) -> None:
        child.leave()
        child.parent = self
        self.children.append(child)

    def leave(self) -> None:
        if self.parent is not None:
            self.parent.children.remove(self)
            self.parent = None

    def descends_from(self, other: _Node) -> bool:
        if not other.children:
            return self is other
        node: _Node | None = self
        while node is not None and node is not other:
            node = node.parent
        return node is other


def _link(messages: Sequence[Linked]) -> list[_Node]:
    """Return the nodes that refer to nothing, with all others below them (step 1, 2)."""
    nodes: dict[str, _Node] = {}
    everything: list[_Node] = []

    def node_of(message_id: str) -> _Node:
        if message_id not in nodes:
            nodes[message_id] = _Node(None)
            everything.append(nodes[message_id])
        return nodes[message_id]

    for number, message in enumerate(messages):
        node = node_of(message.message_id) if message.message_id else None
        if node is None or node.number is not None:  # two messages of one Message-ID are two messages
            node = _Node(number)
            everything.append(node)
        node.number = number
        parent: _Node | None = None
        for reference in message.references:
            ancestor = node_of(reference)
            if parent is not None and ancestor.parent is None and not parent.descends_from(ancestor):
                parent.adopt(ancestor)
            parent = ancestor
        # What a message says of its own parent counts more than what others have said.
        if parent is None:
            node.leave()
        elif parent is not node.parent and not parent.descends_from(node):
            parent.adopt(node)
    return [node for node in everything if node.parent is None]


def _prune(root: _Node) -> None:
    """Let no missing message stand between others, but where it holds several threads together (step 3)."""
    for node in _from_below(root):
        kept: list[_Node] = []
        for child in node.children:
            if child.number is not None or (node is root and len(child.children) > 1):
                kept.append(child)
            else:
                kept += child.children
        node.children = kept


def _sort(root: _Node, dates: Sequence[dt.datetime]) -> None:
    """Put siblings into the order of their dates; a missing message has that of the first that answers it."""

    def key(node: _Node) -> tuple[dt.datetime, int]:
        number = _first(node)
        return dates[number], number

    for node in _from_below(root):
        node.children.sort(key=key)


def _gather_subjects(root: _Node, messages: Sequence[Linked]) -> None:
    """Put threads of one subject together (step 5)."""
    subjects = {id(node): parse_base_subject(messages[_first(node)].subject) for node in root.children}
    table: dict[str, _Node] = {}
    for node in root.children:
        subject = subjects[id(node)]
        present = table.get(subject.text)
        if not subject.text:
            continue
        # A missing message that holds threads together gives way to none.
        if present is None or (
            present.number is not None
            and (node.number is None or (subjects[id(present)].is_reply and not subject.is_reply))
        ):
            table[subject.text] = node
    gathered: list[_Node] = []
    for node in root.children:
        subject = subjects[id(node)]
        first = table.get(subject.text, node)
        if first is node:
            gathered.append(node)
        elif first.number is None or (subject.is_reply and not subjects[id(first)].is_reply):
            first.children += node.children if node.number is None else [node]
        else:
            together = _Node(None)
            together.children = [first, node]
            subjects[id(together)] = subjects[id(first)]
            table[subject.text] = together
            gathered.append(together)
    # What was put below another since it was gathered is no thread of its own.
    inner = {id(child) for node in gathered if node.number is None for child in node.children}
    root.children = [node for node in gathered if id(node) not in inner]


def _first(node: _Node) -> int:
    while node.number is None:
        node = node.children[0]
    return node.number


def _from_below(root: _Node) -> Iterator[_Node]:
    """Yield all nodes, each after its children."""
    nodes = [root]
    for node in nodes:
        nodes += node.children
    return reversed(nodes)


def _placed(thread: _Node) -> Thread:
    """Return a thread in the order in which it is read; answers to a missing message stand below the first of them."""
    placed: Thread = []
    waiting = [(thread, 0)]
    while waiting:
        node, depth = waiting.pop()
        below = [(child, depth + 1) for child in node.children]
        if node.number is not None:
            placed.append(Placed(node.number, depth))
        elif below:
            below[0] = (node.children[0], depth)
        waiting += reversed(below)
    return placed
