"""Views of views: what is a view, and what a copy, for every kind of basic index."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import twofold as tf

PARTS = (1, slice(None), slice(1, None), slice(None, None, 2), None, ...)
KEYS = [
    key
    for length in (1, 2, 3)
    for key in product(PARTS, repeat=length)
    if sum(p is ... for p in key) <= 1
]


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 2), (1, 2, 3)])
def test_ravel_and_reshape_of_a_part_are_views_where_numpy_s_are(shape: tuple[int, ...]) -> None:
    for key in KEYS:

        def write(a: Any, key: Any = key) -> Any:
            a[key].ravel()[:] = 7.0
            a[key].reshape(-1)[:1] = 8.0

        expected, given = (np.arange(float(np.prod(shape))).reshape(shape) for _ in range(2))
        try:
            write(expected)
        except IndexError:  # more parts than axes, or beyond an axis of size 1
            with pytest.raises(IndexError):
                tf.function(write, jit_compile=False)(given)
        else:
            tf.function(write, jit_compile=False)(given)
        np.testing.assert_array_equal(given, expected, err_msg=str(key))
