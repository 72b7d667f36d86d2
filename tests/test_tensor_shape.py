# ruff: noqa: RUF005  # what is joined is the matter of the tests
"""Shapes: tuples that answer TensorFlow's questions, of tensors in both modes."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.same import outcome, same_result

import twofold as tf

T = tf.TensorShape


def test_shapes_are_tuples_with_questions() -> None:
    part = T([None, 3])
    assert (part.as_list(), part.rank, part.ndims, str(part)) == ([None, 3], 2, 2, "(None, 3)")
    assert part.is_compatible_with([2, 3]) and not part.is_compatible_with([2, 4])
    assert not part.is_fully_defined() and part.num_elements() is None
    assert T([2, 3]).num_elements() == 6 and T([2, 3]) == (2, 3) == T([2, 3])
    assert part.merge_with([2, None]) == [2, 3] and part.concatenate([4]) == [None, 3, 4]
    assert part.most_specific_compatible_shape([5, 4]) == [None, None]
    assert T([2, 3]).is_subtype_of(part) and not part.is_subtype_of(T([2, 3]))
    assert part[1:] == [3] and isinstance(part[1:], T) and [*T([1, 2])] == [1, 2]
    assert tf.zeros(T([2, 3])).shape == tf.TensorSpec(T([2, 3])).shape == np.zeros(T([2, 3])).shape


def test_nothing_is_known_of_the_unknown_shape() -> None:
    unknown = T(None)
    assert (unknown.rank, unknown.dims, bool(unknown), bool(T([]))) == (None, None, False, False)
    assert unknown.is_compatible_with([1]) and unknown.merge_with([1]) == [1]
    assert unknown.with_rank(2) == [None, None] and unknown != T([]) and unknown == T(None)
    assert repr(unknown) == "TensorShape(None)" and unknown.concatenate([1]) == unknown
    with pytest.raises(ValueError, match="unknown rank"):
        len(unknown)


@pytest.mark.parametrize("call", [
    lambda: T([-1]), lambda: T(["a"]), lambda: T(None).as_list(), lambda: T([2]).with_rank(3),
    lambda: T([2]).assert_is_compatible_with([3]), lambda: T([None]).assert_is_fully_defined(),
    lambda: T([2]).assert_same_rank([1, 1]), lambda: T([1, 2]).with_rank_at_most(1),
    lambda: T([2]).merge_with([3]), lambda: tf.zeros(T([None, 2])),
])  # fmt: skip
def test_shapes_that_do_not_fit(call: Callable[[], Any]) -> None:
    with pytest.raises(ValueError):
        call()


VARIABLE = tf.Variable([[1.0, 2.0, 3.0]])


def asked(x: Any) -> Any:
    shape = x.shape
    return shape.as_list(), shape.rank, shape[1:].num_elements(), shape.dims, x.get_shape()


def joined(x: Any) -> Any:
    return x.shape + (1,), x.shape + [1], (4,) + x.shape, x.shape[:-1] + (-1,), (*x.shape, 2)


def appended(x: Any) -> Any:
    items = same = [1]
    items += x.shape
    return items is same, items


def as_tuple(x: Any) -> Any:
    shape = x.shape
    found = {shape: 1}
    return (
        found[tuple(shape)], shape == (2, 3), shape == [2, 3], sorted([shape, x.shape[1:]]),
        max(shape), 3 in shape, isinstance(shape, tuple), bool(x[0, 0].shape), shape * 2,
    )  # fmt: skip


def used(x: Any) -> Any:
    rows, columns = x.shape
    return tf.zeros(x.shape), tf.reshape(x, [columns, rows]), np.ones(x.shape), tf.ones_like(x)


def shown(x: Any) -> Any:
    return f"{x.shape}", str(x.shape), "%s" % (x.shape,), repr([x.shape])


def kept(x: Any) -> Any:
    out = []
    for _ in tf.range(2):
        out.append(x.shape)
    shape = x.shape[:1] if tf.reduce_sum(x) > 1e6 else x.shape[1:]
    return {"held": x.shape}, out, shape, x.shape.with_rank(2)


def late(x: Any) -> Any:
    y = x[x > 0]
    return y.shape, y.shape[0], y.shape + (1,), tf.zeros(y.shape), y.shape.as_list()


def others(x: Any) -> Any:
    part = tf.TensorShape([None, 3])
    return part.is_compatible_with(x.shape), part.merge_with(x.shape), VARIABLE.shape.as_list()


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(
    "program", [asked, joined, appended, as_tuple, used, shown, kept, late, others]
)
def test_a_compiled_function_has_the_shapes_of_eager_code(
    program: Callable[[Any], Any], strict: bool
) -> None:
    compiled = tf.function(program, strict=strict)
    for rows in (2, 5):
        x = tf.reshape(tf.range(3.0 * rows), (rows, 3))
        same_result(outcome(lambda: compiled(x)), program(x))  # noqa: B023


def test_shapes_do_not_retrace() -> None:
    @tf.function
    def f(x: Any) -> Any:
        flat = tf.reshape(x, [x.shape.num_elements()])
        return flat, tf.zeros(x.shape + (1,)), tf.zeros((2,) + x.shape[1:])

    for rows in (2, 3, 4, 7):
        assert f(tf.ones((rows, 3)))[1].shape == [rows, 3, 1]
    assert f.experimental_get_tracing_count() == 1


def test_an_attribute_with_a_shape_is_guarded_by_its_sizes() -> None:
    class Holder:
        shape: Any = None

    holder = Holder()

    @tf.function
    def f(x: Any) -> Any:
        return x + tf.ones(holder.shape)

    for rows in (2, 2, 2, 3):
        holder.shape = tf.zeros((rows, 1)).shape
        assert f(tf.constant(1.0)).shape == (rows, 1)
    assert f.experimental_get_tracing_count() == 2


def test_shapes_are_copied_and_pickled() -> None:
    shape = VARIABLE.shape
    for made in (copy.copy(shape), copy.deepcopy(shape), pickle.loads(pickle.dumps(shape))):
        assert made == shape and type(made) is tf.TensorShape
    assert tf.TensorSpec([None, 3]).shape.as_list() == [None, 3]
    with pytest.raises(TypeError):
        _ = [1] + shape
