"""Tensors with their operators, for tests that go below the public face."""

from __future__ import annotations

import twofold.ir.ops
import twofold.runtime.eager  # noqa: F401  installs the executor
