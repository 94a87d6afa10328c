r"""Taking secrets out of whatever is shown or written: transcripts, replies, errors.

A secret is looked for as it is, in base64 (plain and URL-safe, padded or not, anywhere inside a longer encoding), in
hex and in UTF-7; each of these also behind URL quoting, quoted-printable, and backslash escapes (IMAP quoted strings,
JSON, repr, C), and split over the lines of a reply (`535-hun\r\n535 ter2`).

Two limits. Redact whole replies, before anything is cut off: half a secret is recognised only at the end of what came
cut off, from three bytes on. And a secret of one to three bytes is taken out only where it stands alone as a word or as
a base64 word: it protects nothing anyway, and taking out every `a` would leave no text, while telling what the secret
is.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Self

from msgspec import Struct

from mailctl.model.secret import Secret

MARK = b"[redacted]"
_WHOLE_WORDS_BELOW_BYTES = 4
_BEGINNINGS_FROM_BYTES = 3

SHOWN_BYTES = 32 * 1024
"""As much of a text is shown; the rest is cut off."""

_BASE64 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_")
_WORD = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") | frozenset(range(0x80, 0x100))


class _Form(Struct, frozen=True):
    """One way in which a secret is written, and how much around it belongs to it.

    `before`, `after`: base64 digits that hold some bits of the secret beside foreign ones. `alone`: only as a word.
    """

    text: bytes
    before: int = 0
    after: int = 0
    alone: bool = False


def _base64_forms(secret: bytes) -> Iterator[_Form]:
    """Yield the digits that a secret fills completely, for each of its three alignments in a longer encoding."""
    for offset in range(3):
        encoded = b64encode(b"\0" * offset + secret)
        start, (end, bits_over) = -(-8 * offset // 6), divmod(8 * (offset + len(secret)), 6)
        digits = encoded[start:end]
        for form in {digits, digits.translate(bytes.maketrans(b"+/", b"-_"))}:
            yield _Form(form, before=1 if offset else 0, after=1 if bits_over else 0)


def _forms(secret: bytes) -> Iterator[_Form]:
    if len(secret) < _WHOLE_WORDS_BELOW_BYTES:
        for text in {secret, b64encode(secret), b64encode(secret).rstrip(b"=")}:
            yield _Form(text, alone=True)
        return
    yield _Form(secret)
    yield from _base64_forms(secret)
    for digits in (secret.hex(), secret.hex(":"), secret.hex(" ")):
        yield from (_Form(digits.encode()), _Form(digits.upper().encode()))
    utf7 = secret.decode("utf-8", "ignore").encode("utf-7")
    if utf7 != secret and len(utf7) >= _WHOLE_WORDS_BELOW_BYTES:
        yield from (_Form(utf7), _Form(utf7.replace(b"+", b"&").replace(b"/", b",")))


class _View(Struct, frozen=True):
    """A text as it reads after decoding; for each of its bytes, where in the original it starts and ends."""

    text: bytes
    starts: Sequence[int]
    ends: Sequence[int]

    @classmethod
    def of(cls, data: bytes) -> Self:
        return cls(data, range(len(data)), range(1, len(data) + 1))

    def rewritten(self, pattern: bytes, decode: Callable[[re.Match[bytes]], bytes]) -> _View | None:
        """Return the view with each match decoded; None if nothing matches."""
        text, starts, ends = bytearray(), list[int](), list[int]()
        at = 0
        for match in re.finditer(pattern, self.text):
            decoded = decode(match)
            for kept, mine in ((starts, self.starts), (ends, self.ends)):
                kept.extend(mine[at : match.start()])
            text += self.text[at : match.start()] + decoded
            starts.extend([self.starts[match.start()]] * len(decoded))
            ends.extend([self.ends[match.end() - 1]] * len(decoded))
            at = match.end()
        if at == 0:
            return None
        starts.extend(self.starts[at:])
        ends.extend(self.ends[at:])
        return _View(bytes(text + self.text[at:]), starts, ends)

    def spans(self, form: _Form) -> Iterator[tuple[int, int]]:
        """Yield the pieces of the original that hold a form; what decoding left out in between is no part of them."""
        at = self.text.find(form.text)
        while at >= 0:
            start, end = self._extent(at, form)
            if not form.alone or self._stands_alone(start, end):
                yield from self._pieces(start, end)
            at = self.text.find(form.text, at + 1)

    def last_spans(self, form: _Form) -> Iterator[tuple[int, int]]:
        """Yield the pieces of the original that hold the beginning of a form, with which the text ends."""
        if form.alone:
            return
        beginning = form.text[:_BEGINNINGS_FROM_BYTES]
        at = self.text.find(beginning, max(len(self.text) - len(form.text) + 1, 0))
        while at >= 0:
            if form.text.startswith(self.text[at:]):
                start, _ = self._extent(at, form)
                yield from self._pieces(start, len(self.text))
                return
            at = self.text.find(beginning, at + 1)

    def _extent(self, at: int, form: _Form) -> tuple[int, int]:
        start, end = at, at + len(form.text)
        if form.before and start and self.text[start - 1] in _BASE64:
            start -= 1
        if form.after and end < len(self.text) and self.text[end] in _BASE64:
            end += 1
            while self.text[end : end + 1] == b"=":
                end += 1
        return start, end

    def _stands_alone(self, start: int, end: int) -> bool:
        before, after = self.text[start - 1 : start], self.text[end : end + 1]
        return not (before and before[0] in _WORD) and not (after and after[0] in _WORD)

    def _pieces(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        first = self.starts[start]
        for at in range(start, end - 1):
            if self.starts[at + 1] > self.ends[at]:
                yield first, self.ends[at]
                first = self.starts[at + 1]
        yield first, self.ends[end - 1]


_LINE_END = rb"\r?\n"
_SPLITS = tuple(
    _LINE_END + prefix
    for prefix in (
        rb"",
        rb"[ \t]+",
        rb"[0-9]{3}[ -]",
        rb"[0-9]{3}[ -][245]\.[0-9]{1,3}\.[0-9]{1,3} ",
        rb"(?:\*|\+|[A-Za-z0-9]+) (?:(?:OK|NO|BAD|BYE) )?",
        rb"(?:\*|[A-Za-z0-9]+) (?:OK|NO|BAD|BYE) \[[^\]\r\n]{1,200}\] ?",
    )
)
"""Where a reply goes on in its next line: at once, folded, after SMTP's codes, after IMAP's or POP3's marks."""

# Left to `re` to compile when they are first used: most replies are quoted in no way.
_PERCENT = rb"%([0-9A-Fa-f]{2})"
_FORM = rb"%([0-9A-Fa-f]{2})|\+"
_QUOTED_PRINTABLE = rb"=(?:([0-9A-Fa-f]{2})|\r?\n)"
_ESCAPE = (
    rb"(?s)\\(?:(?P<pair>u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2})"
    rb"|u(?P<four>[0-9A-Fa-f]{4})|U(?P<eight>00[01][0-9A-Fa-f]{5})|u\{(?P<braced>[0-9A-Fa-f]{1,6})\}"
    rb"|x(?P<byte>[0-9A-Fa-f]{2})|(?P<octal>[0-3][0-7]{2})|(?P<plain>[^uUx]))"
)
_UNFINISHED = rb"(?:[%=][0-9A-Fa-f]?|\\[uUxX]?\{?[0-9A-Fa-f]{0,7}|\r?\n[^\r\n]{0,16}|\r)\Z"
_UNFINISHED_BYTES_MAX = 18
_CONTROLS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"v": b"\v", b"a": b"\a", b"0": b"\0"}


def _unhexed(match: re.Match[bytes]) -> bytes:
    return bytes.fromhex((match[1] or b"").decode())


def _character(number: int) -> bytes:
    return chr(number).encode("utf-8", "surrogatepass") if number <= 0x10FFFF else b""


def _unescaped(match: re.Match[bytes], *, bytewise: bool) -> bytes:
    if match["plain"] is not None:
        return _CONTROLS.get(match["plain"], match["plain"])
    if match["pair"] is not None:
        high, low = int(match["pair"][1:5], 16), int(match["pair"][7:11], 16)
        return _character(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
    if match["octal"] is not None:
        return bytes([int(match["octal"], 8)])
    if match["byte"] is not None:
        number = int(match["byte"], 16)
        return bytes([number]) if bytewise else _character(number)
    return _character(int(match["four"] or match["eight"] or match["braced"], 16))


def _unescaped_bytes(match: re.Match[bytes]) -> bytes:
    return _unescaped(match, bytewise=True)


def _unescaped_text(match: re.Match[bytes]) -> bytes:
    return _unescaped(match, bytewise=False)


def _joined_views(view: _View) -> Iterator[_View]:
    """Yield what a view reads with its lines joined."""
    if b"\n" in view.text:
        for split in _SPLITS:
            joined = view.rewritten(split, lambda _: b"")
            if joined is not None:
                yield joined


def _decoded_views(view: _View) -> Iterator[_View]:
    """Yield what a view reads behind each kind of quoting; two layers of backslashes (JSON of a repr)."""
    for mark, pattern, decode in (
        (b"%", _PERCENT, _unhexed),
        (b"+", _FORM, lambda match: _unhexed(match) or b" "),
        (b"=", _QUOTED_PRINTABLE, _unhexed),
    ):
        decoded = view.rewritten(pattern, decode) if mark in view.text else None
        if decoded is not None:
            yield decoded
    for unescape in (_unescaped_bytes, _unescaped_text):
        layer: _View | None = view
        for _ in range(2):
            layer = layer.rewritten(_ESCAPE, unescape) if layer is not None and b"\\" in layer.text else None
            if layer is not None:
                yield layer


def _views(data: bytes) -> Iterator[_View]:
    """Yield every reading of a text: joined, decoded, and joined again where decoding brought line ends to light."""
    whole = _View.of(data)
    for joined in (whole, *_joined_views(whole)):
        yield joined
        for decoded in _decoded_views(joined):
            yield decoded
            if decoded.text.count(b"\n") > joined.text.count(b"\n"):
                yield from _joined_views(decoded)


class Redactor:
    """Takes the secrets that it knows out of bytes."""

    def __init__(self, secrets: Iterable[Secret | str | bytes] = ()) -> None:
        self._forms: dict[_Form, None] = {}
        for secret in secrets:
            self.add(secret)

    def add(self, secret: Secret | str | bytes) -> None:
        """Learn a secret, or what was computed from one: a digest, a SASL response (`Mechanism.derived`), decoded."""
        text = secret.reveal() if isinstance(secret, Secret) else secret
        data = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
        if data:
            self._forms.update(dict.fromkeys(_forms(data)))

    def redact(self, data: bytes, *, before: bytes = b"", is_cut_off: bool = False) -> bytes:
        """Return the bytes with MARK in the place of every known secret, in any of its forms.

        `before`: what came ahead of them, where a secret may have begun. `is_cut_off`: they end where more was to come,
        perhaps in the middle of a secret.
        """
        if not self._forms:
            return data
        whole = before + data
        found = {span for view in _views(whole) for form in self._forms for span in view.spans(form)}
        spans = sorted(found | set(self._last_spans(whole) if is_cut_off else ()))
        out, at = bytearray(), len(before)
        for start, end in spans:
            if end <= at:
                continue
            if start > at or not out.endswith(MARK):
                out += whole[at:start] + MARK
            at = end
        return bytes(out + whole[at:])

    def redact_and_shorten(self, data: bytes, *, before: bytes = b"", is_cut_off: bool = False) -> bytes:
        """Return the bytes redacted, see `redact`; a text of more than SHOWN_BYTES is cut off."""
        if len(data) <= SHOWN_BYTES:
            return self.redact(data, before=before, is_cut_off=is_cut_off)
        # Half a secret is not recognised, so what is near the cut goes, too.
        return self.redact(data[:SHOWN_BYTES])[: -SHOWN_BYTES // 2] + b"[...]"

    def _last_spans(self, whole: bytes) -> Iterator[tuple[int, int]]:
        for end in _readable_ends(whole):
            for view in _views(whole[:end]):
                for form in self._forms:
                    yield from view.last_spans(form)


def _readable_ends(whole: bytes) -> Iterator[int]:
    """Yield where a text may be taken to end: where it does, and before half an escape or half the next line's mark."""
    end = len(whole)
    yield end
    for _ in range(2):
        start = max(end - _UNFINISHED_BYTES_MAX, 0)
        found = re.search(_UNFINISHED, whole[start:end])
        if not found:
            return
        end = start + found.start()
        yield end
