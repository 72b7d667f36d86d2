"""``keras.ops.rnn``: the loop of recurrent layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras.src import tree
from keras.src.backend.common.symbolic_scope import in_symbolic_scope

import twofold as tf

from .core import convert_to_tensor

__all__ = ["bidirectional_gru", "bidirectional_lstm", "cudnn_ok", "gru", "lstm", "rnn"]


def rnn(
    step_function: Callable[..., Any], inputs: Any, initial_states: Any, go_backwards: bool = False,
    mask: Any = None, constants: Any = None, unroll: bool = False, input_length: Any = None,
    time_major: bool = False, zero_output_for_mask: bool = False, return_all_outputs: bool = True,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """A step for each time of the inputs; returns the last output, all outputs, the last states.

    A time that the mask leaves out keeps states and output as they were (or gives zeros, with
    ``zero_output_for_mask``). The loop is ``tf.scan``; ``unroll`` writes its steps out instead.
    """
    inputs = tree.map_structure(convert_to_tensor, inputs)
    if not time_major:
        inputs = tree.map_structure(_swapped, inputs)
    times = tree.flatten(inputs)[0].shape[0]
    told = in_symbolic_scope()  # only what shapes there are
    if unroll and told and hasattr(type(times), "symbolic_size"):
        raise ValueError("Unrolling requires a fixed number of timesteps.")
    if mask is not None:
        mask = convert_to_tensor(mask, "bool")
        if len(mask.shape) == 2:
            mask = tf.expand_dims(mask, axis=-1)
        if not time_major:
            mask = _swapped(mask)
    if go_backwards:
        inputs = tree.map_structure(lambda x: tf.flip(x, axis=0), inputs)
        mask = None if mask is None else tf.flip(mask, axis=0)
    fixed = tuple(constants or ())

    def step(before: Any, now: Any) -> Any:
        (output, states), (x, seen) = before, now
        made, after = step_function(x, (*states, *fixed))
        after = tree.pack_sequence_as(states, tree.flatten(after))
        if seen is not None:
            held = tf.zeros_like(made) if output is None or zero_output_for_mask else output
            made = tf.where(_like(seen, made), made, held)
            after = tree.map_structure(lambda a, s: tf.where(_like(seen, a), a, s), after, states)
        return made, after

    def at(i: Any) -> Any:
        return tree.map_structure(lambda x: x[i], inputs), None if mask is None else mask[i]

    states = tree.map_structure(convert_to_tensor, tuple(initial_states))
    state = step((None, states), at(0))
    loop = _told if told else _unrolled if unroll else _scanned
    outputs, state = loop(step, state, inputs, mask, at, times)
    last = outputs[-1]
    if not return_all_outputs:
        outputs = tf.expand_dims(last, axis=0)
    return last, outputs if time_major else _swapped(outputs), state[1]


def _unrolled(step: Any, state: Any, inputs: Any, mask: Any, at: Any, times: Any) -> Any:
    made = [state[0]]
    for i in range(1, int(times)):
        state = step(state, at(i))
        made.append(state[0])
    return tf.stack(made), state


def _scanned(step: Any, state: Any, inputs: Any, mask: Any, at: Any, times: Any) -> Any:
    if not hasattr(type(times), "symbolic_size") and times == 1:
        return tf.expand_dims(state[0], axis=0), state
    flat = tree.flatten(inputs)
    rest = [x[1:] for x in flat] + ([] if mask is None else [mask[1:]])
    start = tree.flatten(state)

    def body(before: Any, now: Any) -> Any:
        x = tree.pack_sequence_as(inputs, list(now[: len(flat)]))
        seen = None if mask is None else now[-1]
        made = step(tree.pack_sequence_as(state, list(before)), (x, seen))
        return tuple(tf.cast(m, s.dtype) for m, s in zip(tree.flatten(made), start, strict=True))

    found = tf.scan(body, tuple(rest), initializer=tuple(start))
    outputs = tf.concat([tf.expand_dims(state[0], axis=0), found[0]], 0)
    return outputs, tree.pack_sequence_as(state, [x[-1] for x in found])


def _told(step: Any, state: Any, inputs: Any, mask: Any, at: Any, times: Any) -> Any:
    """The shapes and dtypes of what a loop makes: each time gives what the first one gives."""
    outputs = tf.broadcast_to(state[0][None], (times, *state[0].shape))
    return outputs, state


def _swapped(x: Any) -> Any:
    return tf.swapaxes(x, 0, 1)


def _like(mask: Any, x: Any) -> Any:
    """A mask of as many axes as ``x``."""
    for _ in range(len(x.shape) - len(mask.shape)):
        mask = tf.expand_dims(mask, axis=-1)
    return mask


def lstm(
    inputs: Any, initial_state_h: Any, initial_state_c: Any, mask: Any, kernel: Any,
    recurrent_kernel: Any, bias: Any, activation: Any, recurrent_activation: Any,
    return_sequences: bool = False, go_backwards: bool = False, unroll: bool = False,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """``rnn`` with ``tf.nn.lstm_cell`` for its step: the operations of Keras's cell, less what its
    layers and functions ask each time. Raises NotImplementedError where Keras takes ``rnn``."""
    _refuse_unless_usual(mask, activation, recurrent_activation)

    def step(x: Any, states: Any) -> Any:
        made = tf.nn.lstm_cell(x, *states, *_weights(kernel, recurrent_kernel, bias))
        return made[0], list(made)

    return rnn(step, inputs, [initial_state_h, initial_state_c], go_backwards, unroll=unroll,
               return_all_outputs=return_sequences)  # fmt: skip


def gru(
    inputs: Any, initial_state: Any, mask: Any, kernel: Any, recurrent_kernel: Any, bias: Any,
    activation: Any, recurrent_activation: Any, return_sequences: bool = False,
    go_backwards: bool = False, unroll: bool = False, reset_after: bool = True,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """The same with ``tf.nn.gru_cell``."""
    _refuse_unless_usual(mask, activation, recurrent_activation)

    def step(x: Any, states: Any) -> Any:
        into, own, added = _weights(kernel, recurrent_kernel, bias)
        made = tf.nn.gru_cell(x, states[0], into, own, added, reset_after=reset_after)
        return made, [made]

    return rnn(step, inputs, tree.flatten(initial_state), go_backwards, unroll=unroll,
               return_all_outputs=return_sequences)  # fmt: skip


def _refuse_unless_usual(mask: Any, activation: Any, recurrent_activation: Any) -> None:
    """What the cells have built in; what the output is where a mask is false is not told here."""
    from keras.src import activations  # noqa: PLC0415  (imported behind its backend)

    usual = activation is activations.tanh and recurrent_activation is activations.sigmoid
    if mask is not None or not usual:
        raise NotImplementedError


def _weights(*weights: Any) -> tuple[Any, ...]:
    """Weights in the dtype of the layer. They are asked for in each step, as Keras's cells do, so
    that halves of gradients are summed in the dtype of the Variables."""
    return tuple([None if w is None else convert_to_tensor(w) for w in weights])


def _by_rnn(*args: Any, **kwargs: Any) -> Any:
    raise NotImplementedError  # Keras then takes the layers of each direction


bidirectional_lstm = bidirectional_gru = _by_rnn


def cudnn_ok(*args: Any, **kwargs: Any) -> bool:
    """There is no such library on a CPU."""
    return False
