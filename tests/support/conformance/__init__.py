"""Other projects' tests, run on twofold, and the page that says what came of it.

The suites are not part of this project: NumPy brings its own with its package, that of the array API
is a checkout (https://github.com/data-apis/array-api-tests) whose folder is given, and so are Keras's
(https://github.com/keras-team/keras, at the tag of the installed version; some of them need jax, torch
and tensorflow beside it)::

    cd tests
    python -m support.conformance numpy linalg fft lib.function_base --json numpy.json
    python -m support.conformance array-api CHECKOUT --mode function --json arrays.json
    python -m support.conformance keras CHECKOUT ops layers/core --json keras.json
    python -m support.conformance page arrays.json numpy.json ...

``page`` takes what the runs wrote into ``reference/conformance.json`` and ``docs/conformance.md``;
what Keras's tests found stands in ``docs/keras.md``.
"""
