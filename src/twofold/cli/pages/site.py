"""The sources of the site: a page for each op, lists of names, and the guides of a checkout."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from functools import partial
from itertools import groupby
from pathlib import Path

from twofold._version import __version__
from twofold.api import surface
from twofold.ir.registry import REGISTRY

from ..ops import facts
from .elsewhere import elsewhere_page
from .op_page import op_page, page_name

__all__ = ["CONFIGURATION", "guides", "sources", "write"]

# What Sphinx reads; the site is static, and its search runs in the browser.
CONFIGURATION = f"""\
project = "twofold"
version = release = "{__version__}"
copyright = "the authors of twofold"
extensions = ["myst_parser"]
html_theme = "furo"
html_title = "twofold {__version__}"
html_show_sphinx = False
myst_heading_anchors = 4
nitpicky = True
suppress_warnings = ["misc.highlighting_failure"]
"""
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FOLDERS = ("docs", ".", "benchmarks", "examples", "compiler", "ir", "runtime")


def sources(checkout: Path, *, kernels: bool = True) -> dict[str, Callable[[], str]]:
    """Every source page by its place: what makes its text.

    ``checkout``: the folder of the project, whose guides are part of the site. ``kernels``: pages
    of ops have the kernels of an example.
    """
    held = guides(checkout)
    return {
        "conf.py": lambda: CONFIGURATION,
        "index.md": lambda: _index(held),
        **{place: partial(_relinked, file, checkout, held) for place, file in held.items()},
        "coming_from.md": elsewhere_page,
        "ops/index.md": _families,
        "names.md": _names,
        **{page_name(name): partial(_orphan, name, kernels) for name in sorted(REGISTRY)},
    }


def write(folder: Path, checkout: Path) -> int:
    """Write the sources into a folder; how many pages there are."""
    pages = sources(checkout)
    for place, make in pages.items():
        file = folder / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(make(), encoding="utf-8")
    return len(pages) - 1  # one is the configuration


def _orphan(name: str, kernels: bool) -> str:
    """A page that stands in no tree: a tree of all ops beside every page takes minutes."""
    return "---\norphan: true\n---\n\n" + op_page(name, kernels=kernels)


def guides(checkout: Path) -> dict[str, Path]:
    """The pages of a checkout, by their place in the site."""
    found: dict[str, Path] = {}
    for folder in _FOLDERS:
        for file in sorted((checkout / folder).glob("*.md")):
            own = file.stem.lower()
            if folder != "docs":
                own = own if folder == "." else f"{folder}_{own}"
            found[f"{own}.md"] = file
    return found


def _title(file: Path) -> str:
    return next(
        (line[2:].strip() for line in file.read_text(encoding="utf-8").splitlines()
         if line.startswith("# ")), file.stem
    )  # fmt: skip


def _index(held: dict[str, Path]) -> str:
    docs = [place for place, file in held.items() if file.parent.name == "docs"]
    others = [place for place in held if place not in docs]
    first = ["readme.md", "tutorial.md"]
    rest = [place for place in docs if place not in first]
    return "\n\n".join([
        "# twofold",
        f"Version {__version__}. Search, at the side, finds every op by any of its names.",
        _tree("Start", [*(p for p in first if p in held), "coming_from.md"]),
        _tree("Reference", ["ops/index.md", "names.md"]),
        _tree("Guides", rest),
        _tree("The project", [p for p in others if p not in first]),
    ]) + "\n"  # fmt: skip


def _tree(caption: str, places: list[str]) -> str:
    rows = "\n".join(place.removesuffix(".md") for place in places)
    return f"```{{toctree}}\n:caption: {caption}\n:maxdepth: 1\n\n{rows}\n```"


def _families() -> str:
    rows = sorted((facts(name) for name in REGISTRY), key=lambda r: (r["family"], r["name"]))
    parts = ["# Ops", f"{len(rows)} ops and composites, by family; each page is its record."]
    for family, members in groupby(rows, key=lambda r: str(r["family"])):
        parts.append(f"## {family.replace('_', ' ')}")
        lines = ["| op | |", "|---|---|"]
        lines += [
            f"| [{r['name']}]({r['name']}.md) | {_summary(str(r['summary']))} |" for r in members
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _summary(text: str) -> str:
    return re.sub(r"``([^`]+)``", r"`\1`", text).replace("|", "\\|")


def _names() -> str:
    """Every public name, and the op that it is."""
    parts = ["# Public names", "Every name, and the page of the op that it is."]
    rows = sorted(surface.origins().items(), key=lambda r: (r[0].rpartition(".")[0], r[0]))
    for space, members in groupby(rows, key=lambda r: r[0].rpartition(".")[0]):
        parts.append(f"## {'.'.join(filter(None, ('tf', space)))}")
        lines = ["| name | |", "|---|---|"]
        for name, meant in members:
            op = surface.op_of(meant) or (name if name in REGISTRY else None)
            page = f"[{op}]({page_name(op)})" if op else f"`{meant}`"
            lines.append(f"| `tf.{name}` | {page} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _relinked(file: Path, checkout: Path, held: dict[str, Path]) -> str:
    """The text of a guide with links to places of the site; a link to anything else is text."""
    places = {str(path.relative_to(checkout)): place for place, path in held.items()}
    text = file.read_text(encoding="utf-8")
    here = file.parent.relative_to(checkout).as_posix()

    def place_of(link: str) -> str:
        target, hash_, anchor = link.partition("#")
        if target.startswith(("http:", "https:")) or not target:
            return link
        path = posixpath.normpath(posixpath.join(here, target))
        place = places.get(path) or places.get(f"{path}/README.md")
        return f"{place}{hash_}{anchor}" if place else ""

    def moved(match: re.Match[str]) -> str:
        place = place_of(match[1])
        return f"]({place})" if place else "]"

    text = re.sub(
        r"^(\[[^\]]+\]): (\S+)$",
        lambda m: f"{m[1]}: {place_of(m[2])}" if place_of(m[2]) else "",
        text,
        flags=re.MULTILINE,
    )

    parts = re.split(r"(```.*?```)", text, flags=re.DOTALL)
    return "".join(part if part.startswith("```") else _LINK.sub(moved, part) for part in parts)
