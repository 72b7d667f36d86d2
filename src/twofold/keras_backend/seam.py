"""The seam: Keras comes up with twofold as its backend.

Keras 3 knows its backends by name, in chains of ``if`` in four of its modules. So the name numpy is
used during its import, a finder answers for the modules of that backend with ours, and afterwards
the name is ours. No text of Keras is changed. When a release takes backends from outside, this file
becomes a line.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.metadata
import importlib.util
import os
import sys
import threading
from collections.abc import Sequence
from types import ModuleType, SimpleNamespace
from typing import Any

from twofold.compiler import library

__all__ = ["NAME", "enter"]

NAME = "twofold"
TRIED = ((3, 12), (3, 16))  # versions from, and below
_STAND_IN = "keras.src.backend.numpy"
_HOME = "twofold.keras_backend"

_lock = threading.RLock()


def enter() -> ModuleType:
    """Import Keras on twofold, once; returns Keras. Raises ImportError."""
    with _lock:
        found = sys.modules.get("keras")
        if found is None:
            _check_version()
            found = _import()
        elif _backend_of(found) != NAME:
            raise ImportError(
                f"Keras was imported before with the backend {_backend_of(found)!r}, and a process "
                f"has one Keras; import twofold.keras before anything that imports keras"
            )
        return found


def _backend_of(keras: ModuleType) -> Any:
    config = sys.modules.get("keras.src.backend.config")
    return None if config is None else config.backend()


def _check_version() -> None:
    try:
        version = importlib.metadata.version("keras")
    except importlib.metadata.PackageNotFoundError:
        raise ImportError(
            "twofold.keras needs Keras; install it with: pip install 'twofold[keras]'"
        ) from None
    parts = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if not TRIED[0] <= parts < TRIED[1]:
        low, high = (".".join(map(str, v)) for v in TRIED)
        raise ImportError(
            f"Keras {version} was not tried with this version of twofold, which takes versions "
            f"from {low} to below {high}; install one with: pip install 'keras>={low},<{high}'"
        )


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Answers for the modules of the stand-in with our modules of the same last name."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name == _STAND_IN or name.startswith(_STAND_IN + "."):
            return importlib.machinery.ModuleSpec(name, self, is_package=name == _STAND_IN)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        tail = spec.name[len(_STAND_IN) :] or ".surface"
        module = importlib.import_module(_HOME + tail)
        self.own = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.own  # one module with two names: it is loaded already


def _import() -> ModuleType:
    before = os.environ.get("KERAS_BACKEND")
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    os.environ["KERAS_BACKEND"] = "numpy"
    try:
        keras = importlib.import_module("keras")
    except BaseException:
        for name in [n for n in sys.modules if n == "keras" or n.startswith("keras.")]:
            del sys.modules[name]  # half of Keras on the wrong name would be worse than none
        raise
    finally:
        sys.meta_path.remove(finder)
        if before is None:
            del os.environ["KERAS_BACKEND"]
        else:
            os.environ["KERAS_BACKEND"] = before
    _rename()
    for package in (keras, importlib.import_module(_HOME)):
        library.run_natively(package)  # they stage computations as ops do
    return keras


def _rename() -> None:
    """Call the backend by its name, and mend what asks for backends by theirs."""
    config = sys.modules["keras.src.backend.config"]
    config._BACKEND = NAME  # type: ignore[attr-defined]
    _mend_dynamic_backend()
    _mend_shapes()
    _mend_files()
    _mend_logs()
    _mend_seeds()
    _mend_datasets()
    importlib.import_module(f"{_HOME}.users").open_to_users()
    _refuse_change()


def _mend_dynamic_backend() -> None:
    """``DynamicBackend`` of preprocessing layers looks up the functions of a backend by name.

    These layers ask whether a size is an int, and take one that is not for a larger one than their
    own: sizes of images are numbers to them, also in a compiled function.
    """
    utils = importlib.import_module("keras.src.utils.backend_utils")
    backend = importlib.import_module("keras.src.backend")
    known = utils.DynamicBackend.__getattr__

    def shape(x: Any) -> tuple[Any, ...]:
        sizes = backend.shape(x)
        return tuple(d if i == 0 and len(sizes) > 3 else int(d) for i, d in enumerate(sizes))

    def attribute(self: Any, name: str) -> Any:
        if self._backend != NAME:
            return known(self, name)
        return shape if name == "shape" else getattr(backend, name)

    utils.DynamicBackend.__getattr__ = attribute


def _mend_seeds() -> None:
    """``keras.utils.set_random_seed`` sets the seed of TensorFlow's numbers and orders, which are
    those of ``tf.random`` and ``tf.data`` here."""
    random = importlib.import_module("twofold.random")
    seeds: Any = importlib.import_module("keras.src.utils.rng_utils")
    seeds.tf = SimpleNamespace(available=True, random=random)


def _mend_datasets() -> None:
    """What Keras makes datasets with (``image_dataset_from_directory``, ``split_dataset`` ...) asks
    TensorFlow without asking whether it is there: where it is not, twofold answers."""
    if importlib.util.find_spec("tensorflow") is not None:
        return
    modules: Any = importlib.import_module("keras.src.utils.module_utils")
    backend: Any = importlib.import_module("keras.src.backend")
    twofold = importlib.import_module("twofold")

    class TensorFlow(modules.LazyModule):
        def __getattr__(self, name: str) -> Any:
            return getattr(twofold, name)

    modules.tensorflow.__class__ = TensorFlow
    backend.tensorflow = importlib.import_module(_STAND_IN)
    datasets: Any = importlib.import_module("keras.src.utils.dataset_utils")

    def is_tf_dataset(dataset: Any) -> bool:
        return "twofold.data.dataset" in [c.__module__ for c in type(dataset).__mro__]

    def get_batch_size(dataset: Any) -> int | None:
        node: Any = getattr(dataset, "_node", None)
        return node.size if getattr(node, "name", "") == "batch" else None

    def is_batched(dataset: Any) -> bool:
        return get_batch_size(dataset) is not None

    for made in (is_tf_dataset, get_batch_size, is_batched):
        known = getattr(datasets, made.__name__, None)  # some came with a later version
        if known is not None:
            _replace(made.__name__, known, made)


def _mend_shapes() -> None:
    """Sizes that are open while a function is traced are None to Keras, as they are for others."""
    variables = importlib.import_module("keras.src.backend.common.variables")
    own = variables.standardize_shape

    def standardize_shape(shape: Any) -> Any:
        if isinstance(shape, Sequence):
            shape = tuple(None if hasattr(type(d), "symbolic_size") else d for d in shape)
        return own(shape)

    _replace("standardize_shape", own, standardize_shape)
    layer = importlib.import_module("keras.src.layers.layer")
    symbolic = importlib.import_module("keras.src.backend.common.symbolic_scope")
    shapes_of = layer.get_shapes_dict

    def get_shapes_dict(call_spec: Any) -> Any:
        """What a layer is built for. In a compiled function sizes of features become numbers."""
        if not symbolic.in_symbolic_scope():
            for x in layer.tree.flatten(call_spec.tensor_arguments_dict):
                for size in getattr(x, "shape", ())[1:]:
                    if hasattr(type(size), "symbolic_size"):
                        int(size)
        return shapes_of(call_spec)

    _replace("get_shapes_dict", shapes_of, get_shapes_dict)


def _mend_files() -> None:
    """Models are saved as directories of ours, too, and files are whole or not there."""
    tracking = importlib.import_module(f"{_HOME}.tracking")
    files = importlib.import_module(f"{_HOME}.files")
    export = importlib.import_module(f"{_HOME}.export")
    api = importlib.import_module("keras.src.saving.saving_api")
    tracking.track()
    _replace("save_model", api.save_model, files.saving(api.save_model))
    _replace("save_weights", api.save_weights, files.saving_weights(api.save_weights))
    _replace("load_model", api.load_model, files.loading(api.load_model))
    _replace("load_weights", api.load_weights, files.loading_weights(api.load_weights))
    own = importlib.import_module("keras.src.export.saved_model").ExportArchive
    _replace("ExportArchive", own, export.ExportArchive)


def _mend_logs() -> None:
    """The callback for TensorBoard needs no TensorFlow."""
    callbacks = importlib.import_module("keras.src.callbacks.tensorboard")
    logs = importlib.import_module(f"{_HOME}.logs")
    logs.mend(callbacks.TensorBoard)
    _replace("keras_model_summary", callbacks.keras_model_summary, logs.keras_model_summary)


def _replace(name: str, own: Any, made: Any) -> None:
    """Put ``made`` wherever a module of Keras has ``own`` under a name."""
    for module in list(sys.modules.values()):
        if getattr(module, "__name__", "").partition(".")[0] == "keras" and (
            vars(module).get(name) is own
        ):
            setattr(module, name, made)


def _refuse_change() -> None:
    """``keras.config.set_backend`` would load Keras again around objects of the first one."""
    utils = importlib.import_module("keras.src.utils.backend_utils")

    def set_backend(backend: str) -> None:
        if backend != NAME:
            raise ValueError(
                f"Keras runs on twofold here and stays there: set_backend({backend!r}) would leave "
                f"layers and tensors of two backends in one process; start another process"
            )

    _replace("set_backend", utils.set_backend, set_backend)
