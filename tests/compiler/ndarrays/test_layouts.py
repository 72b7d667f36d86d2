"""Results lie in memory as NumPy lays them out, whatever order the operands have, also where one
compiled function meets several orders."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.same import Difference, _same, compare, outcome, program, twins

import twofold as tf

NUMBERS = np.arange(24.0).reshape(2, 3, 4) - 5
LAYOUTS = {
    "row-major": NUMBERS,
    "column-major": np.asfortranarray(NUMBERS),
    "transposed": NUMBERS.T,
    "permuted": NUMBERS.transpose(1, 2, 0),
    "swapped": NUMBERS.swapaxes(1, 2),
    "reversed": NUMBERS[::-1],
    "backwards": NUMBERS[:, :, ::-1],
    "strided": np.repeat(NUMBERS, 2, -1)[..., ::2],
    "repeated": np.broadcast_to(NUMBERS[0], (2, 3, 4)),
    "repeated inside": np.broadcast_to(NUMBERS[:, :1], (2, 3, 4)),
    "repeated elements": np.broadcast_to(NUMBERS[:, :, :1], (2, 3, 4)),
    "repeated and transposed": np.broadcast_to(NUMBERS[0], (2, 3, 4)).T,
    "matrix, transposed": NUMBERS[0].T,
    "matrix, both ways": NUMBERS[0, ::-1, ::-1].T,
    "row": NUMBERS[0, :1],
    "column": NUMBERS[0, :1].T,
    "one in front": NUMBERS[:1].transpose(2, 0, 1),
    "empty": np.asfortranarray(NUMBERS[:, :0]),
}
PROGRAMS = [
    "np.negative(a)", "a + 1", "a + a[::-1]", "np.add(a[:1], a)", "np.add(a, a[..., :1])", "a < 2",
    "np.round(a)", "a.round(2)", "np.round(a.astype('c16'))", "np.round(a.astype(int), -1)",
    "np.where(a > 1, a, 0)", "np.clip(a, 0, 2)", "a.copy('K')", "a.copy('A')", "a.copy('F')",
    "np.array(a, order='F')", "a.astype('f4')", "a.astype('f4', order='F')",
    "a.astype('f4', order='A')", "np.zeros_like(a)", "np.full_like(a, 2, order='F')",
    "np.ones_like(a, shape=(3, 2, 2))", "np.zeros_like(a, shape=(3, 2))", "a.ravel('K')",
    "a.flatten('A')", "a.reshape(2, -1, order='A')", "np.concatenate([a, a], axis=-1)",
    "np.stack([a, a], 1)", "np.insert(a, 0, 1, axis=0)", "np.delete(a, 0, axis=-1)",
    "np.sort(a, axis=0)", "a[..., [0, 1]]", "a[[0], ..., [0]]", "a.sum(axis=-1)",
    "a.mean(axis=0)", "np.count_nonzero(a, axis=0)", "np.cumsum(a, axis=0)",
    "np.diff(a, n=2, axis=0)", "np.median(a, axis=0)", "np.dot(a, 2)", "np.dot(a, a.T)",
    "np.inner(a, a)", "np.einsum('...->...', a)", "np.einsum('i...->...i', a)",
    "np.einsum('...i->...', a)", "np.einsum('i...,i...->...', a, a)", "np.modf(a)",
    "np.fft.fft(a, axis=0)", "np.linspace(a, a + 1, 3)",
    "(a.strides, a.flags.f_contiguous, a.flags['C'])", "np.tril(a)", "np.add.outer(a, a[0])",
    "np.lib.stride_tricks.sliding_window_view(a, 1, axis=0)",
]  # fmt: skip


@pytest.mark.parametrize("text", PROGRAMS)
def test_results_lie_in_memory_as_those_of_numpy(text: str) -> None:
    function = program(f"return {text}")
    compiled = tf.function(function, jit_compile=False)
    for name, array in LAYOUTS.items():
        compare(function, array, calls=1)
        want = outcome(lambda: function(*twins([array])))  # noqa: B023
        got = outcome(lambda: compiled(*twins([array])))  # noqa: B023
        try:
            _same(got, want, name)
        except Difference as error:
            raise AssertionError(f"after other layouts: {error}") from None


def test_a_diagonal_of_einsum_can_be_written_to() -> None:
    def f(a: Any) -> Any:
        np.einsum("ii->i", a)[:] = 7
        np.einsum("ij->ji", a)[0] += 1
        d = np.einsum("iij->ji", np.stack([a, a], -1))
        d[0] = 5
        return d, a

    compare(f, np.arange(9.0).reshape(3, 3))
    compare(f, np.arange(9).reshape(3, 3).T, jit=True)
