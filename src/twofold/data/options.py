"""``tf.data.Options``: what holds for a whole pipeline."""

from __future__ import annotations

from typing import Any

from twofold.ir.errors import ArgumentError

__all__ = ["Options"]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class _Group:
    """Options of TensorFlow's runtime that are kept and change nothing here."""

    def __init__(self, *names: str) -> None:
        self.__dict__.update(dict.fromkeys(names))

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.__dict__:
            raise AttributeError(f"no option {name!r}; there are {', '.join(self.__dict__)}")
        self.__dict__[name] = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Group) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]


class Options:
    """Options of a dataset; ``dataset.with_options`` takes them.

    ``deterministic``: whether parallel transformations give their elements in order; those that say
    it themselves are not asked. ``timeout``: seconds after which a wait for a thread raises
    TimeoutError with the line at which the thread is; None (the default) waits on, and tells it in
    the log every half minute. Not in TensorFlow. The groups ``autotune``, ``threading``,
    ``experimental_optimization`` and ``experimental_distribute`` are accepted for programs that set
    them: they steer TensorFlow's runtime and have no effect.

    >>> options = Options()
    >>> options.deterministic = False
    """

    def __init__(self) -> None:
        set_own = self.__dict__.update
        set_own(
            deterministic=None,
            timeout=None,
            experimental_slack=None,
            experimental_warm_start=None,
            autotune=_Group("enabled", "cpu_budget", "ram_budget", "autotune_algorithm"),
            threading=_Group("max_intra_op_parallelism", "private_threadpool_size"),
            experimental_optimization=_Group(
                "apply_default_optimizations", "filter_fusion", "filter_parallelization",
                "inject_prefetch", "map_and_batch_fusion", "map_and_filter_fusion", "map_fusion",
                "map_parallelization", "noop_elimination", "parallel_batch",
                "shuffle_and_repeat_fusion",
            ),
            experimental_distribute=_Group("auto_shard_policy", "num_devices"),
        )  # fmt: skip

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "experimental_deterministic":
            name = "deterministic"
        if name not in self.__dict__:
            raise AttributeError(f"tf.data.Options has no {name!r}: {', '.join(self.__dict__)}")
        if name == "deterministic" and value is not None and value.__class__ is not bool:
            raise ArgumentError(f"deterministic is True, False or None, not {value!r}")
        if name == "timeout" and not (value is None or (_is_number(value) and value > 0)):
            raise ArgumentError(f"timeout is a number of seconds above 0, or None, not {value!r}")
        self.__dict__[name] = value

    @property
    def experimental_deterministic(self) -> bool | None:
        """The older name of ``deterministic``."""
        held: bool | None = self.deterministic
        return held

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"tf.data.Options has no {name!r}")

    def ordered(self, own: bool | None) -> bool:
        """Whether a transformation keeps the order, which may say so itself."""
        if own is not None:
            return own
        return self.deterministic is not False

    def merge(self, options: Options) -> Options:
        """These options, and those of ``options`` that are set."""
        made = Options()
        for given in (self, options):
            for name, value in given.__dict__.items():
                if isinstance(value, _Group):
                    made.__dict__[name].__dict__.update(
                        {k: v for k, v in value.__dict__.items() if v is not None}
                    )
                elif value is not None:
                    made.__dict__[name] = value
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Options) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]
