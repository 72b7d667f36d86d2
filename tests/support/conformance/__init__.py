"""Other projects' tests, run on twofold, and the page that says what came of it.

The suites are not part of this project: NumPy brings its own with its package, that of the array API
is a checkout (https://github.com/data-apis/array-api-tests) whose folder is given::

    cd tests
    python -m support.conformance numpy linalg fft lib.function_base --json numpy.json
    python -m support.conformance array-api CHECKOUT --mode function --json arrays.json
    python -m support.conformance page arrays.json numpy.json ...

``page`` takes what the runs wrote into ``reference/conformance.json`` and ``docs/conformance.md``.
"""
