"""How far int8 vectors are from float ones, and how often both find the same nearest sentence.

    python retrieval.py build/text-embedding/host-onnxruntime …

Every sentence of the evaluation set asks for the nearest of all the others. A bundle that offers float alone says why.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from model import folder

from edgebuild.core.errors import EdgebuildError
from edgebuild.running import run_samples
from edgebuild.store.bundle import Bundle, open_bundle

COSINE, AGREEMENT = 0.98, 0.97


def vectors(bundle: Bundle, precision: str) -> np.ndarray:
    """Of the evaluation set, (N, 384)."""
    outputs = run_samples(bundle, folder() / "evaluation.jsonl", None, None, precision, Path()).outputs
    return np.asarray(outputs["vector"], np.float64)


def nearest(made: np.ndarray) -> np.ndarray:
    """For each vector the number of the nearest other one."""
    near = made @ made.T
    np.fill_diagonal(near, -2)
    return np.asarray(near.argmax(axis=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("bundles", nargs="+", type=Path)
    good = True
    for place in filter(Path.is_dir, parser.parse_args().bundles):  # evidence lies beside them
        try:
            bundle = open_bundle(place)
            if not any(variant.precision == "int8" for variant in bundle.manifest.parts[0].variants):
                print(f"{place.name}: float only: {bundle.manifest.parts[0].variants[0].note}")
                continue
            exact, int8 = vectors(bundle, "float32"), vectors(bundle, "int8")
        except EdgebuildError as error:
            sys.exit(error.message)
        cosine = float((exact * int8).sum(1).mean())
        agreement = float((nearest(exact) == nearest(int8)).mean())
        first = bundle.manifest.parts[0].variants[0]
        print(
            f"{place.name}: {len(exact)} sentences, mean cosine {cosine:.4f}, same nearest {agreement:.1%};"
            f" offered first: {first.precision}, {first.note}"
        )
        good &= cosine >= COSINE and agreement >= AGREEMENT
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
