"""From a sound to its log-mel spectrogram, in numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE = 8000
LENGTH = 6400
"""Samples of a clip: 0.8 seconds."""
WINDOW, HOP, BANDS = 256, 128, 32
FRAMES = (LENGTH - WINDOW) // HOP + 1

Sound = NDArray[np.float32]


def log_mel(sounds: Sound) -> Sound:
    """(N, 6400) at 8 kHz → (N, 32, 49): the natural logarithm of the energy in each mel band, of each frame."""
    frames = np.lib.stride_tricks.sliding_window_view(sounds, WINDOW, axis=1)[:, ::HOP] * np.hanning(WINDOW)
    power = np.abs(np.fft.rfft(frames, axis=2)) ** 2
    return np.log(power @ _bands().T + 1e-3).transpose(0, 2, 1).astype(np.float32)


def _bands() -> NDArray[np.float64]:
    """Triangles on the mel scale, 2595 log10(1 + f / 700), (32, 129)."""
    highest = 2595 * np.log10(1 + RATE / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, highest, BANDS + 2) / 2595) - 1)
    frequencies = np.linspace(0, RATE / 2, WINDOW // 2 + 1)
    rising = (frequencies - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - frequencies) / (edges[2:] - edges[1:-1])[:, None]
    return np.clip(np.minimum(rising, falling), 0, None)
