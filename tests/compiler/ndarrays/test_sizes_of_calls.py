"""NumPy functions of arrays whose sizes values decide, and of which values decide the sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.modes import MODES
from support.same import outcome, same_result

import twofold as tf

Pair = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]
GIVEN: list[Pair] = [
    (np.array(a), np.array(b))
    for a, b in [
        ([3.0, 1, 2, 3, 1], [1.0, 2, 5]),
        ([2.0, 2, 2, 4, 0], [2.0, 2]),
        ([1.5, 2, 7, 8, 9, 2, 2, 0], [0.0, 1, 2, 3]),
    ]
]
PROGRAMS: dict[str, Callable[[Any, Any], Any]] = {
    "unique": lambda a, b: np.unique(a) + 1,
    "its counts": lambda a, b: np.unique(a, return_counts=True),
    "all that it gives": lambda a, b: np.unique(a, True, True, True),
    "unique_counts": lambda a, b: np.unique_counts(a),
    "one by the other": lambda a, b: (lambda v, n: v[n > 1])(*np.unique(a, return_counts=True)),
    "a line through them": lambda a, b: np.interp(b, np.unique(a), np.unique(a) ** 2),
    "a loop over them": lambda a, b: [float(v) for v in np.union1d(a, b)],
    "sets": lambda a, b: (np.setdiff1d(a, b), np.setxor1d(a, b), np.intersect1d(a, b)),
    "their number": lambda a, b: (len(np.unique(a)), np.unique(a).shape, np.unique(a).size),
    "differences": lambda a, b: np.diff(np.unique(a)),
    "places": lambda a, b: np.searchsorted(np.unique(a), b),
    "repeated": lambda a, b: (np.repeat(a, a.astype(int)), np.repeat(a[a > 1], 2)),
    "rows repeated": lambda a, b: np.repeat(np.arange(len(a)), a.astype(int)),
    "extract": lambda a, b: np.extract(a > 1, a) * 2,
    "compress": lambda a, b: np.compress(a > 1, a),
    "medians": lambda a, b: np.median(a[a > 1]) + np.median(b[b > 0]),
    "percentiles": lambda a, b: np.percentile(a[a > 0], [10, 50, 90]),
    "in order": lambda a, b: a[a > 1][np.argsort(a[a > 1])],
    "joined": lambda a, b: np.concatenate([a[a > 2], b[b < 2]]),
    "appended": lambda a, b: np.append(a[a > 1], b),
    "running": lambda a, b: np.cumsum(a[a > 1]),
    "histogram": lambda a, b: np.histogram(a[a > 1], bins=3),
    "convolved": lambda a, b: np.convolve(a[a > 1], b),
    "powers": lambda a, b: np.vander(a[a > 1], 3),
    "transformed": lambda a, b: np.fft.fft(a[a > 1]),
    "partition": lambda a, b: np.partition(a[a > 1], 1)[:1],
}


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("name", list(PROGRAMS))
def test_a_compiled_program_gives_what_numpy_gives(name: str, strict: bool) -> None:
    program = PROGRAMS[name]
    compiled = tf.function(program, strict=strict)
    for a, b in GIVEN:
        given = a.copy(), b.copy()
        same_result(outcome(lambda: compiled(*given)), program(a, b))  # noqa: B023


def test_one_trace_serves_all_sizes() -> None:
    @tf.function(strict=True)
    def f(a: Any) -> Any:
        values, counts = np.unique(a, return_counts=True)
        return (
            values,
            counts,
            np.repeat(np.arange(len(a)), 2),
            np.median(a[a > 1]),
            a.sum() / len(a),
        )

    for a, _ in GIVEN:
        assert f(a)[1].sum() == a.size
    assert f.experimental_get_tracing_count() == 1


ANY_SIZE: dict[str, Callable[[Any, Any], Any]] = {
    "between points": lambda a, b: np.interp(b, a, a * 2),
    "order": lambda a, b: (np.argsort(a), np.lexsort((a, a)), np.searchsorted(a, b)),
    "slopes": lambda a, b: (np.gradient(a), np.unwrap(a), np.trapezoid(a)),
    "counts": lambda a, b: (np.histogram(a, 5), np.digitize(a, np.sort(b))),
    "spectrum": lambda a, b: np.fft.fftshift(np.fft.fft(a)),
    "together": lambda a, b: (np.append(a, b), np.append(np.append(a, b), a), np.polymul(a, b)),
    "products": lambda a, b: (np.einsum("i,j->ij", a, b), np.correlate(a, b, "same")),
    "decompositions": lambda a, b: np.linalg.svd(np.outer(a, b), compute_uv=False).max(),
    "stacked": lambda a, b: (np.stack([a, a * 2]), np.stack([a, a], -1), np.column_stack([a, a])),
    "matrices": lambda a, b: (np.eye(len(a), k=1), np.identity(len(b)), np.diag(a), np.eye(3)),
    "even steps": lambda a, b: (np.linspace(-1.3, 2, len(a)), np.linspace(0, 1, 2 * len(b))),
    "statistics": lambda a, b: (np.median(a), np.percentile(a, [5, 50]), np.nanmedian(b)),
    "widened": lambda a, b: (np.pad(a, 1), np.pad(a, 2, mode="edge"), np.insert(a, 1, 9.0)),
    "filtered": lambda a, b: np.convolve(a, a[:2], "valid"),
    "half a spectrum": lambda a, b: np.fft.rfft(a),
    "solved": lambda a, b: np.linalg.solve(np.outer(a, a) + np.eye(len(a)), a).shape,
    "eigenvalues": lambda a, b: np.linalg.eigvalsh(np.outer(a, a)),
}


@pytest.mark.parametrize("name", list(ANY_SIZE))
def test_a_call_of_numpy_is_for_any_sizes(name: str) -> None:
    program, rng = ANY_SIZE[name], np.random.default_rng(5)
    compiled = tf.function(program, strict=True)
    for n, m in ((5, 3), (7, 2), (9, 9), (4, 6), (2, 2), (3, 1)):
        a, b = np.sort(rng.normal(size=n)) + 2, rng.normal(size=m)
        same_result(outcome(lambda: compiled(a.copy(), b.copy())), program(a, b))  # noqa: B023
    assert compiled.experimental_get_tracing_count() <= 2  # the first sizes may be taken for equal


def test_arrays_of_many_sizes_are_not_asked_about() -> None:
    x = np.random.default_rng(3).normal(size=(2, 3, 4, 5))  # with larger sizes they fill gigabytes
    compiled = tf.function(lambda a: np.argpartition(a, 1), strict=True)
    same_result(outcome(lambda: compiled(x.copy())), np.argpartition(x, 1))


def test_sizes_that_probes_do_not_show_are_an_error_of_the_call() -> None:
    compiled = tf.function(lambda a: np.delete(a[a > 1], 2), strict=True)
    assert compiled(np.array([3.0, 2.0, 5.0, 1.0])).tolist() == [3.0, 2.0]
    with pytest.raises(IndexError):
        compiled(np.array([3.0, 1.0]))


OF_ANY_SIZE: dict[str, Callable[[Any], Any]] = {
    "powers": lambda a: (np.vander(a[0]), np.vander(a[0], 3, increasing=True)),
    "covariance": lambda a: (np.cov(a), np.cov(a, rowvar=False, ddof=0), np.corrcoef(a)),
    "of a row": lambda a: np.cov(a[0]),
    "Kronecker's product": lambda a: np.kron(a, a[0]) + np.kron(2.0, np.kron(a[:1], a[0])),
    "of complex numbers": lambda a: np.kron(a[0], a + 1j)[0],
    "trace": lambda a: np.trace(a) + a.trace(offset=1) + np.trace(a[None], -1, 1, 2),
    "diagonals": lambda a: (a.diagonal().copy(), np.diagonal(a, 1) * 2, np.diag(a, -1) + 1),
    "far outside": lambda a: (a.trace(40), a.diagonal(-40).copy()),
    "frequencies": lambda a: (np.fft.fftfreq(len(a)), np.fft.fftfreq(n=a.size, d=a[0, 0] + 9)),
    "half the frequencies": lambda a: np.fft.rfftfreq(len(a), 0.5),
    "windows": lambda a: a * np.hanning(len(a)) + np.bartlett(a.shape[1]) * np.hamming(M=len(a)),
    "another window": lambda a: np.blackman(len(a) + 1),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", list(OF_ANY_SIZE))
def test_there_is_one_trace_for_matrices_of_all_sizes(name: str, mode: str) -> None:
    program = OF_ANY_SIZE[name]
    compiled = MODES[mode](program)
    for size in (3, 5, 4, 7):
        a = np.random.default_rng(size).normal(size=(size, size))
        same_result(outcome(lambda: compiled(a)), program(a))  # noqa: B023
    assert compiled.experimental_get_tracing_count() == 1


def test_windows_and_frequencies_of_the_least_sizes() -> None:
    def program(a: Any) -> Any:
        n = len(a)
        return np.hanning(n), np.hamming(n), np.blackman(n), np.bartlett(n), np.hanning(n - 1)

    def frequencies(a: Any) -> Any:
        return np.fft.fftfreq(len(a)), np.fft.rfftfreq(len(a), 2.0)

    for f in (program, frequencies):
        compiled = tf.function(f, strict=True)
        for size in (2, 1, 3):
            a = np.zeros(size)
            same_result(outcome(lambda: compiled(a)), f(a))  # noqa: B023


def test_diagonals_of_oblong_matrices() -> None:
    def program(a: Any) -> Any:
        return np.trace(a, 1), a.diagonal(-1) * 2

    compiled = tf.function(program, strict=True)
    for shape in ((3, 5), (5, 3), (1, 4), (2, 1), (6, 7)):
        a = np.random.default_rng(0).normal(size=shape)
        same_result(outcome(lambda: compiled(a)), program(a))  # noqa: B023


def test_one_count_for_all_elements_of_a_large_array_decides_no_sizes() -> None:
    def program(a: Any) -> Any:
        return np.repeat(np.zeros((2**15, 1)) + a, 2, axis=1)[-1]

    compiled = tf.function(program, strict=True, jit_compile=False)
    assert compiled(np.array(1.5)).tolist() == [1.5, 1.5]


TENSORS: dict[str, Callable[[Any], Any]] = {
    "dynamic_partition": lambda x: tf.dynamic_partition(x, tf.cast(x, "int32") % 3, 3),
    "its sums": lambda x: [tf.reduce_sum(p) for p in tf.dynamic_partition(x, [0, 1, 0, 1], 2)],
    "dynamic_stitch": lambda x: tf.dynamic_stitch([tf.cast(x, "int32")], [x]),
    "bincount": lambda x: tf.math.bincount(tf.cast(x, "int32")),
    "at least so many": lambda x: tf.math.bincount(tf.cast(x, "int32"), minlength=9),
    "at most so many": lambda x: tf.math.bincount(tf.cast(x, "int32"), maxlength=2),
    "of nothing": lambda x: tf.math.bincount(tf.cast(x, "int32")[:0]),
    "sequence_mask": lambda x: tf.sequence_mask(tf.cast(x, "int32")),
    "confusion_matrix": lambda x: tf.math.confusion_matrix(tf.cast(x, "int32"), [0, 1, 1, 2]),
}


@pytest.mark.parametrize("name", list(TENSORS))
def test_functions_of_tensors_are_staged(name: str) -> None:
    program = TENSORS[name]
    compiled = tf.function(program, strict=True)
    for given in ([3.0, 1.0, 2.0, 0.0], [0.0, 1.0, 4.0, 2.0]):
        x = tf.constant(given)
        same_result(outcome(lambda: compiled(x)), outcome(lambda: program(x)))  # noqa: B023


def test_a_part_out_of_range_is_the_error_of_eager_code() -> None:
    compiled = tf.function(lambda x, p: tf.dynamic_partition(x, p, 2), strict=True)
    x = tf.constant([1.0, 2.0])
    assert [p.tolist() for p in compiled(x, tf.constant([1, 0]))] == [[2.0], [1.0]]
    with pytest.raises(tf.errors.ArgumentError, match="from 0 to 1"):
        compiled(x, tf.constant([1, 2]))
