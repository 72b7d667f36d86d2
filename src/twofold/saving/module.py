"""``tf.Module``: an object that knows its Variables and the modules below it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from twofold.ir.errors import ArgumentError
from twofold.runtime.own_scope import Method, in_own_scope
from twofold.runtime.scopes import name_scope

from .tracked import descendants, is_node, is_variable

__all__ = ["Module"]

_UNTRACKED = frozenset(("_name",))


class Module:
    """A base class for what has Variables: layers, models, optimisers.

    Variables and modules are found in attributes, and in lists, tuples and dicts there, at any
    depth. ``name`` is a Python identifier, by default the class's in snake case. Raises
    ArgumentError for another name.

    >>> import twofold as tf
    >>> class Dense(tf.Module):
    ...     def __init__(self, name=None):
    ...         super().__init__(name)
    ...         self.w = tf.Variable([[2.0]], name="w")
    ...     def __call__(self, x):
    ...         return x @ self.w
    >>> class Net(tf.Module):
    ...     def __init__(self):
    ...         self.layers = [Dense(), Dense()]
    >>> net = Net()
    >>> len(net.trainable_variables), [m.name for m in net.submodules]
    (2, ['dense', 'dense'])
    """

    _name: str | None = None

    def __init__(self, name: str | None = None) -> None:
        if name is not None and not (isinstance(name, str) and name.isidentifier()):
            raise ArgumentError(f"the name of a module is a Python identifier, not {name!r}")
        self._name = name

    @property
    def name(self) -> str:
        """The name of the module."""
        return self._name or _snake_case(type(self).__name__)

    @property
    def name_scope(self) -> name_scope:
        """A ``tf.name_scope`` of the module's name."""
        return name_scope(self.name)

    @property
    def variables(self) -> tuple[Any, ...]:
        """The Variables of the module and of those below it, each once: by the names of the
        attributes, the module's own first."""
        return self._flatten(predicate=_is_own)

    @property
    def trainable_variables(self) -> tuple[Any, ...]:
        """Those of ``variables`` that are trainable."""
        return tuple(v for v in self.variables if v.trainable)

    @property
    def non_trainable_variables(self) -> tuple[Any, ...]:
        """Those of ``variables`` that are not trainable."""
        return tuple(v for v in self.variables if not v.trainable)

    @property
    def submodules(self) -> tuple[Any, ...]:
        """The modules below this one, at any depth."""
        return self._flatten(predicate=lambda x: isinstance(x, Module))

    def _flatten(self, predicate: Callable[[Any], bool] | None = None) -> tuple[Any, ...]:
        return tuple(x for x in descendants(self) if predicate is None or predicate(x))

    def __tf_children__(self) -> dict[str, Any]:
        return {
            name: held for name, held in sorted(vars(self).items())
            if name not in _UNTRACKED and (is_variable(held) or is_node(held))
        }  # fmt: skip

    @classmethod
    def with_name_scope(cls, method: Method) -> Method:
        """Decorator: the method runs in the module's name scope, so that the names of Variables
        made in it begin with the module's.

        >>> import twofold as tf
        >>> class Lazy(tf.Module):
        ...     @tf.Module.with_name_scope
        ...     def __call__(self, x):
        ...         if not hasattr(self, "w"):
        ...             self.w = tf.Variable([[1.0]], name="w")
        ...         return x @ self.w
        >>> lazy = Lazy(name="lazy")
        >>> _ = lazy(tf.ones((1, 1)))
        >>> lazy.w.name
        'lazy/w'
        """
        return in_own_scope(method)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"


def _is_own(value: Any) -> bool:
    """Whether this is a Variable, not the state of a generator of random numbers."""
    return is_variable(value) and getattr(value, "turn", None) is None


def _snake_case(name: str) -> str:
    """``MyHTTPServer2`` -> ``my_http_server2``."""
    words = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z\d])([A-Z])", r"\1_\2", words).lower()
