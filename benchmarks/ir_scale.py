"""How the time of each step of the compiler grows with the number of nodes.

    python benchmarks/ir_scale.py [--sizes 1250,2500,5000,10000] [--repeat 3] [--step NAME]

Builds three kinds of graphs (``chain``: elementwise, one after the other; ``diamond``: two paths
that meet, again and again; ``mixed``: constants, views, reductions, products and equal nodes) and
times build, print, parse, verify, copy and every pass of the pipeline, each on what the passes
before it made. The table shows microseconds per node of the built graph and the exponent ``k`` of
``time ~ nodes**k`` fitted over the sizes: 1 is linear.
"""

from __future__ import annotations

import argparse
import gc
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import twofold.ir.ops  # noqa: F401  (fills OPS)
from twofold.compiler.pipeline import PASSES
from twofold.ir.dims import symbol
from twofold.ir.equality import equal
from twofold.ir.graph import Graph, Value
from twofold.ir.location import Location
from twofold.ir.op import OPS
from twofold.ir.parser import parse
from twofold.ir.rebuild import copied
from twofold.ir.types import TensorType
from twofold.ir.verify import verify

F32 = np.dtype("float32")
UNARY = ("tanh", "negative", "exp", "abs")
BINARY = ("add", "multiply", "subtract")


def chain(count: int) -> Graph:
    """``count`` elementwise nodes, each of the one before and an input."""
    graph, (x, y) = _inputs("chain")
    for i in range(count):
        op, both = (UNARY[i // 2 % 4], False) if i % 2 else (BINARY[i // 2 % 3], True)
        x = _add(graph, op, [x, y] if both else [x], i)
    graph.outputs = [x]
    return graph


def diamond(count: int) -> Graph:
    """Two paths from each value that meet in the next."""
    graph, (x, y) = _inputs("diamond")
    for i in range(0, count, 4):
        left = _add(graph, "tanh", [x], i)
        right = _add(graph, "multiply", [x, y], i + 1)
        x = _add(graph, "add", [left, right], i + 2)
        x = _add(graph, "negative", [x], i + 3)
    graph.outputs = [x]
    return graph


def mixed(count: int) -> Graph:
    """A bit of everything, ten nodes a round."""
    graph, (x, y) = _inputs("mixed")
    for i in range(0, count, 10):
        one = _add(graph, "constant", [], i, value=np.array(1.0 + i % 3, F32))
        scaled = _add(graph, "multiply", [x, one], i + 1)
        turned = _add(graph, "transpose", [scaled], i + 2)
        gram = _add(graph, "matmul", [turned, y], i + 3)
        total = _add(graph, "sum", [gram], i + 4, axis=(0,))
        twin = _add(graph, "sum", [gram], i + 5, axis=0)
        both = _add(graph, "add", [total, twin], i + 6)
        wide = _add(graph, "broadcast_to", [both], i + 7, shape=(symbol("n"), 8))
        back = _add(graph, "reshape", [wide], i + 8, shape=(symbol("n"), 8))
        x = _add(graph, "add", [back, scaled], i + 9)
    graph.outputs = [x]
    return graph


def _inputs(name: str) -> tuple[Graph, list[Value]]:
    graph = Graph(name)
    kind = TensorType(F32, (symbol("n"), 8))
    return graph, [graph.input(kind, "x"), graph.input(kind, "y")]


def _add(graph: Graph, op: str, inputs: list[Value], line: int, **attrs: Any) -> Value:
    name = f"t{line}" if line % 3 else ""
    loc = Location("model.py", line + 1, 5)
    return graph.add(OPS[op], inputs, attrs, loc=loc, names=(name,)).out


KINDS: dict[str, Callable[[int], Graph]] = {"chain": chain, "diamond": diamond, "mixed": mixed}


def steps(kind: Callable[[int], Graph], count: int) -> dict[str, Callable[[], Any]]:
    """The things to time, in the order in which they are shown."""
    graph = kind(count)
    text = str(graph)
    assert equal(parse(text), graph)
    verify(graph)
    table: dict[str, Callable[[], Any]] = {
        "build": lambda: kind(count),
        "print": lambda graph=graph: str(graph),
        "parse": lambda: parse(text),
        "verify": lambda graph=graph: verify(graph),
        "copy": lambda graph=graph: copied(graph),
    }
    for apply in PASSES:
        table[apply.name] = lambda apply=apply, graph=graph: apply(graph)
        graph = apply(graph)
    return table


def seconds(run: Callable[[], Any], repeat: int) -> float:
    """The best of some runs, without the garbage collector's share."""
    best = math.inf
    for _ in range(repeat):
        gc.collect()
        gc.disable()
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
        gc.enable()
    return best


def main() -> None:
    """Print one table for each kind of graph."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="1250,2500,5000,10000")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--step", help="only this step")
    options = parser.parse_args()
    sizes = [int(s) for s in options.sizes.split(",")]
    for kind, make in KINDS.items():
        print(f"\n{kind}: microseconds per node" + "  " * 6 + "growth")
        print(" " * 14 + "".join(f"{n:>9}" for n in sizes) + "        k")
        tables = [steps(make, n) for n in sizes]
        for step in tables[0]:
            if options.step not in (None, step):
                continue
            times = [seconds(t[step], options.repeat) for t in tables]
            growth = np.polyfit(np.log(sizes), np.log(times), 1)[0] if len(sizes) > 1 else math.nan
            cells = "".join(f"{t / n * 1e6:9.2f}" for t, n in zip(times, sizes, strict=True))
            print(f"  {step:<12}{cells}{growth:9.2f}")


if __name__ == "__main__":
    main()
