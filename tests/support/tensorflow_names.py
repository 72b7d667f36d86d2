"""How many names of TensorFlow there are here, and whether they take its parameters in its order.

Run it to see the counts and every name that is missing or differs::

    cd tests; python -m support.tensorflow_names [tf.math ...]
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

import twofold as tf

REFERENCE = Path(__file__).parent.parent / "reference" / "tensorflow_names.json"
PAGE = Path(__file__).parents[2] / "docs" / "tensorflow.md"


ABSENT = object()


class Name(NamedTuple):
    """A name of TensorFlow: ``state`` is ``agrees``, ``differs`` or ``missing``."""

    dotted: str
    theirs: list[str] | None
    ours: list[str] | None
    state: str

    @property
    def space(self) -> str:
        """The namespace or the class that the name is in."""
        return self.dotted.rpartition(".")[0]


def find(dotted: str) -> Any:
    """The object of a dotted name, or ABSENT; an annotation for what only instances have."""
    found: Any = tf
    for part in dotted.split(".")[1:]:
        own = getattr(found, "__annotations__", {})
        found = getattr(found, part, own.get(part, ABSENT))
    return found


def parameters(text: str) -> list[str] | None:
    """The parameters that a signature as text names; None where it says nothing.

    >>> parameters("(x, axis=None, name=None)")
    ['x', 'axis']
    >>> parameters("(x, delimiter=',', na='')")
    ['x', 'delimiter', 'na']
    """
    match = re.search(r"\((.*)\)", text)
    if match is None or "*args" in match[1]:
        return None
    depth, part, parts = 0, "", []
    for c in re.sub(r"'[^']*'", "''", match[1]) + ",":
        depth += (c in "([{") - (c in ")]}")
        if c == "," and not depth:
            parts.append(part.partition("=")[0].strip())
            part = ""
        else:
            part += c
    plain = [p.removeprefix("*") for p in parts if not p.startswith("**")]
    return [p for p in plain if p not in ("self", "name", "")]


def own_parameters(found: Any) -> list[str] | None:
    try:
        signature = inspect.signature(found)
    except (TypeError, ValueError):
        return None
    return [p for p in signature.parameters if p not in ("self", "name")]


def names() -> list[Name]:
    """Every name of the reference."""
    made = []
    for space, held in json.loads(REFERENCE.read_text())["names"].items():
        for short, text in held.items():
            dotted = f"{space}.{short}"
            found = find(dotted)
            ours = None if found is ABSENT else own_parameters(found)
            theirs = parameters(text)
            same = theirs is None or ours is None or ours[: len(theirs)] == theirs
            state = "missing" if found is ABSENT else "agrees" if same else "differs"
            made.append(Name(dotted, theirs, ours, state))
    return made


def listed(title: str) -> set[str]:
    """The names in code marks under a heading of the page, patterns with ``*`` resolved."""
    text = PAGE.read_text(encoding="utf-8")
    part = text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    patterns = re.findall(r"`(tf\.[\w.*]+)`", part)
    every = [n.dotted for n in names()]
    found = set()
    for p in patterns:
        match = re.compile(re.escape(p).replace(r"\*", ".*")).fullmatch
        found |= {n for n in every if match(n)} or {p}
    return found


def main(spaces: list[str]) -> None:
    """Print the counts, and what is not the same."""
    left_out = listed("Left out")
    table = [n for n in names() if not spaces or n.space in spaces]
    for space in dict.fromkeys(n.space for n in table):
        own = [n for n in table if n.space == space]
        count = {s: sum(n.state == s for n in own) for s in ("agrees", "differs", "missing")}
        absent = [n.dotted for n in own if n.state == "missing" and n.dotted not in left_out]
        print(f"{space}: {count}", f"not left out: {', '.join(absent)}" if absent else "")
        for n in own:
            if n.state == "differs" and n.dotted not in left_out:
                print(f"    {n.dotted}: {n.theirs} here {n.ours}")
    for state in ("agrees", "differs", "missing"):
        print(state, sum(n.state == state for n in table))


if __name__ == "__main__":
    main(sys.argv[1:])
