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
    callback._should_write_train_graph = property(_has_graph_to_write, _want_graph)


def _traces(self: Any) -> list[Any]:
    step = getattr(self.model.train_function, "step", None)
    return step.traces() if isinstance(step, Function) else []


def _has_graph_to_write(self: Any) -> bool:
    """The graph is there from the second step on; the first is not traced."""
    return bool(self.__dict__.get("wants_graph") and _traces(self))


def _want_graph(self: Any, wanted: bool) -> None:
    self.__dict__["wants_graph"] = wanted


def _write_train_graph(self: Any) -> None:
    with self._train_writer.as_default():
        tf.summary.graph(_traces(self)[0])


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
