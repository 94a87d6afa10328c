"""SASLprep (RFC 4013): one form for user names and passwords that look the same."""

from __future__ import annotations

import unicodedata


def prepare(text: str, *, stored: bool) -> str:
    """Return the text as SASLprep writes it.

    `stored`: unassigned code points are prohibited, as RFC 5802 wants it of passwords (RFC 3454, 7).
    Raises ValueError if a character or the order of directions is prohibited.
    """
    if text.isascii() and text.isprintable():
        return text
    import stringprep  # only texts beyond printable ASCII pay for its tables

    mapped = "".join(" " if stringprep.in_table_c12(c) else c for c in text if not stringprep.in_table_b1(c))
    prepared = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    prohibited = (
        stringprep.in_table_c12,
        stringprep.in_table_c21_c22,
        stringprep.in_table_c3,
        stringprep.in_table_c4,
        stringprep.in_table_c5,
        stringprep.in_table_c6,
        stringprep.in_table_c7,
        stringprep.in_table_c8,
        stringprep.in_table_c9,
        *((stringprep.in_table_a1,) if stored else ()),
    )
    if any(prohibits(c) for c in prepared for prohibits in prohibited):
        raise ValueError("a character is prohibited by SASLprep")
    if any(stringprep.in_table_d1(c) for c in prepared):
        ends_right = stringprep.in_table_d1(prepared[0]) and stringprep.in_table_d1(prepared[-1])
        if not ends_right or any(stringprep.in_table_d2(c) for c in prepared):
            raise ValueError("the order of writing directions is prohibited by SASLprep")
    return prepared
