"""The example on every op page runs and prints what the page says."""

from __future__ import annotations

import doctest
import inspect
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support.sampling import generator  # importing it also installs executor and operators

from twofold.ir.op import COMPOSITES, OPS
from twofold.runtime.convert import as_array
from twofold.runtime.tape import GradientTape
from twofold.runtime.tensor import wrap
from twofold.runtime.variable import Variable

assert generator
IMPORT = "import twofold as tf"


def face() -> SimpleNamespace:
    """The registry under its own names, so that the pages are tested below the public face."""
    names = {**OPS, **{name: made.function for name, made in COMPOSITES.items()}}
    names.update(
        constant=lambda value, dtype=None: wrap(as_array(value, dtype)),
        GradientTape=GradientTape,
        Variable=Variable,
    )
    tf = SimpleNamespace(**names)
    tf.nn = tf.random = tf.math = tf.image = tf.signal = tf
    tf.linalg = SimpleNamespace(**{**names, "cond": names["condition_number"]})
    tf.fft = SimpleNamespace(**names)  # the namespace has the name of its first op
    return tf


def pages() -> dict[str, str]:
    found = {name: op.__doc__ or "" for name, op in OPS.items()}
    found.update({name: made.function.__doc__ or "" for name, made in COMPOSITES.items()})
    return {name: inspect.cleandoc(page) for name, page in found.items() if ">>>" in page}


PAGES = pages()
NAMES: dict[str, Any] = {"tf": face(), "np": np}


@pytest.mark.parametrize("name", PAGES)
def test_example(name: str) -> None:
    lines = [line for line in PAGES[name].splitlines() if IMPORT not in line]
    test = doctest.DocTestParser().get_doctest("\n".join(lines), dict(NAMES), name, None, 0)
    said: list[str] = []
    result = doctest.DocTestRunner().run(test, out=said.append)
    assert test.examples
    assert not result.failed, "".join(said)
