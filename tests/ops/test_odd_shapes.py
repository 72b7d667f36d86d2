"""Tensors without axes or elements: every composite answers, or raises one of the package's errors."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from support.sampling import Case, composite_cases, draw

from twofold.ir.errors import TwofoldError
from twofold.runtime.tensor import wrap

CASES = composite_cases()
ODD = [(), (0,), (0, 3), (2, 0), (1,), (1, 1, 1, 1, 1, 1)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
def test_an_odd_shape_is_answered_or_refused_by_the_packages_errors(case: Case) -> None:
    inputs = [wrap(x) if isinstance(x, np.ndarray) else x for x in draw(case, np.dtype("float32"))]
    for place, given in enumerate(inputs):
        if not hasattr(given, "is_tensor"):
            continue
        for shape in ODD:
            odd = [*inputs]
            odd[place] = wrap(np.ones(shape, given.dtype))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)
                try:
                    case.op.function(*odd, **case.sample.attrs)
                except TwofoldError as error:
                    assert str(error)
