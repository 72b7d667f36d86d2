"""The command line: compare, dump, run, ops."""
