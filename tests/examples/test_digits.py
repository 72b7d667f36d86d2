"""The digits example keeps what it claims: accuracy, and one loss curve in both modes."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest
from rich.progress import Progress
from support.examples import load, run_main

import twofold as tf

EPOCHS = 8  # a shorter training than the example's own, which reaches the accuracy as well
STEPS = 23  # in an epoch: 22 batches of 64 digits, and one of 29


class Trained(NamedTuple):
    digits: ModuleType
    losses: dict[str, list[float]]
    accuracy: dict[str, float]
    traces: dict[str, int]


@pytest.fixture(scope="module")
def trained() -> Trained:
    done = Trained(load("digits"), {}, {}, {})
    step = done.digits.Classifier.train_step
    with Progress(disable=True) as progress:
        for mode in ("eager", "compiled"):
            tf.config.run_functions_eagerly(mode == "eager")
            try:
                losses, accuracy = done.digits.train(mode, EPOCHS, progress)
            finally:
                tf.config.run_functions_eagerly(False)
            done.losses[mode], done.accuracy[mode] = losses, accuracy
            done.traces[mode] = step.experimental_get_tracing_count()
    return done


def test_held_out_accuracy_in_both_modes(trained: Trained) -> None:
    assert min(trained.accuracy.values()) >= 0.96
    assert trained.accuracy["eager"] == trained.accuracy["compiled"]


def test_the_loss_curves_are_the_same(trained: Trained) -> None:
    assert {len(c) for c in trained.losses.values()} == {EPOCHS * STEPS}
    assert trained.digits.disagreement(trained.losses) <= 1e-4


def test_training_learns(trained: Trained) -> None:
    first, last = (sum(trained.losses["compiled"][i : i + STEPS]) for i in (0, -STEPS - 1))
    assert last < 0.1 * first


def test_the_smaller_last_batch_needs_no_trace_of_its_own(trained: Trained) -> None:
    assert trained.traces == {"eager": 0, "compiled": 1}


def test_the_split_is_the_one_in_the_text(trained: Trained) -> None:
    x, x_test, y, y_test = trained.digits.load()
    assert (len(x), len(y), len(x_test), len(y_test)) == (1437, 1437, 360, 360)
    assert len(x) % trained.digits.BATCH == 29


def test_main_reports_agreement_and_saves_the_plot(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    run_main(trained.digits, monkeypatch, "--epochs", 1, "--out", tmp_path)
    out = capsys.readouterr().out
    assert "eager: held-out accuracy" in out and "compiled: held-out accuracy" in out
    assert "the loss curves agree to" in out
    assert (tmp_path / "digits_loss.png").read_bytes().startswith(b"\x89PNG")


def test_main_fails_when_the_curves_differ(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    curves = iter([([1.0, 0.5], 1.0), ([1.0, 0.5002], 1.0)])
    monkeypatch.setattr(trained.digits, "train", lambda *_: next(curves))
    with pytest.raises(SystemExit, match="should agree to 1e-04"):
        run_main(trained.digits, monkeypatch, "--out", tmp_path)


def test_one_mode_alone_reaches_the_accuracy_by_its_own_defaults(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    run_main(trained.digits, monkeypatch, "--mode", "compiled", "--out", tmp_path)
    out = capsys.readouterr().out
    assert "eager:" not in out and "agree" not in out
    assert float(out.partition("held-out accuracy ")[2].partition(",")[0]) >= 0.96
    assert (tmp_path / "digits_loss.png").exists()
