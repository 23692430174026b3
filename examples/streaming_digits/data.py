"""Spoken digits as frames of a log-mel spectrogram, one every 20 ms: what a microphone gives a streaming model.

The clips are those of the Free Spoken Digit Dataset (Jakobovski, CC BY-SA 4.0): 8 kHz, five speakers. A clip stands at
the end of its sequence, with silence before it, as if somebody began to speak.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Samples = dict[str, NDArray[np.generic]]

RATE = 8000
HOP = 160
WINDOW = 256
BANDS = 20
STEPS = 40
"""Frames a sequence: 0.8 s."""
_FLOOR = 1e-4
"""Energy of what is called silence; the loudest sample is 1."""


def frames(audio: NDArray[np.int16]) -> NDArray[np.float32]:
    """(STEPS, BANDS): the logarithm of the mel energies of the last 0.8 s of a clip."""
    length = (STEPS - 1) * HOP + WINDOW
    heard = np.zeros(length, np.float32)
    own = audio[-length:].astype(np.float32) / 32768
    heard[length - len(own) :] = own
    windows = np.lib.stride_tricks.sliding_window_view(heard, WINDOW)[::HOP] * np.hanning(WINDOW).astype(np.float32)
    power = np.abs(np.fft.rfft(windows, axis=1)) ** 2
    return np.log(power @ _mel_bands().T + _FLOOR).astype(np.float32)


@cache
def _mel_bands() -> NDArray[np.float32]:
    """(BANDS, WINDOW // 2 + 1): triangles, equally wide on the mel scale 2595 log10(1 + f / 700)."""
    top = 2595 * np.log10(1 + RATE / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, BANDS + 2) / 2595) - 1)
    bins = np.fft.rfftfreq(WINDOW, 1 / RATE)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)


def _clips(takes: range) -> Samples:
    """The recordings of some takes: each of five speakers said each digit fifty times."""
    with np.load(_data_folder() / "datasets" / "fsdd.npz") as stored:
        audio, offsets, take, digit = (stored[name] for name in ("audio", "offsets", "take", "digit"))
    chosen = np.flatnonzero(np.isin(take, takes))
    made = np.stack([frames(audio[offsets[i] : offsets[i + 1]]) for i in chosen])
    return {"frame": made, "labels": digit[chosen].astype(np.int64)}


def _data_folder() -> Path:
    root = os.environ.get("EDGEBUILD_DATA")
    if not root:
        raise RuntimeError("EDGEBUILD_DATA is not set; set it to the folder that holds datasets/fsdd.npz")
    return Path(root)


def training() -> Samples:
    """2,000 clips."""
    return _clips(range(10, 50))


def calibration() -> Samples:
    """200 clips that were also trained on, from which the ranges of the integers are taken."""
    return _clips(range(10, 14))


def selection() -> Samples:
    """250 clips, on which the int8 candidates are compared."""
    return _clips(range(5, 10))


def evaluation() -> Samples:
    """250 clips, the data set's own test set: read once, for the numbers that are reported."""
    return _clips(range(5))
