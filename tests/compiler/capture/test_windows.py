"""Slices with bounds that change from trip to trip: plain NumPy programs, strict, as in Python."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.compiler.native.target import NATIVE
from twofold.compiler.pipeline import run

N = 11
LONG = 26  # trips that are a loop of the graph, not one after the other


def cholesky(a: Any) -> None:
    """Cholesky-Banachiewicz, row by row."""
    for i in range(a.shape[0]):
        for j in range(i):
            a[i, j] = (a[i, j] - a[i, :j] @ a[j, :j]) / a[j, j]
        a[i, i] = np.sqrt(a[i, i] - np.dot(a[i, :i], a[i, :i]))


def doolittle(a: Any) -> None:
    """LU without pivots."""
    n = a.shape[0]
    for k in range(n):
        a[k, k:] -= a[k, :k] @ a[:k, k:]
        a[k + 1 :, k] = (a[k + 1 :, k] - a[k + 1 :, :k] @ a[:k, k]) / a[k, k]


def pivoted(a: Any) -> Any:
    """LU with pivots, on a matrix that needs them."""
    a[:] = a[::-1].copy()
    order = np.arange(len(a))
    for k in range(a.shape[0] - 1):
        p = k + np.argmax(np.abs(a[k:, k]))
        if p != k:
            a[[k, p]] = a[[p, k]]
            order[[k, p]] = order[[p, k]]
        a[k + 1 :, k] /= a[k, k]
        a[k + 1 :, k + 1 :] -= np.outer(a[k + 1 :, k], a[k, k + 1 :])
    return order


def gauss_jordan(a: Any) -> None:
    for k in range(a.shape[0]):
        a[k] /= a[k, k]
        a[k + 1 :] -= np.outer(a[k + 1 :, k], a[k])


def forward(a: Any) -> Any:
    """A triangular system by substitution."""
    x = np.zeros(a.shape[0])
    for i in range(a.shape[0]):
        x[i] = (1.0 - a[i, :i] @ x[:i]) / a[i, i]
    return x


def backward(a: Any) -> Any:
    x = np.zeros(a.shape[0])
    for i in range(a.shape[0] - 1, -1, -1):
        x[i] = (1.0 - a[i, i + 1 :] @ x[i + 1 :]) / a[i, i]
    return x


def levinson(a: Any) -> Any:
    """Levinson-Durbin: coefficients from the first row as autocorrelations."""
    r = a[0] / a[0, 0] * 0.1
    y = np.zeros_like(r)
    y[0] = -r[0]
    alpha = -r[0]
    beta = 1.0
    for k in range(1, r.shape[0]):
        beta *= 1.0 - alpha * alpha
        alpha = -(r[k] + np.dot(np.flip(r[:k]), y[:k])) / beta
        y[:k] += alpha * np.flip(y[:k])
        y[k] = alpha
    return y


def durbin(a: Any) -> Any:
    """The same with views reversed, and a float that becomes one of NumPy's in the first trip."""
    r = a[0] / a[0, 0] * 0.1
    y = np.empty_like(r)
    alpha, beta = -r[0], 1.0
    y[0] = -r[0]
    for k in range(1, r.shape[0]):
        beta *= 1.0 - alpha * alpha
        alpha = -(r[k] + np.dot(np.flip(r[:k]), y[:k])) / beta
        y[:k] += alpha * y[:k][::-1]
        y[k] = alpha
    return y


def gram_schmidt(a: Any) -> Any:
    """The modified Gram-Schmidt process, in place."""
    r = np.zeros_like(a)
    for k in range(a.shape[1]):
        r[k, k] = np.sqrt(a[:, k] @ a[:, k])
        a[:, k] /= r[k, k]
        for j in range(k + 1, a.shape[1]):
            r[k, j] = a[:, k] @ a[:, j]
            a[:, j] -= a[:, k] * r[k, j]
    return r


def products(a: Any) -> Any:
    """The inner products of the columns, each pair once."""
    c = np.zeros_like(a)
    for i in range(a.shape[1]):
        c[i:, i] = c[i, i:] = a[:, i] @ a[:, i:]
    return c


def rank_one(a: Any) -> Any:
    c = np.zeros_like(a)
    for i in range(a.shape[0]):
        c[i, : i + 1] *= 0.5
        for k in range(a.shape[1]):
            c[i, : i + 1] += 1.5 * a[i, k] * a[: i + 1, k]
    return c


def smoothed(a: Any) -> Any:
    """Means of three neighbours."""
    x = a[0]
    y = np.zeros(x.shape[0] - 2)
    for i in range(x.shape[0] - 2):
        y[i] = x[i : i + 3].mean()
    return y


def convolved(a: Any) -> Any:
    """A correlation with a kernel of 3 by 3."""
    k = a[:3, :3]
    n = a.shape[0] - 2
    out = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            out[i, j] = np.sum(a[i : i + 3, j : j + 3] * k)
    return out


def relaxed(a: Any) -> None:
    """Gauss-Seidel, a row at a time, and then along the row."""
    n = a.shape[0]
    for i in range(1, n - 1):
        a[i, 1:-1] += a[i - 1, :-2] + a[i + 1, 2:] + a[i, 2:]
        for j in range(1, n - 1):
            a[i, j] = (a[i, j] + a[i, j - 1]) / 4.0


def thomas(a: Any) -> Any:
    """A tridiagonal system for each column at once."""
    p = np.zeros_like(a)
    q = np.zeros_like(a)
    n = a.shape[0]
    for j in range(1, n - 1):
        p[1:-1, j] = 0.3 / (2.0 - 0.3 * p[1:-1, j - 1])
        q[1:-1, j] = (a[j, :-2] + a[j, 2:] + 0.3 * q[1:-1, j - 1]) / (2.0 - 0.3 * p[1:-1, j - 1])
    for j in range(n - 2, 0, -1):
        a[j, 1:-1] = p[1:-1, j] * a[j + 1, 1:-1] + q[1:-1, j]
    return q


def recursive(a: Any) -> Any:
    """A filter of second order along the rows, both ways."""
    y = np.zeros_like(a)
    for j in range(2, a.shape[1]):
        y[:, j] = a[:, j] + 0.5 * y[:, j - 1] - 0.2 * y[:, j - 2]
    for j in range(a.shape[1] - 3, -1, -1):
        y[:, j] += 0.5 * y[:, j + 1] - 0.2 * y[:, j + 2]
    return y


def reversals(a: Any) -> None:
    """The first elements of each row, turned round: what is read overlaps what is written."""
    for i in range(a.shape[0]):
        a[i, :i] = np.flip(a[i, :i])
        a[i, 1 : i + 1] = a[i, :i] * 1.0


def shifts(a: Any) -> None:
    for i in range(1, a.shape[0]):
        a[0, i:] = a[0, : a.shape[1] - i] + a[i, i:]


def beyond(a: Any) -> Any:
    """Bounds outside of the axis, as slices take them."""
    s = 0.0
    for i in range(a.shape[0]):
        s += a[0, -i:].sum() + 2 * a[1, i - 2 : i + 2].sum() + a[2, i : 2 * i].sum()
        a[3, i - 3 :] *= 0.5
    return s


def running(a: Any) -> Any:
    best = np.zeros(a.shape[0])
    for i in range(a.shape[0]):
        best[i] = np.max(a[i, : i + 1]) - np.min(a[: i + 1, i])
    return best


def insertion(a: Any) -> None:
    """A sort by insertion, of a row."""
    for i in range(1, a.shape[1]):
        x = a[0, i]
        k = 0
        while k < i and a[0, k] <= x:
            k += 1
        for j in range(i, k, -1):
            a[0, j] = a[0, j - 1]
        a[0, k] = x


def pascal(a: Any) -> Any:
    t = np.zeros(a.shape, np.int64)
    t[:, 0] = 1
    for i in range(1, t.shape[0]):
        t[i, 1 : i + 1] = t[i - 1, :i] + t[i - 1, 1 : i + 1]
    return t


def strip(a: Any) -> None:
    """A triangular product in place: the parts are of arrays with sizes of their own."""
    b = a[:, :4] * 1.0
    for i in range(b.shape[0]):
        for j in range(b.shape[1]):
            b[i, j] += np.dot(a[i + 1 :, i], b[i + 1 :, j])
    a[:, :4] = b


def distances(a: Any) -> None:
    """Shortest ways by Floyd and Warshall, a matrix at a time."""
    for k in range(a.shape[0]):
        a[:] = np.minimum(a, a[:, k, None] + a[k, :])


def statistics(a: Any) -> Any:
    m = np.zeros((3, a.shape[0]))
    for i in range(a.shape[0]):
        m[0, i] = np.mean(a[i, : i + 1])
        m[1, i] = np.std(a[i])
        m[2, i] = max(a[i, 0], a[0, i])
    return m


def sparse(a: Any) -> Any:
    """A product with a sparse matrix: bounds and positions that are elements of arrays."""
    n = a.shape[0]
    rows = np.minimum(np.arange(n + 1) * 3 // 2, n).astype(np.uint32)
    columns = (np.arange(n) * 7 % n - n // 2).astype(np.int32)
    y = np.zeros(n)
    for i in range(n):
        at = columns[rows[i] : rows[i + 1]]
        y[i] = a[1, rows[i] : rows[i + 1]] @ a[0][at]
        a[2, i] = a[:, at].sum() + a[at].sum()
    return y


PROGRAMS = [
    cholesky, doolittle, pivoted, gauss_jordan, forward, backward, levinson, durbin, gram_schmidt, products,
    rank_one, smoothed, convolved, relaxed, thomas, recursive, reversals, shifts, beyond, running, insertion,
    pascal, strip, distances, statistics, sparse,
]  # fmt: skip


def given(n: int) -> Any:
    random = np.random.default_rng(n).random((n, n))
    return random @ random.T + n * np.eye(n)


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("jit", [False, True])
def test_programs_are_as_in_python(program: Callable[..., Any], jit: bool) -> None:
    compiled = tf.function(program, jit_compile=jit, strict=True)
    for n in (N, 5, N):
        expected, found = given(n), given(n)
        outcome, made = program(expected), compiled(found)
        assert (made is None) == (outcome is None)
        np.testing.assert_allclose(found, expected, rtol=1e-9)
        if outcome is not None:
            np.testing.assert_allclose(made, outcome, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "program", [p for p in PROGRAMS if p not in (gauss_jordan, doolittle, pivoted, insertion)]
)
def test_their_loops_are_kernels(program: Callable[..., Any]) -> None:
    graph = tf.function(program, strict=True).get_concrete_function(given(N)).graph
    graph = run(graph, target=NATIVE, after="scalarise")
    assert not [n for n in graph.nodes if n.op.name in ("while", "cond")]


def test_a_position_beyond_the_end_is_an_index_error_and_what_was_written_stays() -> None:
    def program(a: Any) -> None:
        for i in range(a.shape[0]):
            a[i, :i] = 0.0
            a[i + 1, 0] = 1.0

    expected, found = given(N), given(N)
    with pytest.raises(IndexError):
        program(expected)
    with pytest.raises(IndexError):
        tf.function(program)(found)
    np.testing.assert_array_equal(found, expected)


def test_slices_of_different_sizes_do_not_meet() -> None:
    def program(a: Any) -> Any:
        s = 0.0
        for i in range(2, a.shape[0]):
            s += (a[0, :i] * a[0, : i - 1]).sum()
        return s

    with pytest.raises(ValueError, match="broadcast"):
        program(given(N))
    with pytest.raises(ValueError, match="broadcast"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tf.function(program)(given(N))


def test_positions_beyond_the_end_in_a_kernel_are_an_index_error() -> None:
    def program(x: Any, bounds: Any, at: Any) -> Any:
        y = np.zeros(bounds.shape[0] - 1)
        for i in range(bounds.shape[0] - 1):
            x[0] += 1.0
            y[i] = x[at[bounds[i] : bounds[i + 1]]].sum()
        return y

    compiled = tf.function(program, strict=True)
    for last in (3, -4, 4, -5):
        given = np.arange(4.0), np.array([0, 2, 2, 1, 5]), np.array([0, 1, -1, 2, last])
        expected, found = [x.copy() for x in given], [x.copy() for x in given]
        if -5 < last < 4:
            np.testing.assert_array_equal(compiled(*found), program(*expected))
        else:
            with pytest.raises(IndexError) as wanted:
                program(*expected)
            with pytest.raises(IndexError) as raised:
                compiled(*found)
            assert str(raised.value).partition("\n")[0] == str(wanted.value)
        np.testing.assert_array_equal(found[0], expected[0])
