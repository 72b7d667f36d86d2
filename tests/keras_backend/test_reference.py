"""Losses, gradients and weights of training are those of Keras on TensorFlow: twenty steps of each
optimizer from the same weights on the same batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support import keras_reference as reference

import twofold as tf
import twofold.keras as keras

BOUND = 1e-5  # relative; of weights, that of the norm of the difference


@pytest.fixture(scope="module")
def expected() -> Any:
    with np.load(reference.FILE) as file:
        return dict(file)


@pytest.fixture(scope="module", params=reference.MODELS)
def model(request: pytest.FixtureRequest) -> Any:
    """A model, its first weights, and the compiled function of its loss and gradients."""
    made = reference.model_of(keras, request.param)
    return request.param, made, made.get_weights(), reference.gradient_of(tf, keras, made)


@pytest.mark.parametrize("optimizer", reference.offered(keras.optimizers))
def test_twenty_steps_are_those_of_tensorflow(model: Any, optimizer: str, expected: Any) -> None:
    name, made, first, gradient = model
    made.set_weights(first)
    losses, norms, weights = reference.trained(tf, keras, name, optimizer, gradient, made)
    case = f"{name}/{optimizer}"
    np.testing.assert_allclose(losses, expected[f"{case}/losses"], rtol=BOUND)
    np.testing.assert_allclose(norms, expected[f"{case}/norms"], rtol=BOUND)
    theirs = expected[f"{case}/weights"]
    assert np.linalg.norm(weights - theirs) < BOUND * np.linalg.norm(theirs)


def test_every_built_in_optimizer_has_a_case() -> None:
    base, combined = keras.optimizers.Optimizer, "MultiOptimizer"
    named = [v for v in vars(keras.optimizers).values() if isinstance(v, type)]
    known = {v for v in named if issubclass(v, base) and v.__name__ != combined}
    makers = [reference.OPTIMIZERS[name] for name in reference.offered(keras.optimizers)]
    tried = {type(make(keras.optimizers)) for make in makers}
    left = (
        {base} if "muon" in reference.offered(keras.optimizers) else {base, keras.optimizers.Muon}
    )
    assert known - tried == left
