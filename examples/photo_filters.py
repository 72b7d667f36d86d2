"""A chain of image filters on two photographs, compiled once for all sizes.

    python examples/photo_filters.py
    twofold compare examples/photo_filters.py

Blur, unsharp mask, tone curve, warm tint and vignette on scikit-learn's sample photographs; the
result is saved beside the original. Every size of picture runs through the same trace.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

import twofold as tf

KERNEL = np.array([1, 4, 6, 4, 1], np.float32) / 16


def blur(image: Any) -> Any:
    """A binomial blur, first down the rows, then along them; the border is repeated."""
    for axis in (0, 1):
        size = image.shape[axis]
        widths = [(2, 2) if a == axis else (0, 0) for a in range(3)]
        padded = tf.pad(image, widths, mode="edge")
        taps = [
            float(k) * (padded[i : i + size] if axis == 0 else padded[:, i : i + size])
            for i, k in enumerate(KERNEL)
        ]
        image = sum(taps[1:], taps[0])
    return image


def vignette(image: Any) -> Any:
    """Darken towards the corners."""
    rows = tf.linspace(-1.0, 1.0, image.shape[0])[:, None, None]
    columns = tf.linspace(-1.0, 1.0, image.shape[1])[None, :, None]
    return image * (1 - 0.35 * (rows * rows + columns * columns))


@tf.function(jit_compile=True)
def develop(pixels: Any) -> Any:
    """The whole chain: bytes in, float32 in [0, 1] out."""
    image = tf.cast(pixels, tf.float32) / 255
    sharp = tf.clip(image + 1.2 * (image - blur(image)), 0.0, 1.0)
    curved = sharp * sharp * (3 - 2 * sharp)
    toned = 0.6 * sharp + 0.4 * curved
    warm = toned * tf.constant([1.06, 1.0, 0.9])
    return tf.clip(vignette(warm), 0.0, 1.0) ** 0.9


def main() -> None:
    """Develop both photographs and a crop, save them before and after."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("out"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    china, flower = load_sample_images().images
    for name, photo in (("china", china), ("flower", flower), ("crop", china[100:300, 150:500])):
        finished = develop(tf.constant(photo)).numpy()
        after = np.round(255 * finished).astype(np.uint8)
        path = args.out / f"photo_{name}.png"
        Image.fromarray(np.hstack([photo, after])).save(path)
        print(f"{photo.shape[1]} x {photo.shape[0]}: {path}")
    print(f"traces: {develop.experimental_get_tracing_count()}")


if __name__ == "__main__":
    main()
