"""A decorated method of one instance, and how decorated functions are pickled."""

from __future__ import annotations

import functools
import inspect
import sys
import types
from typing import Any

from twofold.ir import bind

__all__ = ["BoundConcrete", "BoundMethod", "reduce_function"]

_OF_THE_INSTANCE = ("graph", "explain")


class BoundMethod:
    """A compiled method of one instance; two of them are equal if function and instance are."""

    __slots__ = ("__func__", "__self__", "__weakref__")
    is_compiled = True

    def __init__(self, function: Any, instance: Any) -> None:
        self.__func__ = function
        self.__self__ = instance

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return self.__func__(self.__self__, *args, **kwargs)
        except Exception as error:
            bind.leave(error)
            raise

    def get_concrete_function(self, *args: Any, **kwargs: Any) -> BoundConcrete:
        """The trace for these arguments of the instance's method; it is called without the
        instance, as the method is."""
        found = self.__func__.get_concrete_function(self.__self__, *args, **kwargs)
        return BoundConcrete(found, self.__self__)

    @property
    def __wrapped__(self) -> Any:
        """The method without the decorator, from which ``inspect`` takes the signature."""
        return types.MethodType(self.__func__.python_function, self.__self__)

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        doc: str | None = self.__func__.__doc__
        return doc

    @property
    def function(self) -> Any:
        """The decorated function."""
        return self.__func__

    def __getattr__(self, name: str) -> Any:
        if name in ("__func__", "__self__"):  # while it is being unpickled
            raise AttributeError(name)
        found = getattr(self.__func__, name)
        return functools.partial(found, self.__self__) if name in _OF_THE_INSTANCE else found

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BoundMethod):
            return NotImplemented
        return self.__func__ is other.__func__ and self.__self__ is other.__self__

    def __hash__(self) -> int:
        return hash((id(self.__self__), id(self.__func__)))

    def __reduce__(self) -> Any:
        return getattr, (self.__self__, self.__func__.__name__)

    def __repr__(self) -> str:
        return f"<bound tf.function {self.__func__.__qualname__} of {self.__self__!r}>"


class BoundConcrete:
    """A concrete function of a method, called on the arguments after the instance."""

    __slots__ = ("__self__", "__weakref__", "concrete")

    def __init__(self, concrete: Any, instance: Any) -> None:
        self.concrete, self.__self__ = concrete, instance

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return self.concrete(self.__self__, *args, **kwargs)
        except Exception as error:
            bind.leave(error)
            raise

    def __getattr__(self, name: str) -> Any:
        if name in self.__slots__:
            raise AttributeError(name)
        return getattr(self.concrete, name)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BoundConcrete):
            return NotImplemented
        return self.concrete is other.concrete and self.__self__ is other.__self__

    def __hash__(self) -> int:
        return hash((id(self.__self__), id(self.concrete)))

    def __reduce__(self) -> Any:
        return self.concrete.__reduce__()

    def __repr__(self) -> str:
        return repr(self.concrete)


def reduce_function(function: Any, options: dict[str, Any], rebuild: Any) -> Any:
    """How a decorated function is pickled: by its name, as Python pickles functions, where its
    module has it under that name; otherwise as the Python function and the options."""
    name = getattr(function, "__qualname__", "")
    found: Any = sys.modules.get(getattr(function, "__module__", None) or "")
    try:
        for part in name.split("."):
            found = inspect.getattr_static(found, part)
    except AttributeError:
        found = None
    if isinstance(found, staticmethod | classmethod):
        found = found.__func__
    if found is function and not (function.__module__ == "__main__" and _by_cloudpickle()):
        return name
    return rebuild, (function.python_function, options)


def _by_cloudpickle() -> bool:
    """Whether cloudpickle asks, which sends what a script defines by value."""
    if "cloudpickle" not in sys.modules:
        return False
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] == "cloudpickle":
            return True
        frame = frame.f_back
    return False
