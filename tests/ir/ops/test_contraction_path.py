"""The order of products in an einsum: never dearer than left to right, and the best for few."""

from __future__ import annotations

import math
import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import twofold as tf
from twofold.ir.ops.contraction_path import MOST, order


def cost(
    labels: list[str], result: str, sizes: dict[str, int], pairs: list[tuple[int, int]]
) -> int:
    terms, total = list(labels), 0
    for i, j in pairs:
        others = [t for k, t in enumerate(terms) if k not in (i, j)]
        both = set(terms[i] + terms[j])
        total += math.prod(sizes[c] for c in both)
        terms = [*others, "".join(sorted(both & set(result).union(*others)))]
    assert len(terms) == 1
    return total


@given(st.lists(st.text("abcde", min_size=1, max_size=3), min_size=2, max_size=MOST + 2), st.data())
def test_no_order_is_dearer_than_numpys_best(labels: list[str], data: st.DataObject) -> None:
    labels = ["".join(dict.fromkeys(t)) for t in labels]
    letters = sorted(set("".join(labels)))
    sizes = {c: data.draw(st.integers(1, 9)) for c in letters}
    result = "".join(data.draw(st.lists(st.sampled_from(letters), unique=True)))
    found = cost(labels, result, sizes, order(labels, result, sizes))
    in_turn = [(0, 1), *[(0, n - 1) for n in range(len(labels) - 1, 1, -1)]]
    if len(labels) <= MOST:
        assert found <= cost(labels, result, sizes, in_turn)
        arrays = [np.empty([sizes[c] for c in t]) for t in labels]
        path = np.einsum_path(f"{','.join(labels)}->{result}", *arrays, optimize="optimal")[0][1:]
        if all(len(p) == 2 for p in path):
            assert found <= cost(labels, result, sizes, [tuple(sorted(p)) for p in path])


@pytest.mark.parametrize("count", [3, 5, MOST + 3])
def test_a_chain_with_a_vector_at_its_end_never_makes_a_matrix(count: int) -> None:
    letters = string.ascii_lowercase[:count]
    labels = [a + b for a, b in zip(letters, letters[1:], strict=False)] + [letters[-1]]
    sizes = dict.fromkeys(letters, 50)
    assert cost(labels, "a", sizes, order(labels, "a", sizes)) == (count - 1) * 50**2


def test_symbols_take_part() -> None:
    f = tf.function(lambda a, b, c: tf.einsum("ij,jk,k->i", a, b, c), jit_compile=False)
    rng = np.random.default_rng(0)
    for m, n in ((3, 4), (5, 6)):
        a, b, c = (rng.standard_normal(s) for s in ((m, n), (n, m), (m,)))
        np.testing.assert_allclose(f(a, b, c).numpy(), a @ b @ c)
        np.testing.assert_allclose(tf.einsum("ij,jk,k->i", a, b, c).numpy(), a @ b @ c)
    assert f.experimental_get_tracing_count() == 1
