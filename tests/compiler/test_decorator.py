"""A decorated function behaves like a function; options and callables are checked at the door."""

from __future__ import annotations

import abc
import functools
import inspect
import types
import weakref
from typing import Any

import pytest

import twofold as tf
from twofold.ir.errors import ArgumentError

X = tf.constant([1.0, 2.0])
numpy_eager = tf.function(jit_compile=False)


class Model:
    """Every kind of method."""

    scale = 3.0

    @numpy_eager
    @staticmethod
    def over_static(x: Any) -> Any:
        return x * 2

    @numpy_eager
    @classmethod
    def over_class(cls, x: Any) -> Any:
        return x * cls.scale

    @property
    @numpy_eager
    def area(self) -> Any:
        return X * self.scale

    @functools.cached_property
    @numpy_eager
    def once(self) -> Any:
        return X + self.scale

    @numpy_eager
    def __call__(self, x: Any, k: float = 1.0) -> Any:
        """Scaled."""
        return x * self.scale * k

    @numpy_eager
    def step(self, x: Any, *, k: float = 1.0) -> Any:
        """A step."""
        return x * self.scale * k

    half = functools.partialmethod(step, k=0.5)

    @functools.singledispatchmethod
    @numpy_eager
    def kind(self, x: Any) -> Any:
        return x

    @kind.register
    @numpy_eager
    def _(self, x: str) -> str:
        return x + "!"


@pytest.mark.parametrize("call", [
    lambda m: Model.over_static(X) * 3, lambda m: m.over_static(X) * 3, lambda m: Model.over_class(X) * 2,
    lambda m: m.over_class(X) * 2, lambda m: m.area * 2, lambda m: m(X, 2.0), lambda m: m(X, k=2.0),
    lambda m: m.half(X) * 4, lambda m: Model.step(m, X) * 2, lambda m: (m.once - 3.0) * 6,
    lambda m: m.kind(X) * 6, lambda m: functools.partial(m.step, k=2.0)(X),
])  # fmt: skip
def test_every_kind_of_method(call: Any) -> None:
    assert call(Model()).numpy().tolist() == [6.0, 12.0]


def test_a_method_dispatched_by_type() -> None:
    assert Model().kind("a") == "a!"


def test_bound_methods_are_like_pythons() -> None:
    m, other = Model(), Model()
    assert m.step == m.step
    assert hash(m.step) == hash(m.step)
    assert m.step != other.step
    assert m.step != m.__call__
    assert {m.step: 1}[m.step] == 1
    assert (m.step.__self__, m.step.__func__) == (m, Model.step)
    assert (m.step.__name__, m.step.__qualname__) == ("step", "Model.step")
    assert m.step.__doc__ == "A step."
    assert str(inspect.signature(m.step)) == "(x: 'Any', *, k: 'float' = 1.0) -> 'Any'"
    with pytest.raises(AttributeError):
        m.step.tag = 1
    assert "mul" in str(m.step.graph(X))


def test_attributes_of_the_function_are_read_set_and_deleted() -> None:
    def plain(x: Any, k: int = 2) -> Any:
        return x * k

    plain.tag = "a"  # type: ignore[attr-defined]
    f = numpy_eager(plain)
    assert (f.tag, f.__defaults__, f.__code__, f.__wrapped__) == ("a", (2,), plain.__code__, plain)
    f.tag = "b"
    assert f.tag == "b"
    del f.tag
    assert not hasattr(f, "tag")
    assert weakref.ref(f)() is f
    assert inspect.signature(f) == inspect.signature(plain)
    assert repr(f) == "<tf.function plain: 0 traces>"
    f(X)
    assert repr(f) == "<tf.function plain: 1 trace>"


def test_an_abstract_method_stays_abstract() -> None:
    class Base(abc.ABC):
        @numpy_eager
        @abc.abstractmethod
        def f(self) -> Any: ...

    class Full(Base):
        @numpy_eager
        def f(self) -> Any:
            return X + 0

    with pytest.raises(TypeError, match="abstract"):
        Base()  # type: ignore[abstract]
    assert Full().f().numpy().tolist() == [1.0, 2.0]


def test_a_wrapper_that_adds_arguments_is_called_as_it_is() -> None:
    def doubled(f: Any) -> Any:
        @functools.wraps(f)
        def inner(x: Any) -> Any:
            return f(x, 2.0)

        return inner

    f = numpy_eager(doubled(lambda x, k: x * k))
    assert f(x=X).numpy().tolist() == [2.0, 4.0]


def test_builtins_classes_and_bound_methods_of_plain_classes_are_callables() -> None:
    class Plain:
        def f(self, x: Any) -> Any:
            return x + 1

    assert numpy_eager(len)(X) == 2
    assert numpy_eager(types.MethodType(Plain.f, Plain()))(X).numpy().tolist() == [2.0, 3.0]
    assert numpy_eager(dict)(a=X)["a"].numpy().tolist() == [1.0, 2.0]


@pytest.mark.parametrize("call", [
    lambda f: f(), lambda f: f(k=1), lambda f: f(X, x=X), lambda f: f(X, 1, 2), lambda f: f(X, z=1),
])  # fmt: skip
def test_wrong_arguments_raise_pythons_own_error(call: Any) -> None:
    def f(x: Any, k: int = 1) -> Any:
        return x * k

    with pytest.raises(TypeError) as want:
        call(f)
    with pytest.raises(TypeError) as got:
        call(numpy_eager(f))
    assert str(got.value) == str(want.value)


async def coroutine() -> None: ...
async def stream() -> Any:
    yield 1


def generator() -> Any:  # fmt: skip
    yield 1


class Awaited:
    async def __call__(self) -> None: ...


@pytest.mark.parametrize(
    "f",
    [coroutine, stream, generator, Awaited(), functools.partial(generator), 3, "f",
     property(lambda self: 1)],
)  # fmt: skip
def test_what_cannot_be_compiled_is_refused_when_it_is_decorated(f: Any) -> None:
    with pytest.raises(ArgumentError):
        tf.function(f)


@pytest.mark.parametrize("options", [
    {"jit_compile": "yes"}, {"jit_compile": 1}, {"name": 3}, {"name": ""}, {"strict": "a"},
    {"input_signature": tf.TensorSpec((1,))}, {"input_signature": [3]}, {"autograph": "on"},
    {"input_signature": [{"a": "float32"}]}, {"reduce_retracing": False}, {"reduce_retracing": 1},
    {"experimental_relax_shapes": False},
])  # fmt: skip
def test_options_are_checked_at_the_door(options: dict[str, Any]) -> None:
    for decorate in (lambda: tf.function(**options), lambda: tf.function(len, **options)):
        with pytest.raises(ArgumentError):
            decorate()


def test_what_tensorflow_programs_pass_is_accepted() -> None:
    for options in ({"autograph": False}, {"autograph": True}, {"reduce_retracing": True},
                    {"reduce_retracing": None}, {"experimental_relax_shapes": True}):  # fmt: skip
        assert tf.function(lambda x: x + 1, jit_compile=False, **options)(X).numpy()[0] == 2.0


def scaled(x: Any, k: Any = 2.0, *, up: float = 0.0) -> Any:
    return x * k + up


def lowered(x: Any, k: Any = 5.0, *, up: float = 1.0) -> Any:
    return x * k - up


def test_code_and_defaults_that_are_assigned_are_those_of_the_function() -> None:
    def copied(function: Any) -> Any:
        made = types.FunctionType(function.__code__, globals(), function.__name__)
        made.__defaults__, made.__kwdefaults__ = function.__defaults__, function.__kwdefaults__
        return made

    plain, f = copied(scaled), numpy_eager(copied(scaled))
    assert f(X).numpy().tolist() == [2.0, 4.0]
    for name in ("__code__", "__defaults__", "__kwdefaults__"):
        for function in (plain, f):
            setattr(function, name, getattr(lowered, name))
        assert f(X).numpy().tolist() == plain(X).numpy().tolist()
    assert f(X).numpy().tolist() == plain(X).numpy().tolist() == [4.0, 9.0]


def test_attributes_that_are_replaced_are_the_users() -> None:
    def f(x: Any) -> Any:
        return x + 1

    f.note = "first"  # type: ignore[attr-defined]
    g = numpy_eager(f)
    assert g.note == "first"
    for _ in range(2):
        g.__dict__ = {"other": 1}
        assert g.other == 1
        assert not hasattr(g, "note")
        assert g(X).numpy().tolist() == [2.0, 3.0]


def test_a_reload_gives_a_function_the_state_of_the_new_one() -> None:
    """What IPython's ``%autoreload`` does: first the function without decorators, then with."""
    old, new = numpy_eager(scaled), tf.function(lowered, strict=True, jit_compile=False)
    assert old(X).numpy().tolist() == [2.0, 4.0]
    code = scaled.__code__
    try:
        for given in (lowered, new):
            for name in ("__code__", "__defaults__", "__kwdefaults__", "__doc__", "__dict__"):
                setattr(old, name, getattr(given, name))
            assert old(X).numpy().tolist() == [4.0, 9.0]
    finally:
        scaled.__code__, scaled.__defaults__ = code, (2.0,)
        scaled.__kwdefaults__ = {"up": 0.0}
    assert old.strict
