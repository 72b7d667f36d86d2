"""The keys of the two caches: what shares a trace, what never does, what is kept alive."""

from __future__ import annotations

import collections
import dataclasses
import enum
import functools
import gc
import threading
import weakref
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.compiler import signature, traces
from twofold.compiler.signature import leaf_key, leaf_pattern
from twofold.compiler.spec import TensorSpec
from twofold.ir.errors import ArgumentError, StagingError

Point = collections.namedtuple("Point", "x y")


@dataclasses.dataclass
class Options:
    scale: Any
    names: list[str] = dataclasses.field(default_factory=list)


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


def counted(function: Any, **options: Any) -> Any:
    return tf.function(function, jit_compile=False, **options)


X = tf.constant([1.0, 2.0])
DIFFERENT = [1, 1.0, True, "1", b"1", 1 + 0j, None, 0, 0.0, -0.0, False, 0j, complex(0.0, -0.0),
             float("inf"), float("nan"), float("-nan"), complex(0, float("nan")),
             complex(0, float("-nan")), 2**40, slice(0, 1), slice(0, 2), slice(0, True),
             range(3), range(0, 3, 2), Colour.RED, Colour.BLUE, Ellipsis, np.float32, len]  # fmt: skip


def test_python_values_differ_by_type_and_value() -> None:
    keys = [leaf_key(v) for v in DIFFERENT]
    for i, a in enumerate(keys):
        for b in keys[:i]:
            assert a != b


@pytest.mark.parametrize("make", [
    lambda: 1.5, lambda: float("nan"), lambda: -0.0, lambda: complex(0, -0.0), lambda: 10**20,
    lambda: "a" * 3, lambda: slice(1, None, 2), lambda: range(2, 9), lambda: None,
    lambda: np.float32(2.5), lambda: np.int64(3),
])  # fmt: skip
def test_equal_values_made_anew_share_a_trace(make: Any) -> None:
    f = counted(lambda x, v: x)
    for _ in range(3):
        f(X, make())
    assert f.experimental_get_tracing_count() == 1


def test_each_python_value_gets_its_own_answer() -> None:
    f = counted(lambda x, v: (x, type(v).__name__, repr(v)))
    for value in (1, 1.0, True, "1", 0.0, -0.0, None):
        for _ in range(2):
            assert f(X, value)[1:] == (type(value).__name__, repr(value))
    assert f.experimental_get_tracing_count() == 7


def test_numpy_scalars_are_inputs() -> None:
    f = counted(lambda x, s: x * s)
    for s in (np.float32(2), np.float32(3)):
        assert f(X, s).numpy().tolist() == [s, 2 * s]
    assert f(X, np.float64(2)).dtype == np.float64
    assert f.experimental_get_tracing_count() == 2


@pytest.mark.parametrize("make", [
    lambda a, b: [a, b], lambda a, b: (a, b), lambda a, b: {"a": a, "b": b},
    lambda a, b: {"b": a, "a": b}, lambda a, b: Point(a, b), lambda a, b: Options(a, [b]),
    lambda a, b: [a, [b]], lambda a, b: [[a], b], lambda a, b: [a, b, None], lambda a, b: Point([a], b),
])  # fmt: skip
def test_containers_count_by_structure(make: Any) -> None:
    f = counted(lambda c: c)
    for scale in (1.0, 2.0):
        found = f(make(X * scale, X))
        assert type(found) is type(make(X, X))
    f(make(tf.constant([1.0, 2.0, 3.0]), X))
    assert f.experimental_get_tracing_count() == 1
    f({"other": [X, X, X]})
    assert f.experimental_get_tracing_count() == 2


def test_structures_never_share_a_trace() -> None:
    f = counted(lambda c: 0)
    makes = ([X, X], (X, X), {"a": X, "b": X}, {"a": X, "c": X}, Point(X, X), [X, [X]], [[X], X],
             Options(X, [X]))  # fmt: skip
    for made in makes:
        f(made)
    assert f.experimental_get_tracing_count() == len(makes)


def test_keywords_positions_and_order_share_a_trace() -> None:
    f = counted(lambda x, y, z=1: x - y * z)
    for call in (lambda: f(X, X, 2), lambda: f(X, y=X, z=2), lambda: f(z=2, y=X, x=X)):
        assert call().numpy().tolist() == [-1.0, -2.0]
    assert f.experimental_get_tracing_count() == 1
    assert f(X, X).numpy().tolist() == [0.0, 0.0]


def test_wrong_arguments_raise_what_python_raises_and_trace_nothing() -> None:
    f = counted(lambda x, *, k=1: x * k)
    for call in (lambda: f(), lambda: f(X, 2), lambda: f(X, j=2), lambda: f(X, x=X)):
        with pytest.raises(TypeError):
            call()
    assert f.experimental_get_tracing_count() == 0


def test_arguments_that_cannot_be_weakly_referred_to_are_not_kept() -> None:
    f = counted(lambda items, x: items[0] + x)
    gc.collect()
    before = len(signature._TOKENS)
    for _ in range(5):
        f([X, X], X)
        f(Point(X, X), X)
    assert len(signature._TOKENS) == before


def test_an_object_gone_takes_its_traces_along() -> None:
    class Model:
        def __init__(self) -> None:
            self.w = tf.Variable([2.0, 3.0])
            self.part = Part(self)  # a cycle

        @functools.partial(tf.function, jit_compile=False)
        def __call__(self, x: Any) -> Any:
            return x * self.w

    class Part:
        def __init__(self, whole: Any) -> None:
            self.whole = whole

    models = [Model() for _ in range(3)]
    for model in models:
        model(X)
        model(X)
    f = Model.__dict__["__call__"]
    assert f.experimental_get_tracing_count() == 3
    assert len(f.traces()) == 3
    refs = [weakref.ref(m) for m in models]
    del models, model
    gc.collect()
    assert [r() for r in refs] == [None] * 3
    assert not f.traces()
    assert not f._exact


def test_caches_are_bounded() -> None:
    f = counted(lambda x, k: x * 1)
    with pytest.warns(UserWarning, match=r"traced 12 times.*\n  k: '0' -> '1' \.\.\. '10' -> '11'"):
        for i in range(80):
            f(X, str(i))
    assert len(f.traces()) <= 64
    g = counted(lambda x: x + 1)
    for n in range(600):
        g(tf.zeros((n,)))
    assert len(g._exact) <= 512
    assert g.experimental_get_tracing_count() <= 2


def test_large_constants_of_old_traces_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "BYTES", 3_000_000)

    def shifted(x: Any, k: Any) -> Any:
        return x + tf.constant([len(k), *range(124_999)], tf.float64)  # a million bytes

    f = tf.function(shifted, jit_compile=False)
    x = tf.zeros((), tf.float64)
    for n in range(5):
        assert int(f(x, "k" * n)[0]) == n
    assert 1 <= len(f.traces()) <= 3
    assert f.traces()[-1].nbytes > 1_000_000
    monkeypatch.setattr(traces, "BYTES", 10)
    f(x, "another")
    assert len(f.traces()) == 1


def test_threads_get_one_token_for_one_object() -> None:
    class Thing:
        pass

    thing, found = Thing(), []
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait()
        found.append(leaf_key(thing))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len({id(t) for t in found}) == 1


def test_patterns_leave_sizes_open() -> None:
    assert leaf_pattern(tf.zeros((2, 3))) == leaf_pattern(tf.zeros((4, 5)))
    assert leaf_pattern(np.zeros((2, 3))) == leaf_pattern(np.zeros((4, 5)))
    assert leaf_pattern(np.zeros((2, 3))) != leaf_pattern(np.zeros((3, 2)).T)
    assert leaf_pattern(tf.zeros((2, 3))) != leaf_pattern(np.zeros((2, 3), np.float32))
    assert leaf_pattern(tf.zeros((2, 3))) != leaf_pattern(tf.zeros((2,)))
    assert leaf_pattern(tf.zeros(2)) != leaf_pattern(tf.zeros(2, dtype=tf.float64))


class TestInputSignature:
    """``input_signature=[TensorSpec(...)]``."""

    def make(self) -> Any:
        spec = [TensorSpec((None, 2), "float32"), TensorSpec((), "int32")]
        return counted(lambda x, n: x * tf.cast(n, "float32"), input_signature=spec)

    def test_accepts_what_fits_in_one_trace(self) -> None:
        f = self.make()
        for n in range(4):
            assert f(tf.ones((n, 2)), 3).numpy().tolist() == [[3.0, 3.0]] * n
        assert f([[1, 2]], n=2).numpy().tolist() == [[2.0, 4.0]]
        assert f.experimental_get_tracing_count() <= 2

    @pytest.mark.parametrize("args", [
        (tf.ones((3, 3)), 1), (tf.ones((2,)), 1), (tf.ones((3, 2), dtype=tf.float64), 1),
        (np.ones((3, 2)), 1), (tf.ones((3, 2)),), (tf.ones((3, 2)), 1, 1), (tf.ones((3, 2)), [1]),
    ])  # fmt: skip
    def test_refuses_what_does_not(self, args: Any) -> None:
        f = self.make()
        with pytest.raises((ArgumentError, TypeError)):
            f(*args)
        assert f.experimental_get_tracing_count() == 0


def test_signature_of_containers() -> None:
    spec = [[TensorSpec((None,)), TensorSpec((None,))], {"k": TensorSpec((), "float32")}]
    f = counted(lambda pair, options: pair[0] * options["k"] - pair[1], input_signature=spec)
    assert f([X, [1, 1]], {"k": 3}).numpy().tolist() == [2.0, 5.0]
    for pair, options in [((X, X), {"k": 1}), ([X], {"k": 1}), ([X, X], {"j": 1}), (X, {"k": 1})]:
        with pytest.raises(ArgumentError, match="does not fit the input signature"):
            f(pair, options)
    assert f.get_concrete_function() is f.get_concrete_function(*spec)
    assert f.experimental_get_tracing_count() == 1


def test_texts_in_a_signature() -> None:
    spec = [TensorSpec((None,), tf.string), TensorSpec(())]
    f = counted(lambda words, x: (tf.strings.length(words), x * 2), input_signature=spec)
    for words in (["a", "bcd"], [b"a", b"bcd"], tf.constant(["a", "bcd"]), np.array(["a", "bcd"])):
        lengths, doubled = f(words, 2)
        assert lengths.numpy().tolist() == [1, 3]
        assert (doubled.dtype, float(doubled)) == (np.float32, 4.0)
    for wrong in ("a", [["a"]], 3.0, None, [1.0], tf.constant([1.0])):
        with pytest.raises(ArgumentError, match="argument 0 does not fit the input signature"):
            f(wrong, 2)
    with pytest.raises(StagingError, match="no trace stands for every"):
        f.get_concrete_function()


def test_texts_make_no_traces() -> None:
    f = counted(lambda word, x: (tf.strings.length(word), x + 1))
    for word in ("a", "bcd", ""):
        assert int(f(tf.constant(word), tf.constant(1.0))[0]) == len(word)
    assert f.experimental_get_tracing_count() == 0
    assert "a text" in f.explain()


def test_any_number_of_axes_in_a_signature() -> None:
    f = counted(lambda x: x * 2, input_signature=[TensorSpec(None)])
    for shape in ((), (3,), (2, 3), (4,)):
        assert f(tf.ones(shape)).shape == shape
    assert f([1, 2]).numpy().tolist() == [2.0, 4.0]
    with pytest.raises(ArgumentError, match="does not fit the input signature"):
        f(tf.ones(2, tf.float64))
    with pytest.raises(StagingError, match="no trace stands for every number of axes"):
        f.get_concrete_function()
    assert repr(TensorSpec(None, "int32")) == "TensorSpec(shape=<unknown>, dtype=int32)"
    assert TensorSpec(None).is_compatible_with(np.zeros((2, 3), "float32"))


def test_spec_is_a_value() -> None:
    assert TensorSpec((None, 3)) == TensorSpec([None, 3], "float32")
    assert hash(TensorSpec((1,))) == hash(TensorSpec((1,)))
    assert TensorSpec((1,)) != TensorSpec((2,))
    assert repr(TensorSpec((None,), "int32")) == "TensorSpec(shape=(None,), dtype=int32)"
    assert TensorSpec((10**6, 10**6)).example().shape == (10**6, 10**6)  # takes no memory


def test_spec_with_any_number_of_open_sizes() -> None:
    f = counted(lambda x: x * 2)
    for rank in (9, 15, 30, 64):
        concrete = f.get_concrete_function(TensorSpec((None,) * rank))
        assert concrete(tf.zeros((1,) * rank)).shape == (1,) * rank
    shape = TensorSpec((None,) * 8 + (5,), "float64").example().shape
    assert len(set(shape)) == 9


def test_sizes_of_one_name_are_equal() -> None:
    spec = [TensorSpec(("rows", 2)), TensorSpec(("rows", None))]
    f = counted(lambda x, y: tf.concat([x, y], axis=1), input_signature=spec)
    assert f(tf.ones((3, 2)), tf.ones((3, 4))).shape == (3, 6)
    assert f(tf.ones((5, 2)), tf.ones((5, 1))).shape == (5, 3)
    with pytest.raises(ArgumentError, match="with rows = 3"):
        f(tf.ones((3, 2)), tf.ones((4, 2)))
    assert f.get_concrete_function().graph.outputs[0].type.rank == 2
    assert f.experimental_get_tracing_count() <= 2


@pytest.mark.parametrize("shape", [
    3, "n", (-1,), (2.0,), (True,), ("a b",), ([1],), 3.5, (np.float32(2),),
])  # fmt: skip
def test_what_is_no_shape_is_refused(shape: Any) -> None:
    with pytest.raises(ArgumentError):
        TensorSpec(shape)
    assert TensorSpec((np.int64(2),)).shape == (2,)
    with pytest.raises(ArgumentError):
        TensorSpec((1,), name=3)  # type: ignore[arg-type]
    with pytest.raises((TypeError, ValueError)):
        TensorSpec((1,), "float33")


class Signed:
    """Methods whose signature leaves out the object or the class."""

    def __init__(self, k: float) -> None:
        self.k = k

    @tf.function(input_signature=[tf.TensorSpec((None,))])
    def scaled(self, x: Any) -> Any:
        return x * self.k

    @classmethod
    @tf.function(input_signature=[tf.TensorSpec((None,))])
    def tripled(cls, x: Any) -> Any:
        return x * 3

    @staticmethod
    @tf.function(input_signature=[tf.TensorSpec((None,))])
    def doubled(x: Any) -> Any:
        return x * 2

    @tf.function(input_signature=[])
    def own(self) -> Any:
        return tf.constant(self.k)


def test_a_signature_leaves_out_the_self_of_a_method() -> None:
    x, a, b = tf.constant([1.0, 2.0]), Signed(5.0), Signed(7.0)
    for call, factor in (
        (a.scaled, 5), (b.scaled, 7), (functools.partial(Signed.scaled, a), 5),
        (Signed.tripled, 3), (a.tripled, 3), (Signed.doubled, 2), (a.doubled, 2),
    ):  # fmt: skip
        np.testing.assert_array_equal(call(x).numpy(), x.numpy() * factor)
    np.testing.assert_array_equal(a.scaled(x=x).numpy(), x.numpy() * 5)
    assert a.own().numpy() == 5.0
    concrete = a.scaled.get_concrete_function()
    assert concrete == a.scaled.get_concrete_function(x)
    assert hash(concrete) == hash(a.scaled.get_concrete_function(x))
    np.testing.assert_array_equal(concrete(x).numpy(), x.numpy() * 5)
    assert "scaled" in repr(concrete)
    assert concrete.graph.name == "scaled"
    for wrong in (lambda: a.scaled(x, x), lambda: a.doubled(x, x), lambda: a.scaled(1.0)):
        with pytest.raises(ArgumentError):
            wrong()


def test_a_trace_is_called_without_the_arguments_that_hold_no_tensor() -> None:
    @tf.function
    def scaled(options: Any, x: Any, by: int, y: Any, flag: bool = True) -> Any:
        return x * options.scale * by + y if flag else x

    trace = scaled.get_concrete_function(Options(2.0), X, 3, tf.TensorSpec([2]))
    expected = [7.0, 13.0]
    assert trace(X, tf.ones(2)).tolist() == expected
    assert trace(x=X, y=tf.ones(2)).tolist() == expected
    for wrong in ((X,), (X, X, X), (X, 4, X)):
        with pytest.raises(ArgumentError, match="do not fit"):
            trace(*wrong)

    class Model(tf.Module):
        scale = 3.0

        @tf.function
        def call(self, x: Any, by: int) -> Any:
            return x * by * self.scale

    model = Model()
    bound, free = (
        model.call.get_concrete_function(X, 2),
        Model.call.get_concrete_function(model, X, 2),
    )
    calls = [
        (bound, (X,)),
        (bound, (X, 2)),
        (free, (X,)),
        (free, (model, X)),
        (free, (model, X, 2)),
    ]
    assert [found(*args).tolist() for found, args in calls] == [[6.0, 12.0]] * len(calls)
