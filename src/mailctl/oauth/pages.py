"""What the person's browser shows at the end of a sign-in: plain HTML that loads nothing, light or dark."""

from __future__ import annotations

import re
from html import escape
from typing import NamedTuple

from mailctl.errors import MailError

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} – mailctl</title>
<style>
:root {{ --back: #f4f5f7; --card: #fff; --text: #1d2126; --quiet: #5a6470; --line: #dfe3e8; --code: #eef0f3;
  --mark: {mark.light}; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --back: #121417; --card: #1c2025; --text: #e8eaed; --quiet: #a2abb6; --line: #31373f; --code: #2a3038;
    --mark: {mark.dark}; }}
}}
* {{ box-sizing: border-box; }}
body {{ margin: 0; min-height: 100vh; min-height: 100dvh; display: grid; place-items: center; padding: 1.25rem;
  background: var(--back); color: var(--text); font: 1rem/1.6 system-ui, sans-serif; }}
main {{ width: 100%; max-width: 34rem; padding: clamp(1.5rem, 6vw, 2.5rem); background: var(--card);
  border: 1px solid var(--line); border-radius: 14px; box-shadow: 0 8px 30px rgb(0 0 0 / .06); }}
svg {{ display: block; width: 3.25rem; height: 3.25rem; margin-bottom: 1.1rem; fill: none; stroke: var(--mark);
  stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }}
circle {{ fill: var(--mark); fill-opacity: .12; stroke: none; }}
h1 {{ margin: 0 0 .6rem; font-size: 1.45rem; line-height: 1.25; letter-spacing: -.01em; }}
h2 {{ margin: 1.4rem 0 .3rem; font-size: .8rem; letter-spacing: .06em; text-transform: uppercase;
  color: var(--quiet); }}
p {{ margin: 0 0 .6rem; overflow-wrap: anywhere; }}
code {{ padding: .1em .35em; border-radius: 4px; background: var(--code); font: .9em ui-monospace, monospace; }}
footer {{ margin-top: 1.75rem; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--quiet);
  font-size: .85rem; }}
</style>
</head>
<body>
<main>
<svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="12" r="12"/><path d="{mark.path}"/></svg>
<h1>{title}</h1>
{body}
<footer>Shown by mailctl on this computer</footer>
</main>
</body>
</html>
"""


class _Mark(NamedTuple):
    """The sign at the top: its outline, and its colour on light and on dark."""

    path: str
    light: str
    dark: str


_TICK = _Mark("M7.2 12.4l3.3 3.3 6.5-7", "#1a7f37", "#3fb950")
_CROSS = _Mark("M8.3 8.3l7.4 7.4M15.7 8.3l-7.4 7.4", "#c62828", "#f0716a")
_PAUSE = _Mark("M12 7v6M12 16.6v.1", "#9a6700", "#d8a634")

_CODE = re.compile("`([^`]+)`")


def _page(mark: _Mark, title: str, *parts: str) -> str:
    return _PAGE.format(title=escape(title), body="\n".join(parts), mark=mark)


def _paragraph(text: str) -> str:
    return "<p>" + _CODE.sub(r"<code>\1</code>", escape(text)) + "</p>"


def _sentence(text: str) -> str:
    return _paragraph(f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}")


RECEIVED_PAGE = _page(
    _TICK,
    "You have signed in",
    _paragraph("mailctl goes on in the terminal, and says there whether everything is in order."),
    _paragraph("You may close this window."),
)
STRANGER_PAGE = _page(
    _PAUSE,
    "This is not the answer mailctl waits for",
    _paragraph(
        "The address belongs to another attempt, or is not complete. Nothing was changed; mailctl keeps waiting."
    ),
    _paragraph("Sign in on the page that mailctl opened last."),
)
NOT_FOUND_PAGE = _page(_PAUSE, "Nothing is here", _paragraph("mailctl waits at this address for a sign-in to end."))


def refused_page(error: MailError) -> str:
    """Return the page for a sign-in that was refused: why, which may hold the provider's words, and what to do."""
    remedy = ("<h2>What to do</h2>", _sentence(error.hint)) if error.hint else ()
    closing = _paragraph("The terminal says the same. You may close this window.")
    return _page(_CROSS, "mailctl was not authorised", _sentence(error.message), *remedy, closing)
