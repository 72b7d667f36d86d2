"""Importing without looking for garbage."""

from __future__ import annotations

import gc

__all__ = ["Uncollected"]


class Uncollected:
    """A block that imports: what is loaded stays, and to look for garbage in it takes a sixth of
    the time."""

    def __enter__(self) -> None:
        self.collects = gc.isenabled()
        gc.disable()

    def __exit__(self, *error: object) -> None:
        if self.collects:
            gc.enable()
