"""``import twofold.keras as keras``: Keras 3 with twofold below it.

The module that this import gives is Keras itself. ``tf.keras`` is the same module. Needs the extra
``keras``. Raises ImportError if Keras is missing, of a version that was not tried, or already
imported on another backend.
"""

from __future__ import annotations

import sys

from twofold.keras_backend.seam import enter

sys.modules[__name__] = enter()
