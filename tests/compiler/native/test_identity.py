"""The digest of the sources, which the cache's folder keeps for the next process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from twofold.compiler.native import cache, identity

from .test_cache import DAMAGE, place

assert place  # a fixture


def recalled(place: Path, sources: Any = None) -> str:
    """The digest of the sources as a new process finds it, which writes it down if it can."""
    found = identity._emitter(list(identity._sources()) if sources is None else sources)
    if place.exists():
        with cache.Folder(place) as here:
            identity.remember(here)
    return found


def test_the_digest_of_the_sources_is_written_down_for_the_next_process(place: Path) -> None:
    ours = identity.identity()["emitter"]
    assert recalled(place) == ours and not place.exists()
    cache.put("the number 7", "number7", b"code", 1.0)  # makes the folder
    (file,) = place.glob("*.sources")
    state, other = file.name.partition(".")[0], "5" * 32
    assert recalled(place) == ours
    file.write_bytes(identity._signed(state, other))
    assert recalled(place) == other  # it was read
    assert [e.content for e in cache.entries()] == ["the number 7"]
    assert cache.clear() == 1 and not file.exists()


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_digest_of_the_sources_is_made_again(damage: str, place: Path) -> None:
    ours = identity.identity()["emitter"]
    cache.put("the number 7", "number7", b"code", 1.0)
    recalled(place)
    (file,) = place.glob("*.sources")
    good = file.read_bytes()
    file.write_bytes(DAMAGE[damage](good.replace(ours.encode(), b"5" * 32)))
    assert recalled(place) == ours
    assert file.read_bytes() == good


def test_sources_in_another_state_have_another_digest(place: Path, tmp_path: Path) -> None:
    cache.put("the number 7", "number7", b"code", 1.0)
    module = tmp_path / "module.py"
    module.write_text("x = 1")
    before = os.stat(module)
    first = recalled(place, [(str(module), before)])
    with open(module, "r+") as file:
        file.write("y")
    os.utime(module, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert recalled(place, [(str(module), os.stat(module))]) != first
