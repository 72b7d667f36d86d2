"""``tf.nest``: structures of TensorFlow's documentation, and what is refused."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, namedtuple
from typing import Any

import pytest

import twofold as tf

Pair = namedtuple("Pair", "first second")


@pytest.mark.parametrize(
    ("structure", "leaves"),
    [
        (3, [3]), (None, [None]), ([], []), ([[], (1,)], [1]), ("ab", ["ab"]),
        ({"b": 1, "a": 2}, [2, 1]), (OrderedDict([("b", 1), ("a", 2)]), [2, 1]),
        (Pair(1, [2, {"k": 3}]), [1, 2, 3]), (defaultdict(int, {2: "x", 1: "y"}), ["y", "x"]),
    ],
)  # fmt: skip
def test_a_structure_is_flattened_and_packed_again(structure: Any, leaves: list[Any]) -> None:
    assert tf.nest.flatten(structure) == leaves
    packed = tf.nest.pack_sequence_as(structure, leaves)
    assert packed == structure and type(packed) is type(structure)
    assert list(packed) == list(structure) if isinstance(structure, dict) else True


def test_tensors_are_leaves_also_in_compiled_functions() -> None:
    given = {"w": tf.ones((2, 2)), "b": [tf.zeros(2), tf.Variable([1.0, 2.0])]}

    def doubled(tree: Any) -> Any:
        return tf.nest.map_structure(lambda x: 2 * x, tree)

    for found in (doubled(given), tf.function(doubled)(given)):
        assert found["w"].numpy().tolist() == [[2, 2], [2, 2]]
        assert found["b"][1].numpy().tolist() == [2, 4]


def test_structures_that_differ_are_refused() -> None:
    for one, other in (([1], 1), ([1], [1, 2]), ({"a": 1}, {"b": 1}), ([[1]], [1])):
        with pytest.raises(ValueError, match="not nested alike"):
            tf.nest.assert_same_structure(one, other)
    with pytest.raises(TypeError, match="list here is tuple there"):
        tf.nest.map_structure(max, [1], (2,))
    tf.nest.assert_same_structure([1], (2,), check_types=False)
    with pytest.raises(ValueError, match="1 leaves for a structure of 2"):
        tf.nest.pack_sequence_as([0, 0], [1])
    with pytest.raises(ValueError, match="at least one structure"):
        tf.nest.map_structure(max)
