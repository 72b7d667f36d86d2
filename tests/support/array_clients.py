"""SciPy's and scikit-learn's functions on tensors, through the array API that both ask arrays for.

``python -m support.array_clients``, with ``SCIPY_ARRAY_API=1``, calls each with arrays and with tensors
and prints those that differ or give no tensors, and nothing if there are none.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 4))
LABELS, TARGETS = (X[:, 0] + 0.3 * X[:, 1] > 0).astype("int64"), X @ np.arange(4.0)
Call = Callable[..., Any]

SCIPY = (
    "special: expit softmax erf i0 gammaln logsumexp; stats: zscore skew kurtosis variation moment "
    "sem differential_entropy circmean iqr median_abs_deviation rankdata; fft: fft rfft fftn dct "
    "dst hfft; cluster.vq: whiten; integrate: trapezoid; signal: hilbert detrend; optimize: rosen"
)
PAIRS = "stats: pearsonr spearmanr ttest_ind; signal: convolve fftconvolve; special: xlogy"
SCALERS = "StandardScaler MinMaxScaler MaxAbsScaler Normalizer Binarizer PolynomialFeatures"
KERNELS = "cosine_similarity euclidean_distances linear_kernel rbf_kernel polynomial_kernel"
REGRESSION = "mean_squared_error r2_score mean_absolute_error max_error mean_tweedie_deviance"
CLASSES = "accuracy_score f1_score precision_score recall_score confusion_matrix"


def _listed(text: str) -> list[tuple[str, str]]:
    groups = [group.partition(":")[::2] for group in text.split(";")]
    return [(module.strip(), name) for module, names in groups for name in names.split()]


def scipy_calls() -> dict[str, Call]:
    """A name of SciPy, and a call of it that takes ``X``."""
    import importlib

    def found(module: str, name: str) -> Any:
        return getattr(importlib.import_module(f"scipy.{module}"), name)

    calls = {f"scipy.{m}.{n}": lambda x, m=m, n=n: found(m, n)(x) for m, n in _listed(SCIPY)}
    for m, n in _listed(PAIRS):
        calls[f"scipy.{m}.{n}"] = lambda x, m=m, n=n: found(m, n)(abs(x[:, 0]), abs(x[:, 1]))
    return calls


def sklearn_calls() -> dict[str, Call]:
    """A name of scikit-learn, and a call of it that takes ``X``, the labels and the targets."""
    from sklearn import decomposition, discriminant_analysis, linear_model, metrics, preprocessing

    calls: dict[str, Call] = {
        "LinearRegression": lambda x, y, t: linear_model.LinearRegression().fit(x, t).predict(x),
        "Ridge": lambda x, y, t: linear_model.Ridge(solver="svd").fit(x, t).predict(x),
        "RidgeCV": lambda x, y, t: linear_model.RidgeCV().fit(x, t).predict(x),
        "PCA": lambda x, y, t: abs(decomposition.PCA(2, svd_solver="full").fit_transform(x)),
        "LinearDiscriminantAnalysis": lambda x, y, t: (
            discriminant_analysis.LinearDiscriminantAnalysis().fit(x, y).predict(x)),
    }  # fmt: skip
    for n in SCALERS.split():
        calls[n] = lambda x, y, t, n=n: getattr(preprocessing, n)().fit_transform(x)
    for n in KERNELS.split():
        calls[n] = lambda x, y, t, n=n: getattr(metrics.pairwise, n)(x, x[:5])
    for n in REGRESSION.split():
        calls[n] = lambda x, y, t, n=n: getattr(metrics, n)(t, t + x[:, 2])
    for n in CLASSES.split():
        calls[n] = lambda x, y, t, n=n: getattr(metrics, n)(y, y)
    return {f"sklearn {n}": call for n, call in calls.items()}


def wrong(name: str, call: Call, *arrays: Any) -> str:
    """What is wrong with a call on tensors; nothing if it is right."""
    import twofold as tf

    try:
        expected, found = call(*arrays), call(*map(tf.asarray, arrays))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
        return f"{name}: {type(error).__name__}: {error}"
    parts = found if isinstance(found, tuple) else (found,)
    if not all(isinstance(part, tf.Tensor | float) for part in parts):
        return f"{name}: gives {[type(part).__name__ for part in parts]}"
    pairs = zip(parts, expected if isinstance(expected, tuple) else (expected,), strict=True)
    same = all(np.allclose(np.asarray(a), np.asarray(b), 1e-6, 1e-6) for a, b in pairs)
    return "" if same else f"{name}: {found} is not {expected}"


def main() -> None:
    from sklearn import config_context

    warnings.simplefilter("ignore")
    found = [wrong(name, call, X) for name, call in scipy_calls().items()]
    with config_context(array_api_dispatch=True):
        for name, call in sklearn_calls().items():
            found.append(wrong(name, call, X, LABELS, TARGETS))
    print("\n".join(filter(None, found)))


if __name__ == "__main__":
    main()
