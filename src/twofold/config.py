"""``tf.config``: switches of the whole process, and the devices."""

from __future__ import annotations

from twofold.api.placement import (
    LogicalDevice,
    PhysicalDevice,
    get_soft_device_placement,
    get_visible_devices,
    list_logical_devices,
    list_physical_devices,
    set_memory_growth,
    set_soft_device_placement,
    set_visible_devices,
)
from twofold.compiler.config import functions_run_eagerly, run_functions_eagerly
from twofold.ir.errors import ArgumentError
from twofold.runtime.threads import default_num_threads, get_num_threads, set_num_threads

__all__ = [
    "LogicalDevice", "PhysicalDevice", "experimental", "experimental_functions_run_eagerly",
    "experimental_run_functions_eagerly", "functions_run_eagerly", "get_num_threads",
    "get_soft_device_placement", "get_visible_devices", "list_logical_devices",
    "list_physical_devices", "run_functions_eagerly", "set_num_threads",
    "set_soft_device_placement", "set_visible_devices", "threading",
]  # fmt: skip

# TensorFlow's older names.
experimental_functions_run_eagerly = functions_run_eagerly
experimental_run_functions_eagerly = run_functions_eagerly

_asked = {"intra": 0, "inter": 0}


def _count(num_threads: int) -> int:
    if num_threads.__class__ is not int or num_threads < 0:
        raise ArgumentError(f"the number of threads is 0 or more, not {num_threads!r}")
    return num_threads


class threading:
    """``tf.config.threading``: TensorFlow's names of the number of threads."""

    @staticmethod
    def set_intra_op_parallelism_threads(num_threads: int) -> None:
        """Let an operation use so many threads, as ``set_num_threads``; 0 for the default."""
        set_num_threads(_count(num_threads) or default_num_threads())
        _asked["intra"] = num_threads

    @staticmethod
    def get_intra_op_parallelism_threads() -> int:
        """What ``set_intra_op_parallelism_threads`` was told, 0 at first."""
        return _asked["intra"]

    @staticmethod
    def set_inter_op_parallelism_threads(num_threads: int) -> None:
        """Let so many operations run at a time; here it is one, which is within any bound."""
        _asked["inter"] = _count(num_threads)

    @staticmethod
    def get_inter_op_parallelism_threads() -> int:
        """What ``set_inter_op_parallelism_threads`` was told, 0 at first."""
        return _asked["inter"]


class experimental:
    """``tf.config.experimental``, as far as it says something of a CPU."""

    get_visible_devices = staticmethod(get_visible_devices)
    list_logical_devices = staticmethod(list_logical_devices)
    list_physical_devices = staticmethod(list_physical_devices)
    set_memory_growth = staticmethod(set_memory_growth)
    set_visible_devices = staticmethod(set_visible_devices)

    @staticmethod
    def enable_op_determinism() -> None:
        """Ask that operations give the same bits in each run, which they always do here."""
