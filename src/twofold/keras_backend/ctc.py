"""Connectionist temporal classification.

Source: Graves, Fernandez, Gomez and Schmidhuber, "Connectionist Temporal Classification", 2006; the
beam search is that of Hannun, Maas, Jurafsky and Ng, "First-Pass Large Vocabulary Continuous Speech
Recognition using Bi-Directional Recurrent DNNs", 2014.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from keras.src.backend.common import standardize_dtype
from keras.src.backend.common.dtypes import result_type

import twofold as tf

from .activations import log_softmax
from .core import convert_to_tensor

__all__ = ["ctc_decode", "ctc_loss"]


def ctc_loss(
    target: Any, output: Any, target_length: Any, output_length: Any, mask_index: int = 0
) -> Any:
    """Minus the logarithm of the probability of ``target`` (batch, labels) under logits (batch,
    time, classes), summed over all alignments with blanks between and beside the labels."""
    output = convert_to_tensor(output)
    output = tf.cast(output, result_type(output.dtype, "float32"))
    loss: Any = tf.nn.ctc_loss(
        convert_to_tensor(target, "int32"), output, convert_to_tensor(target_length, "int32"),
        convert_to_tensor(output_length, "int32"), False, None, mask_index,
    )  # fmt: skip
    return loss


def ctc_decode(
    inputs: Any, sequence_lengths: Any, strategy: str = "greedy", beam_width: int = 100,
    top_paths: int = 1, merge_repeated: bool = True, mask_index: int | None = 0,
) -> tuple[Any, Any]:  # fmt: skip
    """Labels (paths, batch, time), filled up with -1, and their scores (batch, paths)."""
    inputs = convert_to_tensor(inputs)
    inputs = tf.cast(inputs, result_type(inputs.dtype, "float32"))
    lengths = convert_to_tensor(sequence_lengths, "int32")
    blank = int(inputs.shape[2]) - 1 if mask_index is None else mask_index
    if strategy == "greedy":
        return _greedy(inputs, lengths, merge_repeated, blank)
    if strategy == "beam_search":
        found = [
            _beam(logs[:count], beam_width, top_paths, blank)
            for logs, count in zip(
                np.asarray(log_softmax(inputs)), np.asarray(lengths), strict=True
            )
        ]
        time = int(inputs.shape[1])
        paths = np.full((top_paths, len(found), time), -1, np.int32)
        scores = np.full((len(found), top_paths), -np.inf)
        for at, best in enumerate(found):
            for rank, (path, score) in enumerate(best):
                paths[rank, at, : len(path)] = path
                scores[at, rank] = score
        return convert_to_tensor(paths), convert_to_tensor(scores, standardize_dtype(inputs.dtype))
    raise ValueError(
        f"Invalid strategy {strategy}. Supported values are 'greedy' and 'beam_search'."
    )


def _greedy(inputs: Any, lengths: Any, merge_repeated: bool, blank: int) -> tuple[Any, Any]:
    labels = tf.cast(tf.argmax(inputs, axis=-1), "int32")
    scores = tf.max(inputs, axis=-1)
    time = tf.range(labels.shape[1])
    over = tf.expand_dims(time, axis=0) >= tf.expand_dims(lengths, axis=1)
    labels = tf.where(over, blank, labels)
    scores = tf.where(over, tf.zeros_like(scores), scores)
    gone = labels == blank
    if merge_repeated:
        same = tf.pad(tf.cast(labels[:, 1:] == labels[:, :-1], "int32"), [(0, 0), (1, 0)])
        gone = tf.logical_or(gone, same == 1)
    order = tf.argsort(tf.cast(gone, "int32"), axis=-1)  # stable: what is gone comes last
    kept = tf.take_along_axis(tf.where(gone, -1, labels), order, axis=-1)
    return tf.expand_dims(kept, axis=0), tf.expand_dims(-tf.sum(scores, axis=1), axis=1)


def _beam(
    logs: np.ndarray[Any, Any], width: int, count: int, blank: int
) -> list[tuple[tuple[int, ...], float]]:
    """The best label sequences: for each prefix the probabilities of alignments that end in a
    blank and in its last label."""
    beams: dict[tuple[int, ...], list[float]] = {(): [0.0, -np.inf]}
    for row in logs:
        made: dict[tuple[int, ...], list[float]] = {}

        def add(prefix: tuple[int, ...], which: int, score: float, made: Any = made) -> None:
            held = made.setdefault(prefix, [-np.inf, -np.inf])
            held[which] = float(np.logaddexp(held[which], score))

        for prefix, (in_blank, in_label) in beams.items():
            total = float(np.logaddexp(in_blank, in_label))
            add(prefix, 0, total + row[blank])
            if prefix:
                add(prefix, 1, in_label + row[prefix[-1]])
            for label in range(len(row)):
                if label != blank:
                    repeats = prefix[-1:] == (label,)
                    add((*prefix, label), 1, (in_blank if repeats else total) + row[label])
        ranked = sorted(made.items(), key=lambda item: -_both(item[1]))
        beams = dict(ranked[:width])
    best = sorted(beams.items(), key=lambda item: -_both(item[1]))[:count]
    return [(prefix, _both(parts)) for prefix, parts in best]


def _both(parts: list[float]) -> float:
    return float(np.logaddexp(parts[0], parts[1]))
