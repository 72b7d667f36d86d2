"""Each op's samples as nodes: they verify, and their text parses back to the same graph."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import twofold.ir.ops  # noqa: F401  (fills OPS)
from twofold.ir.dtypes import DTYPES
from twofold.ir.equality import difference
from twofold.ir.graph import Graph
from twofold.ir.op import OPS, Op, Sample
from twofold.ir.parser import parse
from twofold.ir.types import TensorType
from twofold.ir.verify import verify

LETTERS = {"f": "f32", "i": "i32", "b": "bool", "c": "c64", "u": "u32"}
CASES = [
    pytest.param(op, sample, id=f"{name}-{i}")
    for name, op in sorted(OPS.items())
    for i, sample in enumerate(op.samples)
    if op.kind not in ("state", "region") and not op.data_dependent
]


def input_type(spec: Any) -> TensorType:
    if not isinstance(spec, str):
        array = np.asarray(spec)
        return TensorType(array.dtype, array.shape)
    kind, _, rest = spec.partition("[")
    dtype = DTYPES[LETTERS[kind]] if kind in LETTERS else np.dtype(kind)
    return TensorType(dtype, [int(n) for n in re.findall(r"\d+", rest)])


@pytest.mark.parametrize("op, sample", CASES)
def test_sample_verifies_and_survives_the_text(op: Op, sample: Sample) -> None:
    types = [input_type(spec) for spec in sample.inputs]
    wanted = op.input_dtypes([t.dtype for t in types]) if types else []
    graph = Graph("sample")
    inputs = [
        graph.input(t.with_dtype(d), f"x{i}")
        for i, (t, d) in enumerate(zip(types, wanted, strict=True))
    ]
    node = graph.add(op, inputs, sample.attrs)
    graph.outputs = list(node.outputs)
    verify(graph)
    assert difference(parse(str(graph)), graph) == ""
