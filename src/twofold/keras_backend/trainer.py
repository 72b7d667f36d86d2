"""``fit``, ``evaluate`` and ``predict``: one step of a model as a compiled function.

A step is written as in every tutorial: a tape around the model and the loss, gradients for the
trainable weights, the optimizer. It is compiled by ``tf.function`` unless ``run_eagerly``.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from keras.src import callbacks as callbacks_module
from keras.src import optimizers as optimizers_module
from keras.src import tree
from keras.src.backend import config
from keras.src.trainers import trainer as base_trainer
from keras.src.trainers.data_adapters import array_slicing, data_adapter_utils
from keras.src.trainers.epoch_iterator import EpochIterator
from keras.src.utils import traceback_utils
from keras.src.utils.python_utils import pythonify_logs

import twofold as tf
import twofold.ir.ops.nn
import twofold.runtime.products
import twofold.runtime.sharing  # these three now: every first step needs them
from twofold.compiler.function import Function

from .core import convert_to_tensor
from .datasets import adapted, size_of_batch

__all__ = ["NumpyTrainer"]

_STEPS = ("train_step", "test_step", "compute_loss", "_compute_loss", "compute_metrics")
unpack = data_adapter_utils.unpack_x_y_sample_weight


class NumpyTrainer(base_trainer.Trainer):
    """The trainer of models on twofold, under the name that the seam stands in for."""

    def __init__(self) -> None:
        super().__init__()
        self.train_function: Any = None
        self.test_function: Any = None
        self.predict_function: Any = None
        self._eval_epoch_iterator: Any = None

    # The steps, which users override

    def train_step(self, data: Any) -> Any:
        """One batch: predictions, loss, gradients, new weights; returns the metrics."""
        x, y, sample_weight = unpack(data)
        with tf.GradientTape() as tape:
            y_pred = self._predictions(x, training=True)
            loss = self._compute_loss(
                x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=True
            )
            self._loss_tracker.update_state(
                loss, sample_weight=next(i for i in tree.flatten(x) if i is not None).shape[0]
            )
            if self.optimizer is not None:
                loss = self.optimizer.scale_loss(loss)
        if self.trainable_weights:
            weights = self.trainable_weights
            self.optimizer.apply(tape.gradient(loss, weights), weights)
        else:
            warnings.warn("The model does not have any trainable weights.", stacklevel=2)
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def test_step(self, data: Any) -> Any:
        """One batch: predictions and loss; returns the metrics."""
        x, y, sample_weight = unpack(data)
        y_pred = self._predictions(x, training=False)
        loss = self._compute_loss(
            x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=False
        )
        self._loss_tracker.update_state(
            loss, sample_weight=next(i for i in tree.flatten(x) if i is not None).shape[0]
        )
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def get_metrics_result(self) -> dict[str, Any]:
        """The results of the metrics by name, as tensors: Keras before 3.14 makes them Python
        numbers, which values of a graph cannot be."""
        made: dict[str, Any] = {}
        for metric in self.metrics:
            result = metric.result()
            made.update(result if isinstance(result, dict) else {metric.name: result})
        return made

    def predict_step(self, data: Any) -> Any:
        """The predictions of one batch."""
        return self._predictions(unpack(data)[0], training=False)

    def _predictions(self, x: Any, training: bool) -> Any:
        return self(x, training=training) if self._call_has_training_arg else self(x)

    # The functions of a step

    def make_train_function(self, force: bool = False) -> Any:
        """Make ``train_function``, of an iterator of batches."""
        if self.train_function is None or force:
            self.train_function = self._several(self._compiled(self.train_step))
        return self.train_function

    def make_test_function(self, force: bool = False) -> Any:
        """Make ``test_function``, of an iterator of batches."""
        if self.test_function is None or force:
            self.test_function = self._several(self._compiled(self.test_step))
        return self.test_function

    def make_predict_function(self, force: bool = False) -> Any:
        """Make ``predict_function``, of an iterator of batches."""
        if self.predict_function is None or force:
            step = self._compiled(self.predict_step)
            self.predict_function = self._several(step, _concatenated)
        return self.predict_function

    def _compiled(self, step: Callable[[Any], Any]) -> Callable[[Any], Any]:
        if self.run_eagerly:
            return step
        made: Any = tf.function(step, jit_compile=True if self.jit_compile else None)
        made.waits = True
        return made  # type: ignore[no-any-return]

    def _build_ahead(self, step: str, iterator: Any = None, data_batch: Any = None) -> None:
        """Make the Variables of model, metrics, loss and optimizer before a step is traced.

        Where the first step runs eagerly and is Keras's own, it makes those of metrics and losses
        itself, and the shapes of a model that is built need not be found out before. A step of the
        user's may call the model on something else than the data, or not at all: what it needs is
        made when it runs first, as on TensorFlow.
        """
        built = all(layer.built for layer in self._flatten_layers())
        is_own = getattr(type(self), step) is getattr(NumpyTrainer, step)
        if is_own and (self.jit_compile or not built or not self._has_own_steps()):
            self._symbolic_build(iterator, data_batch)
            return
        if built and not is_own:
            with contextlib.suppress(Exception):  # raised again by the step, if it is one there
                self._symbolic_build(iterator, data_batch)
        if built and self.optimizer is not None and not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)
        self._post_build()

    def _has_own_steps(self) -> bool:
        """Whether steps, losses and metrics of a batch are computed as they are here."""
        return all(getattr(type(self), name) is getattr(NumpyTrainer, name) for name in _STEPS)

    def _resolve_auto_jit_compile(self) -> bool:
        """The first step runs eagerly, those behind it in machine code."""
        return False

    def _several(
        self, step: Callable[[Any], Any], join: Callable[[list[Any]], Any] = lambda outs: outs[-1]
    ) -> Callable[[Any], Any]:
        """``steps_per_execution`` steps; an iterator that ends before makes them fewer.

        The first step of all is over before it would be traced: it runs eagerly.
        """
        first = isinstance(step, Function) and not self.jit_compile

        def one(batch: Any) -> Any:
            nonlocal first
            made = (getattr(step, "python_function", step) if first else step)(_tensors(batch))
            first = False
            return made

        def run(batches: Any) -> Any:
            outs = [one(next(batches))]
            for _ in range(self.steps_per_execution - 1):
                batch = next(batches, None)
                if batch is None:
                    break
                outs.append(one(batch))
            return join(outs)

        run.__dict__["step"] = step  # whose graph is logged
        return run

    # The loops

    @traceback_utils.filter_traceback
    def fit(
        self, x: Any = None, y: Any = None, batch_size: Any = None, epochs: int = 1,
        verbose: Any = "auto", callbacks: Any = None, validation_split: float = 0.0,
        validation_data: Any = None, shuffle: bool = True, class_weight: Any = None,
        sample_weight: Any = None, initial_epoch: int = 0, steps_per_epoch: Any = None,
        validation_steps: Any = None, validation_batch_size: Any = None, validation_freq: Any = 1,
    ) -> Any:  # fmt: skip
        """Train for epochs; returns the history."""
        self._assert_compile_called("fit")
        batch_size = size_of_batch(batch_size)
        validation_batch_size = size_of_batch(validation_batch_size, "validation_batch_size")
        most = config.max_epochs()
        if most and most < epochs:
            warnings.warn(f"Limiting epochs to {most}", stacklevel=2)
            epochs = most
        self._eval_epoch_iterator = None
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = array_slicing.train_validation_split(
                (x, y, sample_weight), validation_split=validation_split
            )
        held_out = None if validation_data is None else unpack(validation_data)
        batches = EpochIterator(
            x=adapted(x, y, sample_weight, class_weight), y=y, sample_weight=sample_weight,
            batch_size=batch_size, steps_per_epoch=steps_per_epoch, shuffle=shuffle,
            class_weight=class_weight,
            steps_per_execution=self.steps_per_execution,
        )  # fmt: skip
        self._build_ahead("train_step", iterator=batches)
        batches.reset()
        told = self._callbacks(callbacks, batches, verbose, epochs, history=True)
        self.stop_training = False
        self.make_train_function()
        told.on_train_begin()
        logs: Any = {}
        for epoch in range(self._initial_epoch or initial_epoch, epochs):
            self.reset_metrics()
            told.on_epoch_begin(epoch)
            logs = self._epoch(batches, told)
            if held_out is not None and self._should_eval(epoch, validation_freq):
                size = validation_batch_size or batch_size
                logs |= self._validated(held_out, size, validation_steps, told)
            told.on_epoch_end(epoch, logs)
            if self.stop_training:
                break
        if isinstance(self.optimizer, optimizers_module.Optimizer) and epochs > 0:
            self.optimizer.finalize_variable_values(self.trainable_weights)
        self._eval_epoch_iterator = None
        told.on_train_end(logs=logs)
        return self.history

    def _epoch(self, batches: EpochIterator, told: Any) -> dict[str, Any]:
        logs: Any = {}
        for begin, end, several in batches:
            told.on_train_batch_begin(begin)
            logs = self.train_function(iter(several))
            told.on_train_batch_end(end, logs)
            if self.stop_training:
                break
        return dict(pythonify_logs(self._get_metrics_result_or_logs(logs)))

    def _validated(self, held_out: Any, size: Any, steps: Any, told: Any) -> dict[str, Any]:
        x, y, sample_weight = held_out
        if self._eval_epoch_iterator is None:
            self._eval_epoch_iterator = EpochIterator(
                x=adapted(x, y, sample_weight), y=y, sample_weight=sample_weight, batch_size=size,
                steps_per_epoch=steps, steps_per_execution=self.steps_per_execution, shuffle=False,
            )  # fmt: skip
        logs = self.evaluate(
            x=x, y=y, sample_weight=sample_weight, batch_size=size, steps=steps, callbacks=told,
            return_dict=True, _use_cached_eval_dataset=True,
        )  # fmt: skip
        return {f"val_{name}": value for name, value in logs.items()}

    def _callbacks(
        self,
        callbacks: Any,
        batches: EpochIterator,
        verbose: Any,
        epochs: int,
        history: bool = False,
    ) -> Any:
        if isinstance(callbacks, callbacks_module.CallbackList):
            return callbacks
        made = callbacks_module.CallbackList(
            callbacks, add_history=history, add_progbar=verbose != 0, verbose=verbose,
            epochs=epochs, steps=batches.num_batches, model=self,
        )  # fmt: skip
        # A step's results are there when it returns: handing them to a thread would only cost time.
        made._async_train = made._async_test = made._async_predict = False
        return made

    @traceback_utils.filter_traceback
    def evaluate(
        self, x: Any = None, y: Any = None, batch_size: Any = None, verbose: Any = "auto",
        sample_weight: Any = None, steps: Any = None, callbacks: Any = None,
        return_dict: bool = False, **kwargs: Any,
    ) -> Any:  # fmt: skip
        """Loss and metrics on data."""
        self._assert_compile_called("evaluate")
        batch_size = size_of_batch(batch_size)
        cached = kwargs.pop("_use_cached_eval_dataset", False)
        if kwargs:
            raise ValueError(f"Arguments not recognized: {kwargs}")
        batches = self._eval_epoch_iterator if cached else EpochIterator(
            x=adapted(x, y, sample_weight), y=y, sample_weight=sample_weight,
            batch_size=batch_size, steps_per_epoch=steps, shuffle=False,
            steps_per_execution=self.steps_per_execution,
        )  # fmt: skip
        self._build_ahead("test_step", iterator=batches)
        batches.reset()
        told = self._callbacks(callbacks, batches, verbose, 1)
        self.make_test_function()
        self.stop_evaluating = False
        told.on_test_begin()
        self.reset_metrics()
        logs: Any = {}
        for begin, end, several in batches:
            told.on_test_batch_begin(begin)
            logs = self.test_function(iter(several))
            told.on_test_batch_end(end, logs)
            if self.stop_evaluating:
                break
        logs = pythonify_logs(self._get_metrics_result_or_logs(logs))
        told.on_test_end(logs)
        return logs if return_dict else self._flatten_metrics_in_order(logs)

    @traceback_utils.filter_traceback
    def predict(
        self, x: Any, batch_size: Any = None, verbose: Any = "auto", steps: Any = None,
        callbacks: Any = None,
    ) -> Any:  # fmt: skip
        """Predictions as NumPy arrays."""
        batch_size = size_of_batch(batch_size)
        batches = EpochIterator(
            x=adapted(x, None, None), batch_size=batch_size, steps_per_epoch=steps, shuffle=False,
            steps_per_execution=self.steps_per_execution,
        )  # fmt: skip
        told = self._callbacks(callbacks, batches, verbose, 1)
        self.make_predict_function()
        self.stop_predicting = False
        told.on_predict_begin()
        made: list[Any] = []
        for begin, end, several in batches:
            told.on_predict_batch_begin(begin)
            made.append(self.predict_function(iter(several)))
            told.on_predict_batch_end(end, {"outputs": made[-1]})
            if self.stop_predicting:
                break
        told.on_predict_end()
        return _arrays(made)

    # One batch

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:  # fmt: skip
        """Train on one batch."""
        self._assert_compile_called("train_on_batch")
        if class_weight is not None:
            if sample_weight is not None:
                raise ValueError(
                    "Arguments `sample_weight` and `class_weight` cannot be specified at the same "
                    f"time. Received: sample_weight={sample_weight}, class_weight={class_weight}"
                )
            sample_weight = data_adapter_utils.class_weight_to_sample_weights(y, class_weight)
        data = (x, y, sample_weight)
        return self._on_batch("train_step", self.make_train_function, data, return_dict)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Loss and metrics of one batch."""
        self._assert_compile_called("test_on_batch")
        data = (x, y, sample_weight)
        return self._on_batch("test_step", self.make_test_function, data, return_dict)

    def _on_batch(self, name: str, make: Callable[[], Any], data: Any, return_dict: bool) -> Any:
        self._build_ahead(name, data_batch=data)
        step = make()
        self.reset_metrics()
        logs = pythonify_logs(step(iter([data])))
        return logs if return_dict else self._flatten_metrics_in_order(logs)

    def predict_on_batch(self, x: Any) -> Any:
        """Predictions of one batch."""
        return tree.map_structure(np.asarray, self.make_predict_function()(iter([(x,)])))


def _tensors(batch: Any) -> Any:
    """A batch as tensors; what is missing stays None."""
    if batch.__class__ is tuple:
        return tuple([_tensors(part) for part in batch])
    return _tensor(batch) if batch.__class__ in _LEAVES else tree.map_structure(_tensor, batch)


_LEAVES = (np.ndarray, tf.Tensor, type(None))


def _tensor(x: Any) -> Any:
    if x.__class__ is np.ndarray and x.dtype.char in "fi":  # as it is: what arrays of batches are
        return tf.constant(x)
    return None if x is None else convert_to_tensor(x)


def _concatenated(outs: list[Any]) -> Any:
    if len(outs) == 1:
        return outs[0]
    return tree.map_structure(lambda *xs: tf.concat(list(xs), 0), *outs)


def _arrays(made: list[Any]) -> Any:
    """Predictions of batches as whole arrays, in their structure."""
    return tree.map_structure_up_to(
        made[0], lambda *xs: np.concatenate([np.asarray(x) for x in xs]), *made
    )
