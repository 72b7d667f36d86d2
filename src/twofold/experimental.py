"""``tf.experimental``: what other libraries hand over, and TensorFlow's names of small dtypes."""

from __future__ import annotations

from typing import Any

from twofold.api.creation import convert_to_tensor
from twofold.api.creation import from_dlpack as _of_producer
from twofold.dtypes import float8_e4m3fn, float8_e5m2

__all__ = ["dlpack", "float8_e4m3fn", "float8_e5m2"]


class _Holder:
    """What has a capsule, as the protocol wants to be asked for it."""

    def __init__(self, capsule: Any) -> None:
        self._capsule = capsule

    def __dlpack__(self, **options: Any) -> Any:
        return self._capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0  # the CPU


class dlpack:
    """``tf.experimental.dlpack``: capsules; ``tf.from_dlpack`` takes what makes them."""

    @staticmethod
    def to_dlpack(tf_tensor: Any) -> Any:
        """A capsule of DLPack with the memory of a tensor, to be taken once.

        >>> import twofold as tf
        >>> capsule = tf.experimental.dlpack.to_dlpack(tf.constant([1.0, 2.0]))
        >>> tf.experimental.dlpack.from_dlpack(capsule).numpy()
        array([1., 2.], dtype=float32)
        """
        return convert_to_tensor(tf_tensor).__dlpack__()

    @staticmethod
    def from_dlpack(dlcapsule: Any) -> Any:
        """The tensor of a capsule, or of an object that makes one."""
        made = hasattr(dlcapsule, "__dlpack__")
        return _of_producer(dlcapsule if made else _Holder(dlcapsule))
