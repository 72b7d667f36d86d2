"""The text of kernels: what a person may write, and that bad text is refused and nothing else."""

from __future__ import annotations

import random
import re

import pytest
from support.random_kernels import random_kernel

from twofold.compiler.kernel.loops import Kernel
from twofold.compiler.kernel.parse import parse_kernel, parse_kernels
from twofold.ir.errors import IRSyntaxError, VerifyError

from ...test_golden import FOLDER, read_cases

FILES = {"kernel": lambda c: c.expected, "source": lambda c: c.given}
TEXTS = [
    text(case)
    for area, text in FILES.items()
    for file in sorted((FOLDER / area).glob("*.ir"))
    for case in read_cases(file)
]
PIECES = ["{", "}", "(", ")", "[", "]", "=", ":", ",", "+", "*", "if", "else", "while", "do", "for",
          "fold", "sweep", "after", "const", "var", "at", "to", "from", "f32", "i64", "bool", "0",
          "1.5", "-1", "nan", "inf", "(n)", "v0", "i0", "x", "out0", "\n", "#", "exp(", "<", "not",
          "99999999999999999999999", "ab c", "\u00e9", '"', "lambda: 0", "v0.real", "x[0]", "**"]  # fmt: skip


def test_blanks_comments_and_one_line_blocks() -> None:
    loose = """ # a kernel
    kernel   twice ( x :f32,y : out f32 )for( i :2*n + 1 ) { # of the loop
      const half :f32=0.5

      sweep{ v : f32 = x [ i ] if False else 0.0 }
    }"""
    with pytest.raises(IRSyntaxError):
        parse_kernel(loose)
    kernel = parse_kernel(
        loose.replace("x [ i ] if False else 0.0", "x[ 1*1 + i ]").replace("1*1", "(1)")
    )
    assert str(kernel) == (
        "kernel twice(x: f32, y: out f32) for (i: 2*n+1) {\n  const half: f32 = 0.5\n"
        "  sweep {\n    v: f32 = x[1 + i]\n  }\n}\n"
    )


@pytest.mark.parametrize("number", ["0.0", "-0.0", "1e-45", "inf", "-inf", "nan",
                                    "nan(0x7ff8000000000001)", "0.1", "1e+300"])  # fmt: skip
def test_every_float_survives(number: str) -> None:
    text = f"kernel f(y: out f64) for (i: n) {{ const c: f64 = {number}\n sweep {{ y[i] = c }} }}"
    kernel = parse_kernel(text)
    assert parse_kernel(str(kernel)) == kernel
    assert number.replace("+", "") in str(kernel).replace("+", "")


def test_kernels_are_equal_if_their_texts_are() -> None:
    one, other = (parse_kernel(TEXTS[0]) for _ in range(2))
    assert one == other and hash(one) == hash(other)
    assert one != parse_kernel(TEXTS[1]) and one != str(one)


def test_the_key_forgets_names_and_sizes_and_nothing_else() -> None:
    text = next(text for text in TEXTS if "sqrt(" in text)
    kernel = parse_kernel(text)
    renamed = (
        text.replace("kernel ", "kernel another_", 1).replace("v0", "value").replace("n)", "q)")
    )
    assert parse_kernel(renamed) != kernel
    assert parse_kernel(renamed).key() == kernel.key()
    assert parse_kernel(text.replace("sqrt(", "rsqrt(")).key() != kernel.key()
    assert parse_kernel(text.replace("f32", "f64")).key() != kernel.key()


def test_many_kernels_in_one_text() -> None:
    kernels = [parse_kernel(t) for t in TEXTS if t.count("kernel ") == 1]
    assert parse_kernels("# all of them\n" + "\n".join(map(str, kernels))) == kernels
    assert parse_kernels("# none\n") == []


@pytest.mark.parametrize("block", range(4))
def test_damaged_text_is_refused_with_a_line_and_nothing_else(block: int) -> None:
    valid = 0
    for seed in range(400 * block, 400 * block + 400):
        rng = random.Random(seed)
        text = rng.choice(TEXTS) if seed % 4 else str(random_kernel(seed))
        for _ in range(rng.randint(1, 3)):
            words = re.findall(r"\w+|\s+|\S", text)
            at = rng.randrange(len(words))
            words[at : at + rng.randint(0, 2)] = [rng.choice(PIECES)] if rng.random() < 0.7 else []
            text = "".join(words)
        try:
            kernel = parse_kernel(text)
        except IRSyntaxError as error:
            assert error.line >= 1 and error.column >= 1
        except VerifyError as error:
            assert "line " in error.node
        else:
            valid += 1
            assert isinstance(kernel, Kernel)
            assert parse_kernel(str(kernel)) == kernel
    assert valid < 200


def test_blocks_nested_too_deep_are_refused() -> None:
    inner = "".join("if True {\n" for _ in range(5000))
    with pytest.raises(IRSyntaxError, match="nested over"):
        parse_kernel(f"kernel f(x: f32) for (i: n) {{ sweep {{ {inner} }} }}")
    with pytest.raises((IRSyntaxError, VerifyError)):
        parse_kernel(f"kernel f(y: out f32) for (i: n) {{ sweep {{ v: f32 = {'(' * 500}1.0 }} }}")
    with pytest.raises((IRSyntaxError, VerifyError)):
        parse_kernel(
            "kernel f(y: out f32) for (i: n) { sweep { v: f32 = " + "-" * 9000 + "1.0\n} }"
        )
