"""NumPy arrays in a trace: base cells, views as chains of links, NumPy's functions and dtypes."""

from . import einsum, functions, indexing, methods, shown, ufuncs, views

__all__ = ["einsum", "functions", "indexing", "methods", "shown", "ufuncs", "views"]
