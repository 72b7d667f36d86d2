"""``keras.ops.numpy``."""

from __future__ import annotations

from .arrays import *  # noqa: F403
from .creation import *  # noqa: F403
from .elementwise import *  # noqa: F403
from .reductions import *  # noqa: F403
