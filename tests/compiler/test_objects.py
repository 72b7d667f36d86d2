"""Dataclasses and other objects as arguments, and functions that change Python state: what happens
is what plain Python does, on every call."""

from __future__ import annotations

import array
import collections
import copy
import dataclasses
import enum
import functools
import itertools
import random
import warnings
from typing import Any, NamedTuple

import numpy as np
import pytest

import twofold as tf
from twofold.ir.errors import StagingError
from twofold.ir.tree import flatten, unflatten

X = tf.constant([1.0, 2.0])
GLOBAL: dict[str, Any] = {"k": 2.0, "n": 0, "log": []}
COUNT = 0


@dataclasses.dataclass
class Scaled:
    w: Any
    n: int = dataclasses.field(init=False, default=3)

    def __post_init__(self) -> None:
        self.scale = 2.0
        self.n = 4

    @functools.cached_property
    def twice(self) -> Any:
        return self.w * 2

    def count(self) -> int:
        self.n += 1
        return self.n

    def by_global(self, x: Any) -> Any:
        return x * GLOBAL["k"]


@dataclasses.dataclass
class Sub(Scaled):
    extra: Any = dataclasses.field(default=1.0, kw_only=True)


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    w: Any
    k: float = 2.0
    unset: Any = dataclasses.field(init=False, default=None)


@dataclasses.dataclass
class Initial:
    w: Any
    k: dataclasses.InitVar[float] = 2.0

    def __post_init__(self, k: float) -> None:
        self.total = self.w * k


@dataclasses.dataclass
class Tagged(dict[str, Any]):
    w: Any


@dataclasses.dataclass
class Listed(list[Any]):
    w: Any


@dataclasses.dataclass
class Failure(Exception):
    w: Any


class Point(NamedTuple):
    x: Any
    y: Any

    def norm(self) -> Any:
        return self.x * self.x + self.y * self.y


class Shade(enum.Enum):
    LIGHT = 1.0
    DARK = 2.0


class Plain:
    def __init__(self, w: Any) -> None:
        self.w, self.n, self.log = w, 0, []

    def state(self) -> Any:
        return self.n, [repr(x) for x in self.log], repr(getattr(self, "last", None))


def make_tagged(w: Any) -> Tagged:
    made = Tagged(w)
    made["k"] = w + 1
    return made


def make_listed(w: Any) -> Listed:
    made = Listed(w)
    made.append(w + 1)
    return made


def state(o: Any) -> Any:
    if isinstance(o, list | tuple):
        return [*map(state, o), state(vars(o)) if hasattr(o, "__dict__") else 0]
    if isinstance(o, dict):
        items = {k: state(v) for k, v in o.items()}
        return items, {k: state(v) for k, v in getattr(o, "__dict__", {}).items()}
    return state(vars(o)) if hasattr(o, "__dict__") and not isinstance(o, type) else repr(o)


def same_as_python(f: Any, make: Any, calls: int = 4) -> Any:
    """Call compiled and plain on an object each; results and states agree after every call."""
    compiled = tf.function(f, jit_compile=False)
    ours, theirs = make(X), make(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(calls):
            assert repr(compiled(ours)) == repr(f(theirs))
            assert state(ours) == state(theirs)
    return compiled


READS: list[tuple[Any, Any]] = [
    (Scaled, lambda s: s.w * s.scale + s.n), (Scaled, lambda s: s.by_global(s.w)),
    (lambda w: Sub(w, extra=w), lambda s: s.extra * s.scale), (Frozen, lambda s: s.w * s.k),
    (Frozen, lambda s: s.unset is None), (Initial, lambda s: s.total + s.w),
    (make_tagged, lambda d: (d.w, d["k"], len(d), list(d))), (make_listed, lambda d: (d.w, d[0], len(d))),
    (Failure, lambda e: e.w * 2), (lambda w: Point(w, w), lambda p: p.norm()),
    (lambda w: Shade.DARK, lambda s: X * s.value), (lambda w: [{"a": Scaled(w)}], lambda c: c[0]["a"].w * 2),
    (Plain, lambda p: p.w * 2), (Scaled, lambda s: copy.deepcopy(s).w * 2), (Scaled, lambda s: copy.copy(s.w) + 1),
    (lambda w: collections.OrderedDict(b=w, a=Frozen(w)), lambda d: list(d)),
]  # fmt: skip


@pytest.mark.parametrize("i", range(len(READS)))
def test_what_an_object_has_is_read(i: int) -> None:
    make, f = READS[i]
    assert same_as_python(f, make).experimental_get_tracing_count() == 1


@pytest.mark.parametrize("make", [Scaled, make_tagged, make_listed, Frozen, Initial])
def test_tensors_in_objects_are_inputs_and_never_stale(make: Any) -> None:
    f = tf.function(lambda o: o.w * 2, jit_compile=False)
    for scale in (1.0, 2.0, 3.0):
        assert f(make(X * scale)).numpy().tolist() == [2 * scale, 4 * scale]
    assert f.experimental_get_tracing_count() == 1


def test_an_attribute_that_is_no_field_is_read_on_each_call() -> None:
    f = tf.function(lambda s: s.w * s.scale, jit_compile=False)
    s = Scaled(X)
    for value in (2.0, 3.0, X, np.float32(4)):
        s.scale = value  # type: ignore[assignment]
        assert f(s).numpy().tolist() == (X * value).numpy().tolist()
    s.w = tf.constant([5.0])
    assert f(s).numpy().tolist() == [20.0]


def test_a_global_that_a_method_of_an_argument_reads_is_watched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    f = tf.function(lambda s: s.by_global(s.w), jit_compile=False)
    assert f(Scaled(X)).numpy().tolist() == [2.0, 4.0]
    monkeypatch.setitem(GLOBAL, "k", 5.0)
    assert f(Scaled(X)).numpy().tolist() == [5.0, 10.0]


@pytest.mark.parametrize("make", [
    Scaled, make_tagged, make_listed, Frozen, lambda w: [w], lambda w: {"a": w}, lambda w: Sub([w]),
])  # fmt: skip
def test_a_container_that_is_returned_is_the_callers_own(make: Any) -> None:
    f = tf.function(lambda o, x: (o, [o], x * 2), jit_compile=False)
    for _ in range(2):
        o = make(X)
        first, (second,), y = f(o, X)
        assert first is o
        assert second is o
        assert y.numpy().tolist() == [2.0, 4.0]


def _set(o: Any) -> Any:
    o.w = o.w * 2
    return o.w


def _lost(o: Any) -> Any:
    o.last, o.n = o.w * 2, o.n + 1
    o.log.append(o.last)
    return o.last


CHANGES: list[tuple[Any, Any]] = [
    (Scaled, lambda s: s.count()), (Scaled, _set), (Scaled, lambda s: s.twice),
    (Scaled, lambda s: delattr(s, "scale") if hasattr(s, "scale") else None),
    (lambda w: [w], lambda c: (c.append(c[-1] * 2), c[-1])[1]), (lambda w: [w, w], lambda c: c.reverse()),
    (lambda w: {"a": w}, lambda c: c.update(b=c["a"] + 1)), (lambda w: {"a": w}, lambda c: c.pop("a", None)),
    (lambda w: [[w]], lambda c: c[0].__setitem__(0, c[0][0] * 2)), (make_listed, lambda c: c.extend([1])),
    (make_tagged, lambda c: c.__setitem__("k", 3)), (Plain, _lost), (Plain, _set),
    (lambda w: [Plain(w)], lambda c: _lost(c[0])), (lambda w: [Scaled(w)], lambda c: c[0].count()),
]  # fmt: skip


@pytest.mark.parametrize("i", range(len(CHANGES)))
def test_a_change_reaches_the_callers_object_on_every_call(i: int) -> None:
    make, f = CHANGES[i]
    same_as_python(f, make)


def test_changes_of_globals_cells_and_lists_happen_on_every_call() -> None:
    total, log = 0, []

    def f(x: Any) -> Any:
        nonlocal total
        global COUNT
        total += 1
        COUNT += 1
        log.append(x * total)
        GLOBAL["n"] += 1
        GLOBAL["log"].append(COUNT)
        return x * total

    compiled = tf.function(f, jit_compile=False, strict=True)
    results = [float(compiled(X)[0]) for _ in range(5)]
    assert results == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert [float(t[0]) for t in log] == results
    assert (total, COUNT, GLOBAL["n"], GLOBAL["log"]) == (5, 5, 5, [1, 2, 3, 4, 5])
    assert compiled.experimental_get_tracing_count() == 2


def test_state_that_is_made_once_is_made_once_and_the_function_compiled() -> None:
    class Lazy:
        def __init__(self) -> None:
            self.table: Any = None
            self.made = 0

        @functools.cached_property
        def double(self) -> Any:
            return self.table * 2

        @tf.function(jit_compile=False)
        def __call__(self, x: Any) -> Any:
            if self.table is None:
                self.table = x + 1
                self.made += 1
            return x * self.double

    lazy = Lazy()
    for _ in range(4):
        assert lazy(X).numpy().tolist() == [4.0, 12.0]
    assert lazy.made == 1
    assert lazy.table.numpy().tolist() == [2.0, 3.0]
    assert "fits and is used" in Lazy.__call__.explain(lazy, X)  # type: ignore[attr-defined]


def test_a_flag_that_toggles_toggles_on_every_call() -> None:
    switch = Plain(X)

    @functools.partial(tf.function, jit_compile=False, strict=True)
    def f(p: Any) -> Any:
        p.n = 1 - p.n
        return X * p.n

    assert [float(f(switch)[0]) for _ in range(6)] == [1.0, 0.0] * 3


def generator() -> Any:
    yield from (1.0, 2.0, 3.0, 4.0)


@pytest.mark.parametrize("make", [
    generator, lambda: iter([1.0, 2.0, 3.0, 4.0]), lambda: itertools.count(1.5), lambda: random.Random(1),
    lambda: np.random.default_rng(1), lambda: np.random.RandomState(1), lambda: enumerate([5, 6, 7, 8]),
])  # fmt: skip
def test_streams_and_random_generators_go_on_from_call_to_call(make: Any) -> None:
    def f(x: Any, stream: Any) -> Any:
        value = stream.random() if hasattr(stream, "random") else next(stream)
        if hasattr(stream, "random_sample"):
            value = stream.random_sample()
        return x * (value[1] if isinstance(value, tuple) else value)

    compiled, ours, theirs = tf.function(f, jit_compile=False), make(), make()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(4):
            assert repr(compiled(X, ours)) == repr(f(X, theirs))


@pytest.mark.parametrize("make", [
    lambda: {1}, lambda: collections.deque([1]), lambda: bytearray(b"a"), lambda: array.array("d", [1]),
    lambda: collections.UserList([1]), lambda: collections.UserDict({1: 1}), lambda: collections.Counter("a"),
    lambda: collections.defaultdict(int, {1: 1}), lambda: list(range(300)),
])  # fmt: skip
def test_containers_of_every_kind_are_watched_and_change_on_every_call(make: Any) -> None:
    def grow(x: Any, c: Any) -> Any:
        n = len(c)
        if isinstance(c, set):
            c.add(n + 1)
        elif hasattr(c, "append"):
            c.append(n + 1)
        else:
            c[n + 1] = 1
        return x * n

    compiled, ours, theirs = tf.function(grow, jit_compile=False), make(), make()
    length = tf.function(lambda x, c: x * len(c), jit_compile=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(4):
            assert repr(compiled(X, ours)) == repr(grow(X, theirs))
            assert repr(ours) == repr(theirs)
            assert float(length(X, ours)[0]) == len(theirs)


def test_strict_refuses_what_would_run_as_plain_python() -> None:
    f = tf.function(lambda c: c.fromlist([1]), strict=True, jit_compile=False)
    items = array.array("i", [1])
    for _ in range(2):
        with pytest.raises(StagingError, match="'fromlist' of a array"):
            f(items)
    assert len(items) == 1
    with pytest.raises(StagingError):
        tf.function(lambda c: c.fromlist([1])).get_concrete_function(items)


def test_a_change_before_an_error_of_the_users_code_stays() -> None:
    def f(s: Any, log: list[int]) -> Any:
        s.n += 1
        log.append(s.n)
        raise KeyError(s.n)

    compiled, s, log = tf.function(f, jit_compile=False), Scaled(X), [0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for n in (5, 6, 7, 8):
            with pytest.raises(KeyError, match=str(n)):
                compiled(s, log)
    assert (s.n, log) == (8, [0, 5, 6, 7, 8])


def test_a_refused_trace_leaves_no_change_behind() -> None:
    p = Plain(X)

    @tf.function(jit_compile=False, strict=True)
    def f(p: Any, x: Any) -> Any:
        p.n += 1
        return x.tolist()

    for _ in range(2):
        with pytest.raises(StagingError):
            f(p, tf.constant(1.0))
    assert p.n == 0


def test_the_same_container_twice_is_one_in_the_function() -> None:
    f = tf.function(lambda a, b: (a is b, a[0] + b[0]), jit_compile=False)
    one, other = [X], [X]
    assert f(one, one)[0] is True
    assert f(one, other)[0] is False
    ring: list[Any] = [X]
    ring.append(ring)
    g = tf.function(lambda r: (r[1][1][0] * 2, r[1]), jit_compile=False)
    doubled, inner = g(ring)
    assert doubled.numpy().tolist() == [2.0, 4.0]
    assert inner is ring


def test_keys_of_dicts_count_by_type() -> None:
    f = tf.function(lambda d: [repr(k) for k in d], jit_compile=False)
    for key in (1, True, 1.0, "1"):
        assert f({key: X}) == [repr(key)]


def test_methods_of_dataclasses_and_variables_in_them() -> None:
    @dataclasses.dataclass
    class Model:
        w: tf.Variable
        k: float = 1.0

        @tf.function(jit_compile=False)
        def step(self, x: Any) -> Any:
            return self.w.assign_add(x * self.k)

    m = Model(tf.Variable([1.0, 2.0]))
    for k in (1.0, 2.0, 0.5):
        m.k = k
        m.step(X)
    assert m.w.numpy().tolist() == [4.5, 9.0]
    assert Model.step.experimental_get_tracing_count() == 1  # type: ignore[attr-defined]


def test_trees_come_back_as_they_were() -> None:
    shared = [1.0]
    tree = {
        "a": [make_tagged(X), make_listed(2)],
        "b": (Frozen(1), Sub(3), shared, shared),
        1: Point(1, 2),
    }
    leaves, structure = flatten(tree)
    made = unflatten(structure, leaves)
    assert repr(made) == repr(tree)
    assert state(made) == state(tree)
    assert made["b"][2] is made["b"][3]
    assert made["b"][2] is not shared
    assert flatten(made)[1] == structure
    assert copy.copy(structure) == structure


def test_members_of_an_enum_and_ranges_are_returned() -> None:
    class Colour(enum.Enum):
        RED = 1
        BLUE = 2

    f = tf.function(lambda c, x: (c, Colour.BLUE, range(3), ..., x * c.value))
    for colour in (Colour.RED, Colour.BLUE, Colour.RED):
        kept, blue, some, dots, y = f(colour, X)
        assert kept is colour and blue is Colour.BLUE and some == range(3) and dots is ...
        np.testing.assert_array_equal(y.numpy(), X.numpy() * colour.value)
