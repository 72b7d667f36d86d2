"""NumPy arrays in a trace: base cells, views as chains of links, NumPy's functions and dtypes."""

from . import functions, indexing, methods, ufuncs, views

__all__ = ["functions", "indexing", "methods", "ufuncs", "views"]
