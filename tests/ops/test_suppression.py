"""Boxes that overlap better ones: who is kept, in both modes, and sizes that scores decide."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import twofold as tf

RNG = np.random.default_rng(0)
BOXES = RNG.uniform(0, 1, (40, 4)).round(2).astype("f4")
SCORES = RNG.uniform(0, 1, 40).round(1).astype("f4")  # some are equal


def overlap(a: Any, b: Any) -> float:
    """The intersection of two boxes over their union."""
    (a0, a1), (b0, b1) = (np.sort(box.reshape(2, 2), axis=0) for box in (a, b))
    sides = np.maximum(np.minimum(a1, b1) - np.maximum(a0, b0), 0)
    areas = [float(np.prod(high - low)) for low, high in ((a0, a1), (b0, b1))]
    common = float(np.prod(sides))
    return common / (areas[0] + areas[1] - common) if min(areas) > 0 else 0.0


def by_hand(boxes: Any, scores: Any, most: int, iou: float, least: float) -> list[int]:
    kept: list[int] = []
    for i in sorted(range(len(scores)), key=lambda i: (-scores[i], i)):
        fits = all(overlap(boxes[i], boxes[j]) <= iou for j in kept)
        if scores[i] > least and fits and len(kept) < most:
            kept.append(i)
    return kept


@pytest.mark.parametrize("limits", [(5, 0.3, 0.0), (100, 0.1, 0.5), (0, 0.5, 0.0)], ids=str)
def test_the_best_of_those_that_overlap_is_kept(limits: Any) -> None:
    compiled = tf.function(tf.image.non_max_suppression)
    for boxes, scores in ((BOXES, SCORES), (BOXES[:7], SCORES[:7]), (BOXES[:0], SCORES[:0])):
        expected = by_hand(boxes, scores, *limits)
        found = tf.image.non_max_suppression(boxes, scores, *limits)
        assert found.dtype == tf.int32 and found.numpy().tolist() == expected
        given = tf.constant(boxes), tf.constant(scores)
        assert compiled(*given, *limits).numpy().tolist() == expected
    assert compiled.experimental_get_tracing_count() <= 2  # an empty axis is known


def test_sets_of_boxes_are_padded() -> None:
    boxes, scores = BOXES.reshape(2, 20, 4), SCORES.reshape(2, 20)
    places, valid = tf.image.non_max_suppression_padded(boxes, scores, 30, 0.2, 0.1, True)
    assert places.shape == (2, 30)
    for i in range(2):
        expected = by_hand(boxes[i], scores[i], 30, 0.2, 0.1)
        assert valid[i] == len(expected)
        assert places[i].numpy().tolist() == expected + [0] * (30 - len(expected))


def test_overlaps_may_be_given_and_scores_keep_their_gradient() -> None:
    table = np.array([[overlap(a, b) for b in BOXES] for a in BOXES], np.float32)
    expected = by_hand(BOXES, SCORES, 9, 0.25, 0.2)
    found = tf.image.non_max_suppression_overlaps(table, SCORES, 9, 0.25, 0.2)
    assert found.numpy().tolist() == expected
    scores = tf.constant(SCORES)
    with tf.GradientTape() as tape:
        tape.watch(scores)
        _, chosen = tf.image.non_max_suppression_with_scores(BOXES, scores, 9, 0.25, 0.2)
    slope = tape.gradient(chosen, scores).numpy()
    assert np.flatnonzero(slope).tolist() == sorted(expected)


def test_soft_suppression_lowers_scores() -> None:
    boxes = [[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 2.0], [5.0, 5.0, 6.0, 6.0]]
    places, scores = tf.image.non_max_suppression_with_scores(
        boxes, [0.9, 0.8, 0.7], 3, 1.0, 0.0, 0.5
    )
    assert places.numpy().tolist() == [0, 2, 1]  # the second overlaps the first by a half
    np.testing.assert_allclose(scores.numpy(), [0.9, 0.7, 0.8 * np.exp(-0.25)], rtol=1e-6)


def test_classes_are_suppressed_on_their_own() -> None:
    boxes, scores = BOXES.reshape(2, 20, 1, 4), RNG.uniform(0, 1, (2, 20, 3)).astype("f4")
    found = tf.image.combined_non_max_suppression(boxes, scores, 4, 9, 0.2, 0.3)
    for i in range(2):
        every = [
            (-scores[i, j, k], k, j)
            for k in range(3)
            for j in by_hand(boxes[i, :, 0], scores[i, :, k], 4, 0.2, 0.3)
        ]
        every = sorted(every)[:9]
        assert found.valid_detections[i] == len(every)
        kinds = found.nmsed_classes[i].numpy()[: len(every)]
        assert kinds.tolist() == [k for _, k, _ in every]
        np.testing.assert_array_equal(
            found.nmsed_boxes[i].numpy()[: len(every)], [boxes[i, j, 0] for *_, j in every]
        )
        assert not found.nmsed_scores[i].numpy()[len(every) :].any()


@pytest.mark.parametrize("call", [
    lambda: tf.image.non_max_suppression(BOXES, SCORES[:3], 2),
    lambda: tf.image.non_max_suppression(BOXES[:, :3], SCORES, 2),
    lambda: tf.image.non_max_suppression(BOXES, SCORES, -1),
    lambda: tf.image.non_max_suppression(BOXES, SCORES, 2, [0.1, 0.2]),
    lambda: tf.image.non_max_suppression_padded(BOXES[None], SCORES[None], 2),
    lambda: tf.image.non_max_suppression_overlaps(BOXES, SCORES, 2),
    lambda: tf.image.combined_non_max_suppression(BOXES, SCORES, 2, 2),
])  # fmt: skip
def test_what_does_not_fit_is_refused(call: Any) -> None:
    with pytest.raises((tf.errors.ShapeError, tf.errors.ArgumentError)):
        call()
