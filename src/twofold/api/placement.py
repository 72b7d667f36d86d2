"""Where and in which order operations run: the devices, and TensorFlow's blocks about them.

There is one device, the CPU of this process, and the order is that of the program. What says so is
accepted; what asks for another device is refused, or runs on the CPU where TensorFlow's placement
is soft, as it is at the start.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from contextvars import Token
from typing import Any, NamedTuple

from twofold.ir import bind
from twofold.ir.errors import ArgumentError
from twofold.ir.tree import flatten

from .creation import convert_to_tensor

__all__ = [
    "LogicalDevice", "PhysicalDevice", "control_dependencies", "device", "get_logger",
    "get_soft_device_placement", "get_visible_devices", "group", "init_scope",
    "list_logical_devices", "list_physical_devices", "set_memory_growth",
    "set_soft_device_placement", "set_visible_devices", "tuple_",
]  # fmt: skip


class PhysicalDevice(NamedTuple):
    """A device that the machine has."""

    name: str
    device_type: str


class LogicalDevice(NamedTuple):
    """A device that operations run on."""

    name: str
    device_type: str


_PHYSICAL = PhysicalDevice("/physical_device:CPU:0", "CPU")
_LOGICAL = LogicalDevice("/device:CPU:0", "CPU")
_PART = re.compile(r"(job|replica|task|device):(.+)|(cpu|gpu|tpu)(?::(\d+|\*))?", re.IGNORECASE)
_HERE = {"job": "localhost", "replica": "0", "task": "0"}
_soft = True


def list_physical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The devices of a type, or all: the CPU.

    >>> import twofold as tf
    >>> [d.name for d in tf.config.list_physical_devices()], tf.config.list_physical_devices("GPU")
    (['/physical_device:CPU:0'], [])
    """
    return [_PHYSICAL] if device_type in (None, "CPU") else []


def list_logical_devices(device_type: str | None = None) -> list[LogicalDevice]:
    """The devices of a type that operations run on, or all: the CPU.

    >>> import twofold as tf
    >>> [d.name for d in tf.config.list_logical_devices("CPU")]
    ['/device:CPU:0']
    """
    return [_LOGICAL] if device_type in (None, "CPU") else []


def get_visible_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The devices of a type that may be used, or all: the CPU."""
    return list_physical_devices(device_type)


def set_visible_devices(devices: Any, device_type: str | None = None) -> None:
    """Accept what holds anyway: that the CPU is used, and no device of another type.

    Raises ArgumentError for other devices, and for a list without the CPU.

    >>> import twofold as tf
    >>> tf.config.set_visible_devices([], "GPU")
    """
    given = devices if isinstance(devices, list | tuple) and not _is_device(devices) else [devices]
    for one in given:
        _of_machine(one, "set_visible_devices")
    if device_type in (None, "CPU") and not given:
        raise ArgumentError("set_visible_devices: operations run on the CPU, which is not listed")
    if device_type not in (None, "CPU") and given:
        raise ArgumentError(f"set_visible_devices: {given[0].name} is no {device_type}")


def _is_device(x: Any) -> bool:
    return isinstance(x, PhysicalDevice | LogicalDevice)


def _of_machine(one: Any, what: str) -> None:
    if one != _PHYSICAL or not isinstance(one, PhysicalDevice):
        raise ArgumentError(f"{what}: {one!r} is none of tf.config.list_physical_devices()")


def set_memory_growth(device: Any, enable: bool) -> None:
    """Raise ArgumentError: memory grows on devices that are not the CPU, and there are none.

    Programs call it for each device of ``list_physical_devices("GPU")``, which is empty.
    """
    _of_machine(device, "set_memory_growth")
    raise ArgumentError("set_memory_growth: the memory of the CPU is the system's")


def get_soft_device_placement() -> bool:
    """Whether blocks of ``tf.device`` may name devices that are not there."""
    return _soft


def set_soft_device_placement(enabled: bool) -> None:
    """Whether blocks of ``tf.device`` may name devices that are not there: they run on the CPU.

    >>> import twofold as tf
    >>> tf.config.set_soft_device_placement(tf.config.get_soft_device_placement())
    """
    global _soft
    _soft = bool(enabled)


class device:
    """A block whose operations run on a device: the CPU.

    ``device_name``: ``"CPU"``, ``"/CPU:0"``, ``"/device:CPU:0"`` or None; another device of this
    process runs on the CPU, too, unless ``tf.config.set_soft_device_placement(False)``, with which
    it raises ArgumentError. So does a text that names no device, and one of another process.

    >>> import twofold as tf
    >>> with tf.device("/CPU:0"):
    ...     x = tf.constant(1.0)
    >>> tf.device("/CPU")
    <tf.device '/CPU'>
    """

    def __init__(self, device_name: Any) -> None:
        name = device_name.name if isinstance(device_name, LogicalDevice) else device_name
        if name is not None and not isinstance(name, str):
            raise ArgumentError(f"tf.device takes the name of a device, not {device_name!r}")
        kind, index = _parsed(name or "")
        if not _soft and not (kind == "CPU" and index in ("0", "*")):
            raise ArgumentError(f"tf.device: there is no {name}; {_LOGICAL.name} is there")
        self._name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: object) -> None:
        return None

    def __repr__(self) -> str:
        return f"<tf.device {self._name!r}>"


def _parsed(name: str) -> tuple[str, str]:
    """The type and the number of the device that a text names. Raises ArgumentError."""
    kind, index = "CPU", "0"
    for part in filter(None, name.split("/")):
        found = _PART.fullmatch(part)
        if found is None:
            raise ArgumentError(f"tf.device: {part!r} in {name!r} is no part of a device's name")
        key = (found[1] or "").lower()
        if key in _HERE:
            if found[2] != _HERE[key]:
                raise ArgumentError(f"tf.device: there is one process, and {name!r} is of another")
            continue
        text = found[2] if key else found[3] + (f":{found[4]}" if found[4] else "")
        kind, _, index = text.upper().partition(":")
    return kind, index or "0"


class control_dependencies:
    """A block that runs after ``control_inputs``, as everything does that stands after them.

    >>> import twofold as tf
    >>> v = tf.Variable(1.0)
    >>> with tf.control_dependencies([v.assign_add(1.0)]):
    ...     y = v * 10.0
    >>> y.item()
    20.0
    """

    def __init__(self, control_inputs: Iterable[Any] | None) -> None:
        if control_inputs is not None and not isinstance(control_inputs, Iterable):
            raise ArgumentError(f"control_dependencies takes a list, not {control_inputs!r}")

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: object) -> None:
        return None


def group(*inputs: Any, name: Any = None) -> None:
    """Nothing: ``inputs`` have run where they stand in the program, also in a compiled function.

    >>> import twofold as tf
    >>> v = tf.Variable(1.0)
    >>> tf.group(v.assign_add(1.0), v.assign_add(2.0))
    >>> v.numpy()
    np.float32(4.0)
    """
    flatten(inputs)


def tuple_(tensors: Sequence[Any], control_inputs: Any = None, name: Any = None) -> list[Any]:
    """The tensors, all of which have been computed.

    >>> import twofold as tf
    >>> [x.item() for x in tf.tuple([tf.constant(1), tf.constant(2)])]
    [1, 2]
    """
    return [None if x is None else convert_to_tensor(x) for x in tensors]


class init_scope:
    """A block that runs at once while a function is traced, and no part of its graph: it makes
    Variables and tables once, of values that are known then. No tape records what is in it.

    A function that uses tensors of its graph in such a block runs as plain Python.

    >>> import twofold as tf
    >>> @tf.function
    ... def f(x):
    ...     with tf.init_scope():
    ...         table = tf.range(3) * 10
    ...     return table + x
    >>> f(tf.constant(1)).numpy()
    array([ 1, 11, 21], dtype=int32)
    """

    def __init__(self) -> None:
        self._tokens: list[Token[Any]] = []

    def __enter__(self) -> None:
        self._tokens.append(bind.below(None))

    def __exit__(self, *error: object) -> None:
        bind.pop(self._tokens.pop())


def get_logger() -> logging.Logger:
    """The logger of twofold, of which those of its parts are children.

    >>> import twofold as tf
    >>> tf.get_logger().name
    'twofold'
    """
    return logging.getLogger("twofold")
