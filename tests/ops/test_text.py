"""Every op as a graph of one node: verified, printed, parsed back to an equal graph."""

from __future__ import annotations

import numpy as np
import pytest
from support.sampling import Case, draw, dtypes_of, op_cases

from twofold.ir.equality import difference
from twofold.ir.graph import Graph
from twofold.ir.parser import parse
from twofold.ir.printer import print_graph
from twofold.ir.types import TensorType
from twofold.ir.verify import verify


def one_node(case: Case, inputs: list[np.ndarray]) -> Graph:
    graph = Graph(case.op.name)
    dtypes = case.op.input_dtypes([np.asarray(x).dtype for x in inputs])
    values = [
        graph.input(TensorType(d, np.shape(x)), f"x{i}")
        for i, (d, x) in enumerate(zip(dtypes, inputs, strict=True))
    ]
    graph.outputs = list(graph.add(case.op, values, case.sample.attrs).outputs)
    return graph


@pytest.mark.parametrize("case", op_cases(), ids=lambda c: c.label)
def test_one_node_survives_printing_and_parsing(case: Case) -> None:
    for dtype in dtypes_of(case):
        graph = one_node(case, draw(case, dtype))
        verify(graph)
        text = print_graph(graph)
        back = parse(text)
        assert difference(graph, back) == ""
        assert print_graph(back) == text
