"""The fused network against each modality alone, and int8 against float, with intervals by resampling clips.

    python compare.py build/av_digits/host-onnxruntime …

The 500 evaluation clips, each in four pairs: with four images of its digit, and in four noises. Pairs of one clip are
not independent, so an interval is over clips, drawn again with all their pairs (95 %, 10,000 resamples).
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from data import evaluation
from model import ALONE, trained
from numpy.typing import NDArray
from train import prepared

from edgebuild.core.errors import EdgebuildError
from edgebuild.core.intervals import mcnemar
from edgebuild.running import run_samples
from edgebuild.store.bundle import Bundle, open_bundle

DRAWS = 4
Right = NDArray[np.bool_]
"""Which pairs are right, (DRAWS, clips)."""
KEPT = {"both": (1.0, 1.0), "image alone": (1.0, 0.0), "sound alone": (0.0, 1.0)}


def in_torch(weights: Path | None, image: float, audio: float) -> Right:
    """Of a network, with what it is given."""
    net = trained() if weights is None else trained(weights)
    rows = []
    for draw in range(DRAWS):
        pictures, sounds, labels = prepared(evaluation(draw))
        with torch.no_grad():
            rows.append((net(pictures * image, sounds * audio).argmax(1) == labels).numpy())
    return np.stack(rows)


def of_bundle(bundle: Bundle, precision: str, image: float, audio: float) -> Right:
    """Of a bundle; what is missing is left out of the file, and the bundle puts in what it declares."""
    rows = []
    for draw in range(DRAWS):
        samples = evaluation(draw)
        labels = samples.pop("labels")
        given = {name: samples[name] for name, kept in (("image", image), ("audio", audio)) if kept}
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "pairs.npz"
            np.savez(file, **given)
            outputs = run_samples(bundle, file, None, None, precision, Path()).outputs
        rows.append(next(iter(outputs.values())).argmax(1) == labels)
    return np.stack(rows)


def interval(difference: NDArray[np.float64]) -> str:
    """The mean over pairs in points, and its interval over clips; ``difference`` is (DRAWS, clips)."""
    clips = difference.mean(axis=0)
    random = np.random.default_rng(0)
    means = [random.choice(clips, len(clips)).mean() for _ in range(10_000)]
    low, high = np.quantile(means, (0.025, 0.975))
    return f"{100 * clips.mean():.2f} ({100 * low:.2f} to {100 * high:.2f})"


def better(own: Right, other: Right) -> str:
    """By how many points, and McNemar's exact test on the first draw, in which each clip is once."""
    won, lost = int((own[0] & ~other[0]).sum()), int((other[0] & ~own[0]).sum())
    p = mcnemar(won, lost)
    return f"{interval(own.astype(float) - other.astype(float))} points better; won {won}, lost {lost}, p = {p:.1g}"


def fusion() -> Iterator[str]:
    """What the fused network has right, and how much more than others with one modality."""
    fused = {name: in_torch(None, *kept) for name, kept in KEPT.items()}
    yield f"fused: {interval(fused['both'].astype(float))} % right"
    others = {f"itself with the {name}": right for name, right in fused.items() if name != "both"}
    others |= {
        f"a network for the {name} alone": in_torch(ALONE[name], *KEPT[f"{name} alone"]) for name in ("image", "sound")
    }
    for name, right in others.items():
        yield f"  than {name} ({100 * right.mean():.1f} %): {better(fused['both'], right)}"


def rounding(bundle: Bundle) -> Iterator[str]:
    """What int8 loses, with both modalities and with each alone."""
    for name, kept in KEPT.items():
        exact, int8 = (of_bundle(bundle, precision, *kept).astype(float) for precision in ("float32", "int8"))
        shares = f"float {100 * exact.mean():.2f} %, int8 {100 * int8.mean():.2f} %"
        yield f"{bundle.manifest.target}, {name}: {shares}; int8 loses {interval(exact - int8)} points"


def main() -> None:
    print(*fusion(), sep="\n", flush=True)
    for place in (Path(name) for name in sys.argv[1:] if Path(name).is_dir()):  # evidence lies beside the bundles
        try:
            print(*rounding(open_bundle(place)), sep="\n", flush=True)
        except EdgebuildError as error:
            sys.exit(error.message)


if __name__ == "__main__":
    main()
