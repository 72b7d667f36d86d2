"""tf.switch_case and tf.case, and what an index or predicates that fit nothing give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.modes import same_in_every_mode

import twofold as tf

X = tf.constant([1.0, -2.0])


@pytest.mark.parametrize("default", [None, lambda: X * 0.0])
@pytest.mark.parametrize(
    "kind", [list, lambda fs: dict(enumerate(fs)), lambda fs: [*enumerate(fs)][::-1]]
)
def test_an_index_picks_a_function(kind: Any, default: Any) -> None:
    v = tf.Variable(1.0)

    def f(i: Any, x: Any) -> Any:
        def first() -> Any:
            v.assign_add(5.0)
            return x * v

        return tf.switch_case(i, kind([first, lambda: x + v, lambda: -x]), default), v * 1.0

    calls = [(tf.constant(i, d), X) for i in (0, 1, 2, 7) for d in (tf.int32, tf.int64)]
    calls += [(tf.constant(-1), X), (tf.constant(2**40), X), (1, X), (np.int64(2), X)]
    same_in_every_mode(f, *calls, variables=[v])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "at least one"),
        ({0: lambda: 1, 2: lambda: 2}, "0 to 1"),
        ([3], "branch 0 is a function"),
    ],
)
def test_functions_without_an_index_are_refused(given: Any, words: str) -> None:
    with pytest.raises(tf.errors.ArgumentError, match=words):
        tf.switch_case(tf.constant(0), given)
    with pytest.raises(tf.errors.DTypeError, match="an integer"):
        tf.switch_case(tf.constant(0.5), [lambda: 1])


def numbers(*found: float) -> list[tuple[Any]]:
    return [(tf.constant(x),) for x in found]


def test_the_first_predicate_that_holds_picks() -> None:
    def f(x: Any) -> Any:
        return tf.case([(x < 1.0, lambda: [x]), (x < 2.0, lambda: (x * 2.0,))], default=lambda: -x)

    (low, _, _) = same_in_every_mode(f, *numbers(0.5, 1.5, 2.5))
    assert low.structure.kind is None


def test_strict_keeps_a_list_of_one() -> None:
    def f(x: Any) -> Any:
        return tf.case([(x < 1.0, lambda: [x])], default=lambda: [-x], strict=True)

    (found, _) = same_in_every_mode(f, *numbers(0.5, 1.5))
    assert found.structure.kind is list


def test_no_predicate_and_no_default_raises_when_it_runs() -> None:
    def f(x: Any) -> Any:
        return tf.case([(x < 1.0, lambda: x), (x < 2.0, lambda: -x)])

    (_, fine, raised) = same_in_every_mode(f, *numbers(0.5, 1.5, 2.5))
    assert fine.error is None
    assert isinstance(raised.error, tf.errors.ArgumentError)


def test_exclusive_predicates_are_counted() -> None:
    def f(x: Any) -> Any:
        pairs = [(x < 1.0, lambda: x), (x < 2.0, lambda: -x)]
        return tf.case(pairs, default=lambda: x * 0.0, exclusive=True)

    (raised, fine, _) = same_in_every_mode(f, *numbers(0.5, 1.5, 2.5))
    assert isinstance(raised.error, tf.errors.ArgumentError)
    assert fine.error is None
