"""Arrays of names, attributes and lists that change their shape, dtype, strides or their being
writeable in place: never stale."""

from __future__ import annotations

import types
from typing import Any

import numpy as np
import pytest

import twofold as tf

# NumPy 2.5 warns of what these programs do
pytestmark = pytest.mark.filterwarnings("ignore:Setting the:DeprecationWarning")

NAMED = np.arange(6.0)
HOLDER = types.SimpleNamespace(array=NAMED)
LISTED = [NAMED]


def by_name(x):
    return NAMED.sum(axis=0) * x, NAMED.ndim, NAMED + 1


def by_attribute(x):
    return HOLDER.array.sum(axis=0) * x, len(HOLDER.array), HOLDER.array.dtype.kind


def by_item(x):
    return LISTED[0].sum(axis=0), x * LISTED[0][0]


def as_operand(x):
    return x + HOLDER.array


def flag(x):
    return x if NAMED.flags.writeable else -x


def written(x):
    NAMED[0] = NAMED[0] + x.shape[0]
    return NAMED * 2


def reshape(shape):
    NAMED.shape = shape


def retype(dtype):
    NAMED.dtype = dtype


def protect(protected):
    NAMED.flags.writeable = not protected


CHANGES = [(reshape, [(6,), (2, 3), (3, 2), (6,)]), (retype, ["f8", "i8", "f8"]),
           (protect, [False, True, False])]  # fmt: skip


def ended(function: Any, x: Any) -> Any:
    try:
        return repr(function(x)), NAMED.tobytes()
    except ValueError as error:
        return repr(error), NAMED.tobytes()


@pytest.mark.parametrize("program", [by_name, by_attribute, by_item, as_operand, flag, written])
@pytest.mark.parametrize(("change", "values"), CHANGES)
def test_what_changes_in_place_is_seen(program, change, values):
    compiled = tf.function(program, jit_compile=False)
    x = tf.constant([2.0])
    for value in (*values, *values[::-1]):
        change(value)
        before = NAMED.tobytes()
        want = ended(program, x)
        if NAMED.flags.writeable:
            NAMED.ravel()[:] = np.frombuffer(before, NAMED.dtype)
        assert ended(compiled, x) == want
