"""Tests of datasets run as in a process without a global seed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from twofold.runtime import random


@pytest.fixture(autouse=True)
def unseeded() -> Iterator[None]:
    seed, stream = random._seed[0], list(random._op_seeds)
    random._seed[0] = None
    random._op_seeds.clear()
    yield
    random._seed[0] = seed
    random._op_seeds[:] = stream
