"""What every Keras layer inherits from its backend: nothing."""

from __future__ import annotations

__all__ = ["NumpyLayer"]


class NumpyLayer:
    """The mixin, under the name that the seam stands in for."""
