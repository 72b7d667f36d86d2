"""What a function returns where it returns things that have no common form: one of two values.

``return None`` on one way and a tensor on the other: both are computed, with a test that says which
it is. Whoever calls the compiled function gets that one. In a function of the user's that calls
another, both ways go on with what that one gave (``machine.parted``).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from twofold.ir.tree import settled

__all__ = ["Choice"]


@settled
class Choice(NamedTuple):
    """One of two values: ``yes`` where ``test`` holds."""

    test: Any
    yes: Any
    no: Any

    def settled(self) -> Any:
        """The value, where the test is known."""
        return self.yes if self.test else self.no
