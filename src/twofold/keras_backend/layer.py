"""What every Keras layer inherits from its backend: control flow by values, signatures."""

from __future__ import annotations

from typing import Any

from .users import interpret

__all__ = ["NumpyLayer"]


class NumpyLayer:
    """The mixin, under the name that the seam stands in for."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        interpret(cls, ("call", "compute_loss", "compute_metrics"))  # the last two of models

    def __tf_signatures__(self) -> dict[str, Any]:
        """What a model serves when it is saved as an object: its forward pass."""
        from keras import Model  # noqa: PLC0415  (it is made of layers)

        from .export import inference  # noqa: PLC0415  (the same)

        return inference(self)[1] if isinstance(self, Model) else {}
