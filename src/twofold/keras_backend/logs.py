"""Keras's callback for TensorBoard writes with our ``tf.summary``, and the graph of the compiled
train step."""

from __future__ import annotations

import warnings
from typing import Any

import twofold as tf
from twofold.compiler.function import Function
from twofold.logs import proto

__all__ = ["keras_model_summary", "mend"]


def mend(callback: Any) -> None:
    """Let the class write with twofold."""
    callback.summary = property(lambda self: tf.summary)
    callback._write_keras_model_train_graph = _write_train_graph


def _write_train_graph(self: Any) -> None:
    step = getattr(self.model.train_function, "step", None)
    traces = step.traces() if isinstance(step, Function) else []
    if traces:
        with self._train_writer.as_default():
            tf.summary.graph(traces[0])


def keras_model_summary(name: str, data: Any, step: Any = None) -> bool:
    """Write the configuration of a model, which TensorBoard draws as a graph of layers."""
    metadata = proto("summary").SummaryMetadata()
    metadata.plugin_data.plugin_name = "graph_keras_model"
    metadata.plugin_data.content = b"1"
    try:
        text = data.to_json()
    except Exception as error:  # noqa: BLE001  (any model, also without a configuration, trains)
        warnings.warn(f"the model has no JSON, so its layers are not logged: {error}", stacklevel=2)
        return False
    return bool(tf.summary.write(name, text, step=step, metadata=metadata))
