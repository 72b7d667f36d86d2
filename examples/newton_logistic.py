"""Logistic regression by Newton's method: second derivatives by a tape of a tape.

    python examples/newton_logistic.py
    twofold compare examples/newton_logistic.py

The data are the 569 cases of breast_cancer that ship with scikit-learn: 30 measurements, two
classes. A small ridge makes the minimum unique, so that scikit-learn's solver finds the same one.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression

import twofold as tf

RIDGE = 1.0


def load() -> tuple[Any, Any]:
    """Standardised measurements with a column of ones, and labels; float64."""
    x, y = load_breast_cancer(return_X_y=True)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    return np.hstack([x, np.ones((len(x), 1))]), y.astype(np.float64)


def loss(w: Any, x: Any, y: Any) -> Any:
    """Negative log-likelihood plus the ridge, which leaves the intercept free."""
    scores = x @ w
    likelihood = tf.sum(tf.nn.sigmoid_cross_entropy_with_logits(y, scores))
    return likelihood + 0.5 * RIDGE * tf.sum(w[:-1] ** 2)


@tf.function(jit_compile=True)
def newton_equations(w: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """The loss at ``w``, and the augmented matrix [H | g] of Newton's equations H step = g."""
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(w)
        with tf.GradientTape() as inner:
            inner.watch(w)
            value = loss(w, x, y)
        gradient = inner.gradient(value, w)
        parts = [gradient[i] for i in range(w.shape[0])]
    rows = [outer.gradient(part, w) for part in parts]
    return value, tf.concat([tf.stack(rows), gradient[:, None]], axis=1)


def newton(x: Any, y: Any, steps: int = 15) -> tuple[Any, list[float]]:
    """Newton's method from zero; returns the weights and the gradient norm of each step."""
    w = tf.zeros((x.shape[1],), dtype=tf.float64)
    data = tf.constant(x), tf.constant(y)
    norms: list[float] = []
    for _ in range(steps):
        system = newton_equations(w, *data)[1].numpy()
        hessian, gradient = system[:, :-1], system[:, -1]
        norms.append(float(np.linalg.norm(gradient)))
        if norms[-1] < 1e-8:
            break
        w = w - tf.constant(np.linalg.solve(hessian, gradient))
    return w.numpy(), norms


def plot(norms: list[float], path: Path) -> None:
    """Save the convergence."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4))
    axes.semilogy(norms, "o-")
    axes.set(xlabel="Newton step", ylabel="norm of the gradient", title="breast_cancer")
    figure.savefig(path, dpi=120, bbox_inches="tight")
    pyplot.close(figure)


def main() -> None:
    """Fit, report, compare with scikit-learn, save a plot."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("out"))
    args = parser.parse_args()
    x, y = load()
    w, norms = newton(x, y)
    for i, norm in enumerate(norms):
        print(f"step {i:2d}: gradient norm {norm:.3e}")
    accuracy = float(np.mean((x @ w > 0) == (y > 0.5)))
    peer = LogisticRegression(C=1 / RIDGE, tol=1e-10, max_iter=10_000).fit(x[:, :-1], y)
    difference = float(np.max(np.abs(peer.coef_[0] - w[:-1])))
    print(f"accuracy {accuracy:.4f}; largest difference to scikit-learn's weights {difference:.1e}")
    args.out.mkdir(parents=True, exist_ok=True)
    plot(norms, args.out / "newton.png")
    print(f"plot: {args.out / 'newton.png'}")


if __name__ == "__main__":
    main()
