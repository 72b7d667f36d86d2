"""What ``keras.src.backend`` takes from its backend by ``import *``."""

from __future__ import annotations

from types import FunctionType
from typing import Any

from keras.src.backend.common.name_scope import name_scope

from twofold.keras_backend import core, image, linalg, math, nn, numpy, random
from twofold.keras_backend.core import (
    IS_THREAD_SAFE,
    SUPPORTS_COMPLEX_DTYPES,
    SUPPORTS_RAGGED_TENSORS,
    SUPPORTS_SPARSE_TENSORS,
    Variable,
    cast,
    compute_output_spec,
    cond,
    convert_to_numpy,
    convert_to_tensor,
    device_scope,
    is_tensor,
    random_seed_dtype,
    scatter,
    shape,
    stop_gradient,
    vectorized_map,
)
from twofold.keras_backend.rnn import (
    bidirectional_gru,
    bidirectional_lstm,
    cudnn_ok,
    gru,
    lstm,
    rnn,
)

__all__ = [
    "IS_THREAD_SAFE", "SUPPORTS_COMPLEX_DTYPES", "SUPPORTS_RAGGED_TENSORS",
    "SUPPORTS_SPARSE_TENSORS", "Variable", "bidirectional_gru", "bidirectional_lstm", "cast",
    "compute_output_spec", "cond", "convert_to_numpy", "convert_to_tensor", "core", "cudnn_ok",
    "device_scope", "gru", "image", "is_tensor", "linalg", "lstm", "math", "name_scope", "nn",
    "numpy", "random", "random_seed_dtype", "rnn", "scatter", "shape", "stop_gradient",
    "vectorized_map",
]  # fmt: skip


def _without_annotations(module: Any) -> None:
    """Keras compares the signatures of its functions, which are not annotated, with these."""
    home = module.__name__.rpartition(".")[0]
    for function in vars(module).values():
        if isinstance(function, FunctionType) and function.__module__.startswith(home):
            function.__annotations__ = {}


for _module in (core, image, linalg, math, nn, numpy):
    _without_annotations(_module)
