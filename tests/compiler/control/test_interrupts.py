"""Ctrl-C in a loop that never ends: a process of its own is interrupted in every mode."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

LOOPS = {
    "scalars": "tf.while_loop(lambda i, x: i >= 0, lambda i, x: (i * 1, x * 0.5), (0, x[0]))[1]",
    "arrays": "tf.while_loop(lambda i, x: i >= 0, lambda i, x: (i * 1, x * 0.5), (0, x))[1]",
    "assigned": "tf.while_loop(lambda p: p, lambda p: (v.assign_add(x[0] * 0.0) > -1.0,), (True,))",
}
MODES = {"eager": "f", "arrays": "tf.function(f, jit_compile=False)", "default": "tf.function(f)",
         "compiled": "tf.function(f, jit_compile=True)"}  # fmt: skip
CHILD = """
import signal, threading, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background has none
import twofold as tf
v = tf.Variable(1.0)
def f(x):
    return {loop}
g, x = {mode}, tf.ones(200)
def ready():
    time.sleep({patience})
    print("ready", flush=True)
threading.Thread(target=ready, daemon=True).start()
try:
    g(x)
except KeyboardInterrupt:
    print(tf.reduce_sum(x * v).numpy(), flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")
@pytest.mark.parametrize(
    ("loop", "mode"),
    [(loop, mode) for loop in LOOPS for mode in MODES if loop == "scalars" or mode == "compiled"],
)
def test_an_interrupt_ends_a_loop_and_leaves_everything_usable(loop: str, mode: str) -> None:
    text = CHILD.format(loop=LOOPS[loop], mode=MODES[mode], patience=0.3)
    with subprocess.Popen(
        [sys.executable, "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGINT)
        try:
            out, errors = child.communicate(timeout=60)
        finally:
            child.kill()
    assert (out, child.returncode) == ("200.0\n", 0), errors
