"""``tf.autodiff.ForwardAccumulator``: derivatives along a direction, of whatever is computed.

``vjp(u)`` is linear in ``u``, and its derivative along the tangents is the Jacobian times them: two
reverse walks, by the same rules as every other gradient (J. Townsend, A new trick for calculating
Jacobian vector products, 2017).
"""

from __future__ import annotations

from typing import Any

from twofold.ir.errors import ArgumentError, ShapeError
from twofold.ir.op import OPS
from twofold.ir.tree import flatten, unflatten

from .tape import GradientTape, UnconnectedGradients

__all__ = ["ForwardAccumulator"]


class ForwardAccumulator:
    """Follows what its ``with`` block computes of tensors or Variables, to be differentiated along
    one direction.

    ``primals``: a tensor, a Variable or nested containers of them; ``tangents``: the direction,
    with the same structure, shapes and dtypes. Raises ArgumentError or ShapeError where they
    differ.

    >>> import twofold as tf
    >>> x = tf.constant([2.0, 3.0])
    >>> with tf.autodiff.ForwardAccumulator(x, tf.constant([1.0, 0.0])) as acc:
    ...     y = x * x
    >>> acc.jvp(y).numpy()
    array([4., 0.], dtype=float32)
    """

    def __init__(self, primals: Any, tangents: Any) -> None:
        given, form = flatten(tangents)
        found, wanted = flatten(primals)
        if form != wanted:
            raise ArgumentError("ForwardAccumulator: primals and tangents differ in structure")
        self._primals = list(found)
        self._tangents = [_tangent(x, t) for x, t in zip(found, given, strict=True)]
        self._tape = GradientTape(persistent=True, watch_accessed_variables=False)

    def __enter__(self) -> ForwardAccumulator:
        self._tape.__enter__()
        for x in self._primals:
            self._tape.watch(x)
        return self

    def __exit__(self, *exc: object) -> None:
        self._tape.__exit__(*exc)

    def jvp(
        self,
        primals: Any,
        unconnected_gradients: Any = UnconnectedGradients.NONE,
    ) -> Any:
        """The derivatives of results along the tangents, in the structure of ``primals``.

        What does not depend on the accumulator's primals gives None, or zeros if that is asked for.
        """
        leaves, form = flatten(primals)
        return unflatten(form, [self._along(y, unconnected_gradients) for y in leaves])

    def _along(self, y: Any, unconnected: Any) -> Any:
        with GradientTape(watch_accessed_variables=False) as tape:
            u = OPS["zeros_like"](y)
            tape.watch(u)
            back = self._tape.gradient(y, self._primals, output_gradients=u)
            parts = [
                OPS["sum"](OPS["real"](OPS["conjugate"](g) * t))
                for g, t in zip(back, self._tangents, strict=True)
                if g is not None
            ]
            total = sum(parts[1:], parts[0]) if parts else None
        if total is not None:
            return tape.gradient(total, u, unconnected_gradients=unconnected)
        zero = UnconnectedGradients(unconnected) is UnconnectedGradients.ZERO
        return OPS["zeros_like"](y) if zero else None


def _tangent(x: Any, tangent: Any) -> Any:
    """A tangent as a tensor. Raises ArgumentError or ShapeError if it does not fit."""
    made = OPS["identity"](tangent)
    if made.dtype != x.dtype:
        raise ArgumentError(
            f"ForwardAccumulator: a tangent of dtype {made.dtype} for a primal of dtype {x.dtype}"
        )
    if tuple(made.shape) != tuple(x.shape):
        raise ShapeError(
            f"ForwardAccumulator: a tangent of shape {tuple(made.shape)} for a primal of shape "
            f"{tuple(x.shape)}"
        )
    return made
