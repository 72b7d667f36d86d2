"""Capture: the user's Python, interpreted instruction by instruction on traced values.

``code.py`` reads code objects; ``frame.py`` and ``machine.py`` run them, with one function for each
instruction (``instructions.py`` and its neighbours); ``flow.py`` knows where branches join and
which instructions make a loop. What meets a value of the graph where Python needs to decide becomes
a region: ``branches.py``, ``loops.py``.
"""
