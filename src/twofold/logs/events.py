"""What ``tf.summary`` writes: events with values for the plug-ins of TensorBoard."""

from __future__ import annotations

import importlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from twofold.compiler import observe
from twofold.compiler.function import Function
from twofold.ir.errors import ArgumentError, ShapeError, StagingError
from twofold.ir.graph import Graph

from . import proto, tensorboard
from .graphs import graph_def
from .writer import SummaryWriter, array_of, defaults, emit, outside_of_graphs

__all__ = [
    "create_file_writer", "create_noop_writer", "flush", "graph", "histogram", "image", "record_if",
    "scalar", "should_record_summaries", "text", "trace_export", "trace_off", "trace_on", "write",
]  # fmt: skip


def create_file_writer(
    logdir: Any, max_queue: int | None = None, flush_millis: int | None = None,
    filename_suffix: str | None = None, name: str | None = None,
    experimental_trackable: bool = False, experimental_mesh: Any = None,
) -> SummaryWriter:  # fmt: skip
    """A writer of an event file in a folder, which is made with the first event.

    ``max_queue`` events (10) are kept, for ``flush_millis`` (two minutes), before they are on the
    disk. Raises ImportError without the extra ``tensorboard``.
    """
    outside_of_graphs("create_file_writer")
    tensorboard("version")
    folder = logdir.numpy().decode() if hasattr(logdir, "numpy") else str(logdir)
    return SummaryWriter(folder, max_queue or 10, flush_millis or 120_000, filename_suffix or ".v2")


def create_noop_writer() -> SummaryWriter:
    """A writer that writes nothing."""
    return SummaryWriter(None, 1, 1, "")


def _made(kind: str, *args: Any) -> dict[str, Any]:
    """What a plug-in of TensorBoard makes of a value."""
    plugin = tensorboard(f"plugins.{kind}.summary_v2")
    return {"summary": getattr(plugin, f"{kind}_pb")(*args)}


def scalar(name: str, data: Any, step: Any = None, description: str | None = None) -> bool:
    """Write a number; whether it was written. Raises ShapeError, ArgumentError without a step."""
    value = array_of(data, "scalar")
    if value.ndim:
        raise ShapeError(f"tf.summary.scalar takes one number, not shape {value.shape}")
    return emit("scalar", step, lambda: _made("scalar", name, value, description))


def histogram(
    name: str, data: Any, step: Any = None, buckets: int | None = None,
    description: str | None = None,
) -> bool:  # fmt: skip
    """Write how values are distributed, in 30 buckets or as many as are asked for. Values that are
    not finite are left out."""
    values = array_of(data, "histogram").astype(float)
    finite = values[np.isfinite(values)]
    return emit(
        "histogram", step,
        lambda: _made("histogram", name, finite, buckets, description),
    )  # fmt: skip


def image(
    name: str, data: Any, step: Any = None, max_outputs: int = 3, description: str | None = None
) -> bool:
    """Write images of shape ``(count, height, width, 1, 3 or 4)``: numbers from 0 to 1, or uint8.

    No more than ``max_outputs`` are written. Raises ShapeError.
    """
    pixels = array_of(data, "image")
    if pixels.ndim != 4 or pixels.shape[3] not in (1, 2, 3, 4):
        raise ShapeError(
            f"tf.summary.image takes (count, height, width, channels), not shape {pixels.shape}"
        )
    if pixels.dtype.kind == "f":
        pixels = np.clip(np.nan_to_num(pixels) * 255.0 + 0.5, 0, 255)
    return emit("image", step, lambda: _images(name, pixels[:max_outputs], description))


def _images(name: str, pixels: Any, description: str | None) -> dict[str, Any]:
    metadata, pictures = tensorboard("plugins.image.metadata"), importlib.import_module("PIL.Image")
    found = [str(pixels.shape[2]).encode(), str(pixels.shape[1]).encode()]
    for one in pixels.astype(np.uint8):
        file = io.BytesIO()
        pictures.fromarray(one[..., 0] if one.shape[-1] == 1 else one).save(file, "PNG")
        found.append(file.getvalue())
    kind = metadata.create_summary_metadata(display_name=None, description=description)
    return _value(name, np.array(found, object), kind)


def text(name: str, data: Any, step: Any = None, description: str | None = None) -> bool:
    """Write texts, which TensorBoard shows as Markdown."""
    outside_of_graphs("text")
    found = data.numpy() if hasattr(data, "numpy") else data
    return emit("text", step, lambda: _made("text", name, found, description))


def write(
    tag: str, tensor: Any, step: Any = None, metadata: Any = None, name: str | None = None
) -> bool:
    """Write a tensor or a text for the plug-in that ``metadata`` names."""
    outside_of_graphs("write")
    found = tensor if isinstance(tensor, str | bytes) else array_of(tensor, "write")
    return emit("write", step, lambda: _value(tag, found, metadata))


def _value(tag: str, found: Any, metadata: Any) -> dict[str, Any]:
    tensors, made = tensorboard("util.tensor_util"), proto("summary").Summary()
    made.value.add(tag=tag, metadata=metadata, tensor=tensors.make_tensor_proto(found))
    return {"summary": made}


def graph(graph_data: Any) -> bool:
    """Write a graph, for TensorBoard's page of graphs: of ``f.graph(...)``, or of a trace of a
    compiled function (``f.get_concrete_function(...)``, or its ``graph``)."""
    outside_of_graphs("graph")
    found = getattr(graph_data, "graph", graph_data)
    if not isinstance(found, Graph):
        raise ArgumentError(
            f"tf.summary.graph takes the graph of a compiled function, f.graph(...), not a "
            f"{type(graph_data).__name__}"
        )
    made = graph_def(found).SerializeToString()
    return emit("graph", 0, lambda: {"graph_def": made})


# What was called since ``trace_on``: functions and the graphs of their calls.


class _Recorder:
    def __init__(self) -> None:
        self.graphs: dict[str, Graph] = {}
        self.watching: Any = None

    def begin(self) -> None:
        self.end()
        self.graphs = {}
        self.watching = observe.observed(self)
        self.watching.__enter__()

    def end(self) -> None:
        if self.watching is not None:
            self.watching.__exit__(None, None, None)
        self.watching = None

    def __call__(self, function: Function, args: Any, kwargs: Any) -> Any:
        with observe.observed(None):
            made = function(*args, **kwargs)
            try:
                found = function.graph(*args, **kwargs)
            except StagingError:
                return made  # it has none: plain Python, or several with steps between them
            self.graphs[f"{function.name}_{len(self.graphs)}"] = found
        return made


_recorder = _Recorder()


def trace_on(
    graph: bool = True, profiler: bool = False, profiler_outdir: str | None = None
) -> None:
    """Note the graphs of compiled functions that are called for the first time from now on."""
    outside_of_graphs("trace_on")
    if profiler:
        raise ArgumentError("tf.summary.trace_on: there is no profiler; leave profiler out")
    if graph:
        _recorder.begin()


def trace_off() -> None:
    """Forget what was noted."""
    _recorder.end()
    _recorder.graphs = {}


def trace_export(name: str, step: Any = None, profiler_outdir: str | None = None) -> None:
    """Write the graphs that were noted since ``trace_on``. Raises ArgumentError without any."""
    outside_of_graphs("trace_export")
    if not _recorder.graphs:
        raise ArgumentError(
            "tf.summary.trace_export: no compiled function that is one graph, without steps of "
            "Python's, has been called since tf.summary.trace_on; tf.summary.graph(f.graph(...)) "
            "writes any graph"
        )
    run = proto("config").RunMetadata()
    for found in _recorder.graphs.values():
        run.function_graphs.add().pre_optimization_graph.CopyFrom(graph_def(found))
        run.partition_graphs.add().CopyFrom(graph_def(found))
    kind = proto("summary").SummaryMetadata()
    kind.plugin_data.plugin_name = "graph_run_metadata_graph"
    kind.plugin_data.content = b"1"
    emit("trace_export", step, lambda: _value(name, run.SerializeToString(), kind))
    trace_off()


# The default writer


@contextmanager
def record_if(condition: Any) -> Iterator[None]:
    """A block that writes where a condition, or what a function gives, holds."""
    outside_of_graphs("record_if")
    before, defaults.condition = defaults.condition, condition
    try:
        yield
    finally:
        defaults.condition = before


def should_record_summaries() -> bool:
    """Whether there is a default writer, and it records now."""
    outside_of_graphs("should_record_summaries")
    return defaults.writer is not None and defaults.records()


def flush(writer: SummaryWriter | None = None, name: str | None = None) -> None:
    """Write to the disk what is in the queue of a writer, the default one if none is given."""
    found = writer or defaults.writer
    if found is not None:
        found.flush()
