"""The op files, by family. Each is imported when a name that stands in it is first asked for."""

from __future__ import annotations

from ..registry import REGISTRY
from .files import FILES

REGISTRY.stand_in(__name__, FILES)
