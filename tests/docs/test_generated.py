"""Pages made from the code say what the code says, and each error can be met as its page tells."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from support.generated import NAMED, PAGES, WEAK, short
from support.pages import DOCS

import twofold as tf
from twofold.cli.target import find_target
from twofold.ir.op import op
from twofold.ir.parser import parse
from twofold.ir.verify import verify


@pytest.mark.parametrize("name", PAGES)
def test_page_is_what_the_code_says(name: str, update_golden: bool) -> None:
    page = DOCS / name
    if update_golden:
        page.write_text(PAGES[name](), encoding="utf-8")
    assert page.read_text(encoding="utf-8") == PAGES[name](), "pytest tests/docs --update-golden"


def cells() -> list[tuple[str, str, str]]:
    """(row, column, cell) of both tables of the promotion page."""
    found = []
    for block in PAGES["promotion.md"]().split("\n\n"):
        if block.startswith("| | "):
            head, _, *rows = [
                [c.strip(" *") for c in r.split("|")[1:-1]] for r in block.split("\n")
            ]
            found += [(r[0], head[i], r[i]) for r in rows for i in range(1, len(r))]
    return found


def test_tensors_promote_as_the_table_says() -> None:
    dtypes = {short(d): d for d in NAMED}
    numbers = {t.__name__: t(1) for t in WEAK}
    assert len(cells()) == len(NAMED) * (len(NAMED) + len(WEAK))
    for row, column, cell in cells():
        x = tf.ones((2,), dtype=dtypes[row])
        y = tf.ones((2,), dtype=dtypes[column]) if column in dtypes else numbers[column]
        if cell == "–":
            with pytest.raises(tf.errors.DTypeError):
                tf.maximum(x, y)
        else:
            assert tf.where(True, x, y).dtype == dtypes[cell], (row, column)


def causes() -> dict[str, str]:
    """The expressions that the pages of errors give as causes."""
    pages = {n: getattr(tf.errors, n).__doc__ for n in tf.errors.__all__}
    return {
        name: found[1]
        for name, doc in pages.items()
        if (found := re.search(r"Cause: ``(tf\.[^`]*)``", doc))
    }


def tape_error() -> None:
    x = tf.constant(1.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    tape.gradient(y, x)
    tape.gradient(y, x)


def staging_error() -> None:
    tf.function(lambda x: x.tolist(), strict=True)(tf.constant(1.0))


def return_type_error() -> None:
    tf.function(lambda x: (i for i in range(3)), strict=True)(tf.constant(1.0))


def graph_error() -> None:
    kept: list[Any] = []

    @tf.custom_gradient
    def square(x: Any) -> Any:
        def gradient(upstream: Any) -> Any:  # called while the function is traced
            kept[:] = [upstream]
            return upstream * 2 * x

        return x * x, gradient

    def sloped(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = square(x)
        return tape.gradient(y, x)

    tf.function(sloped, jit_compile=False)(tf.constant(1.0))
    tf.function(lambda x, t: x + t, strict=True)(tf.constant(1.0), *kept)


def verify_error() -> None:
    verify(parse("graph f(%x: f32[n]) {\n  %y: i64[] = dim() {dim=<m>}\n  return %y\n}\n"))


def declaration_error() -> None:
    op("elementwise", comutative=True)(lambda x, y: x)  # type: ignore[call-arg]


def numerics_error() -> None:
    tf.debugging.enable_check_numerics()
    try:
        tf.log(tf.constant(0.0))
    finally:
        tf.debugging.disable_check_numerics()


def made_by_a_program() -> None:
    raise tf.errors.InvalidArgumentError(None, None, "message")


PROVOKED: dict[str, Callable[[], None]] = {
    "InvalidArgumentError": made_by_a_program,
    "AssertedError": lambda: tf.debugging.assert_equal(1, 2),
    "MissingError": lambda: tf.saved_model.load("nothing_there"),
    "NotFoundError": lambda: tf.io.read_file("nothing_there"),
    "AlreadyExistsError": lambda: tf.io.gfile.copy(__file__, __file__),
    "FailedPreconditionError": lambda: tf.io.read_file("/"),
    "LoadError": lambda: tf.saved_model.load(str(DOCS)),
    "DeclarationError": declaration_error,
    "TapeError": tape_error,
    "StagingError": staging_error,
    "ReturnTypeError": return_type_error,
    "GraphError": graph_error,
    "NumericsError": numerics_error,
    "OutOfRangeError": lambda: iter(tf.data.Dataset.range(0)).get_next(),
    "VerifyError": verify_error,
    "IRSyntaxError": lambda: parse("graph f( {"),
    "TargetError": lambda: find_target("no_such_file.py:f"),
}
# The base class, what only a defect or the command line raises (tests/cli/test_compare.py), and what
# depends on who runs the tests.
ELSEWHERE = {"TwofoldError", "AgreementError", "SaveError", "PermissionDeniedError"}


@pytest.mark.parametrize("name", causes())
def test_the_cause_on_the_page_raises_the_error_in_both_modes(name: str) -> None:
    def cause() -> Any:
        return eval(causes()[name], {"tf": tf})

    for call in (cause, tf.function(cause, jit_compile=True)):
        with pytest.raises(getattr(tf.errors, name)) as caught:
            call()
        assert caught.type.__name__ == name


@pytest.mark.parametrize("name", PROVOKED)
def test_the_error_is_raised_for_its_cause(name: str) -> None:
    with pytest.raises(getattr(tf.errors, name)) as caught:
        PROVOKED[name]()
    assert caught.type.__name__ == name
    assert str(caught.value).strip()


def test_every_error_is_met_once() -> None:
    assert causes().keys() | PROVOKED.keys() | ELSEWHERE == set(tf.errors.__all__)
    assert all(issubclass(getattr(tf.errors, n), tf.errors.TwofoldError) for n in tf.errors.__all__)


def test_an_error_names_the_line_that_caused_it() -> None:
    with pytest.raises(tf.errors.ShapeError) as caught:
        tf.matmul(tf.zeros((2, 3)), tf.zeros((2, 3)))
    location = caught.value.location
    assert location is not None and location.file == __file__
    assert str(location) in str(caught.value)
