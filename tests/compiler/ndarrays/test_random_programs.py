"""Random NumPy programs (``support/numpy_programs.py``): a share of what its command runs."""

from __future__ import annotations

from collections import Counter

import pytest
from support.numpy_programs import run


@pytest.mark.parametrize("block", range(8))
def test_random_programs_are_what_plain_python_makes_of_them(block: int) -> None:
    ends = Counter(run(seed)[1] for seed in range(50 * block, 50 * block + 50))
    assert ends["refused"] < 20
    assert ends["returned"] > 20


def test_random_programs_in_machine_code() -> None:
    ends = Counter(run(seed, jit=True)[1] for seed in range(1000, 1030))
    assert ends["returned"] > 10
