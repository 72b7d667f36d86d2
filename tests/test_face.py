"""The public face: every name of the table is there, is what the table says, and is documented."""

from __future__ import annotations

import contextlib
import doctest
import gc
import inspect
import os
import pydoc
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.api import creation, encoded, filesystem, names, pictures, placement, surface
from twofold.api.spelling import roles_of, spelled
from twofold.api.stubs import GENERATED, files_text, stub_file, stub_text
from twofold.ir.op import COMPOSITES, OPS

FACE = Path(names.__file__).parents[1]
ALIASES = {name: meant for name, meant in surface.origins().items() if not isinstance(meant, str)}
OBJECTS = {name: meant for name, meant in surface.origins().items() if isinstance(meant, str)}


def public(dotted: str) -> Any:
    found: Any = tf
    for part in dotted.split("."):
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("name", names.ALIASES)
def test_an_alias_names_an_op_and_its_parameters(name: str) -> None:
    alias = names.ALIASES[name]
    assert alias.op in OPS or alias.op in COMPOSITES
    if alias.signature:
        short = name.rpartition(".")[2]
        given = inspect.signature(spelled(short, surface.registry()[alias.op], alias.signature))
        assert list(given.parameters) == list(roles_of(alias.signature))


def test_every_public_op_and_composite_has_a_public_name() -> None:
    named = {alias.op for alias in ALIASES.values()}
    named |= {name.rpartition(".")[2] for name in OBJECTS}
    assert named >= {name for name, op in OPS.items() if op.public} | set(COMPOSITES)


def test_a_plain_alias_is_the_op_itself() -> None:
    assert tf.reduce_sum is not tf.sum  # it has other parameters
    assert tf.truediv is tf.divide is OPS["divide"]
    assert tf.nn.mish is COMPOSITES["mish"].function


@pytest.mark.parametrize("name", sorted(ALIASES))
def test_help_shows_signature_and_page(name: str) -> None:
    target = public(name)
    page = pydoc.plain(pydoc.render_doc(target))
    title = page.split("\n\n")[1]  # Python 3.13 spreads long signatures over lines
    assert "(" in title and title.count("(") == title.count(")")
    assert (inspect.getdoc(target) or "").splitlines()[0] in page


@pytest.mark.parametrize("name", [n for n, t in surface.registry().items() if ">>>" in t.__doc__])
def test_the_example_on_a_page_runs_with_the_public_names(name: str) -> None:
    page = inspect.getdoc(surface.registry()[name]) or ""
    test = doctest.DocTestParser().get_doctest(page, {"np": np}, name, None, 0)
    said: list[str] = []
    assert not doctest.DocTestRunner().run(test, out=said.append).failed, "".join(said)


@pytest.mark.parametrize("name", sorted(OBJECTS))
def test_an_object_of_the_table_exists(name: str) -> None:
    module, _, attribute = OBJECTS[name].partition(":")
    assert public(name) is getattr(sys.modules[module], attribute)


def test_dir_all_and_star_import_agree() -> None:
    space: dict[str, Any] = {}
    exec("from twofold import *", space)
    assert set(tf.__all__) == set(dir(tf)) == set(space) - {"__builtins__"}
    assert {"sum", "function", "nn", "float32", "errors"} <= set(space)
    for module in names.NAMESPACES:
        assert set(public(module).__all__) <= set(dir(public(module)))


def test_an_unknown_name_gets_a_suggestion() -> None:
    with pytest.raises(AttributeError, match="no attribute 'redce_sum'; did you mean reduce_sum"):
        _ = tf.redce_sum
    assert not hasattr(tf, "__path_of_nothing__")


def test_the_import_loads_no_other_package_and_a_first_use_no_compiler() -> None:
    code = """
import sys
import twofold as tf
late = ("numpy", "numba", "llvmlite", "networkx", "rich", "click")
print([n for n in late if n in sys.modules])
tf.constant([1.0]) + tf.zeros(1)
print([n for n in late[1:] if n in sys.modules], "twofold.compiler.pipeline" in sys.modules)
tf.function(lambda x: tf.tanh(x) * 2 + 1)(tf.zeros(1))
print([n for n in (*late[1:], "json", "numpy.random", "pprint") if n in sys.modules])
"""
    env = os.environ | {"PYTHONPATH": str(FACE.parent)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:3] == ["[]", "[] False", "[]"]


@pytest.mark.parametrize("space", GENERATED)
def test_the_stub_is_that_of_the_registry(space: str, update_golden: bool) -> None:
    path, text = FACE / stub_file(space), stub_text(space)
    if update_golden:
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, "make golden"
    compile(text, str(path), "exec")


def test_the_table_of_files_is_that_of_the_registry(update_golden: bool) -> None:
    path, text = FACE / "ir" / "ops" / "files.py", files_text()
    if update_golden:
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, "make golden"


def test_keywords_of_both_worlds_are_accepted() -> None:
    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    for total in (tf.reduce_sum(input_tensor=x, axis=0), tf.reduce_sum(x=x, axis=0)):
        np.testing.assert_array_equal(total.numpy(), [4.0, 6.0])
    clipped = tf.clip_by_value(t=x, clip_value_min=2.0, clip_value_max=3.0)
    np.testing.assert_array_equal(clipped.numpy(), [[2.0, 2.0], [3.0, 3.0]])
    np.testing.assert_array_equal(tf.range(1, limit=7, delta=2).numpy(), [1, 3, 5])


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        (1, None, "int32"),
        (2**40, None, "int64"),
        ([1, 2.5], None, "float32"),
        (True, None, "bool"),
        (1j, None, "complex64"),
        (np.arange(3), None, "int64"),
        (1, "float64", "float64"),
        ([1, 2], tf.uint8, "uint8"),
    ],
)
def test_constant_has_the_dtype_of_the_language(value: Any, dtype: Any, expected: str) -> None:
    made = tf.constant(value, dtype)
    assert made.dtype.name == expected
    np.testing.assert_array_equal(made.numpy(), np.asarray(value))


def test_constant_keeps_the_digits_of_a_wide_dtype() -> None:
    assert tf.constant(0.1, tf.float64).numpy() == 0.1


@pytest.mark.parametrize(
    ("value", "options", "message"),
    [
        (1.5, {"dtype": "int32"}, "does not become int32 silently"),
        (1 + 2j, {"dtype": "float32"}, "does not become float32 silently"),
        (300, {"dtype": "int8"}, "does not fit int8"),
        ("text", {"dtype": "float32"}, "not numeric"),
        ([[1], [2, 3]], {}, "not rectangular"),
        ([1, 2, 3], {"shape": (2, 2)}, r"3 elements do not fill the shape \(2, 2\)"),
    ],
)
def test_constant_refuses_what_it_would_change(
    value: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(tf.errors.ConversionError, match=message):
        tf.constant(value, **options)


def test_constant_fills_and_arranges_a_shape() -> None:
    np.testing.assert_array_equal(tf.constant(7, shape=(2, 2)).numpy(), [[7, 7], [7, 7]])
    np.testing.assert_array_equal(tf.constant([1, 2], shape=(2, 1)).numpy(), [[1], [2]])


def test_constant_has_its_own_memory() -> None:
    array = np.zeros(2)
    made = tf.constant(array)
    array[0] = 1.0
    np.testing.assert_array_equal(made.numpy(), [0.0, 0.0])


def test_a_list_of_tensors_is_stacked_and_differentiated() -> None:
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.constant([[x, 2.0], [x * x, 1.0]])
    np.testing.assert_array_equal(y.numpy(), [[3.0, 2.0], [9.0, 1.0]])
    assert tape.gradient(y, x).numpy() == 7.0


def test_a_constant_of_an_array_is_read_at_each_call_of_a_compiled_function() -> None:
    array = np.zeros(2, np.float32)

    @tf.function(jit_compile=False)
    def f() -> Any:
        return tf.constant(array) + tf.constant([1.0, 2.0])

    np.testing.assert_array_equal(f().numpy(), [1.0, 2.0])
    array[:] = 10.0
    np.testing.assert_array_equal(f().numpy(), [11.0, 12.0])


def test_convert_to_tensor_keeps_a_tensor_and_refuses_a_silent_cast() -> None:
    x = tf.constant([1, 2])
    assert tf.convert_to_tensor(x) is x
    with pytest.raises(tf.errors.ConversionError, match=r"tf.cast\(x, tf.float32\)"):
        tf.convert_to_tensor(x, tf.float32)
    assert tf.convert_to_tensor([1.5], dtype_hint=tf.int32).dtype == tf.float32


def test_asarray_copies_on_request_only() -> None:
    x = tf.constant([1.0])
    assert tf.asarray(x) is x
    assert tf.asarray(x, copy=True) is not x
    with pytest.raises(tf.errors.ConversionError, match="no device 'gpu'"):
        tf.asarray(x, device="gpu")


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (lambda d: d.assert_equal(tf.constant([1, 2]), [1, 3]), r"not equal at \(1,\): 2 and 3"),
        (lambda d: d.assert_near(1.0, 1.1), r"not near at \(\)"),
        (lambda d: d.assert_all_finite(np.array([1.0, np.nan]), "loss"), "loss: not finite"),
        (lambda d: d.assert_rank(tf.zeros((2, 3)), 1), "has 2 axes, expected 1"),
        (lambda d: d.assert_type(tf.constant(1), tf.float32), "is int32, expected float32"),
    ],
)
def test_debugging_assertions_name_what_differs(check: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check(tf.debugging)


def test_debugging_assertions_pass_what_holds() -> None:
    tf.debugging.assert_near(1.0, 1.0 + 1e-7)
    tf.debugging.assert_equal(tf.zeros((2, 2)), 0.0)


@pytest.mark.parametrize("collects", [True, False])
@pytest.mark.parametrize("name", ["zeros", "no_such_name"])
def test_loading_a_name_leaves_the_collector_as_it_was(name: str, collects: bool) -> None:
    before = gc.isenabled()
    try:
        (gc.enable if collects else gc.disable)()
        with contextlib.suppress(AttributeError):
            tf.__getattr__(name)
        assert gc.isenabled() is collects
    finally:
        (gc.enable if before else gc.disable)()


@pytest.mark.parametrize(
    "module",
    [creation, tf.dtypes, tf.debugging, tf, encoded, filesystem, pictures, placement],
)
def test_examples_of_the_face(module: Any) -> None:
    result = doctest.testmod(module)
    assert result.attempted and not result.failed
