"""The gradients of control flow: ``cond`` and ``switch`` (``branches``), ``scan`` and ``while``.

Each is an ``Op.linearization``: the call that runs instead of an op also returns what its reverse
walk keeps, and the walk is a call of the same op on the reverse walks of the regions, which
``gradient.derive`` makes. So outer tapes differentiate it again.
"""

from . import branches, loops

__all__ = ["branches", "loops"]
