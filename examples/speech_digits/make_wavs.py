"""Write the Free Spoken Digit Dataset as WAV files, a folder a set, with the labels beside each.

    export SPEECH_DIGITS=/tmp/speech_digits
    python make_wavs.py

Reads ``$EDGEBUILD_DATA/datasets/fsdd.npz``. The sets are disjoint by take: ranges are taken on some of the takes that
the model learns from; settings are chosen on takes 10 to 13, and takes 0 to 9 are for the numbers that are reported.
"""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path

import numpy as np
from scipy.io import wavfile

SETS = {
    "training": range(14, 50),
    "calibration": range(14, 20),
    "selection": range(10, 14),
    "evaluation": range(10),
}


def main() -> None:
    if not os.environ.get("EDGEBUILD_DATA") or not os.environ.get("SPEECH_DIGITS"):
        sys.exit("set EDGEBUILD_DATA to the folder of the data sets, and SPEECH_DIGITS to where the WAV files go")
    place = Path(os.environ["SPEECH_DIGITS"])
    with np.load(Path(os.environ["EDGEBUILD_DATA"]) / "datasets" / "fsdd.npz") as stored:
        data = {name: stored[name] for name in stored.files}
    for name, takes in SETS.items():
        rows = [write(data, clip, place / name) for clip in np.flatnonzero(np.isin(data["take"], list(takes)))]
        with (place / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("file", "label"), *rows])
        print(f"{name}: {len(rows)} clips")


def write(data: dict[str, np.ndarray], clip: int, folder: Path) -> tuple[str, int]:
    """One clip; its file's name and digit."""
    folder.mkdir(parents=True, exist_ok=True)
    digit, speaker, take = (data[name][clip] for name in ("digit", "speaker", "take"))
    name = f"{digit}_{speaker}_{take}.wav"
    start, end = data["offsets"][clip : clip + 2]
    wavfile.write(folder / name, int(data["sample_rate"]), data["audio"][start:end])
    return name, int(digit)


if __name__ == "__main__":
    main()
