"""Linear algebra and transforms: equations that hold for any input, and errors.

What the registry's tests cannot say: shapes from empty to stacked, dtypes, complex vectors whose
phase is free, and that a compiled function of them, sizes left open, gives the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf

Array = np.ndarray[Any, Any]
DTYPES = ("float32", "float64", "complex64", "complex128")
SHAPES = ((1, 1), (3, 3), (4, 2), (2, 4), (2, 3, 3), (0, 2, 2), (2, 0, 0))


def matrices(shape: tuple[int, ...], dtype: str, seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    x = x if dtype.startswith("complex") else x.real
    return (x + 2 * np.eye(*shape[-2:])).astype(dtype)


def positive(shape: tuple[int, ...], dtype: str) -> Array:
    x = matrices(shape, dtype)
    return (x @ np.conj(np.swapaxes(x, -1, -2)) + np.eye(shape[-1])).astype(dtype)


def H(x: Any) -> Any:
    return tf.conj(tf.linalg.matrix_transpose(x))


def identity_like(x: Any) -> Any:
    return np.broadcast_to(np.eye(x.shape[-1]), x.shape)


def svd_product(x: Any, full_matrices: bool = False) -> Any:
    u, s, vh = tf.linalg.svd(x, full_matrices=full_matrices)
    k = s.shape[-1]
    return (u[..., :k] * tf.cast(s, u.dtype)[..., None, :]) @ vh[..., :k, :]


def eigh_product(x: Any) -> Any:
    w, v = tf.linalg.eigh(x)
    return (v * tf.cast(w, v.dtype)[..., None, :]) @ H(v)


def eig_residual(x: Any) -> Any:
    w, v = tf.linalg.eig(x)
    return tf.cast(x, v.dtype) @ v - v * w[..., None, :]


def qr_product(x: Any) -> Any:
    q, r = tf.linalg.qr(x)
    return q @ r


def same(x: Any) -> Any:
    return x


def zero(x: Any) -> Any:
    return np.zeros_like(x)


Row = tuple[Callable[..., Any], Callable[[Any], Any], str]
EQUATIONS: dict[str, Row] = {
    "svd": (svd_product, same, "any"),
    "svd full": (lambda x: svd_product(x, True), same, "any"),
    "qr": (qr_product, same, "any"),
    "pinv": (lambda x: x @ tf.linalg.pinv(x) @ x, same, "any"),
    "svdvals": (tf.linalg.svdvals, lambda x: np.linalg.svd(x, compute_uv=False), "any"),
    "diagonal": (lambda x: tf.linalg.diagonal(x, offset=1),
                 lambda x: np.diagonal(x, 1, -2, -1), "any"),
    "trace": (tf.linalg.trace, lambda x: np.trace(x, axis1=-2, axis2=-1), "any"),
    "inv": (lambda x: x @ tf.linalg.inv(x), identity_like, "square"),
    "solve": (lambda x: x @ tf.linalg.solve(x, x), same, "square"),
    "det": (tf.linalg.det, np.linalg.det, "square"),
    "slogdet": (lambda x: tf.linalg.slogdet(x).sign * tf.cast(
        tf.exp(tf.linalg.slogdet(x).logabsdet), x.dtype), np.linalg.det, "square"),
    "matrix_power": (lambda x: tf.linalg.matrix_power(x, -3),
                     lambda x: np.linalg.matrix_power(x, -3), "square"),
    "eig": (eig_residual, zero, "square"),
    "eigvals": (lambda x: tf.sum(tf.linalg.eigvals(x), axis=-1),
                lambda x: np.trace(x, axis1=-2, axis2=-1), "square"),
    "eigh": (eigh_product, same, "positive"),
    "eigvalsh": (tf.linalg.eigvalsh, np.linalg.eigvalsh, "positive"),
    "cholesky": (lambda x: tf.linalg.cholesky(x) @ H(tf.linalg.cholesky(x)), same, "positive"),
    "upper": (lambda x: H(tf.linalg.cholesky(x, upper=True)) @ tf.linalg.cholesky(x, upper=True),
              same, "positive"),
    "triangular_solve": (lambda x: tf.linalg.cholesky(x) @ tf.linalg.triangular_solve(
        tf.linalg.cholesky(x), x), same, "positive"),
}  # fmt: skip


def inputs(kind: str, dtype: str) -> list[Array]:
    shapes = [s for s in SHAPES if kind == "any" or s[-1] == s[-2]]
    return [(positive if kind == "positive" else matrices)(s, dtype) for s in shapes]


def close(found: Any, expected: Any, x: Array) -> None:
    found = np.asarray(found)
    tol = 2e-4 if x.dtype.name in ("float32", "complex64") else 1e-10
    assert found.shape == np.shape(expected)
    scale = max(1.0, float(np.max(np.abs(expected), initial=0)))
    np.testing.assert_allclose(found, expected, rtol=tol, atol=tol * scale)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", EQUATIONS)
def test_equation_holds_in_every_shape_and_both_modes(name: str, dtype: str) -> None:
    make, want, kind = EQUATIONS[name]
    compiled = tf.function(make)
    for x in inputs(kind, dtype):
        if name == "pinv" and x.shape[-1] == 0:
            continue
        close(make(tf.constant(x)), want(x), x)
        close(compiled(tf.constant(x)), want(x), x)


def loss_of(make: Callable[..., Any]) -> Callable[[Any], Any]:
    def loss(x: Any) -> Any:
        out = make(x)
        weights = tf.constant(np.cos(np.arange(np.size(out))).reshape(out.shape))
        return tf.sum(tf.abs(out) ** 2 * weights)

    return loss


def projector(x: Any) -> Any:
    """What does not depend on phases: the first column's."""
    return x[..., :, :1] @ H(x[..., :, :1])


PHASE_FREE: dict[str, tuple[Callable[..., Any], str]] = {
    "eigh": (lambda x: projector(tf.linalg.eigh(x).eigenvectors), "positive"),
    "eigenvalues": (lambda x: tf.linalg.eigh(x).eigenvalues, "positive"),
    "eig": (lambda x: projector(tf.linalg.eig(x).eigenvectors), "square"),
    "left": (lambda x: projector(tf.linalg.svd(x).U), "any"),
    "right": (lambda x: projector(H(tf.linalg.svd(x).Vh)), "any"),
    "rest": (lambda x: projector(tf.linalg.svd(x).U[..., ::-1]), "square"),
    "q": (lambda x: tf.linalg.qr(x).Q, "any"),
    "r": (lambda x: tf.linalg.qr(x).R, "any"),
    "pinv": (tf.linalg.pinv, "any"),
}  # fmt: skip


def slope(loss: Callable[[Any], Any], x: Array, v: Array) -> float:
    with tf.GradientTape() as tape:
        t = tf.constant(x)
        tape.watch(t)
        y = loss(t)
    return float(np.real(np.sum(np.conj(tape.gradient(y, t).numpy()) * v)))


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("name", PHASE_FREE)
def test_gradient_of_what_does_not_depend_on_phases(name: str, dtype: str) -> None:
    make, kind = PHASE_FREE[name]
    loss = loss_of(make)
    for x in inputs(kind, dtype):
        if not x.size:
            continue
        v = matrices(x.shape, dtype, 5)
        if kind == "positive":
            v = v + np.conj(np.swapaxes(v, -1, -2))
        h = 1e-6
        ends = [loss(tf.constant(x + s * h * v)).item() for s in (1, -1)]
        expected = (ends[0] - ends[1]) / (2 * h)
        assert abs(slope(loss, x, v) - expected) <= 1e-5 * max(1.0, abs(expected)), x.shape


@pytest.mark.parametrize("name", ["det", "slogdet", "inv", "solve", "cholesky", "eigh"])
def test_what_has_no_answer_raises_in_both_modes(name: str) -> None:
    function = {"solve": lambda x: tf.linalg.solve(x, x)}.get(name, getattr(tf.linalg, name))
    for made in (function, tf.function(function)):
        with pytest.raises(tf.errors.ShapeError):
            made(tf.zeros((2, 3)))
        if name in ("inv", "solve", "cholesky"):
            with pytest.raises(tf.errors.MatrixError, match=name):
                made(tf.zeros((2, 2)))


def test_a_singular_matrix_has_a_determinant_and_its_gradient_is_the_cofactors() -> None:
    x = tf.constant([[1.0, 2.0], [2.0, 4.0]], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.linalg.det(x)
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), [[4.0, -2.0], [-2.0, 1.0]], atol=1e-12)


LENGTHS = ((5, None), (6, None), (6, 4), (5, 8), (1, None))


@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
def test_transform_is_numpys_for_every_length_and_sizes_left_open(name: str, norm: str) -> None:
    ours, theirs = getattr(tf.fft, name), getattr(np.fft, name)
    compiled = {n: tf.function(lambda x, n=n: ours(x, n, 0, norm)) for n in (None, 4, 8)}
    for size, n in LENGTHS:
        if name in ("irfft", "hfft") and size == 1:
            continue
        x = matrices((size, 2), "complex128")
        x = x.real.copy() if name in ("rfft", "ihfft") else x
        expected = theirs(x, n, 0, norm)
        close(ours(tf.constant(x), n, 0, norm), expected, x)
        close(compiled[n](tf.constant(x)), expected, x)


@pytest.mark.parametrize("name", ["fftn", "ifftn", "rfftn", "irfftn", "fft2", "irfft2", "fftshift"])
def test_transform_of_several_axes_is_numpys(name: str) -> None:
    x = matrices((3, 4, 5), "complex64")
    x = x.real.copy() if name == "rfftn" else x
    for options in ({}, {"axes": (0, 2)}, {"s": (2, 6), "axes": (1, 0)}):
        if name == "fftshift" and "s" in options:
            continue
        found = getattr(tf.fft, name)(tf.constant(x), **options)
        close(found, getattr(np.fft, name)(x, **options), x)


def test_frequencies_are_numpys() -> None:
    for n in (1, 4, 5):
        for name in ("fftfreq", "rfftfreq"):
            expected = getattr(np.fft, name)(n, 0.3).astype("float32")
            np.testing.assert_array_equal(getattr(tf.fft, name)(n, d=0.3).numpy(), expected)


def test_no_points_and_unknown_norms_are_refused() -> None:
    for call in (
        lambda: tf.fft.fft(tf.zeros((0,))),
        lambda: tf.fft.irfft(tf.zeros((1,))),
        lambda: tf.fft.rfft(tf.zeros((3,)), 0),
        lambda: tf.fft.fft(tf.zeros((3,)), norm="both"),
        lambda: tf.fft.fft(tf.zeros((3,)), axis=1),
    ):
        with pytest.raises(tf.errors.ArgumentError):
            call()
