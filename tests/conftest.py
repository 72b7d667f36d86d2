"""Options and fixtures shared by the tests."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, settings

from twofold.compiler.arrays.reference import execute
from twofold.compiler.config import verify_passes
from twofold.ir.dims import evaluate
from twofold.ir.errors import TwofoldError
from twofold.ir.graph import Graph
from twofold.ir.types import RefType, TensorType

# The same examples on every run and machine, and no limit that a slow machine would break. Nothing
# is explained: hypothesis would trace lines, and a function that is traced runs as plain Python.
settings.register_profile(
    "deterministic", derandomize=True, deadline=None, database=None,
    phases=[phase for phase in Phase if phase is not Phase.explain],
)  # fmt: skip
settings.load_profile("deterministic")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite tests/golden with what comes out now"
    )


def pytest_configure(config: pytest.Config) -> None:
    verify_passes(True)  # every pass, in every test, checks the graph that it made
    if config.getoption("--update-golden") and os.environ.get("CI", "").lower() == "true":
        raise pytest.UsageError("--update-golden is refused in CI: the goldens are the reference")
    if "PYTEST_XDIST_WORKER" not in os.environ:  # the workers inherit it: one cache for a run
        os.environ["TWOFOLD_CACHE_DIR"] = tempfile.mkdtemp(prefix="twofold-tests-")


def pytest_unconfigure(config: pytest.Config) -> None:
    if "PYTEST_XDIST_WORKER" not in os.environ:
        shutil.rmtree(os.environ["TWOFOLD_CACHE_DIR"], ignore_errors=True)


def pytest_collection_finish() -> None:
    """Let collections of garbage pass over the tests themselves, some millions of objects that
    stay, and come less often: they took a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))


SPECIAL = [0.0, -0.0, 1.0, -1.0, 2.0, 0.5, -1.5, np.inf, -np.inf, np.nan, 1e-30, 3.0]


class Ref:
    """What the state ops need of a Variable."""

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.array, self.shape = array, array.shape


class Outcome:
    """What a graph did with one set of inputs: outputs, Variables afterwards, or the error."""

    def __init__(self, graph: Graph, seed: int, values: list[float] | None, run: Any) -> None:
        rng = np.random.default_rng(seed)
        env = {name: 2 + (i + seed) % 4 for i, name in enumerate(sorted(graph.symbols()))}
        inputs = [make_input(v.type, env, rng, values) for v in graph.inputs]
        self.error: type[Exception] | None = None
        self.outputs: list[Any] = []
        try:
            self.outputs = run(graph, inputs, env)
        except TwofoldError as error:
            self.error = type(error)
        self.state = [x.array for x in inputs if isinstance(x, Ref)]

    def check_same(self, other: Outcome) -> None:
        """Same error, or the same values bit for bit (a NaN is a NaN)."""
        assert self.error is other.error
        for a, b in zip([*self.outputs, *self.state], [*other.outputs, *other.state], strict=True):
            assert (a.dtype, a.shape) == (b.dtype, b.shape)
            np.testing.assert_array_equal(a, b)
            parts = [(a.real, b.real), (a.imag, b.imag)] if a.dtype.kind == "c" else [(a, b)]
            for x, y in parts if a.dtype.kind in "fc" else ():
                nan = np.isnan(x)
                np.testing.assert_array_equal(np.signbit(x)[~nan], np.signbit(y)[~nan])


def make_input(kind: TensorType, env: dict[str, int], rng: Any, values: list[float] | None) -> Any:
    """A small array of the type; floats are ``values`` (default: the special ones) at random."""
    shape = tuple(evaluate(d, env) for d in kind.shape)
    if kind.dtype.kind == "f":
        array = rng.choice(values or SPECIAL, shape).astype(kind.dtype)
    elif kind.dtype.kind == "c":
        parts = rng.choice(values or SPECIAL, (2, *shape))
        array = np.empty(shape, kind.dtype)
        array.real, array.imag = parts
    else:
        array = np.asarray(rng.integers(0, 2 if kind.dtype.kind == "b" else 3, shape))
        array = array.astype(kind.dtype)
    return Ref(array) if isinstance(kind, RefType) else array


@pytest.fixture
def outcome() -> Any:
    """``outcome(graph, seed, values=None)``: run a graph on inputs made from the seed; ``run``
    takes the graph, its inputs and the sizes."""
    return lambda graph, seed, values=None, run=execute: Outcome(graph, seed, values, run)
