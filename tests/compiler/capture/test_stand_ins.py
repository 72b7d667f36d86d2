"""Values of a trace are asked what they are, called by the names of their methods and made into
texts: the answers are those of the numbers, arrays and tensors that they stand for."""

from __future__ import annotations

import numpy as np
import pytest
from support.same import compare, program

import twofold as tf

VALUES = {"scalar": "a[1]", "array": "a", "float": "float(a[1])", "int": "int(a[1])",
          "size": "a.shape[0]"}  # fmt: skip
ASKED = [
    "x.item() if hasattr(x, 'item') else 0", "x.tolist() if hasattr(x, 'tolist') else 0",
    "x.__repr__(), x.__str__(), x.__format__('')", "str.format('{} {!r}', x, x)",
    "[hasattr(x, n) for n in ('__len__', '__iter__', '__index__', '__array__', '__copy__')]",
    "[hasattr(x, n) for n in ('home', 'cell', 'held', 'kind', 'bounds', 'dim', 'known', 'sizes')]",
    "list(x) if hasattr(x, '__iter__') else [x]",
    "[isinstance(x, c) for c in (abc.Iterable, abc.Sized, typing.SupportsIndex, numbers.Real)]",
    "float.__add__(1.0, x), (1.0).__mul__(x)", "[1, 2, 3, 4][x]", "x.__len__()", "x.no_such_name",
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES)
def test_a_value_answers_as_what_it_stands_for(value: str) -> None:
    for asked in ASKED:
        text = "import collections.abc as abc, numbers, typing\n"
        compare(program(f"{text}x = {VALUES[value]}\nreturn {asked}"), np.arange(3.0))


@pytest.mark.parametrize("text", [
    "return f'{a[1]:{int(a[2])}}'", "return [i for i in range(int(a[2]))][float(a[1])]",
    "return float(tf.complex(a, a)[0])", "return int(tf.constant(a))",
    "return int(tf.constant(a)[:1]) + np.zeros(2)", "return complex(a[1]).real",
])  # fmt: skip
def test_what_is_no_number_is_not_taken_for_one(text: str) -> None:
    compare(program(text), np.arange(3.0))


def test_the_methods_of_a_tensor_are_found_by_their_names() -> None:
    f = tf.function(lambda x: (x.__str__(), x.__repr__(), hasattr(x, "trace"), x.item()))
    x = tf.constant(2.5)
    assert f(x) == (str(x), repr(x), False, 2.5)
