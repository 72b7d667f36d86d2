"""Non-maximum suppression: of boxes that overlap, the one with the highest score is kept."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..errors import ArgumentError, ShapeError
from ..infer import Attrs, Resolved, Types
from ..op import OPS, Sample, composite, op
from ..shapes import Sizes, show_shape
from ..types import TensorType
from . import movement
from .casting import cast
from .create import arange
from .elementwise import maximum, minimum, where
from .exponential import exp
from .formulas import clip
from .gather import gather
from .operand import as_inexact, as_tensors, is_python, product
from .padding import pad_constant
from .sorting import top_k
from .triangles import tril

__all__ = [
    "combined_non_max_suppression", "non_max_suppression", "non_max_suppression_overlaps",
    "non_max_suppression_padded", "non_max_suppression_with_scores",
]  # fmt: skip

Array = np.ndarray[Any, Any]
INT32 = np.dtype("int32")
BOXES = np.array([[0, 0.02, 1, 1.03], [0.05, 0.1, 1.1, 1.2], [2, 2.1, 0.9, 0.8],
                  [0.3, 5, 1.3, 6], [1.5, 0.2, 0.15, 1.9]])  # fmt: skip
SCORES = np.array([0.75, 0.95, 0.6, 0.3, 0.9])
OVERLAPS = np.array([[1, 0.6, 0.2], [0.6, 1, 0.7], [0.2, 0.7, 1]])


class Combined(NamedTuple):
    """What ``combined_non_max_suppression`` returns."""

    nmsed_boxes: Any
    nmsed_scores: Any
    nmsed_classes: Any
    valid_detections: Any


# ---- The choice


def _rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    boxes, scores, *limits = types
    count, last = boxes.shape[-2:] if boxes.rank > 1 else (0, 0)
    square = bool(attrs["overlaps"])
    shape = (*boxes.shape[:-2], count)
    fits = (
        boxes.rank > 1
        and sizes.require_same(last, count if square else 4)
        and len(shape) == scores.rank
        and all(map(sizes.require_same, shape, scores.shape))
    )
    if not fits:
        wanted = "[..., n, n]" if square else "[..., n, 4]"
        raise ShapeError(
            f"{op.name}: {'overlaps' if square else 'boxes'} are {wanted} and scores [..., n], not "
            f"{show_shape(boxes.shape)} and {show_shape(scores.shape)}"
        )
    if any(t.rank for t in limits):
        raise ShapeError(f"{op.name}: thresholds are numbers without axes")
    return {"overlaps": square}, (
        TensorType(INT32, shape), TensorType(INT32, shape[:-1]),
    )  # fmt: skip


@op("opaque", _rule, promote="floating", accepts="f", public=False,
    samples=[Sample(BOXES, SCORES, 0.5, 0.2, 0.0), Sample(BOXES, SCORES, 0.2, 0.0, 0.4),
             Sample(OVERLAPS[None], SCORES[None, :3], 0.5, 0.2, 0.0, overlaps=True)])  # fmt: skip
def suppressed(
    boxes: Any, scores: Any, overlap: Any, threshold: Any, sigma: Any, *, overlaps: bool = False
) -> Any:
    """The positions of what is kept, best first, zeros behind them, and how many they are.

    Kept is what overlaps nothing better by more than ``overlap`` and has a score above
    ``threshold``; of equal scores the first is better. Where ``sigma`` is above 0 an overlap ``u``
    only lowers the score, by ``exp(-u**2 / (2 * sigma))``. ``overlaps``: ``boxes`` are the overlaps
    of all pairs.
    """
    lead = scores.shape[:-1]
    places, counts = np.zeros(scores.shape, INT32), np.zeros(lead, INT32)
    for at in np.ndindex(*lead):
        part = boxes[at]
        found = (lambda i, m=part: m[i]) if overlaps else _overlaps_of(part)
        kept = _kept(found, scores[at], overlap, threshold, sigma)
        places[at][: len(kept)], counts[at] = kept, len(kept)
    return places, counts


def _overlaps_of(boxes: Array) -> Callable[[int], Array]:
    """A function that gives what a box has in common with each, as a part of their union."""
    low, high = np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])
    areas = np.prod(high - low, axis=1)

    def found(i: int) -> Array:
        sides = np.minimum(high, high[i]) - np.maximum(low, low[i])
        common = np.prod(np.maximum(sides, 0), axis=1)
        union = areas + areas[i] - common
        real = (areas > 0) & (areas[i] > 0)
        out: Array = np.where(real, common / np.where(real, union, 1), 0)
        return out

    return found


def _kept(
    found: Callable[[int], Array], scores: Array, overlap: Any, threshold: Any, sigma: Any
) -> list[int]:
    """The chosen positions: greedily the best of those that are left."""
    soft = sigma > 0
    scale = -0.5 / sigma if soft else 0
    left = scores.copy()
    left[~(scores > threshold)] = np.nan
    kept: list[int] = []
    while True:
        some = ~np.isnan(left)
        if not some.any():
            return kept
        best = int(np.flatnonzero(some & (left == left[some].max()))[0])
        kept.append(best)
        common = found(best)
        if soft:
            left = left * np.exp(scale * common * common).astype(left.dtype)
            left[~(left > threshold)] = np.nan
        else:
            left[common > overlap] = np.nan
        left[best] = np.nan


def _count(size: Any, what: str) -> Any:
    """How many are wanted at the most: a number, or a tensor without axes."""
    if getattr(size, "is_tensor", False):
        return size
    number = operator.index(size)
    if number < 0:
        raise ArgumentError(f"{what}: the output size is at least 0, not {number}")
    return number


def _chosen(
    boxes: Any, scores: Any, max_output_size: Any, overlap: Any, threshold: Any, sigma: Any,
    what: str, overlaps: bool = False,
) -> Any:  # fmt: skip
    """The positions of what is chosen."""
    most = _count(max_output_size, what)
    boxes, scores = as_tensors(boxes, scores)
    if len(scores.shape) != 1:
        raise ShapeError(f"{what}: scores have one axis, the shape is {show_shape(scores.shape)}")
    places, count = suppressed(boxes, scores, overlap, threshold, sigma, overlaps=overlaps)
    return places[: minimum(count, most)]


def _lowered(boxes: Any, scores: Any, sigma: Any) -> Any:
    """The scores of boxes, each lowered by what it has in common with those before it."""
    first, second = boxes[:, :2], boxes[:, 2:]
    low, high = minimum(first, second), maximum(first, second)

    def pairs(fold: Any, x: Any) -> Any:
        return fold(movement.expand_dims(x, axis=(0,)), movement.expand_dims(x, axis=(1,)))

    sides = maximum(pairs(minimum, high) - pairs(maximum, low), 0)
    common = sides[..., 0] * sides[..., 1]
    edges = high - low
    areas = edges[:, 0] * edges[:, 1]
    union = pairs(OPS["add"], areas) - common
    real = pairs(minimum, areas) > 0
    overlap = where(real, common / where(real, union, 1), 0)
    return scores * exp(OPS["sum"](tril(overlap * overlap, k=-1), axis=(1,)) * (-0.5 / sigma))


# ---- TensorFlow's functions


@composite(Sample(BOXES, SCORES, 3))
def non_max_suppression(
    boxes: Any, scores: Any, max_output_size: Any, iou_threshold: Any = 0.5,
    score_threshold: Any = -math.inf, name: Any = None,
) -> Any:  # fmt: skip
    """Positions (int32) of boxes ``[n, 4]``, the best first, that overlap no better one by more.

    A box is two corners, ``y1, x1, y2, x2`` in any order; the overlap of two is their intersection
    over their union. At most ``max_output_size`` with a score above ``score_threshold``; of equal
    scores the first is better. The size depends on the values: in a compiled function it is a
    symbol. Raises ShapeError, ArgumentError.

    >>> import twofold as tf
    >>> boxes = [[0.0, 0.0, 1.0, 1.0], [0.0, 0.1, 1.0, 1.1], [2.0, 2.0, 1.0, 1.0]]
    >>> tf.image.non_max_suppression(boxes, [0.7, 0.9, 0.6], 5).numpy()
    array([1, 2], dtype=int32)
    """
    return _chosen(boxes, scores, max_output_size, iou_threshold, score_threshold, 0,
                   "non_max_suppression")  # fmt: skip


@composite(Sample(OVERLAPS, SCORES[:3], 3))
def non_max_suppression_overlaps(
    overlaps: Any, scores: Any, max_output_size: Any, overlap_threshold: Any = 0.5,
    score_threshold: Any = -math.inf, name: Any = None,
) -> Any:  # fmt: skip
    """``non_max_suppression`` for the overlaps of all pairs, ``[n, n]``, in place of boxes.

    >>> import twofold as tf
    >>> tf.image.non_max_suppression_overlaps([[1.0, 0.6], [0.6, 1.0]], [0.2, 0.9], 2).numpy()
    array([1], dtype=int32)
    """
    return _chosen(overlaps, scores, max_output_size, overlap_threshold, score_threshold, 0,
                   "non_max_suppression_overlaps", overlaps=True)  # fmt: skip


@composite(Sample(BOXES, SCORES, 4, 0.5, 0.1, 0.4))
def non_max_suppression_with_scores(
    boxes: Any, scores: Any, max_output_size: Any, iou_threshold: Any = 0.5,
    score_threshold: Any = -math.inf, soft_nms_sigma: Any = 0.0, name: Any = None,
) -> Any:  # fmt: skip
    """``non_max_suppression`` with the scores of what it chooses.

    With ``soft_nms_sigma`` above 0 a box stays where it overlaps a better one by ``u``, and its
    score is lowered by ``exp(-u**2 / (2 * soft_nms_sigma))``: Bodla, Singh, Chellappa and Davis,
    "Soft-NMS: Improving Object Detection With One Line of Code" (2017).

    >>> import twofold as tf
    >>> boxes = [[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 2.0]]
    >>> places, scores = tf.image.non_max_suppression_with_scores(
    ...     boxes, [0.9, 0.8], 2, soft_nms_sigma=0.5)
    >>> places.numpy(), scores.numpy().round(3)
    (array([0, 1], dtype=int32), array([0.9  , 0.623], dtype=float32))
    """
    boxes, scores = as_tensors(boxes, scores)
    places = _chosen(
        boxes, scores, max_output_size, iou_threshold, score_threshold, soft_nms_sigma,
        "non_max_suppression_with_scores",
    )  # fmt: skip
    chosen = gather(as_inexact(scores), places, axis=0)
    if is_python(soft_nms_sigma) and not soft_nms_sigma > 0:
        return places, chosen
    lowered = partial(_lowered, gather(boxes, places, axis=0), chosen)
    if is_python(soft_nms_sigma):
        return places, lowered(soft_nms_sigma)
    soft = soft_nms_sigma > 0
    return places, where(soft, lowered(where(soft, soft_nms_sigma, 1)), chosen)


def _filled(x: Any, size: int) -> Any:
    """The first ``size`` along the last axis, zeros behind them."""
    widths = ((0, 0),) * (len(x.shape) - 1)
    wide = pad_constant(x, pads=(*widths, (0, size)), value=0)
    return OPS["strided_slice"](
        wide, index=(*((None, None, None),) * (len(x.shape) - 1), (0, size, 1))
    )


@composite(Sample(BOXES, SCORES, 3, 0.5, 0.0, True))
def non_max_suppression_padded(
    boxes: Any, scores: Any, max_output_size: Any, iou_threshold: Any = 0.5,
    score_threshold: Any = -math.inf, pad_to_max_output_size: bool = False, name: Any = None,
    sorted_input: bool = False, canonicalized_coordinates: bool = False, tile_size: int = 512,
) -> Any:  # fmt: skip
    """The positions of ``non_max_suppression``, and how many they are.

    With ``pad_to_max_output_size`` there are ``max_output_size`` positions, zeros behind those that
    count, and boxes may be several sets, ``[..., n, 4]``. The last three parameters only say how
    TensorFlow is to work. Raises ShapeError, ArgumentError.

    >>> import twofold as tf
    >>> boxes = [[0.0, 0.0, 1.0, 1.0], [0.0, 0.1, 1.0, 1.1], [2.0, 2.0, 1.0, 1.0]]
    >>> places, valid = tf.image.non_max_suppression_padded(
    ...     boxes, [0.7, 0.9, 0.6], 5, pad_to_max_output_size=True)
    >>> places.numpy(), valid.numpy()
    (array([1, 2, 0, 0, 0], dtype=int32), np.int32(2))
    """
    what = "non_max_suppression_padded"
    most = _count(max_output_size, what)
    if not pad_to_max_output_size:
        places = _chosen(boxes, scores, most, iou_threshold, score_threshold, 0, what)
        return places, cast(places.shape[0], dtype=INT32)
    boxes, scores = as_tensors(boxes, scores)
    places, count = suppressed(boxes, scores, iou_threshold, score_threshold, 0)
    size = operator.index(most)
    valid = minimum(count, size)
    inside = OPS["less"](arange(size, dtype=INT32), movement.expand_dims(valid, axis=(-1,)))
    return where(inside, _filled(places, size), 0), valid


@composite(Sample(BOXES[None, :, None], np.stack([SCORES, 1 - SCORES[::-1]], -1)[None], 2, 3))
def combined_non_max_suppression(
    boxes: Any, scores: Any, max_output_size_per_class: Any, max_total_size: Any,
    iou_threshold: Any = 0.5, score_threshold: Any = -math.inf, pad_per_class: bool = False,
    clip_boxes: bool = True, name: Any = None,
) -> Any:  # fmt: skip
    """``non_max_suppression`` for each class of each image, and the best of all classes.

    ``boxes``: ``[batch, n, q, 4]``, ``q`` is 1 or the number of classes; ``scores``: ``[batch, n,
    classes]``. Returns boxes ``[batch, k, 4]``, their scores and classes ``[batch, k]``, zeros
    behind those that count, and how many count, ``[batch]`` (int32). ``k`` is ``max_total_size``,
    with ``pad_per_class`` at most ``max_output_size_per_class * classes``. ``clip_boxes`` brings
    corners into 0 to 1. Raises ShapeError, ArgumentError.
    """
    what = "combined_non_max_suppression"
    boxes, scores = as_tensors(boxes, scores)
    if len(boxes.shape) != 4 or len(scores.shape) != 3:
        raise ShapeError(
            f"{what}: boxes are [batch, n, q, 4] and scores [batch, n, classes], not "
            f"{show_shape(boxes.shape)} and {show_shape(scores.shape)}"
        )
    each, size = (operator.index(_count(n, what))
                  for n in (max_output_size_per_class, max_total_size))  # fmt: skip
    by_class = OPS["transpose"](scores, perm=(0, 2, 1))
    batch, classes, count = by_class.shape
    corners = movement.broadcast_to(
        OPS["transpose"](boxes, perm=(0, 2, 1, 3)), shape=(batch, classes, count, 4)
    )
    places, found = suppressed(corners, by_class, iou_threshold, score_threshold, 0)
    places = _filled(places, each)
    values = gather(by_class, places, axis=2, batch_dims=2)
    counted = OPS["less"](arange(each, dtype=INT32), movement.expand_dims(found, axis=(-1,)))
    lowest = cast(-math.inf, dtype=values.dtype)
    flat = movement.reshape(where(counted, values, lowest), shape=(batch, classes * each))
    wanted = min(size, product([classes, each])) if pad_per_class else size
    short = max(wanted - product([classes, each]), 0)
    best, at = top_k(pad_constant(flat, pads=((0, 0), (0, short)), value=-math.inf), wanted)
    valid = OPS["sum"](cast(best > -math.inf, dtype=INT32), axis=(1,))
    kinds = at // max(each, 1)
    chosen = gather(corners, places, axis=2, batch_dims=2)
    chosen = movement.reshape(chosen, shape=(batch, classes * each, 4))
    chosen = gather(pad_constant(chosen, pads=((0, 0), (0, short), (0, 0)), value=0), at, axis=1,
                    batch_dims=1)  # fmt: skip
    real = OPS["less"](arange(wanted, dtype=INT32), movement.expand_dims(valid, axis=(-1,)))
    if clip_boxes:
        chosen = clip(chosen, 0, 1)
    return Combined(
        where(movement.expand_dims(real, axis=(-1,)), chosen, 0), where(real, best, 0),
        where(real, cast(kinds, dtype=values.dtype), 0), valid,
    )  # fmt: skip
