"""What every Keras layer inherits from its backend: control flow by values, signatures."""

from __future__ import annotations

import functools
from types import FunctionType
from typing import Any

from twofold.compiler.library import is_library
from twofold.runtime.carried import hooked

__all__ = ["NumpyLayer"]


class NumpyLayer:
    """The mixin, under the name that the seam stands in for.

    Keras's own code runs as it is while a function is traced. The ``call`` of a class of the
    user's is interpreted there, as any function of the user's is: its ``if`` and ``while`` by
    values become parts of the graph.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        call = cls.__dict__.get("call")
        if isinstance(call, FunctionType) and not is_library(call.__code__.co_filename):
            cls.call = _interpreted(call)  # type: ignore[attr-defined]

    def __tf_signatures__(self) -> dict[str, Any]:
        """What a model serves when it is saved as an object: its forward pass."""
        from keras import Model  # noqa: PLC0415  (it is made of layers)

        from .export import inference  # noqa: PLC0415  (the same)

        return inference(self)[1] if isinstance(self, Model) else {}


def _interpreted(call: FunctionType) -> Any:
    @functools.wraps(call)
    def run(*args: Any, **kwargs: Any) -> Any:
        return hooked(call)(*args, **kwargs)

    return run
