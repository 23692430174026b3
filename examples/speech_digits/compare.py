"""The front end outside the graph against the one inside: the same answers, and how many are right.

    python compare.py build/speech-digits/host-onnxruntime build/speech-digits-in-graph/host-onnxruntime …

Bundles of one runtime are held against each other on the evaluation set.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
from model import weights_file

from edgebuild.core.errors import EdgebuildError
from edgebuild.running import run_samples
from edgebuild.store.bundle import Bundle, open_bundle

TOLERANCE = 2e-3
"""Largest difference of float scores, as a share of their range."""


def labels(folder: Path) -> np.ndarray:
    """In the order of the files' names."""
    with folder.with_suffix(".csv").open(encoding="utf-8", newline="") as file:
        rows = sorted(list(csv.reader(file))[1:])
    return np.array([int(label) for _, label in rows])


def scores(bundle: Bundle, precision: str, folder: Path) -> np.ndarray:
    """Of a folder of WAV files, (N, 10)."""
    return np.asarray(run_samples(bundle, folder, None, None, precision, Path()).outputs["output"], np.float64)


def main() -> None:
    folder = weights_file().parent / "evaluation"
    truth, float_scores, good = labels(folder), dict[str, np.ndarray](), True
    for place in (name for name in sys.argv[1:] if Path(name).is_dir()):  # evidence lies beside the bundles
        try:
            bundle = open_bundle(Path(place))
            found = {v.precision: scores(bundle, v.precision, folder) for v in bundle.manifest.parts[0].variants}
        except EdgebuildError as error:
            sys.exit(error.message)
        right = ", ".join(f"{name} {(made.argmax(1) == truth).mean():.1%}" for name, made in found.items())
        print(f"{bundle.manifest.name}, {bundle.manifest.target}: of {len(truth)} clips right: {right}")
        exact = found["float32"]
        other = float_scores.setdefault(bundle.manifest.target, exact)
        if other is not exact:
            share = float(np.abs(exact - other).max() / np.ptp(other))
            print(f"  float scores differ by {share:.2g} of their range from those of the other front end")
            good &= share <= TOLERANCE
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
