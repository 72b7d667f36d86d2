"""Newton's method on breast_cancer: the tape of a tape, and the minimum that it leads to."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from support.examples import load, run_main

import twofold as tf


@pytest.fixture(scope="module")
def newton() -> ModuleType:
    return load("newton_logistic")


@pytest.fixture(scope="module")
def data(newton: ModuleType) -> tuple[Any, Any]:
    return newton.load()


def test_the_system_is_the_closed_form(newton: ModuleType, data: tuple[Any, Any]) -> None:
    x, y = data
    w = np.linspace(-0.1, 0.1, x.shape[1])
    p = 1 / (1 + np.exp(-x @ w))
    ridge = newton.RIDGE * np.append(np.ones(len(w) - 1), 0.0)
    hessian = (x.T * (p * (1 - p))) @ x + np.diag(ridge)
    gradient = x.T @ (p - y) + ridge * w
    loss, system = newton.newton_equations(tf.constant(w), tf.constant(x), tf.constant(y))
    assert system.dtype == np.float64
    np.testing.assert_allclose(system.numpy(), np.column_stack([hessian, gradient]), rtol=1e-10)
    expected = -np.sum(np.where(y > 0, np.log(p), np.log1p(-p))) + 0.5 * np.sum(ridge * w * w)
    np.testing.assert_allclose(loss.numpy(), expected, rtol=1e-12)


def test_newton_converges_quadratically(newton: ModuleType, data: tuple[Any, Any]) -> None:
    w, norms = newton.newton(*data)
    assert len(norms) < 15
    assert norms[-1] < 1e-6
    assert norms[-1] < 1e-3 * norms[-2] < 1e-5 * norms[-3]
    assert w.shape == (31,)
    assert newton.newton_equations.experimental_get_tracing_count() == 1


def test_main_finds_the_weights_of_scikit_learn(
    newton: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    run_main(newton, monkeypatch, "--out", tmp_path)
    last = capsys.readouterr().out.splitlines()[-2].split()
    assert float(last[1].rstrip(";")) > 0.98
    assert float(last[-1]) < 1e-5
    assert (tmp_path / "newton.png").read_bytes().startswith(b"\x89PNG")
