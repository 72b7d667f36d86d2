"""``model.export``."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["NumpyExportArchive"]


class NumpyExportArchive:
    """Refuses: the saved-model directory of twofold is not there yet."""

    def track(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError("model.export() is not implemented by the twofold backend")

    add_endpoint = track_and_add_endpoint = add_variable_collection = write_out = track
