"""Names of ``tf.nn`` that draw from a generator or go over time, and the approximate top-k."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from twofold.ir.dtypes import info
from twofold.ir.errors import ArgumentError, ShapeError
from twofold.ir.infer import axis_of
from twofold.ir.op import COMPOSITES, OPS
from twofold.ir.ops import movement
from twofold.ir.ops.dropping import dropped, stateless_dropout
from twofold.ir.ops.operand import as_sizes, as_tensor
from twofold.ir.shapes import show_shape
from twofold.runtime.random import source
from twofold.runtime.tensor import Tensor

from .scans import foldl

if TYPE_CHECKING:
    from .typing import TensorLike

__all__ = [
    "approx_max_k", "approx_min_k", "collapse_repeated", "compute_average_loss", "ctc_loss",
    "dropout", "experimental", "scale_regularization_loss",
]  # fmt: skip

INT32, INT64, FLOAT = np.dtype("int32"), np.dtype("int64"), np.dtype("float32")
NEVER = -1e5  # the logarithm of a probability of zero; sums of it stay finite


def dropout(
    x: TensorLike, rate: Any, noise_shape: Any = None, seed: int | None = None, name: Any = None
) -> Tensor:
    """``x / (1 - rate)`` with elements set to 0 with probability ``rate``, by the global generator.

    With a ``seed`` the numbers depend on it, on the global seed and on how many draws came before.
    Along an axis of size 1 in ``noise_shape`` all elements are kept or dropped together. A ``rate``
    of 0 draws nothing. Raises ArgumentError, DTypeError.

    >>> import twofold as tf
    >>> tf.nn.dropout(tf.ones(3), 0.0).numpy()
    array([1., 1., 1.], dtype=float32)
    """
    idle = isinstance(rate, int | float) and not rate
    state = None if idle else source(seed).draw()
    return dropped(state, x, rate, noise_shape, "dropout")  # type: ignore[no-any-return]


class experimental:
    """``tf.nn.experimental``."""

    stateless_dropout = staticmethod(stateless_dropout)

    @staticmethod
    def general_dropout(
        x: TensorLike, rate: Any, uniform_sampler: Callable[..., Any], noise_shape: Any = None,
        name: Any = None,
    ) -> Tensor:  # fmt: skip
        """``dropout`` by the numbers that ``uniform_sampler(shape=, dtype=)`` draws."""
        data = as_tensor(x)
        if isinstance(rate, int | float) and not 0 <= rate < 1:
            raise ArgumentError(f"general_dropout: rate must be in [0, 1), not {rate}")
        given = tuple(data.shape) if noise_shape is None else tuple(noise_shape)
        shape = tuple(n if m is None else m for m, n in zip(given, data.shape, strict=True))
        kept = OPS["greater_equal"](uniform_sampler(shape=shape, dtype=data.dtype), rate)
        return OPS["where"](kept, data * (1 / (1 - rate)), 0)  # type: ignore[no-any-return]


def approx_max_k(
    operand: TensorLike, k: int, reduction_dimension: int = -1, recall_target: float = 0.95,
    reduction_input_size_override: int = -1, aggregate_to_topk: bool = True, name: Any = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The ``k`` largest elements along an axis, and their positions (int32): all of them are found,
    whatever ``recall_target`` asks for.

    >>> import twofold as tf
    >>> [part.numpy().tolist() for part in tf.nn.approx_max_k([1.0, 3.0, 2.0], 2)]
    [[3.0, 2.0], [1, 2]]
    """
    x = as_tensor(operand)
    axis = axis_of(reduction_dimension, len(x.shape), "approx_max_k")
    moved = movement.swapaxes(x, axis, -1)
    parts = OPS["top_k"](moved, k=k)
    values, places = (movement.swapaxes(part, axis, -1) for part in parts)
    return values, OPS["cast"](places, dtype=INT32)


def approx_min_k(
    operand: TensorLike, k: int, reduction_dimension: int = -1, recall_target: float = 0.95,
    reduction_input_size_override: int = -1, aggregate_to_topk: bool = True, name: Any = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The ``k`` smallest elements along an axis, and their positions; see ``approx_max_k``.

    >>> import twofold as tf
    >>> [part.numpy().tolist() for part in tf.nn.approx_min_k([1.0, 3.0, 2.0], 2)]
    [[1.0, 2.0], [0, 2]]
    """
    values, places = approx_max_k(OPS["negative"](operand), k, reduction_dimension)
    return OPS["negative"](values), places


def ctc_loss(
    labels: TensorLike, logits: TensorLike, label_length: TensorLike, logit_length: TensorLike,
    logits_time_major: bool = True, unique: Any = None, blank_index: int | None = None,
    name: Any = None,
) -> Tensor:  # fmt: skip
    """Minus the logarithm of the probability of each row of labels, over all its alignments.

    ``labels``: ``[batch, most]``, of which ``label_length`` count; ``logits``:
    ``[time, batch, classes]`` (or ``[batch, time, classes]``), of which ``logit_length`` frames
    count. ``blank_index`` may count from the end and is 0 if not given. Where there are too few
    frames for the labels the loss is infinite and its gradient 0. ``unique`` changes nothing.
    Raises ShapeError, and IndexOutOfBoundsError for a label that is no class.

    Graves, Fernandez, Gomez and Schmidhuber, "Connectionist Temporal Classification" (2006).

    >>> import twofold as tf
    >>> tf.nn.ctc_loss([[1]], tf.zeros((2, 1, 2)), [1], [2], blank_index=0).numpy()
    array([0.28768212], dtype=float32)
    """
    x = as_tensor(logits)
    x = OPS["cast"](x, dtype=FLOAT) if info(x.dtype).half or not info(x.dtype).inexact else x
    rows = OPS["cast"](labels, dtype=INT64)
    if len(x.shape) != 3 or len(rows.shape) != 2:
        shapes = f"{show_shape(rows.shape)} and {show_shape(x.shape)}"
        raise ShapeError(f"ctc_loss: labels have 2 axes and logits 3; their shapes are {shapes}")
    classes, blank = x.shape[2], 0 if blank_index is None else blank_index
    blank = classes + blank if blank < 0 else blank
    lengths, times = (OPS["cast"](n, dtype=INT64) for n in (label_length, logit_length))
    logs = COMPOSITES["log_softmax"].function(x)
    states, skips = _states(rows, lengths, blank, classes)
    lines = OPS["transpose"](logs, perm=(1, 2, 0) if logits_time_major else (0, 2, 1))
    emitted = OPS["gather"](lines, states, axis=1, batch_dims=1)  # [batch, states, time]
    emitted = OPS["maximum"](OPS["transpose"](emitted, perm=(2, 0, 1)), NEVER)
    count = states.shape[1]
    at_start = OPS["equal"](OPS["arange"](start=count, dtype=INT64), 0)
    start = OPS["broadcast_to"](OPS["where"](at_start, 0, OPS["cast"](NEVER, dtype=logs.dtype)),
                                shape=tuple(states.shape))  # fmt: skip

    def step(before: Any, now: Any) -> Any:
        frame, live = now
        ways = OPS["logaddexp"](before, _moved(before, 1))
        ways = OPS["where"](skips, OPS["logaddexp"](ways, _moved(before, 2)), ways)
        return OPS["where"](live[:, None], ways + frame, before)

    clock = OPS["arange"](start=emitted.shape[0], dtype=INT64)
    last = foldl(step, (emitted, OPS["less"](clock[:, None], times[None, :])), start)
    return _ended(last, lengths)  # type: ignore[no-any-return]


def _states(labels: Any, lengths: Any, blank: Any, classes: Any) -> tuple[Any, Any]:
    """The classes of the states, a blank before and after each label, and which may be reached
    over the blank before them, from the label that stands there."""
    batch, most = labels.shape
    used = OPS["less"](OPS["arange"](start=most, dtype=INT64), lengths[:, None])
    wrong = OPS["less"](labels, 0)  # an error, not a class counted from the end
    labels = OPS["where"](used, OPS["where"](wrong, classes, labels), blank)
    blanks = OPS["zeros_like"](labels) + blank
    pairs = OPS["reshape"](OPS["stack"]([blanks, labels], axis=2), shape=(batch, 2 * most))
    last = OPS["zeros_like"](lengths)[:, None] + blank
    states = OPS["concat"]([pairs, last], axis=1)
    before = OPS["concat"]([last, last, states[:, : 2 * most - 1]], axis=1) if most else states
    odd = OPS["equal"](OPS["remainder"](OPS["arange"](start=2 * most + 1, dtype=INT64), 2), 1)
    return states, OPS["logical_and"](OPS["not_equal"](states, before), odd)


def _moved(x: Any, by: int) -> Any:
    """States one or two places on."""
    if x.shape[1] <= by:
        return OPS["zeros_like"](x) + NEVER
    return COMPOSITES["pad"].function(x[:, :-by], [(0, 0), (by, 0)], constant_values=NEVER)


def _ended(last: Any, lengths: Any) -> Any:
    """Minus the logarithm of the probability that the last state is the last label or blank."""
    ends, taken = 2 * lengths[:, None], COMPOSITES["take_along_axis"].function
    final = taken(last, ends, axis=1)[:, 0]
    before = taken(last, OPS["maximum"](ends - 1, 0), axis=1)[:, 0]
    total = OPS["where"](OPS["greater"](lengths, 0), OPS["logaddexp"](final, before), final)
    return OPS["where"](OPS["less"](total, NEVER / 2), np.inf, -total)


def collapse_repeated(
    labels: TensorLike, seq_length: TensorLike, name: Any = None
) -> tuple[Tensor, Tensor]:
    """The first ``seq_length`` labels of each row, runs of one label as one; and how many are left.

    ``labels``: ``[batch, time]``. Rows end in zeros, up to the longest one. Raises ShapeError.

    >>> import twofold as tf
    >>> [x.numpy().tolist() for x in tf.nn.collapse_repeated([[3, 3, 5, 3], [7, 7, 7, 1]], [4, 3])]
    [[[3, 5, 3], [7, 0, 0]], [3, 1]]
    """
    found = as_tensor(labels)
    if len(found.shape) != 2:
        raise ShapeError(
            f"collapse_repeated: labels are [batch, time], not {show_shape(found.shape)}"
        )
    places = OPS["arange"](start=found.shape[1], dtype=INT64)
    inside = OPS["less"](places, OPS["expand_dims"](seq_length, axis=(1,)))
    first = OPS["equal"](places, 0)
    differs = OPS["not_equal"](found, OPS["roll"](found, shift=1, axis=1))
    kept = OPS["logical_and"](inside, OPS["logical_or"](first, differs))
    lengths = OPS["sum"](OPS["cast"](kept, dtype=INT32), axis=1)
    order = OPS["argsort"](OPS["cast"](OPS["logical_not"](kept), dtype=INT32), axis=1)
    merged = COMPOSITES["take_along_axis"].function(found, order, 1)
    filled = OPS["less"](places, OPS["expand_dims"](lengths, axis=(1,)))
    return OPS["where"](filled, merged, 0)[:, : as_sizes(OPS["max"](lengths))], lengths


def compute_average_loss(
    per_example_loss: TensorLike, sample_weight: Any = None, global_batch_size: Any = None
) -> Tensor:
    """The sum of the losses, each times its weight, over the number of examples; 0 of none.

    ``global_batch_size``: the number of examples; None: the first size of the losses.
    Raises ArgumentError if it is negative.

    >>> import twofold as tf
    >>> tf.nn.compute_average_loss([1.0, 3.0], sample_weight=[1.0, 0.5], global_batch_size=5).item()
    0.5
    """
    losses = as_tensor(per_example_loss)
    count = losses.shape[0] if global_batch_size is None else global_batch_size
    if isinstance(count, int) and count < 0:
        raise ArgumentError(f"compute_average_loss: global_batch_size is {count}, a count")
    if sample_weight is not None:
        weights = OPS["cast"](sample_weight, dtype=losses.dtype)
        missing = (1,) * max(0, len(losses.shape) - len(weights.shape))
        losses = losses * OPS["reshape"](weights, shape=(*weights.shape, *missing))
    total = OPS["sum"](losses)
    averaged: Tensor = COMPOSITES["divide_no_nan"].function(
        total, OPS["cast"](count, dtype=total.dtype)
    )
    return averaged


def scale_regularization_loss(regularization_loss: TensorLike) -> Tensor:
    """The sum of the losses: there is one process to share them.

    >>> import twofold as tf
    >>> tf.nn.scale_regularization_loss([1.0, 2.0]).item()
    3.0
    """
    return OPS["sum"](regularization_loss)  # type: ignore[no-any-return]
