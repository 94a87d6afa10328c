"""What the person's browser shows at the end of a sign-in: plain HTML that loads nothing, light or dark."""

from __future__ import annotations

from html import escape

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} – mailctl</title>
<style>
:root {{ --back: #f4f5f7; --card: #ffffff; --text: #1d2126; --quiet: #5a6470; --line: #d9dde3; --mark: {light}; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --back: #15181c; --card: #1f2328; --text: #e8eaed; --quiet: #a2abb6; --line: #363c44; --mark: {dark}; }}
}}
* {{ box-sizing: border-box; }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem;
  background: var(--back); color: var(--text); font: 1rem/1.55 system-ui, sans-serif; }}
main {{ width: 100%; max-width: 32rem; padding: 2rem 2.25rem 1.75rem; background: var(--card);
  border: 1px solid var(--line); border-top: 4px solid var(--mark); border-radius: 8px; }}
h1 {{ margin: 0 0 .75rem; font-size: 1.35rem; line-height: 1.3; }}
p {{ margin: 0 0 .75rem; overflow-wrap: anywhere; }}
blockquote {{ margin: 0 0 .75rem; padding: .1rem 0 .1rem .9rem; border-left: 3px solid var(--line);
  color: var(--quiet); overflow-wrap: anywhere; }}
footer {{ margin-top: 1.25rem; color: var(--quiet); font-size: .875rem; }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
{body}
<footer>mailctl</footer>
</main>
</body>
</html>
"""
_GREEN = {"light": "#1f883d", "dark": "#3fb950"}
_RED = {"light": "#c62828", "dark": "#f0716a"}


def _page(title: str, *paragraphs: str, colours: dict[str, str]) -> str:
    body = "\n".join(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs)
    return _PAGE.format(title=escape(title), body=body, **colours)


RECEIVED_PAGE = _page(
    "You have signed in",
    "mailctl goes on in the terminal, and says there whether everything is in order.",
    "You may close this window.",
    colours=_GREEN,
)
STRANGER_PAGE = _page(
    "This is not the answer mailctl waits for",
    "The address belongs to another attempt, or is not complete. Nothing was changed, and mailctl keeps waiting.",
    "Sign in on the page that mailctl opened last.",
    colours=_RED,
)
NOT_FOUND_PAGE = _page("Nothing is here", "mailctl waits at this address for a sign-in to end.", colours=_RED)


def refused_page(message: str) -> str:
    """Return the page for a sign-in that was refused; `message` may hold the provider's words."""
    return _page(
        "mailctl was not authorised",
        f"{message[:1].upper()}{message[1:]}.",
        "The terminal says what to do. You may close this window.",
        colours=_RED,
    )
