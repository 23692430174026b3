"""Both towers as they are deployed, in one precision: images go to the nearest of some captions.

    python zero_shot.py build/clip_image/host-onnxruntime build/clip_text/host-onnxruntime

Vectors of the evaluation images come from the one bundle, vectors of the captions from the other. With other words for
the ten classes, ``--name 1`` or ``--name 2``, nothing is built again.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from captions import NAMES
from data import evaluation

from edgebuild.core.errors import EdgebuildError
from edgebuild.running import run_samples
from edgebuild.store.bundle import Bundle, open_bundle


def vectors(bundle: Bundle, given: dict[str, np.ndarray], precision: str) -> np.ndarray:
    """What a bundle makes of some samples, (N, 64)."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "samples.npz"
        np.savez(place, **given)  # type: ignore[arg-type]
        return np.asarray(run_samples(bundle, place, None, None, precision, Path()).outputs["vector"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("image", type=Path)
    parser.add_argument("text", type=Path)
    parser.add_argument("--name", type=int, choices=(0, 1, 2), default=0)
    told = parser.parse_args()
    samples = evaluation()
    captions = [f"a photo of a {names[told.name]}" for names in NAMES]
    try:
        image, text = open_bundle(told.image), open_bundle(told.text)
        for precision in sorted({variant.precision for variant in image.manifest.parts[0].variants}):
            seen = vectors(image, {"image": samples["image"]}, precision)
            found = (seen @ vectors(text, {"text": np.array(captions)}, precision).T).argmax(1)
            right = 100 * float((found == samples["labels"]).mean())
            print(f"{precision}: {right:.1f} % of {len(found)} images find their caption, such as {captions[0]!r}")
    except EdgebuildError as error:
        sys.exit(error.message)


if __name__ == "__main__":
    main()
