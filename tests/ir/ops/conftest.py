"""Tensors with their operators, for tests that go below the public face."""

from __future__ import annotations

import twofold.ir.ops
import twofold.runtime.eager  # noqa: F401  installs the executor
import twofold.runtime.tensor as tensor_module

tensor_module.install_operators()
