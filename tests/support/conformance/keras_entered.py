"""A plugin of pytest: Keras's own tests, on twofold.

Keras comes up through the seam before its ``conftest.py`` imports it. Its test of trainers takes the
trainer and the device of a backend that it knows by name; ours is put beside them.
"""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

import pytest

import twofold.keras  # noqa: F401  (the seam)

_REFUSED = 'raise ImportError(f"Invalid backend: {backend.backend()}")'
_TAKEN = "from keras.src.backend.numpy.trainer import NumpyTrainer as Trainer"
_DEVICE = '"torch": "cpu",'  # of a table of devices by backend


class _Trainers(pytest.Module):
    """The test of trainers, with a branch for this backend."""

    def _getobj(self) -> Any:
        name = "keras.src.trainers.trainer_test"
        spec = importlib.util.spec_from_file_location(name, self.path)
        assert spec is not None
        text = self.path.read_text(encoding="utf-8")
        assert _REFUSED in text, "this version of Keras's tests takes backends in another way"
        text = text.replace(_REFUSED, _TAKEN).replace(_DEVICE, f'{_DEVICE} "twofold": "cpu",')
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        exec(compile(text, str(self.path), "exec"), vars(module))
        return module


def pytest_pycollect_makemodule(module_path: Any, parent: Any) -> Any:
    if module_path.parts[-2:] == ("trainers", "trainer_test.py"):
        return _Trainers.from_parent(parent, path=module_path)
    return None
