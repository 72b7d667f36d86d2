"""Code of the user's that Keras calls while a function is traced.

Keras's own code runs as it is there. What users write for it, methods of their classes and
functions that they hand over, is interpreted as the traced function itself is: ``if`` and ``while``
by values become parts of the graph, and what it prints is printed in each call.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Sequence
from types import FunctionType
from typing import Any

from keras.src.backend.common import KerasVariable

from twofold.compiler.library import is_library
from twofold.ir import bind
from twofold.runtime.carried import hooked

__all__ = ["interpret", "open_to_users"]

# What users override, by the class that they derive from.
_METHODS = {
    "losses.loss.Loss": ("call",),
    "metrics.metric.Metric": ("update_state", "result"),
    "optimizers.base_optimizer.BaseOptimizer": ("update_step",),
    "optimizers.schedules.learning_rate_schedule.LearningRateSchedule": ("__call__",),
    "regularizers.regularizers.Regularizer": ("__call__",),
    "constraints.constraints.Constraint": ("__call__",),
}
# Classes of Keras's that hold functions of the user's, and the attributes that they are in.
_HOLDERS = {
    "losses.losses.LossFunctionWrapper": ("fn",),
    "metrics.reduction_metrics.MeanMetricWrapper": ("_fn",),
    "layers.core.lambda_layer.Lambda": ("function",),
    "layers.layer.Layer": ("activation", "recurrent_activation", "activity_regularizer"),
    "optimizers.base_optimizer.BaseOptimizer": ("_learning_rate",),
    "backend.common.variables.Variable": ("_regularizer", "_constraint"),
}


def open_to_users() -> None:
    """Have what users derive from Keras's classes, or hand to them, interpreted."""
    for path, methods in _METHODS.items():
        _open(_named(path), methods)
    for path, attributes in _HOLDERS.items():
        for attribute in attributes:
            setattr(_named(path), attribute, _Held(attribute))


def interpret(cls: type, methods: Sequence[str]) -> None:
    """Have methods that a class of the user's defines interpreted."""
    for name in methods:
        own = vars(cls).get(name)
        if _is_of_user(own):
            setattr(cls, name, _interpreted(own))


def _named(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(f"keras.src.{module}"), name)


def _open(owner: Any, methods: Sequence[str]) -> None:
    """Have methods interpreted that classes derived from ``owner`` define."""

    def derive(cls: Any, /, **options: Any) -> None:
        super(owner, cls).__init_subclass__(**options)
        interpret(cls, methods)

    owner.__init_subclass__ = classmethod(derive)


def _code_of(given: Any) -> Any:
    """What runs when it is called: of an object its method, of anything else itself."""
    of_object = callable(given) and isinstance(type(given).__call__, FunctionType)
    return given.__call__ if of_object else given


def _is_of_user(function: Any) -> bool:
    """Whether this is a function, a method or an object of the user's, also with some arguments
    given."""
    while isinstance(function, functools.partial):
        function = function.func
    function = _code_of(function)
    function = getattr(function, "__func__", function)
    return isinstance(function, FunctionType) and not is_library(function.__code__.co_filename)


def _interpreted(function: Any) -> Any:
    """The function. A Variable that it returns is its value in a trace: no graph returns one."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        made = hooked(function)(*args, **kwargs)
        return made.value if isinstance(made, KerasVariable) and bind.ground().tracing else made

    return run


class _Held:
    """An attribute in which a function of the user's is interpreted while one is traced.

    It is the user's own otherwise, and in other threads.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, owner: Any, kind: type | None = None) -> Any:
        if owner is None:
            return self
        try:
            held = vars(owner)[self.name]
        except KeyError:
            raise AttributeError(
                f"{type(owner).__name__!r} object has no attribute {self.name!r}"
            ) from None
        return hooked(_code_of(held)) if bind.ground().tracing and _is_of_user(held) else held

    def __set__(self, owner: Any, value: Any) -> None:
        vars(owner)[self.name] = value

    def __delete__(self, owner: Any) -> None:
        try:
            del vars(owner)[self.name]
        except KeyError:
            raise AttributeError(self.name) from None
