"""``tf.summary``: numbers, histograms, images, texts and graphs for TensorBoard.

The extra ``tensorboard`` is needed to write. In a compiled function each of these is a step that
Python makes with real values on every call.

>>> import twofold as tf
>>> with tf.summary.create_noop_writer().as_default():  # create_file_writer(folder) writes there
...     tf.summary.scalar("loss", 0.5, step=1)
False
"""

from __future__ import annotations

from twofold.logs import experimental
from twofold.logs.events import (
    create_file_writer,
    create_noop_writer,
    flush,
    graph,
    histogram,
    image,
    record_if,
    scalar,
    should_record_summaries,
    text,
    trace_export,
    trace_off,
    trace_on,
    write,
)  # fmt: skip
from twofold.logs.writer import SummaryWriter

__all__ = [
    "SummaryWriter", "create_file_writer", "create_noop_writer", "experimental", "flush", "graph",
    "histogram", "image", "record_if", "scalar", "should_record_summaries", "text", "trace_export",
    "trace_off", "trace_on", "write",
]  # fmt: skip
