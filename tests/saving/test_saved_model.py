"""``tf.saved_model``: what is loaded does what was saved, without the code that made it."""

from __future__ import annotations

import collections
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.saving.directory import MANIFEST

Pair = collections.namedtuple("Pair", ("first", "second"))


class Net(tf.Module):
    """Variables in containers, a counter, numbers, tensors and a generator from around it."""

    def __init__(self) -> None:
        self.layers = [tf.Variable(tf.ones((3, 2)) / 2, name="w"), {"b": tf.Variable([0.5, 1.0])}]
        self.count = tf.Variable(0, trainable=False, name="count")
        self.rate = 0.25
        self.table = np.array([1.0, 2.0], "float32")
        self.generator = tf.random.Generator.from_seed(3)

    @tf.function
    def __call__(self, x: Any, training: bool = False) -> Any:
        self.count.assign_add(1)
        y = tf.nn.relu(x @ self.layers[0] + self.layers[1]["b"])
        if tf.reduce_sum(y) > 4:
            y = y * self.rate
        if training:
            y = y + self.generator.normal((2,))
        return {"y": y * self.table, "n": x.shape[0], "count": self.count.read_value()}


class Scale(tf.Module):
    def __init__(self) -> None:
        self.w = tf.Variable(3.0)

    @tf.function(input_signature=[tf.TensorSpec([None])])
    def __call__(self, x: Any) -> Any:
        return x * self.w


@pytest.fixture(scope="module")
def scale(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scale") / "saved"
    tf.saved_model.save(Scale(), folder)
    return folder


def loaded(obj: Any, folder: Path, **options: Any) -> Any:
    tf.saved_model.save(obj, folder / "saved", **options)
    return tf.saved_model.load(folder / "saved")


def assert_same(a: Any, b: Any) -> None:
    if isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            assert_same(a[key], b[key])
    else:
        assert type(a) is type(b)
        assert np.array_equal(np.asarray(a), np.asarray(b))


def test_a_module_gives_what_it_gave_with_state_branches_and_any_size(tmp_path: Path) -> None:
    net = Net()
    x = tf.constant(np.arange(6, dtype="float32").reshape(2, 3))
    net(x)
    net(x, training=True)
    net.generator.reset_from_seed(5)
    net.rate = 0.5
    made = loaded(net, tmp_path)
    for given in (x, -x, x[:1], tf.concat([x, x], 0)):
        assert_same(net(given), made(given))
        assert_same(net(given, training=False), made(given, training=False))
    assert_same(net(x, True), made(x, True))
    assert made.count.numpy() == net.count.numpy() == 11
    assert [v.name for v in made.trainable_variables] == ["w", "Variable"]


def test_loaded_functions_have_gradients_and_are_called_by_others(tmp_path: Path) -> None:
    net = Net()
    x = tf.constant([[1.0, 2.0, 3.0]])
    net(x)
    made = loaded(net, tmp_path)
    with tf.GradientTape(persistent=True) as tape:
        for module in (net, made):
            tape.watch(module.trainable_variables)
        one, two = tf.reduce_sum(net(x)["y"]), tf.reduce_sum(made(x)["y"])
    for a, b in zip(
        tape.gradient(one, net.trainable_variables),
        tape.gradient(two, made.trainable_variables),
        strict=True,
    ):
        assert_same(a, b)

    @tf.function(strict=True)
    def twice(x: Any) -> Any:
        a, b = made(x), made(x)
        return a["y"] + b["y"], b["count"], made.count

    count = int(made.count)
    y, last, now = twice(x)
    assert (int(last), int(now)) == (count + 2, count + 2)
    assert_same(y, made(x)["y"] * 2)


def test_it_is_used_without_the_code_that_made_it(tmp_path: Path) -> None:
    net = Net()
    x = tf.constant([[1.0, 2.0, 3.0]])
    expected = net(x)["y"].numpy().tolist()
    tf.saved_model.save(net, tmp_path / "saved")
    code = (
        "import sys, twofold as tf\n"
        "made = tf.saved_model.load(sys.argv[1])\n"
        "print(made(tf.constant([[1.0, 2.0, 3.0]]))['y'].numpy().tolist())\n"
    )
    run = [sys.executable, "-c", code, str(tmp_path / "saved")]
    done = subprocess.run(run, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == str(expected)


def test_loops_structures_and_python_results_come_back(tmp_path: Path) -> None:
    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], "int32")])
        def collatz(self, n: Any) -> Any:
            steps = 0
            while tf.reduce_any(n != 1):
                n = tf.where(n == 1, n, tf.where(n % 2 == 0, n // 2, 3 * n + 1))
                steps += 1
            return Pair(steps, [n, (True, None, 1.5, "text")])

        @tf.function
        def grown(self, x: Any, *rest: Any, scale: float = 2.0, **named: Any) -> Any:
            rows = tf.TensorArray(tf.float32, size=0, dynamic_size=True)
            i = 0
            while tf.reduce_sum(x) > i:
                rows = rows.write(i, tf.cast(i, tf.float32) * x[0] * scale)
                i += 1
            return rows.stack(), rest[0], named["k"]

        @tf.function
        def never_called(self, x: Any) -> Any:
            return x

    module = Module()
    args = (tf.constant([1.0, 1.5]), tf.constant(3))
    module.grown(*args, k=tf.constant(1))
    made = loaded(module, tmp_path)
    pair = made.collatz(tf.constant([27, 3]))
    assert (type(pair).__name__, pair._fields) == ("Pair", ("first", "second"))
    assert (pair.first, pair.second[1]) == (111, (True, None, 1.5, "text"))
    x = tf.constant([2.0, 2.5])
    for a, b in zip(
        module.grown(x, args[1], k=args[1]), made.grown(x, args[1], k=args[1]), strict=True
    ):
        assert_same(a, b)
    with pytest.raises(tf.errors.ArgumentError, match="saved without a trace"):
        made.never_called(x)
    with pytest.raises(tf.errors.ArgumentError, match=r"no graph of grown .* scale|f32\[n\]"):
        made.grown(x, args[1], k=args[1], scale=3.0)


def test_each_of_many_methods_comes_back_as_itself(tmp_path: Path) -> None:
    def adds(i: int) -> Any:
        return tf.function(lambda self, x: x + i, input_signature=[tf.TensorSpec([], "int32")])

    kind = type("Adds", (tf.Module,), {f"add_{i}": adds(i) for i in range(40)})
    made = loaded(kind(), tmp_path)
    seen = [int(getattr(made, f"add_{i}")(tf.constant(0))) for i in range(40)]
    assert seen == list(range(40))


def test_guards_of_sizes_travel_with_the_graph(tmp_path: Path) -> None:
    class Module(tf.Module):
        @tf.function
        def f(self, x: Any) -> Any:
            return x * 2 if x.shape[0] > 3 else x * 3

    module = Module()
    module.f(tf.ones(5))
    made = loaded(module, tmp_path)
    assert made.f(tf.ones(7)).numpy()[0] == 2
    with pytest.raises(tf.errors.ArgumentError, match="no graph of f"):
        made.f(tf.ones(2))
    module.f(tf.ones(2))
    assert loaded(module, tmp_path).f(tf.ones(3)).numpy()[0] == 3


def test_signatures_take_keywords_and_give_dicts_of_tensors(tmp_path: Path) -> None:
    @tf.function(input_signature=[tf.TensorSpec(["n", 3]), tf.TensorSpec(["n"])])
    def dot(x: Any, y: Any) -> Any:
        return tf.linalg.matvec(x, x[0]) * y, x.shape[0]

    made = loaded(tf.Module(), tmp_path, signatures=dot)
    serve = made.signatures["serving_default"]
    out = serve(x=tf.ones((2, 3)), y=tf.ones(2))
    assert {k: v.numpy().tolist() for k, v in out.items()} == {
        "output_0": [3.0, 3.0],
        "output_1": 2,
    }
    assert serve.structured_input_signature == {"x": "f32[n,3]", "y": "f32[n]"}
    with pytest.raises(tf.errors.ArgumentError, match="takes x, y"):
        serve(tf.ones((2, 3)))
    with pytest.raises(tf.errors.ArgumentError, match="no graph of dot"):
        serve(x=tf.ones((2, 3)), y=tf.ones(3))
    with pytest.raises(tf.errors.ArgumentError, match="compiled functions by name"):
        tf.saved_model.save(tf.Module(), tmp_path / "b", signatures=lambda x: x)


def test_all_dtypes_and_empty_arrays_come_back(tmp_path: Path) -> None:
    module = tf.Module()
    names = ("bool", "int8", "uint64", "float16", "bfloat16", "float64", "complex64", "complex128")
    module.all = {n: tf.Variable(tf.cast(tf.constant([[0, 1]]), n)) for n in names}
    module.empty = tf.Variable(tf.zeros((0, 3)))
    module.scalar = tf.Variable(tf.constant(1.5, tf.bfloat16))
    made = loaded(module, tmp_path)
    for name in names:
        assert made.all[name].dtype == tf.as_dtype(name)
        assert made.all[name].numpy().tobytes() == module.all[name].numpy().tobytes()
    assert made.empty.shape == (0, 3)
    assert made.scalar.dtype == tf.bfloat16
    assert float(made.scalar) == 1.5


def test_one_variable_in_two_places_stays_one(tmp_path: Path) -> None:
    module = tf.Module()
    module.a = tf.Variable(1.0)
    module.b = [module.a, module]
    made = loaded(module, tmp_path)
    assert made.a is made.b[0]
    assert made.b[1] is made


def test_a_signature_of_open_sizes_is_saved_without_a_call(tmp_path: Path) -> None:
    module = tf.Module()
    module.w = tf.Variable(tf.ones((12, 2)))
    module.f = tf.function(
        lambda x, y: tf.reduce_sum(tf.reshape(x, [-1, 12]) @ module.w, 1) - y,
        input_signature=[tf.TensorSpec([None, None, None]), tf.TensorSpec([None])],
    )
    made = loaded(module, tmp_path)
    for shape in ((2, 3, 4), (5, 12, 1)):
        assert made.f(tf.ones(shape), tf.ones(shape[0])).tolist() == [23.0] * shape[0]
    with pytest.raises(tf.errors.ArgumentError, match="no graph"):
        made.f(tf.ones((2, 3, 5)), tf.ones(2))


class Printing(tf.Module):
    def __init__(self) -> None:
        self.w = tf.Variable(2.0)

    @tf.function(input_signature=[tf.TensorSpec([None])])
    def f(self, x: Any) -> Any:
        print("python", x)
        tf.print("tf", {"a": x * self.w}, x.shape, output_stream=sys.stdout, summarize=1, sep="|")
        if tf.reduce_sum(x) > 4:
            tf.print("large", tf.reduce_sum(x))
        return x * self.w


class Inside(tf.Module):
    def __init__(self, other: Any) -> None:
        self.other = other

    @tf.function(input_signature=[tf.TensorSpec([None])])
    def g(self, x: Any) -> Any:
        return self.other.f(x) if x[0] > 0 else x


def test_tf_print_is_saved_and_prints_of_python_are_not(tmp_path: Path, capfd: Any) -> None:
    made = loaded(Printing(), tmp_path)
    capfd.readouterr()
    assert made.f(tf.ones(3)).tolist() == [2.0, 2.0, 2.0]
    assert capfd.readouterr() == ("tf|{'a': [2 ... 2]}|(3,)\n", "")
    made.f(tf.ones(5))
    assert capfd.readouterr() == ("tf|{'a': [2 ... 2]}|(5,)\n", "large 5\n")
    (tmp_path / "again").mkdir()
    again = loaded(Inside(made), tmp_path / "again")
    capfd.readouterr()
    assert again.g(tf.ones(5)).tolist() == [2.0] * 5
    assert capfd.readouterr() == ("tf|{'a': [2 ... 2]}|(5,)\n", "large 5\n")
    assert again.g(-tf.ones(5)).tolist() == [-1.0] * 5
    assert capfd.readouterr() == ("", "")


class PrintsInLoops(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None])])
    def f(self, x: Any) -> Any:
        if x[0] > 0:
            while tf.reduce_sum(x) < 12:
                x = x + 1
                print("python", x)
                for i in tf.range(2):
                    tf.print(i, {"x": [x, 0.5]}, output_stream=sys.stdout, summarize=1)
                if x[0] > 3:
                    tf.print("large")
        return x


def test_tf_print_in_loops_of_a_graph_is_saved(tmp_path: Path, capfd: Any) -> None:
    made = loaded(PrintsInLoops(), tmp_path)
    told = [f"{i} {{'x': [[{n} ... {n}], 0.5]}}" for n in (2, 3, 4) for i in (0, 1)]
    want = "\n".join([*told, ""]), "large\n"
    for again in ("inside", "itself"):
        capfd.readouterr()
        x = made.f(tf.ones(3)) if again == "inside" else made.g(tf.ones(3))
        assert x.tolist() == [4.0] * 3 and capfd.readouterr() == want
        (tmp_path / again).mkdir()
        made = loaded(Inside(made) if again == "inside" else made, tmp_path / again)
    assert (made.g(-tf.ones(3)).tolist(), capfd.readouterr()) == ([-1.0] * 3, ("", ""))


def _prints_to_a_file(x: Any) -> Any:
    tf.print(x, output_stream="file://somewhere")
    return x


def _appends_in_a_loop(x: Any) -> Any:
    while tf.reduce_sum(x) < 4:
        x = x + 1
        seen.append(x[0])
    return x


seen: list[Any] = []


def _writes(x: Any) -> Any:
    x[0] = 1.0
    return x[1]


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (_prints_to_a_file, "prints to"),
        (_appends_in_a_loop, "changes Python objects"),
        (_writes, "writes into"),
    ],
)
def test_what_a_graph_does_not_do_is_refused(tmp_path: Path, function: Any, why: str) -> None:
    module = tf.Module()
    module.f = tf.function(function)
    module.f.get_concrete_function(tf.zeros(2))
    with pytest.raises(tf.errors.ArgumentError, match=why):
        tf.saved_model.save(module, tmp_path / "saved")
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("value", [3, "text", tf.constant(1.0), None])
def test_what_has_nothing_to_save_is_refused(tmp_path: Path, value: Any) -> None:
    with pytest.raises(tf.errors.ArgumentError, match="saved_model"):
        tf.saved_model.save(value, tmp_path / "saved")


def _replace(name: str, change: Any) -> Any:
    def apply(folder: Path) -> None:
        file = folder / name
        file.write_bytes(change(file.read_bytes()))

    return apply


def _manifest(**changed: Any) -> Any:
    return _replace(MANIFEST, lambda text: json.dumps({**json.loads(text), **changed}).encode())


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_replace("weights.safetensors", lambda b: b[:-1]), "damaged or cut off"),
        (_replace("weights.safetensors", lambda b: b[:-1] + b"?"), "SHA-256"),
        (_replace("graphs.ir", lambda b: b.replace(b"multiply", b"add")), "SHA-256"),
        (_replace(MANIFEST, lambda b: b[:40]), "damaged"),
        (_replace(MANIFEST, lambda b: b"[]"), "no manifest"),
        (_replace(MANIFEST, lambda b: b"[" * 100_000), "damaged"),
        (lambda folder: (folder / "objects.json").unlink(), "cannot be read"),
        (lambda folder: (folder / MANIFEST).unlink(), "no saved model"),
        (_manifest(reader=99, twofold="9.9"), "update"),
        (_manifest(format="twofold.checkpoint"), "is a checkpoint"),
        (_manifest(files={}), "has no objects.json"),
        (_manifest(files={"objects.json": {"file": "../x", "bytes": 1, "sha256": ""}}), "names a"),
    ],
)
def test_damaged_and_foreign_directories_are_refused(
    tmp_path: Path, scale: Path, damage: Any, message: str
) -> None:
    shutil.copytree(scale, tmp_path / "saved")
    damage(tmp_path / "saved")
    with pytest.raises(tf.errors.LoadError, match=message):
        tf.saved_model.load(tmp_path / "saved")


def test_a_directory_of_tensorflow_and_a_missing_one_are_named(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"")
    with pytest.raises(tf.errors.LoadError, match="only TensorFlow"):
        tf.saved_model.load(tmp_path)
    with pytest.raises(tf.errors.LoadError, match="nothing is there"):
        tf.saved_model.load(tmp_path / "none")
    assert not tf.saved_model.contains_saved_model(tmp_path)


def test_newer_files_with_more_in_them_are_read(tmp_path: Path, scale: Path) -> None:
    shutil.copytree(scale, tmp_path / "saved")
    _manifest(version=7, added={"x": 1})(tmp_path / "saved")
    assert tf.saved_model.load(tmp_path / "saved").w.numpy() == 3


class Guarded(tf.Module):
    """A function of two traces, and one with a condition on sizes."""

    def __init__(self) -> None:
        self.w = tf.Variable([1.0, 2.0])
        self.scale = tf.constant([3.0])

    @tf.function
    def f(self, x: Any) -> Any:
        return x * 2, [self.scale, x.shape[0]]

    @tf.function(input_signature=[tf.TensorSpec(["n", 2], name="rows"), tf.TensorSpec(["n"])])
    def weighed(self, x: Any, y: Any) -> Any:
        return x * y[:, None] * self.w


def test_what_was_loaded_is_saved_again_without_a_call(tmp_path: Path) -> None:
    model = Guarded()
    model.f(tf.ones(3)), model.f(tf.ones(3, tf.int32))
    signatures = {"weighed": model.weighed}
    tf.saved_model.save(model, tmp_path / "1", signatures=signatures)
    first = tf.saved_model.load(tmp_path / "1")
    first.w.assign([5.0, 7.0])
    tf.saved_model.save(first, tmp_path / "2")
    second = tf.saved_model.load(tmp_path / "2")
    assert repr(second.signatures["weighed"]) == repr(first.signatures["weighed"])
    given = {"rows": tf.ones((3, 2)), "y": tf.constant([1.0, 0.0, 2.0])}
    assert second.signatures["weighed"](**given)["output_0"].tolist() == [[5, 7], [0, 0], [10, 14]]
    assert second.f(tf.ones(4, tf.int32))[0].tolist() == [2] * 4
    doubled, (scale, size) = second.f(tf.ones(4))
    assert (doubled.tolist(), scale.tolist(), size) == ([2.0] * 4, [3.0], 4)
    with pytest.raises(tf.errors.ArgumentError, match="no graph"):
        second.weighed(tf.ones((3, 2)), tf.ones(4))
    chosen = {"mine": second.weighed, "theirs": first.signatures["weighed"]}
    tf.saved_model.save(second, tmp_path / "3", signatures=chosen)
    third = tf.saved_model.load(tmp_path / "3")
    assert [s.inputs for s in third.signatures.values()] == [["x", "y"], ["rows", "y"]]
