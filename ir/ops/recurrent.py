"""One step of recurrent cells, with the weights of Keras's layers: what a loop over time calls."""

from __future__ import annotations

from typing import Any

from ..errors import ShapeError
from ..op import Sample, composite
from ..shapes import divides, show_shape
from .contract import matmul
from .exponential import sigmoid
from .operand import as_tensor, ranked
from .slicing import slice_axis
from .trigonometric import tanh

__all__ = ["gru_cell", "lstm_cell", "simple_rnn_cell"]


def _parts(x: Any, count: int, what: str) -> list[Any]:
    """The columns of each gate."""
    whole = ranked(x, 1, what).shape[-1]
    if not divides(count, whole):
        raise ShapeError(f"{what}: {show_shape(x.shape)} has not {count} gates")
    size = whole // count
    return [slice_axis(x, len(x.shape) - 1, i * size, (i + 1) * size) for i in range(count)]


@composite(Sample("f[2,3]", "f[2,4]", "f[3,4]", "f[4,4]", "f[4]"),
           Sample("f[2,3]", "f[2,4]", "f[3,4]", "f[4,4]"))  # fmt: skip
def simple_rnn_cell(x: Any, h: Any, kernel: Any, recurrent_kernel: Any, bias: Any = None) -> Any:
    """``tanh(x @ kernel + h @ recurrent_kernel + bias)``: the next state, ``[batch, units]``.

    Elman, "Finding Structure in Time" (1990). Raises ShapeError.

    >>> import twofold as tf
    >>> tf.nn.simple_rnn_cell([[0.0]], [[0.0]], [[1.0]], [[1.0]]).numpy()
    array([[0.]], dtype=float32)
    """
    out = matmul(as_tensor(x), as_tensor(kernel)) + matmul(as_tensor(h), recurrent_kernel)
    return tanh(out if bias is None else out + bias)


@composite(Sample("f[2,3]", "f[2,2]", "f[2,2]", "f[3,8]", "f[2,8]", "f[8]"),
           Sample("f[2,3]", "f[2,2]", "f[2,2]", "f[3,8]", "f[2,8]"))  # fmt: skip
def lstm_cell(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any = None
) -> tuple[Any, Any]:
    """The next output and the next state of a long short-term memory, ``[batch, units]`` each.

    The columns of the weights are the gates in the order of Keras: input, forget, candidate,
    output. Hochreiter and Schmidhuber, "Long Short-Term Memory" (1997); Gers, Schmidhuber and
    Cummins, "Learning to Forget" (2000). Raises ShapeError.

    >>> import twofold as tf
    >>> h, c = tf.nn.lstm_cell([[0.0]], [[0.0]], [[2.0]], tf.zeros((1, 4)), tf.zeros((1, 4)))
    >>> c.numpy()
    array([[1.]], dtype=float32)
    """
    gates = matmul(as_tensor(x), as_tensor(kernel)) + matmul(as_tensor(h), recurrent_kernel)
    gates = gates if bias is None else gates + bias
    into, keep, candidate, out = _parts(gates, 4, "lstm_cell")
    state = sigmoid(keep) * c + sigmoid(into) * tanh(candidate)
    return sigmoid(out) * tanh(state), state


@composite(Sample("f[2,3]", "f[2,2]", "f[3,6]", "f[2,6]", "f[2,6]"),
           Sample("f[2,3]", "f[2,2]", "f[3,6]", "f[2,6]", "f[6]", False))  # fmt: skip
def gru_cell(
    x: Any, h: Any, kernel: Any, recurrent_kernel: Any, bias: Any = None, reset_after: bool = True
) -> Any:
    """The next state of a gated recurrent unit, ``[batch, units]``.

    The columns of the weights are the gates in the order of Keras: update, reset, candidate. With
    ``reset_after`` the reset gate multiplies the product with the state, and ``bias`` has a row for
    the input and one for the state; without it the gate multiplies the state first, and ``bias``
    is one row. Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder" (2014).
    Raises ShapeError.

    >>> import twofold as tf
    >>> tf.nn.gru_cell([[0.0]], [[2.0]], tf.zeros((1, 3)), tf.zeros((1, 3))).numpy()
    array([[1.]], dtype=float32)
    """
    h = as_tensor(h)
    given, kept = matmul(as_tensor(x), as_tensor(kernel)), as_tensor(recurrent_kernel)
    if bias is not None:
        bias = as_tensor(bias)
        if len(bias.shape) != 1 + reset_after:
            raise ShapeError(f"gru_cell: a bias of shape {show_shape(bias.shape)} does not fit")
        given = given + (bias[0] if reset_after else bias)
    update, reset, candidate = _parts(given, 3, "gru_cell")
    if reset_after:
        own = matmul(h, kept)
        own = own if bias is None else own + bias[1]
        own_update, own_reset, own_candidate = _parts(own, 3, "gru_cell")
        z = sigmoid(update + own_update)
        new = tanh(candidate + sigmoid(reset + own_reset) * own_candidate)
    else:
        own_update, own_reset, own_candidate = _parts(kept, 3, "gru_cell")
        z, r = sigmoid(update + matmul(h, own_update)), sigmoid(reset + matmul(h, own_reset))
        new = tanh(candidate + matmul(r * h, own_candidate))
    return z * h + (1 - z) * new
