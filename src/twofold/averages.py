"""``tf.train.ExponentialMovingAverage``: averages of Variables over the steps of a training."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twofold.ir.errors import ArgumentError
from twofold.ir.ops.casting import cast
from twofold.ir.ops.elementwise import minimum
from twofold.runtime.variable import Variable

__all__ = ["ExponentialMovingAverage"]


class ExponentialMovingAverage:
    """Averages of Variables that forget: ``average = decay * average + (1 - decay) * value``.

    An average begins at the value that its Variable has when ``apply`` first gets it. With
    ``num_updates`` (a number, a Variable or a tensor) the decay is at most
    ``(1 + num_updates) / (10 + num_updates)``, so that the first steps weigh more.
    ``zero_debias`` is for averages that begin at zero: there are none here. Raises ArgumentError
    for a decay that is not between 0 and 1, and for what is no Variable.

    >>> import twofold as tf
    >>> weight, ema = tf.Variable(1.0), tf.train.ExponentialMovingAverage(0.75)
    >>> ema.apply([weight])
    >>> _ = weight.assign(5.0)
    >>> ema.apply([weight])
    >>> ema.average(weight).numpy().item()
    2.0
    """

    def __init__(
        self, decay: Any, num_updates: Any = None, zero_debias: bool = False,
        name: str = "ExponentialMovingAverage",
    ) -> None:  # fmt: skip
        if isinstance(decay, int | float) and not 0 <= decay <= 1:
            raise ArgumentError(f"ExponentialMovingAverage: decay is {decay}, not from 0 to 1")
        self.decay, self.num_updates, self.zero_debias = decay, num_updates, zero_debias
        self.name = name
        self._kept: dict[int, tuple[Variable, Variable]] = {}  # and its average

    @property
    def variables(self) -> list[Variable]:
        """The averages, in the order in which their Variables were first given to ``apply``."""
        return [average for _, average in self._kept.values()]

    def apply(self, var_list: Iterable[Variable]) -> None:
        """Take the present values into the averages."""
        for variable in list(var_list):
            if not isinstance(variable, Variable):
                raise ArgumentError(
                    f"ExponentialMovingAverage.apply: {variable!r} is no Variable; its values "
                    f"could not be told from those of another step"
                )
            self._update(variable)

    def average(self, var: Variable) -> Variable | None:
        """The average of a Variable, a Variable itself; None if ``apply`` never had it."""
        found = self._kept.get(id(var))
        return None if found is None else found[1]

    def _update(self, variable: Variable) -> None:
        if id(variable) not in self._kept:
            name = f"{variable.name}/{self.name}"
            average = Variable(variable.read_value(), trainable=False, name=name)
            self._kept[id(variable)] = variable, average
            return
        decay = self.decay
        if self.num_updates is not None:
            done = cast(self.num_updates, dtype=variable.dtype)
            decay = minimum(cast(decay, dtype=variable.dtype), (1 + done) / (10 + done))
        average = self._kept[id(variable)][1]
        average.assign_sub((average - variable) * (1 - decay))
