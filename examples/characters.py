"""A small transformer that writes English letter by letter, learned from Python's own manual.

    python examples/characters.py              held-out bits a letter, a text of its own, a plot
    twofold compare examples/characters.py     agreement and speed of the compiled functions

The text is ``pydoc_data.topics``, the language reference that ships with every Python, under
Python's licence. The network has two blocks of causal self-attention.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import numpy as np
from rich.progress import track

import twofold as tf
import twofold.keras as keras

LENGTH, WIDTH, HEADS, BLOCKS, BATCH = 48, 64, 4, 2, 32
LETTERS = "\n abcdefghijklmnopqrstuvwxyz.,;:'\"()[]{}=-_*+/<>0123456789"


def load() -> tuple[Any, Any]:
    """The text as int32 numbers of letters: training, held out."""
    text = "\n".join(topics[name] for name in sorted(topics)).lower()
    numbers = {letter: i for i, letter in enumerate(LETTERS)}
    found = np.array([numbers[c] for c in text if c in numbers], "int32")
    cut = len(found) * 9 // 10
    return found[:cut], found[cut:]


class Block(keras.layers.Layer):
    """Causal self-attention, then two dense layers; each added to what came in."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.norms = [keras.layers.LayerNormalization() for _ in range(2)]
        self.attention = keras.layers.MultiHeadAttention(HEADS, WIDTH // HEADS)
        self.wide = keras.layers.Dense(4 * WIDTH, activation="gelu")
        self.back = keras.layers.Dense(WIDTH)

    def call(self, x: Any) -> Any:
        """The same shape: [batch, letters, width]."""
        y = self.norms[0](x)
        x = x + self.attention(y, y, use_causal_mask=True)
        return x + self.back(self.wide(self.norms[1](x)))


class Writer(keras.Model):
    """Scores of the next letter at every place."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.letters = keras.layers.Embedding(len(LETTERS), WIDTH)
        self.places = keras.layers.Embedding(LENGTH, WIDTH)
        self.blocks = [Block() for _ in range(BLOCKS)]
        self.norm = keras.layers.LayerNormalization()
        self.scores = keras.layers.Dense(len(LETTERS))

    def call(self, x: Any) -> Any:
        """[batch, letters] numbers -> [batch, letters, len(LETTERS)]."""
        y = self.letters(x) + self.places(keras.ops.arange(LENGTH))
        for block in self.blocks:
            y = block(y)
        return self.scores(self.norm(y))


def batch(text: Any, rng: Any) -> tuple[Any, Any]:
    """Random pieces of the text, and the same a letter later."""
    starts = rng.integers(0, len(text) - LENGTH - 1, BATCH)
    pieces = text[starts[:, None] + np.arange(LENGTH + 1)]
    return pieces[:, :-1], pieces[:, 1:]


def train(steps: int, quiet: bool) -> tuple[Writer, list[float], float]:
    """A trained writer, the loss of every step, and the held-out bits a letter."""
    keras.utils.set_random_seed(1)
    text, held_out = load()
    writer, rng = Writer(), np.random.default_rng(2)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    rate = keras.optimizers.schedules.CosineDecay(1e-4, max(steps, 1), warmup_target=3e-3,
                                                  warmup_steps=max(steps // 20, 1))  # fmt: skip
    writer.compile(keras.optimizers.Adam(rate, clipnorm=1.0), loss)
    losses = [
        float(writer.train_on_batch(*batch(text, rng)))
        for _ in track(range(steps), description="steps", disable=quiet)
    ]
    rng = np.random.default_rng(3)
    nats = np.mean([writer.test_on_batch(*batch(held_out, rng)) for _ in range(8)])
    return writer, losses, float(nats / np.log(2))


@tf.function(jit_compile=True)
def next_letter(scores: Any, place: Any, uniform: Any) -> Any:
    """A letter drawn from the scores at a place: the first whose cumulated chance is beyond
    ``uniform``."""
    chances = tf.cumsum(tf.nn.softmax(scores[place] / 0.7))
    return tf.reduce_sum(tf.cast(chances < uniform, tf.int32))


def write(writer: Writer, begin: str, count: int, seed: int = 0) -> str:
    """Go on with a text for some letters."""
    rng = np.random.default_rng(seed)
    numbers = [LETTERS.index(c) for c in begin]
    for _ in range(count):
        seen = numbers[-LENGTH:]
        x = np.zeros((1, LENGTH), "int32")
        x[0, : len(seen)] = seen
        scores = writer.predict_on_batch(x)[0]
        drawn = next_letter(
            tf.constant(scores), tf.constant(len(seen) - 1), tf.constant(np.float32(rng.random()))
        )
        numbers.append(min(int(drawn), len(LETTERS) - 1))
    return "".join(LETTERS[n] for n in numbers)


def plot(losses: list[float], path: Path) -> None:
    """Save the curve of the loss."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4))
    axes.plot(np.array(losses) / np.log(2), linewidth=1)
    axes.set(xlabel="step", ylabel="bits a letter", title="letters of Python's manual")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120, bbox_inches="tight")
    pyplot.close(figure)
    print(f"plot: {path}")


def main() -> None:
    """Train, say how many bits a held-out letter takes, write a text."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--letters", type=int, default=160, help="of the text that it writes")
    parser.add_argument("--out", type=Path, default=Path("out"))
    parser.add_argument("--quiet", action="store_true", help="without a progress bar")
    args = parser.parse_args()
    writer, losses, bits = train(args.steps, args.quiet)
    print(f"{bits:.2f} bits a held-out letter; {np.log2(len(LETTERS)):.2f} before training")
    print(write(writer, "the ", args.letters))
    plot(losses, args.out / "characters.png")


if __name__ == "__main__":
    main()
