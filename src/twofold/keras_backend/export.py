"""``model.export`` and ``keras.export.ExportArchive``: the forward pass as a saved model."""

from __future__ import annotations

import os
from typing import Any

from keras.src import layers, tree
from keras.src.backend import KerasTensor
from keras.src.backend.common import standardize_dtype
from keras.src.utils import io_utils

import twofold as tf
from twofold.runtime.tensor import Tensor
from twofold.saving import saved_model

__all__ = ["ExportArchive", "NumpyExportArchive", "inference"]

SERVE = "serve"


class NumpyExportArchive:
    """Endpoints of layers and models that are saved together, for inference."""

    def __init__(self) -> None:
        self._tracked: list[Any] = []
        self._endpoints: dict[str, Any] = {}
        self._collections: dict[str, list[Any]] = {}

    def track(self, resource: Any) -> None:
        """Save the Variables of a layer or model as well. Raises ValueError if it is not built."""
        if isinstance(resource, layers.Layer) and not resource.built:
            raise ValueError(
                "The layer provided has not yet been built. It must be built before export."
            )
        self._tracked.append(resource)

    def add_endpoint(self, name: str, fn: Any, input_signature: Any = None, **kwargs: Any) -> Any:
        """Register a function under a name; returns it compiled.

        ``input_signature``: InputSpecs, KerasTensors, TensorSpecs or tensors, one for each
        argument; a function of ``tf.function`` that was called needs none. Raises ValueError.
        """
        if kwargs:
            raise ValueError(f"add_endpoint() does not take {sorted(kwargs)} on twofold")
        if name in self._endpoints:
            raise ValueError(f"Endpoint name '{name}' is already taken.")
        if input_signature is not None:
            fn = tf.function(
                fn, input_signature=[tree.map_structure(spec_of, s) for s in input_signature],
                name=name,
            )  # fmt: skip
        elif not hasattr(fn, "get_concrete_function"):
            raise ValueError(
                "If the `fn` argument provided is not a `tf.function`, you must provide an "
                "`input_signature` argument to specify the shape and dtype of the function inputs."
            )
        self._endpoints[name] = fn
        return fn

    def track_and_add_endpoint(
        self, name: str, resource: Any, input_signature: Any, **kwargs: Any
    ) -> Any:
        """Track a layer or model and serve its call. Raises ValueError."""
        self.track(resource)
        return self.add_endpoint(name, forward(resource), input_signature, **kwargs)

    def add_variable_collection(self, name: str, variables: Any) -> None:
        """Give a list of Variables a name in what is saved. Raises ValueError."""
        if not isinstance(variables, list | tuple | set):
            raise ValueError(
                f"Expected `variables` to be a list/tuple/set. Received instead object of type "
                f"'{type(variables)}'."
            )
        if not all(hasattr(v, "__tf_variable__") or isinstance(v, tf.Variable) for v in variables):
            raise ValueError("Expected all elements in `variables` to be Variables.")
        self._collections[name] = list(variables)

    def write_out(self, filepath: Any, options: Any = None, verbose: bool = True) -> None:
        """Write the saved model. Raises ValueError if there is no endpoint."""
        if not self._endpoints:
            raise ValueError("No endpoints have been set yet. Call add_endpoint().")
        serving = SERVE if SERVE in self._endpoints else next(iter(self._endpoints))
        signatures = {**self._endpoints, "serving_default": self._endpoints[serving]}
        variables = [list(getattr(held, "variables", ())) for held in self._tracked]
        root = _Root({**self._endpoints, **self._collections, "variables_of": variables})
        saved_model.save(root, filepath, signatures)
        if verbose:
            names = ", ".join(self._endpoints)
            io_utils.print_msg(
                f"Saved artifact at '{os.fspath(filepath)}'. The following endpoints are "
                f"available: {names}"
            )


class ExportArchive(NumpyExportArchive):
    """``keras.export.ExportArchive``; ``format`` is a saved model."""

    def __init__(self, format: str = "saved_model", **kwargs: Any) -> None:
        if format != "saved_model" or kwargs:
            raise ValueError(f"Unsupported format: {format}")
        super().__init__()


class _Root:
    """An object with these children."""

    def __init__(self, children: dict[str, Any]) -> None:
        self.children = children
        self.name = "exported"

    def __tf_children__(self) -> dict[str, Any]:
        return self.children


def forward(model: Any) -> Any:
    """The call of a layer or model, for inference."""

    def call(*inputs: Any) -> Any:
        training = {"training": False} if getattr(model, "_call_has_training_arg", False) else {}
        return model(*inputs, **training)

    return call


def inference(model: Any) -> tuple[Any, dict[str, Any]]:
    """What is saved of a model beside Keras's file, and its signatures; no function if the model
    has not been built, since its inputs are not known."""
    from keras.src.export.export_utils import get_input_signature  # noqa: PLC0415  (in the midst)

    children: dict[str, Any] = {"weights": list(model.weights)}
    if not model.built:
        return _Root(children), {}
    specs = [tree.map_structure(spec_of, s) for s in get_input_signature(model)]
    serve = tf.function(forward(model), input_signature=specs, name=model.name)
    return _Root({**children, "__call__": serve}), {"serving_default": serve}


def spec_of(x: Any) -> Any:
    """The TensorSpec of an InputSpec, a KerasTensor or a tensor; the batch is open."""
    if isinstance(x, tf.TensorSpec):
        return x
    if not isinstance(x, layers.InputSpec | KerasTensor | Tensor):
        raise TypeError(
            f"Unsupported x={x} of the type ({type(x)}). Supported types are: "
            "`keras.InputSpec`, `keras.KerasTensor`, `tf.TensorSpec` and tensors."
        )
    shape = tuple(x.shape)
    if not isinstance(x, layers.InputSpec):
        shape = (None, *shape[1:])
    return tf.TensorSpec(shape, standardize_dtype(x.dtype), getattr(x, "name", None))
