"""What the benchmarks compare gives a result in every library that is there."""

from __future__ import annotations

import importlib
import sys

import numpy as np
import pytest
from support.layout import ROOT


@pytest.fixture
def workloads(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    yield importlib.import_module("workloads")
    for name in ("workloads", "train_step", "array_work", "worker"):
        sys.modules.pop(name, None)


def test_a_training_step_has_the_same_loss_in_numpy_and_here(workloads):
    step = workloads.TrainStep("small", (4, 3, 2), 5)
    losses = [step.prepare(library)[1] for library in ("numpy", "twofold")]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)
