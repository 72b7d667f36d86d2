"""Small scripts for the tests of the command line, and how to run a command on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from click.testing import CliRunner

from twofold.cli.main import main

TRAIN = """
import sys
import twofold as tf

w = tf.Variable([[1.0], [2.0]], name="w")
noise = tf.random.Generator.from_seed(1)

@tf.function
def double(x):
    return x * 2.0

@tf.function
def step(x):
    loss = tf.reduce_sum(double(x) @ w) + tf.reduce_sum(noise.normal((2,)))
    w.assign_sub(tf.ones_like(w))
    print("inside")
    return {"loss": loss, "rows": x.shape[0]}

class Model:
    @tf.function
    def call(self, x):
        return x + 1

@tf.function(input_signature=[tf.TensorSpec((None, 3))])
def signed(x):
    return tf.tanh(x)

@tf.function
def never(x):
    return x

if __name__ == "__main__":
    print("arguments", sys.argv[1:])
    for _ in range(3):
        out = step(tf.ones((4, 2)))
    Model().call(tf.zeros(3))
    print("state", w.numpy().ravel().tolist(), out["rows"])
"""

DIFFERENT = """
import random
import twofold as tf

@tf.custom_gradient
def square(x):
    def gradient(upstream):  # called while the function is traced
        return upstream * random.randrange(1 << 19, 1 << 20)

    return x * x, gradient

@tf.function
def lucky(x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = square(x)
    return {"same": x, "other": [x, tape.gradient(y, x)]}

@tf.function
def fine(x):
    return x

lucky(tf.ones((2, 3)))
fine(tf.ones(1))
"""

FAILING = """
import twofold as tf

@tf.function
def f(x):
    return tf.gather(x, 7)

def caller():
    return f(tf.zeros(3))

try:
    caller()
except IndexError:
    print("caught")
caller()
"""


def write(folder: Path, text: str, name: str = "script.py") -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def twofold(*args: str, stdin: str | None = None) -> Any:
    """The result of a command: ``exit_code``, ``stdout``, ``stderr``."""
    return CliRunner().invoke(main, list(args), input=stdin)
