"""``twofold run DIR --signature`` and ``twofold dump DIR``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.scripts import twofold

import twofold as tf


class Model(tf.Module):
    def __init__(self) -> None:
        super().__init__("model")
        self.w = tf.Variable([2.0, 3.0], name="w")
        self.calls = tf.Variable(0, trainable=False, name="calls")

    @tf.function(input_signature=[tf.TensorSpec([None, 2]), tf.TensorSpec([], name="rate")])
    def scale(self, x: Any, r: Any) -> Any:
        self.calls.assign_add(1)
        return x * self.w * r


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("models") / "model")
    model = Model()
    tf.saved_model.save(model, folder, signatures={"scale": model.scale})
    return folder


@pytest.mark.parametrize("mode", ["--eager", "--compiled"])
def test_a_signature_runs_on_given_and_random_inputs(saved: str, mode: str) -> None:
    args = ("--signature", "scale", "--input", "x=[[1, 1]]", "--input", "rate=10", "--json", mode)
    done = twofold("run", saved, *args)
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["outputs"][0]["value"] == [[20.0, 30.0]]
    assert report["variables"][0] == {"name": "calls", "dtype": "int32", "shape": [], "value": 1}
    other = json.loads(twofold("run", saved, "--size", "n=3", "--json").stdout)
    assert other["outputs"][0]["shape"] == [3, 2]


def test_a_summary_and_the_graph_of_a_signature_are_shown(saved: str) -> None:
    text = twofold("dump", saved).stdout
    for part in ("version 1", "weights.safetensors", "signature scale(x: f32[n,2], rate: f32[])",
                 "variable w: float32[2]", "variable calls: int32[], not trainable"):  # fmt: skip
        assert part in text
    assert twofold("dump", f"{saved}:scale", "--after", "trace").stdout.startswith("graph scale(")
    assert "def " in twofold("dump", f"{saved}:scale", "--kernels").stdout


def test_what_is_not_there_is_told(saved: str, tmp_path: Path) -> None:
    assert "it has: scale" in twofold("run", saved, "--signature", "no").output
    assert "it has: scale" in twofold("dump", f"{saved}:no").output
    assert "is no saved model" in twofold("run", str(tmp_path), "--signature", "f").output
    (tmp_path / "manifest.json").write_text("{")
    done = twofold("dump", str(tmp_path))
    assert done.exit_code != 0
    assert "damaged" in done.output
