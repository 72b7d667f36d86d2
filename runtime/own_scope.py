"""Methods that run in the ``name_scope`` of their object.

What is written here calls code of the user's, so it is interpreted as that is while a function is
traced (``compiler/capture/opened.py``). Nothing else belongs into this file.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["Method", "in_own_scope"]

Method = TypeVar("Method", bound=Callable[..., Any])


def in_own_scope(method: Method) -> Method:
    """The method, in the name scope of the object that it is called of."""

    @functools.wraps(method)
    def in_scope(self: Any, *args: Any, **kwargs: Any) -> Any:
        with self.name_scope:
            return method(self, *args, **kwargs)

    return in_scope  # type: ignore[return-value]
