"""Places beside the one that is written, for what is not whole yet.

A process that is killed leaves what it was writing; who writes to the same place next removes it.
The name says whose it is: of another machine, and of a process that runs, nothing is touched.
"""

from __future__ import annotations

import itertools
import os
import re
import secrets
import shutil
import socket
from pathlib import Path

__all__ = ["beside", "sweep"]

_mine = secrets.token_hex(4)  # numbers of processes are given again
_count = itertools.count()


def beside(target: Path) -> Path:
    """A place of its own in the same directory, hidden, with the same ending."""
    return target.with_name(f".{_host()}.{os.getpid()}.{_mine}-{next(_count)}.tmp.{target.name}")


def sweep(target: Path) -> None:
    """Remove what processes of this machine that are gone left beside a place."""
    form = re.compile(rf"\.{_host()}\.(\d+)\.([0-9a-f]+)-\d+\.tmp\.{re.escape(target.name)}")
    for found in target.parent.iterdir():
        match = form.fullmatch(found.name)
        if match is None or not _is_gone(int(match[1]), match[2]):
            continue
        if found.is_dir() and not found.is_symlink():
            shutil.rmtree(found, ignore_errors=True)
        else:
            found.unlink(missing_ok=True)


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())


def _is_gone(process: int, token: str) -> bool:
    """Whether a process has ended; another one may have its number now."""
    if process == os.getpid():
        return token != _mine
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
