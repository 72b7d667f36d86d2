"""Functional control flow in a trace: each function becomes a region of a node.

``part.py`` traces a function into a region; ``branch.py`` stages ``cond`` and ``switch``,
``loop.py`` stages ``while`` (``ir/ops/control.py``). Outside of a trace the same forms are plain
Python: ``twofold/api/control.py``.
"""
