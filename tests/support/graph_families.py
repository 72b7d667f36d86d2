"""Families of graphs on which passes could go wrong or slow: chains, diamonds, trees, sorts."""

from __future__ import annotations

import random

import twofold.ir.ops  # noqa: F401  (fills the registry)
from twofold.ir.dims import symbol
from twofold.ir.dtypes import DTYPES
from twofold.ir.graph import Graph, Value
from twofold.ir.op import OPS
from twofold.ir.types import TensorType

N = symbol("n")
VECTOR = TensorType(DTYPES["f32"], (N,))


def chain(count: int) -> Graph:
    g = Graph("chain")
    x = g.input(VECTOR, "x")
    for _ in range(count):
        x = g.add(OPS["exp"], (x,)).out
    g.outputs = [x]
    return g


def diamonds(count: int) -> Graph:
    g = Graph("diamonds")
    x = g.input(VECTOR, "x")
    for _ in range(count // 3):
        a, b = g.add(OPS["exp"], (x,)).out, g.add(OPS["tanh"], (x,)).out
        x = g.add(OPS["add"], (a, b)).out
    g.outputs = [x]
    return g


def wide(count: int) -> Graph:
    g = Graph("wide")
    x = g.input(VECTOR, "x")
    g.outputs = [g.add(OPS["exp"], (x,)).out for _ in range(count)]
    return g


def tree(count: int) -> Graph:
    g = Graph("tree")
    level = [g.input(VECTOR, f"x{i}") for i in range(count + 1)]
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        odd = level[-1:] if len(level) % 2 else []
        level = [g.add(OPS["add"], pair).out for pair in pairs] + odd
    g.outputs = level
    return g


def with_opaque(count: int) -> Graph:
    """Chains that an op without an expression cuts, and that meet again."""
    g = Graph("opaque")
    x = g.input(VECTOR, "x")
    for _ in range(count // 4):
        y = g.add(OPS["sort"], (g.add(OPS["exp"], (x,)).out,)).out
        x = g.add(OPS["add"], (g.add(OPS["tanh"], (x,)).out, y)).out
    g.outputs = [x]
    return g


def with_sorts(rng: random.Random, count: int) -> Graph:
    """Random graphs of one shape in which opaque and three-operand ops make cycles tempting."""
    g = Graph("tempting")
    values: list[Value] = [g.input(VECTOR, "x"), g.input(VECTOR, "y")]
    masks: list[Value] = []
    for _ in range(count):
        pick = rng.random()
        recent = values[-5:]
        if pick < 0.25:
            masks.append(g.add(OPS["less"], (rng.choice(recent), rng.choice(values))).out)
        elif pick < 0.4 and masks:
            masks.append(g.add(OPS["sort"], (rng.choice(masks),)).out)
        elif pick < 0.55:
            values.append(g.add(OPS["sort"], (rng.choice(recent),)).out)
        elif pick < 0.75 and masks:
            ins = (rng.choice(masks[-4:]), rng.choice(recent), rng.choice(values))
            values.append(g.add(OPS["where"], ins).out)
        elif pick < 0.9:
            values.append(g.add(OPS["add"], (rng.choice(recent), rng.choice(values))).out)
        else:
            values.append(g.add(OPS["exp"], (rng.choice(recent),)).out)
    g.outputs = values[-2:]
    return g
