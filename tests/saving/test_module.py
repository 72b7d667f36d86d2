"""``tf.Module`` and ``tf.name_scope``."""

from __future__ import annotations

from typing import Any

import pytest

import twofold as tf


class Dense(tf.Module):
    def __init__(self, size: int, name: str | None = None) -> None:
        super().__init__(name)
        self.size = size
        self.w = tf.Variable(tf.ones((size, size)), name="w")

    @tf.Module.with_name_scope
    def __call__(self, x: Any) -> Any:
        if not hasattr(self, "b"):
            self.b = tf.Variable(tf.zeros((self.size,)), name="b")
        if tf.reduce_sum(x) > 0:
            x = x * 2
        return x @ self.w + self.b


class Net(tf.Module):
    def __init__(self) -> None:  # without the base class's
        self.parts = {"a": Dense(2, "first"), "b": [Dense(2), (Dense(2),)]}
        self.again = self.parts["b"]
        self.scale = tf.Variable(1.0, trainable=False, name="scale")

    def __call__(self, x: Any) -> Any:
        for part in (self.parts["a"], self.parts["b"][0]):
            x = part(x)
        return x * self.scale


def test_variables_are_found_in_containers_each_once_own_ones_first() -> None:
    net = Net()
    assert [v.name for v in net.variables] == ["scale", "w", "w", "w"]
    assert [v.name for v in net.trainable_variables] == ["w", "w", "w"]
    assert net.non_trainable_variables == (net.scale,)
    assert [m.name for m in net.submodules] == ["dense", "dense", "first"]


def test_a_module_below_itself_and_a_list_in_itself_end() -> None:
    net = Net()
    net.parts["a"].above = net
    loop: list[Any] = [tf.Variable(1.0)]
    loop.append(loop)
    net.loop = loop
    assert len(net.variables) == 5
    assert net not in net.submodules


def test_names_are_snake_case_and_checked() -> None:
    class MyHTTPServer2(tf.Module):
        pass

    assert MyHTTPServer2().name == "my_http_server2"
    assert MyHTTPServer2("other").name == "other"
    for name in ("1a", "a b", "", 3):
        with pytest.raises(tf.errors.ArgumentError, match="identifier"):
            MyHTTPServer2(name)  # type: ignore[arg-type]


def test_with_name_scope_names_variables_and_its_body_is_staged() -> None:
    net = Net()
    x = tf.constant([[1.0, -2.0]])
    eager = net(x)
    assert net.parts["a"].b.name == "first/b"
    compiled = tf.function(net.__call__, strict=True)
    for given in (x, -x):
        assert compiled(given).numpy().tolist() == net(given).numpy().tolist()
    assert compiled(x).numpy().tolist() == eager.numpy().tolist()
    assert compiled.experimental_get_tracing_count() == 1


def test_name_scopes_nest_and_are_left_after_an_error() -> None:
    with pytest.raises(KeyError), tf.name_scope("a"), tf.name_scope("b") as scope:
        assert scope == "a/b/"
        assert tf.Variable(1.0, name="v").name == "a/b/v"
        with tf.name_scope("c/"):
            assert tf.Variable(1.0).name == "c/Variable"
        with tf.name_scope(""):
            assert tf.Variable(1.0).name == "Variable"
        raise KeyError
    assert tf.Variable(1.0).name == "Variable"
    with pytest.raises(tf.errors.ArgumentError, match="name_scope"):
        tf.name_scope("a b")
