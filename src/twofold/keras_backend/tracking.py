"""What hangs below layers, models and optimisers of Keras, for modules, checkpoints, saved models.

The protocol is that of ``saving/tracked.py``: ``__tf_children__`` names what has Variables, and
``__tf_when_built__`` calls a function when weights have been made.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from keras.src.layers.layer import Layer
from keras.src.saving.keras_saveable import KerasSaveable

from twofold.saving.tracked import is_node, is_variable

__all__ = ["track"]


def track() -> None:
    """Let every layer, optimiser and metric follow the protocol."""
    KerasSaveable.__tf_children__ = _children
    KerasSaveable.__tf_when_built__ = _when_built


def _children(owner: Any) -> dict[str, Any]:
    """Weights by position, the states of seeds, and the optimiser of a compiled model; and by name
    the layer's own weights and what its attributes hold.

    Metrics are left out: they begin anew with every epoch.
    """
    if not isinstance(owner, Layer):
        return {"variables": list(getattr(owner, "variables", ()))}
    weights = owner.weights
    found: dict[str, Any] = {"weights": weights}
    met = {id(v) for v in weights}
    seeds = [g.state for layer in owner._flatten_layers() for g in layer._seed_generators]
    if seeds:
        found["seeds"] = [v for v in seeds if id(v) not in met]
    optimizer = getattr(owner, "optimizer", None)
    if optimizer is not None:
        found["optimizer"] = optimizer
    own = {v.name: v for v in owner._trainable_variables + owner._non_trainable_variables}
    return {**found, **{k: v for k, v in {**own, **_attributes(owner)}.items() if k not in found}}


def _attributes(owner: Layer) -> dict[str, Any]:
    """The layers, Variables and modules that a layer holds, alone or in containers, by name."""
    return {name: held for name, held in vars(owner).items() if name[0] != "_" and _holds(held)}


def _holds(value: Any, depth: int = 4) -> bool:
    """Whether this is, or a container holds, what is tracked; no metric and no optimiser."""
    if isinstance(value, dict | list | tuple):
        parts = value.values() if isinstance(value, dict) else value
        return depth > 0 and any(_holds(part, depth - 1) for part in parts)
    if isinstance(value, KerasSaveable):
        return isinstance(value, Layer)
    return is_variable(value) or is_node(value)


def _when_built(owner: Any, act: Callable[[], Any]) -> None:
    """Call ``act`` after each layer below, or the optimiser, has been built."""
    for part in owner._flatten_layers() if isinstance(owner, Layer) else [owner]:
        build = getattr(part, "build", None)
        if build is None or part.built or getattr(build, "_tf_waits", False):
            continue
        vars(part)["build"] = _built(part, build, act)


def _built(part: Any, build: Callable[..., Any], act: Callable[[], Any]) -> Callable[..., Any]:
    @functools.wraps(build)
    def builds(*args: Any, **kwargs: Any) -> Any:
        vars(part)["build"] = build
        made = build(*args, **kwargs)
        act()
        return made

    builds._tf_waits = True  # type: ignore[attr-defined]
    return builds
