"""Functions of matrices, banded systems and special functions: the values of TensorFlow 2.21."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.ir.errors import ArgumentError, MatrixError, ShapeError
from twofold.ir.ops import scipy_calls

A = np.array([[2.0, 1, 0.5], [0.25, 3, 1], [1, 0.5, 4]])
B = np.array([[0.0, 2, 1], [1, 1, 0], [3, 0, 1]])
BANDS, RHS = np.array([[2.0, 3, 4, 5], [6, 1, 2, 3]]), np.array([[1.0], [2], [3], [4]])
LINES = np.array([[1.0, 2, 3, 0], [4, 5, 6, 7], [0, 1, 2, 3]])
MAIN, BELOW = np.array([1.0, 2, 3, 4]), np.array([0.5, 0.25, 1])
X, S = np.array([0.1, 0.5, 0.9]), np.array([0.5, 2.0, 3.0])
SOLVED = [[0.1728155], [0.3087379], [0.1417476], [0.5106796]]

CASES: dict[str, tuple[Callable[[], Any], Any]] = {
    "lu": (lambda: tf.linalg.lu(B)[0], [[3, 0, 1], [0, 2, 1], [0.3333333, 0.5, -0.8333333]]),
    "lu rows": (lambda: tf.linalg.lu(B)[1], [2, 0, 1]),
    "lu_reconstruct": (lambda: tf.linalg.lu_reconstruct(*tf.linalg.lu(B)), B),
    "lu_matrix_inverse": (lambda: tf.linalg.lu_matrix_inverse(*tf.linalg.lu(B)),
                          [[-0.2, 0.4, 0.2], [0.2, 0.6, -0.2], [0.6, -1.2, 0.4]]),
    "lu_solve": (lambda: tf.linalg.lu_solve(*tf.linalg.lu(B), RHS[:3]), [[1.2], [0.8], [-0.6]]),
    "expm": (lambda: tf.linalg.expm(A / 4),
             [[1.6992662, 0.4919799, 0.3380571], [0.185768, 2.1745066, 0.617526],
              [0.5505681, 0.3715361, 2.8004024]]),
    "logm": (lambda: tf.real(tf.linalg.logm(A.astype(complex))),
             [[0.6475633, 0.4072742, 0.1178766], [0.0433455, 1.0704303, 0.2903281],
              [0.3526994, 0.086691, 1.3529621]]),
    "sqrtm": (lambda: tf.linalg.sqrtm(A),
              [[1.3951553, 0.3168351, 0.1228267], [0.0549423, 1.7184616, 0.2683021],
               [0.2941864, 0.1098845, 1.9835281]]),
    "banded": (lambda: tf.linalg.banded_triangular_solve(BANDS, RHS), [[0.5]] * 4),
    "banded upper": (lambda: tf.linalg.banded_triangular_solve(BANDS[::-1].copy(), RHS, False),
                     [[-1.15], [0.55], [0.35], [0.8]]),
    "banded adjoint": (lambda: tf.linalg.banded_triangular_solve(BANDS, RHS, adjoint=True),
                       [[0.2166667], [0.5666667], [0.15], [0.8]]),
    "eigh_tridiagonal": (lambda: tf.linalg.eigh_tridiagonal(MAIN, BELOW),
                         [0.7879805, 2.0770184, 2.5101546, 4.6248465]),
    "eigh_tridiagonal i": (lambda: tf.linalg.eigh_tridiagonal(MAIN, BELOW, select="i",
                                                              select_range=(1, 2)),
                           [2.0770184, 2.5101546]),
    "tridiagonal_matmul": (lambda: tf.linalg.tridiagonal_matmul(LINES, RHS), [[6], [17], [34], [37]]),
    "tridiagonal_solve": (lambda: tf.linalg.tridiagonal_solve(LINES, RHS), SOLVED),
    "tridiagonal_solve vector": (lambda: tf.linalg.tridiagonal_solve(LINES, RHS[:, 0]),
                                 np.ravel(SOLVED)),
    "tridiagonal_solve turned": (lambda: tf.linalg.tridiagonal_solve(LINES, RHS.T.copy(),
                                                                     transpose_rhs=True), SOLVED),
    "tridiagonal_solve sequence": (lambda: tf.linalg.tridiagonal_solve(
        [LINES[0, :3], LINES[1], LINES[2, 1:]], RHS, "sequence"), SOLVED),
    "i0": (lambda: tf.math.bessel_i0(X), [1.0025016, 1.0634834, 1.2129852]),
    "i0e": (lambda: tf.math.bessel_i0e(X), [0.9071009, 0.6450353, 0.493163]),
    "i1": (lambda: tf.math.bessel_i1(X), [0.0500625, 0.2578943, 0.4971264]),
    "i1e": (lambda: tf.math.bessel_i1e(X), [0.0452984, 0.1564208, 0.2021165]),
    "j0": (lambda: tf.math.special.bessel_j0(X), [0.9975016, 0.9384698, 0.8075238]),
    "j1": (lambda: tf.math.special.bessel_j1(X), [0.0499375, 0.2422685, 0.4059495]),
    "k0": (lambda: tf.math.special.bessel_k0(X), [2.427069, 0.9244191, 0.4867303]),
    "k0e": (lambda: tf.math.special.bessel_k0e(X), [2.6823261, 1.5241094, 1.1971634]),
    "k1": (lambda: tf.math.special.bessel_k1(X), [9.8538448, 1.6564411, 0.7165336]),
    "k1e": (lambda: tf.math.special.bessel_k1e(X), [10.8901827, 2.7310097, 1.7623882]),
    "y0": (lambda: tf.math.special.bessel_y0(X), [-1.5342387, -0.4445187, 0.0056283]),
    "y1": (lambda: tf.math.special.bessel_y1(X), [-6.4589511, -1.4714724, -0.8731266]),
    "dawsn": (lambda: tf.math.special.dawsn(X), [0.099336, 0.4244364, 0.5407243]),
    "expint": (lambda: tf.math.special.expint(X), [-1.6228128, 0.4542199, 1.6228117]),
    "fresnel_cos": (lambda: tf.math.special.fresnel_cos(X), [0.0999975, 0.4923442, 0.764823]),
    "fresnel_sin": (lambda: tf.math.special.fresnel_sin(X), [0.0005236, 0.0647324, 0.3397763]),
    "spence": (lambda: tf.math.special.spence(X), [1.2997147, 0.5822405, 0.1026178]),
    "erfcinv": (lambda: tf.math.erfcinv(X), [1.1630872, 0.4769363, 0.088856]),
    "ndtri": (lambda: tf.math.ndtri(X), [-1.2815516, 0, 1.2815516]),
    "betainc": (lambda: tf.math.betainc(S, S[::-1].copy(), X), [0.5545844, 0.5, 0.4454156]),
    "igamma": (lambda: tf.math.igamma(S, X), [0.3452792, 0.090204, 0.0628569]),
    "igammac": (lambda: tf.math.igammac(S, X), [0.6547208, 0.909796, 0.9371431]),
    "zeta": (lambda: tf.math.zeta(S + 1, X), [34.0529755, 8.4143983, 1.623169]),
    "sobol": (lambda: tf.math.sobol_sample(3, 4),
              [[0.5, 0.5, 0.5], [0.75, 0.25, 0.25], [0.25, 0.75, 0.75], [0.375, 0.375, 0.625]]),
    "sobol skipped": (lambda: tf.math.sobol_sample(2, 2, skip=2), [[0.25, 0.75], [0.375, 0.375]]),
    "mdct": (lambda: tf.signal.mdct(np.arange(12.0), 8),
             [[-25.334256, -2.963043, -2.705897, -0.338939],
              [-47.794955, -1.072837, -4.658273, -0.702332]]),
    "inverse_mdct": (lambda: tf.signal.inverse_mdct(tf.signal.mdct(np.arange(12.0), 8))[4:8],
                     [4, 5, 6, 7]),
    "mdct without window": (lambda: tf.signal.mdct(np.arange(13.0), 4, None, True, "ortho")[4:],
                            [[-13.989509, -5.029278], [-8.109976, -2.593895], [3.247177, -7.839377]]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_values_in_both_modes(name: str) -> None:
    call, expected = CASES[name]
    for run in (call, tf.function(call)):
        np.testing.assert_allclose(run().numpy(), expected, rtol=2e-6, atol=1e-7)


def test_the_eigenvalues_of_an_interval_are_counted_when_it_runs() -> None:
    found = tf.linalg.eigh_tridiagonal(MAIN, BELOW, select="v", select_range=(1.0, 3.0))
    np.testing.assert_allclose(found.numpy(), [2.0770184, 2.5101546], rtol=1e-6)
    values, vectors = tf.linalg.eigh_tridiagonal(MAIN, BELOW, False)
    whole = np.diag(MAIN) + np.diag(BELOW, 1) + np.diag(BELOW, -1)
    np.testing.assert_allclose(whole @ vectors.numpy(), vectors.numpy() * values.numpy(), atol=1e-9)


def test_stacks_of_factors_and_their_rows() -> None:
    stack = np.stack([B, A[::-1], A])[None]
    packed, order = tf.linalg.lu(stack)
    np.testing.assert_allclose(tf.linalg.lu_reconstruct(packed, order).numpy(), stack, atol=1e-12)
    rhs = np.arange(18.0).reshape(1, 3, 3, 2)
    found = tf.linalg.lu_solve(packed, order, rhs).numpy()
    np.testing.assert_allclose(stack @ found, rhs, atol=1e-10)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: tf.linalg.logm([[-1.0, 0], [0, 1]]), MatrixError),
        (lambda: tf.linalg.sqrtm([[-1.0, 0], [0, 1]]), MatrixError),
        (lambda: tf.linalg.expm(np.ones((2, 3))), ShapeError),
        (lambda: tf.linalg.tridiagonal_solve(np.zeros((3, 2)), np.ones(2)), MatrixError),
        (lambda: tf.linalg.tridiagonal_solve(np.zeros((3, 1)), np.ones(1)), MatrixError),
        (lambda: tf.linalg.tridiagonal_solve(LINES, np.ones(3)), ShapeError),
        (lambda: tf.linalg.tridiagonal_solve(LINES, RHS, perturb_singular=True), ArgumentError),
        (lambda: tf.signal.mdct(X, 6), ArgumentError),
        (lambda: tf.math.sobol_sample(0, 1), ArgumentError),
    ],
)
def test_what_has_no_answer_is_an_error(call: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        call()


@pytest.mark.parametrize("name", ["expm", "logm", "sqrtm", "lu"])
def test_matrices_without_rows(name: str) -> None:
    found = getattr(tf.linalg, name)(np.zeros((2, 0, 0)))
    assert (found[0] if name == "lu" else found).shape == (2, 0, 0)


def test_without_scipy_the_error_says_what_to_install(monkeypatch: Any) -> None:
    scipy_calls.scipy.cache_clear()

    def missing(name: str) -> None:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(scipy_calls.importlib, "import_module", missing)
    with pytest.raises(ImportError, match=r"twofold\[scipy\]"):
        tf.math.bessel_i0(1.0)
