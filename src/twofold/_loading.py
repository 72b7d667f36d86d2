"""Importing the parts of twofold when they are first used."""

from __future__ import annotations

import gc
import os
import sys
from _thread import RLock

__all__ = ["Loading"]

# Python 3.12 starts with some 400 objects frozen, the others with none.
_FROZEN_BY_PYTHON = 1000 if sys.version_info[:2] == (3, 12) else 0

_lock = RLock()
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
    )


class Loading:
    """A block that imports.

    A fork waits for its end: in the child nobody would go on with what another thread was
    importing. What is loaded stays, and to look for garbage in it takes a sixth of the time: it
    becomes old without that, unless somebody else has frozen objects, whom ``unfreeze`` would
    surprise.
    """

    def __enter__(self) -> None:
        _lock.acquire()
        self.collects = gc.isenabled()
        gc.disable()

    def __exit__(self, *error: object) -> None:
        if self.collects:
            if gc.get_freeze_count() <= _FROZEN_BY_PYTHON:
                gc.freeze()
                gc.unfreeze()
            gc.enable()
        _lock.release()
