"""NumPy's functions on tensors: NumPy's values, eagerly, under a tape with gradients, and traced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.ir.errors import StagingError
from twofold.runtime.interop import numpy_functions

pytestmark = pytest.mark.filterwarnings("ignore:numpy.fix is deprecated:DeprecationWarning")

X = np.random.default_rng(0).uniform(0.2, 0.8, (3, 4))
Call = Callable[[Any], Any]

COVERED: dict[Any, list[Call]] = {
    np.clip: [lambda t: np.clip(t, 0.3, 0.6), lambda t: np.clip(t, a_min=None, a_max=0.6)],
    np.round: [np.round, lambda t: np.round(t, 1), lambda t: np.round(10 * t, decimals=-1)],
    np.where: [lambda t: np.where(t > 0.5, t, 0)],
    np.select: [lambda t: np.select([t > 0.6, t > 0.4], [t, 2 * t], 7.0)],
    np.fix: [lambda t: np.fix(3 * t)],
    np.sinc: [np.sinc],
    np.allclose: [lambda t: np.allclose(t, t + 1)],
    np.array_equal: [lambda t: np.array_equal(t, t), lambda t: np.array_equal(t, t[0])],
    np.copy: [np.copy],
    np.shape: [np.shape],
    np.ndim: [np.ndim],
    np.size: [np.size, lambda t: np.size(t, 1)],
    np.sum: [
        np.sum, lambda t: np.sum(t, 0), lambda t: np.sum(t, 1, None, None, True),
        lambda t: np.sum(t, where=X > 0.5, initial=2.0), lambda t: np.sum(t, dtype=np.float64),
    ],
    np.prod: [lambda t: np.prod(t, axis=1, initial=2.0)],
    np.max: [lambda t: np.max(t, axis=0), lambda t: np.max(t, initial=0.9)],
    np.min: [lambda t: np.min(t, 1, None, True)],
    np.mean: [np.mean, lambda t: np.mean(t, 0, None, None, True)],
    np.var: [lambda t: np.var(t, axis=0, ddof=1), lambda t: np.var(t, 0, None, None, 1)],
    np.std: [lambda t: np.std(t, axis=1, keepdims=True)],
    np.average: [np.average, lambda t: np.average(t, axis=0, weights=t)],
    np.ptp: [lambda t: np.ptp(t, axis=1)],
    np.nansum: [lambda t: np.nansum(np.where(t > 0.5, np.nan, t), axis=0),
                lambda t: np.nansum(np.where(t > 0.5, np.nan, t), dtype=np.float64, initial=2.0)],
    np.nanmean: [lambda t: np.nanmean(np.where(t > 0.7, np.nan, t)),
                 lambda t: np.nanmean(np.where(t > 0.7, np.nan, t), 1, np.float64)],
    np.nanprod: [lambda t: np.nanprod(np.where(t > 0.5, np.nan, t), 0, np.float64, keepdims=True)],
    np.nanvar: [lambda t: np.nanvar(np.where(t > 0.7, np.nan, t), None, np.float64, ddof=1)],
    np.nanstd: [lambda t: np.nanstd(np.where(t > 0.7, np.nan, t), dtype=np.float64)],
    np.nancumsum: [lambda t: np.nancumsum(np.where(t > 0.5, np.nan, t), dtype=np.float64)],
    np.nancumprod: [lambda t: np.nancumprod(np.where(t > 0.5, np.nan, t), 1, np.float64)],
    np.cumsum: [np.cumsum, lambda t: np.cumsum(t, axis=1)],
    np.cumprod: [lambda t: np.cumprod(t, 0)],
    np.linalg.norm: [np.linalg.norm, lambda t: np.linalg.norm(t, 1, axis=1),
                     lambda t: np.linalg.norm(t, "fro")],
    np.inner: [lambda t: np.inner(t, t), lambda t: np.inner(t[0], t[1])],
    np.vdot: [lambda t: np.vdot(t, t)],
    np.einsum: [lambda t: np.einsum("ij, kj -> ik", t, t, optimize=True)],
    np.trace: [np.trace, lambda t: np.trace(t, offset=-1)],
    np.diagonal: [np.diagonal, lambda t: np.diagonal(t, 1)],
    np.diag: [np.diag, lambda t: np.diag(t[0])],
    np.sort: [np.sort, lambda t: np.sort(t, axis=0), lambda t: np.sort(t, axis=None)],
    np.argsort: [np.argsort, lambda t: np.argsort(t, 0)],
    np.pad: [lambda t: np.pad(t, 1), lambda t: np.pad(t, ((1, 2), (0, 1)), constant_values=3.0),
             lambda t: np.pad(t, (1, 2), "reflect")],
    np.tile: [lambda t: np.tile(t, (2, 1)), lambda t: np.tile(t, 2)],
    np.roll: [lambda t: np.roll(t, 2), lambda t: np.roll(t, (1, 2)), lambda t: np.roll(t, 1, 0)],
    np.repeat: [lambda t: np.repeat(t, 2), lambda t: np.repeat(t, 2, axis=1)],
    np.ravel: [np.ravel],
    np.concatenate: [lambda t: np.concatenate([t, t], 1), lambda t: np.concatenate([t, t[0]], None)],
    np.append: [lambda t: np.append(t, t, axis=0), lambda t: np.append(t, t[0])],
    np.atleast_2d: [lambda t: np.atleast_2d(t[0])],
    np.atleast_3d: [np.atleast_3d, lambda t: np.atleast_3d(t[0])],
    np.vstack: [lambda t: np.vstack([t, t[0]])],
    np.hstack: [lambda t: np.hstack([t, t]), lambda t: np.hstack([t[0], t[1]])],
    np.dstack: [lambda t: np.dstack([t, t])],
    np.column_stack: [lambda t: np.column_stack([t, t[:, 0]])],
    np.split: [lambda t: np.split(t, 2, axis=1), lambda t: np.split(t, [1, 3], 1)],
    np.array_split: [lambda t: np.array_split(t, [1], axis=0)],
    np.vsplit: [lambda t: np.vsplit(t, 3)],
    np.hsplit: [lambda t: np.hsplit(t, 2)],
    np.fliplr: [np.fliplr],
    np.flipud: [np.flipud],
    np.rot90: [np.rot90, lambda t: np.rot90(t, -1), lambda t: np.rot90(t, 2)],
    np.diff: [np.diff, lambda t: np.diff(t, 2, axis=0)],
    np.broadcast_arrays: [lambda t: np.broadcast_arrays(t, t[0])],
}  # fmt: skip
BY_NAME: list[Call] = [
    lambda t: np.dot(t, t.T), lambda t: np.add.outer(t[0], t[1]), lambda t: np.add.accumulate(t),
    lambda t: np.multiply.accumulate(t, axis=1), np.degrees, np.radians,
    lambda t: np.tensordot(t, t, 2), lambda t: np.take(t, [0, 2], 1), lambda t: np.take(t, [5, 1]),
]  # fmt: skip
CASES = [(f, call) for f, calls in COVERED.items() for call in calls]
CASES += [("by name", call) for call in BY_NAME]
UNTRACED = (np.allclose, np.array_equal, np.broadcast_arrays)


def parts(result: Any) -> list[Any]:
    return list(result) if isinstance(result, list | tuple) else [result]


def check(got: Any, want: Any) -> None:
    assert len(parts(got)) == len(parts(want))
    for g, w in zip(parts(got), parts(want), strict=True):
        assert np.shape(g) == np.shape(w)
        np.testing.assert_allclose(np.asarray(g), w, rtol=1e-12)


# Those of tests/runtime/test_numpy_linalg.py.
MATRICES = {
    np.isin, np.linalg.diagonal, np.linalg.eigh, np.linalg.eigvalsh, np.linalg.matrix_rank,
    np.linalg.pinv, np.linalg.qr, np.linalg.svd,
}  # fmt: skip


def test_every_function_that_is_written_in_ops_is_here() -> None:
    """Those of ``numpy_more.py`` are in a file of their own."""
    found = {f for f, own in numpy_functions().CALLS.items() if "numpy_more" not in own.__module__}
    assert found <= {*COVERED, *MATRICES, np.around, np.amax, np.amin, np.stack}


@pytest.mark.parametrize(("function", "call"), CASES)
def test_values_are_numpys(function: Any, call: Call) -> None:
    check(call(tf.constant(X)), call(X))
    if function not in UNTRACED:
        check(tf.function(call, jit_compile=False)(tf.constant(X)), call(X))


@pytest.mark.parametrize(("function", "call"), CASES)
def test_a_tape_sees_them(function: Any, call: Call) -> None:
    t = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(t)
        outs = [o for o in parts(call(t)) if isinstance(o, tf.Tensor) and o.dtype == np.float64]
        rng = np.random.default_rng(1)
        weights = [rng.standard_normal(o.shape) for o in outs]
        total = sum((tf.sum(o * w) for o, w in zip(outs, weights, strict=True)), tf.constant(0.0))
    check(call(t), call(X))
    if not outs:
        return
    found = tape.gradient(total, t, unconnected_gradients="zero").numpy()

    def loss(x: np.ndarray[Any, Any]) -> float:
        return float(sum(np.sum(o * w) for o, w in zip(parts(call(x)), weights, strict=True)))

    step = 1e-6
    want = np.zeros_like(X)
    for place in np.ndindex(X.shape):
        moved = np.zeros_like(X)
        moved[place] = step
        want[place] = (loss(X + moved) - loss(X - moved)) / (2 * step)
    np.testing.assert_allclose(found, want, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    "call",
    [
        lambda t: np.unwrap(t),
        lambda t: np.max(t, out=np.zeros(())),
        lambda t: np.pad(t, 1, constant_values=(1, 2)),
    ],
)  # fmt: skip
def test_what_ops_do_not_cover_is_refused_under_a_tape(call: Call) -> None:
    t = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(t)
        with pytest.raises(StagingError, match="has no op here"):
            call(t)
