"""All stages side by side as one HTML page without references to anything outside it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from .stages import Stage

__all__ = ["html_page"]

_STYLE = """\
:root { color-scheme: light dark; --line: #8885; --new: #2a62; }
body { font: 14px/1.4 system-ui, sans-serif; margin: 1rem; }
main { display: flex; gap: 1rem; overflow-x: auto; align-items: flex-start; }
section { flex: none; border: 1px solid var(--line); border-radius: 6px; padding: 0 .8rem .8rem; }
h2 { font-size: 1rem; position: sticky; top: 0; }
pre { margin: 0; font: 12px/1.5 ui-monospace, monospace; }
mark { background: var(--new); color: inherit; display: inline-block; min-width: 100%; }
.loc { opacity: .55; }
"""


def html_page(title: str, stages: Sequence[Stage], kernels: Sequence[Stage]) -> str:
    """A page: a column for each stage, lines that the stage changed marked, then the kernels."""
    columns = [_column(s, stages[i - 1].text if i else s.text) for i, s in enumerate(stages)]
    below = [_column(k, k.text) for k in kernels]
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(title)}</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n<main>\n{''.join(columns)}</main>\n"
        f"<h1>kernels</h1>\n<main>\n{''.join(below)}</main>\n</body>\n</html>\n"
    )


def _column(stage: Stage, before: str) -> str:
    """A stage; a line counts as changed if the stage before it has no such line."""
    known = {_plain(line) for line in before.splitlines()}
    lines = [_line(line, _plain(line) not in known) for line in stage.text.splitlines()]
    return (
        f"<section>\n<h2>{escape(stage.name)}</h2>\n<pre>{chr(10).join(lines)}</pre>\n</section>\n"
    )


def _plain(line: str) -> str:
    """A line without its location."""
    return line.partition("  @ ")[0].strip()


def _line(line: str, changed: bool) -> str:
    code, at, place = line.partition("  @ ")
    text = escape(code) + (f'<span class="loc">{escape(at + place)}</span>' if at else "")
    return f"<mark>{text}</mark>" if changed else text
