"""How Keras comes up on twofold, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from support.layout import PYPROJECT

from twofold.keras_backend.seam import TRIED


def run(text: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, check=False,
        env={**os.environ, **environment}, timeout=300,
    )  # fmt: skip


@pytest.mark.parametrize(
    "way", ["import twofold.keras as keras", "import twofold as tf; keras = tf.keras"]
)
def test_keras_runs_on_twofold_whatever_the_environment_says(way: str) -> None:
    done = run(
        f"{way}; import os, keras as plain\n"
        "import twofold as tf\n"
        "print(keras is plain is tf.keras, keras.backend.backend(), os.environ['KERAS_BACKEND'])\n"
        "print(type(keras.ops.ones(2)) is tf.Tensor)",
        KERAS_BACKEND="torch",
    )
    assert done.stdout.split() == ["True", "twofold", "torch", "True"], done.stderr


def test_keras_on_another_backend_is_refused_with_what_to_do() -> None:
    done = run(
        "import sys, types\n"
        "sys.modules['keras'] = types.ModuleType('keras')\n"
        "config = sys.modules['keras.src.backend.config'] = types.ModuleType('config')\n"
        "config.backend = lambda: 'jax'\n"
        "import twofold.keras"
    )
    assert "ImportError: Keras was imported before with the backend 'jax'" in done.stderr
    assert "import twofold.keras before anything that imports keras" in done.stderr


def test_without_keras_the_import_says_how_to_install_it() -> None:
    done = run(
        "import importlib.metadata as m\n"
        "def version(name): raise m.PackageNotFoundError(name)\n"
        "m.version = version\n"
        "import twofold.keras"
    )
    assert "pip install 'twofold[keras]'" in done.stderr


def test_a_version_that_was_not_tried_is_refused() -> None:
    done = run(
        "import importlib.metadata as m\nm.version = lambda name: '4.0.0'\nimport twofold.keras"
    )
    assert "Keras 4.0.0 was not tried with this version of twofold" in done.stderr


def test_the_range_of_versions_is_that_of_the_extra() -> None:
    (keras,) = (Requirement(r) for r in PYPROJECT["project"]["optional-dependencies"]["keras"])
    low, high = (".".join(map(str, v)) for v in TRIED)
    assert keras.specifier == SpecifierSet(f">={low},<{high}")


def test_the_backend_cannot_be_changed_under_living_layers() -> None:
    done = run("import twofold.keras as keras; keras.config.set_backend('jax')")
    assert "ValueError: Keras runs on twofold here and stays there" in done.stderr
