"""Random graphs with nested branches and loops: every pass keeps what they do.

    cd tests && python -m support.random_regions --count 10000 --start 0 [--native]

A graph is made of a number alone, which also picks the dtype that most of it computes in: any that
kernels know. Loops make few trips; a Variable is read and written at every depth, or drafted in a loop and written
behind it; sequences grow and are read; some nodes may fail on their values.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from twofold.compiler.arrays.reference import execute
from twofold.compiler.pipeline import PASSES
from twofold.ir.dims import symbol
from twofold.ir.dtypes import DTYPES, info
from twofold.ir.errors import TwofoldError
from twofold.ir.graph import Graph, Node, Value
from twofold.ir.op import OPS
from twofold.ir.types import BufferType, RefType, TensorType
from twofold.ir.verify import verify

__all__ = ["Outcome", "check", "random_graph"]

N = symbol("n")
I32, BOOL = DTYPES["i32"], DTYPES["bool"]
COUNT, FLAG = TensorType(I32), TensorType(BOOL)
NAMES = [
    "f32", "f16", "bf16", "f64", "c64", "c128", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64",
]  # fmt: skip
UNARY = ["negative", "tanh", "abs", "square", "exp", "sign"]
BINARY = ["add", "subtract", "multiply", "maximum"]  # the last one of ordered numbers
FLOATS = [0.0, -0.0, 1.0, -1.0, 2.0, 0.5, -1.5, np.inf, -np.inf, np.nan, 3.0]
COMPLEX = [*FLOATS, 1j, -2.5j, complex(1, -1), complex(-0.0, 2), complex(np.inf, np.nan)]


class Kind:
    """The dtype that a graph computes in, and what there is of it."""

    def __init__(self, name: str) -> None:
        self.dtype, self.info = DTYPES[name], info(DTYPES[name])
        self.scalar = TensorType(self.dtype)
        self.row, self.table = TensorType(self.dtype, (N,)), TensorType(self.dtype, (3, N))
        self.ref = RefType(self.dtype, (N,))
        self.inputs = [self.scalar, COUNT, FLAG, self.row, self.table]
        self.sequences = [BufferType.of(self.scalar), BufferType.of(self.row)]
        self.types = [*self.inputs, *self.sequences]
        self.ordered = not self.info.complex
        refused = [] if self.info.inexact else ["tanh", "exp"]
        if self.info.complex or self.info.unsigned:  # the size of a complex number is real
            refused += ["abs", "sign", "negative"]
        self.unary = [name for name in UNARY if name not in refused]
        self.binary = BINARY if self.ordered else BINARY[:3]

    def numbers(self) -> list[Any]:
        """Numbers to begin with."""
        if self.info.integer:
            least, most = self.info.ints
            return [least, most, 0, 1, 2, 3, max(least, -1)]
        return COMPLEX if self.info.complex else FLOATS


class _Maker:
    """One graph or region while it grows."""

    def __init__(self, rng: random.Random, kind: Kind, name: str, depth: int) -> None:
        self.rng, self.kind, self.depth = rng, kind, depth
        self.graph = Graph(name)
        self.values: list[Value] = []
        self.ref: Value | None = None
        self.written = False
        self.gives = "assign"  # how the Variable is written to

    def input(self, type: TensorType) -> Value:
        value = self.graph.input(type)
        if isinstance(type, RefType):
            self.ref = value
        else:
            self.values.append(value)
        return value

    def of(self, type: TensorType) -> Value:
        """A value of this type, most often a late one; a constant or a cast if there is none."""
        known = [v for v in self.values if v.type == type]
        if known and self.rng.random() < 0.9:
            return known[-1 - min(int(self.rng.expovariate(0.5)), len(known) - 1)]
        if type == self.kind.table:
            return self.add("broadcast_to", [self.of(self.kind.row)], shape=(3, N))
        if type == self.kind.row:
            return self.add("broadcast_to", [self.of(self.kind.scalar)], shape=(N,))
        if isinstance(type, BufferType):
            return self.add("buffer_new", [], of=type.element)
        if known or type == FLAG or self.rng.random() < 0.8:
            return self.constant(type)
        return self.add("cast", [self.of(FLAG)], dtype=type.dtype)

    def constant(self, type: TensorType) -> Value:
        pick = [True, False] if type == FLAG else self.kind.numbers()
        pick = [-1, 0, 1, 2, 3] if type == COUNT else pick
        return self.add("constant", [], value=np.array(self.rng.choice(pick), type.dtype))

    def add(self, name: str, inputs: Sequence[Value], **attrs: Any) -> Value:
        node = self.graph.add(OPS[name], inputs, attrs)
        self.values += node.outputs
        return node.outputs[0]

    def hold(
        self, name: str, inputs: Sequence[Value], types: Sequence[TensorType],
        regions: Sequence[Graph], **attrs: Any,
    ) -> None:  # fmt: skip
        node = Node(OPS[name], inputs, attrs, types, regions)
        self.graph.nodes.append(node)
        self.values += node.outputs

    # ---- Steps

    def run(self, steps: int) -> None:
        for _ in range(steps):
            nested = self.depth < 3 and self.rng.random() < 0.3
            kinds = [self.plain, self.state, self.sequence]
            if nested:
                self.rng.choice([self.branch, self.loop, self.rows])()
            else:
                self.rng.choices(kinds, [6, 2, 2])[0]()

    def plain(self) -> None:
        rng, own = self.rng, self.kind
        type, kind = rng.choice([own.scalar, own.row, own.table]), rng.randrange(7)
        if kind == 0:
            test = "less" if own.ordered else "not_equal"
            self.add(test, [self.of(own.scalar), self.of(own.scalar)])
        elif kind == 1:
            self.add(rng.choice(BINARY), [self.of(COUNT), self.of(COUNT)])
        elif kind == 2:
            self.add("where", [self.of(FLAG), self.of(type), self.of(type)])
        elif kind == 3:
            self.add("max" if own.ordered else "sum", [self.of(own.row)], axis=(0,))
        elif kind == 4 and rng.random() < 0.4:
            self.add("floor_divide", [self.of(COUNT), self.of(COUNT)])
        elif kind == 5:
            self.add(rng.choice(own.unary), [self.of(type)])
        else:
            self.add(rng.choice(own.binary), [self.of(type), self.of(type)])

    def sequence(self) -> None:
        """A step on a growing sequence: the older ones stay as they are."""
        rng = self.rng
        type = rng.choice(self.kind.sequences)
        kept, kind = self.of(type), rng.randrange(7)
        if kind < 3:
            self.add("buffer_push", [kept, self.of(type.element)])
        elif kind == 3:
            self.add("buffer_read", [kept, self.of(COUNT)])
        elif kind == 4:
            most = self.add("constant", [], value=np.array(5, I32))
            at = self.add("minimum", [self.of(COUNT), most])
            self.add("buffer_write", [kept, at, self.of(type.element)])
        elif kind == 5:
            self.add(
                "buffer_stack", [self.add("buffer_push", [kept, self.of(type.element)])], length=1
            )
        else:
            self.add("cast", [self.add("buffer_size", [kept])], dtype=I32)

    def state(self) -> None:
        if self.ref is None:
            return
        if self.written or self.rng.random() < 0.5:
            self.give()
        else:
            self.add("read", [self.ref])

    def give(self) -> None:
        """Give the Variable a value."""
        value = self.of(self.kind.row)
        self.graph.add(OPS[self.gives], [self.ref, value])
        self.written = True

    # ---- Regions

    def captures(self) -> tuple[list[Value], list[Value]]:
        """What a region receives, and the Variable, if it may have it: nothing is read late."""
        known = self.rng.sample(self.values, min(len(self.values), self.rng.randrange(5)))
        if known and self.rng.random() < 0.2:
            known.append(known[0])
        ref = [self.ref] if self.ref is not None and not self.written else []
        return known, ref if self.rng.random() < 0.5 else []

    def region(self, name: str, types: Sequence[TensorType]) -> _Maker:
        inner = _Maker(self.rng, self.kind, name, self.depth + 1)
        inner.gives = self.gives
        for type in types:
            inner.input(type)
        return inner

    def returns(self, inner: _Maker, types: Sequence[TensorType], own: Sequence[Value]) -> None:
        """What a region returns; now and then what it received."""
        outs = []
        for i, type in enumerate(types):
            same = i < len(own) and own[i].type == type and self.rng.random() < 0.25
            outs.append(own[i] if same else inner.of(type))
        inner.graph.outputs = outs
        self.written |= inner.written

    def branch(self) -> None:
        known, ref = self.captures()
        outs = [self.rng.choice(self.kind.types) for _ in range(self.rng.randrange(4))]
        given = [*known, *ref]
        count = self.rng.choice([2, 2, 3])
        regions = []
        for i in range(count):
            inner = self.region(f"case{i}", [v.type for v in given])
            inner.run(self.rng.randrange(4))
            self.returns(inner, outs, inner.graph.inputs)
            regions.append(inner.graph)
        name, pick = ("cond", FLAG) if count == 2 and self.rng.random() < 0.7 else ("switch", COUNT)
        self.hold(name, [self.of(pick), *given], outs, regions)

    def loop(self) -> None:
        known, ref = self.captures()
        types = [self.rng.choice(self.kind.types) for _ in range(self.rng.randrange(4))]
        start = self.constant(COUNT)
        state = [start, *[self.of(t) for t in types]]
        given = [*state, *known, *ref]
        test, body = (self.region(n, [v.type for v in given]) for n in ("test", "body"))
        trips = test.add("constant", [], value=np.array(self.rng.randrange(1, 5), I32))
        more = test.add("less", [test.graph.inputs[0], trips])
        if self.rng.random() < 0.3:
            more = test.add("logical_and", [more, test.of(FLAG)])
        test.graph.outputs = [more]
        one = body.add("constant", [], value=np.array(1, I32))
        following = body.add("add", [body.graph.inputs[0], one])
        self.run_trip(body)
        self.returns(body, types, body.graph.inputs[1:])
        body.graph.outputs.insert(0, following)
        self.hold("while", given, [v.type for v in state], [test.graph, body.graph],
                  carried=len(state))  # fmt: skip
        self.give_behind(body)

    def run_trip(self, body: _Maker) -> None:
        """The steps of a loop's body; in half of the loops they draft."""
        if self.rng.random() < 0.5:
            body.gives = "draft"
        body.run(self.rng.randrange(5))

    def give_behind(self, body: _Maker) -> None:
        """What a loop has drafted is followed by another value."""
        if body.written and body.gives == "draft":
            self.give()

    def rows(self) -> None:
        known, ref = self.captures()
        types = [self.rng.choice(self.kind.types) for _ in range(self.rng.randrange(3))]
        state = [self.of(t) for t in types]
        over = [self.of(self.kind.table) for _ in range(self.rng.randrange(3))]
        both = [self.kind.scalar, self.kind.row]
        stacked = [self.rng.choice(both) for _ in range(self.rng.randrange(3))]
        given = [*state, *over, *known, *ref]
        inside = (
            [v.type for v in state] + [self.kind.row] * len(over) + [v.type for v in (*known, *ref)]
        )
        body = self.region("body", inside)
        self.run_trip(body)
        self.returns(body, [*types, *stacked], body.graph.inputs)
        outs = [*types, *[t.with_shape((3, *t.shape)) for t in stacked]]
        self.hold("scan", given, outs, [body.graph], carried=len(state), sliced=len(over),
                  length=3, reverse=self.rng.random() < 0.5)  # fmt: skip
        self.give_behind(body)


def kind_of(seed: int) -> Kind:
    """The dtype of the graph of a number."""
    return Kind(NAMES[seed % len(NAMES)])


def random_graph(seed: int, dtype: str = "") -> Graph:
    """The graph of a number, in another dtype than its own if one is named."""
    rng = random.Random(seed)
    kind = Kind(dtype) if dtype else kind_of(seed)
    maker = _Maker(rng, kind, "f", 0)
    for type in (*kind.inputs, kind.ref):
        maker.input(type)
    maker.run(rng.randrange(3, 9))
    seen = [v for v in maker.values if not isinstance(v.type, BufferType)]
    maker.graph.outputs = rng.sample(seen, min(len(seen), 4))
    return maker.graph


class Ref:
    """What the state ops need of a Variable."""

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.array, self.shape = array, array.shape


class Outcome:
    """What a graph does with the inputs of a seed: outputs, the Variable afterwards, or an error."""

    def __init__(self, graph: Graph, seed: int, run: Any = execute) -> None:
        rng = np.random.default_rng(seed)
        n, kind = int(rng.integers(1, 4)), kind_of(seed)
        scalar, row, table, held = [
            np.asarray(rng.choice(np.array(kind.numbers(), kind.dtype), shape))
            for shape in ((), (n,), (3, n), (n,))
        ]
        ref = Ref(held)
        count, flag = np.array(rng.integers(-1, 4), np.int32), np.array(rng.random() < 0.5)
        inputs = [scalar, count, flag, row, table, ref]
        self.found: list[Any] = []
        self.error = ""
        try:
            self.found = [np.array(x) for x in run(graph, inputs)]
        except TwofoldError as error:
            self.error = type(error).__name__
        self.found.append(ref.array)

    def differs(self, other: Outcome, bound: float = 0.0) -> str:
        """The first difference, or nothing: bit for bit, but for the bits of a NaN; or within a
        relative ``bound`` where vector mathematics stands for NumPy's."""
        if self.error != other.error:
            return f"{self.error or 'no error'} became {other.error or 'no error'}"
        for i, (a, b) in enumerate(zip(self.found, other.found, strict=True)):
            same = a.dtype == b.dtype and a.shape == b.shape
            if same and bound and info(a.dtype).inexact:
                half = info(a.dtype).half
                same = np.allclose(_parts(a), _parts(b), 3e-2 if half else bound, 1e-30, True)
            elif same:
                same = _parts(a).tobytes() == _parts(b).tobytes()
            if not same:
                return f"output {i}: {a!r} became {b!r}"
        return ""


def _parts(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The real numbers of an array, all NaNs the same."""
    own = info(x.dtype)
    if own.half:
        x = x.astype(np.float32)
    if own.complex:
        x = np.ascontiguousarray(x).reshape(-1).view(own.part_dtype)
    return np.where(np.isnan(x), x.dtype.type(np.nan), x) if own.inexact else x


def check(seed: int, run: Any = None) -> str:
    """Take the graph of a number through every pass; what is wrong, or nothing.

    ``run(graph, inputs)``, if given, compiles and runs the whole as well.
    """
    graph = random_graph(seed)
    verify(graph)
    want = Outcome(graph, seed)
    start = graph
    for apply in [*[p for p in PASSES if p.name not in ("fuse", "schedule")], *PASSES]:
        before = str(graph)
        after = apply(graph, verify=True)
        if str(graph) != before:
            return f"{apply} changed its input"
        difference = want.differs(Outcome(after, seed))
        if difference:
            return f"{apply}: {difference}"
        graph = after
    return want.differs(Outcome(start, seed, run), 1e-4) if run is not None else ""


def native(graph: Graph, inputs: list[Any]) -> list[Any]:
    """Compile a graph to machine code and run it."""
    from twofold.compiler.arrays.reference import sizes_of
    from twofold.compiler.pipeline import compile_graph
    from twofold.compiler.targets import target_for

    return compile_graph(graph, target_for(True)).prepare(sizes_of(graph, inputs))(inputs)


def main() -> int:
    """Check a range of numbers; each difference is printed with its number."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--native", action="store_true", help="compile and run each as well")
    options = parser.parse_args()
    wrong = 0
    with np.errstate(all="ignore"):
        for seed in range(options.start, options.start + options.count):
            difference = check(seed, native if options.native else None)
            if difference:
                wrong += 1
                print(f"{seed}: {difference}", flush=True)
    print(f"{options.count} graphs, {wrong} with a difference")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
