"""``tf.summary.experimental``: the step of a thread, and names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from . import proto
from .writer import defaults, emit, outside_of_graphs

__all__ = ["get_step", "set_step", "summary_scope", "write_raw_pb"]


def get_step() -> Any:
    """The step that is set for this thread, or None."""
    outside_of_graphs("experimental.get_step")
    return defaults.step


def set_step(step: Any) -> None:
    """Set the step of this thread: an integer, a tensor, or a Variable, read when it is used."""
    outside_of_graphs("experimental.set_step")
    defaults.step = step


@contextmanager
def summary_scope(
    name: str, default_name: str = "summary", values: Any = None
) -> Iterator[tuple[str, str]]:
    """The tag of a name, and the scope of its computation."""
    tag = name or default_name
    yield tag, tag + "/"


def write_raw_pb(tensor: Any, step: Any = None, name: str | None = None) -> bool:
    """Write a serialised ``Summary``."""
    raw = tensor.numpy() if hasattr(tensor, "numpy") else tensor
    return emit("experimental.write_raw_pb", step,
                lambda: {"summary": proto("summary").Summary.FromString(raw)})  # fmt: skip
