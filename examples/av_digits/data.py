"""Pairs of a written and a spoken digit: MNIST and the Free Spoken Digit Dataset, both degraded so that it takes both.

As for AV-MNIST (Vielzeuf et al. 2018, "CentralNet", arXiv:1808.07275), an image keeps a quarter of its energy, by
principal components, and a sound is mixed with noise. No speaker or take of the evaluation set is in the training set.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sound import LENGTH, log_mel

Samples = dict[str, NDArray[np.generic]]
Clips = list[NDArray[np.int16]]

ENERGY = 0.25
"""The share of the images' variance that is kept."""
NOISE_DB = (-2.0, 4.0)
"""The sound's level above the noise's, drawn for each clip."""
KNOWN = ("george", "jackson", "lucas")
NEW = ("nicolas", "theo")


@dataclass(frozen=True)
class Part:
    """What a set is made from: images of a span of a split, and clips by speaker and take."""

    split: str
    images: slice
    speakers: tuple[str, ...]
    takes: range


TRAINING = Part("train", slice(0, 15000), KNOWN, range(25, 45))
SELECTION = Part("train", slice(15000, 20000), NEW, range(25, 50))
EVALUATION = Part("test", slice(0, 1500), NEW, range(25))


def training(seed: int = 0, count: int = 3000) -> Samples:
    """Pairs of 15,000 images with 600 clips; another seed gives other pairs and other noise."""
    random = np.random.default_rng(seed)
    clips, spoken = _clips(TRAINING)
    chosen = random.integers(len(clips), size=count)
    return _pairs(TRAINING, [clips[i] for i in chosen], spoken[chosen], random)


def calibration() -> Samples:
    """200 pairs of the training set, from which the ranges of the integers are taken."""
    return training(seed=1, count=200)


def selection() -> Samples:
    """500 pairs, each clip once: other images and takes than the evaluation's, of speakers that training has not heard.

    Of the speakers that it has heard float knows every pair, and so does nearly any int8.
    """
    return _pairs(SELECTION, *_clips(SELECTION), np.random.default_rng(2))


def evaluation(draw: int = 0) -> Samples:
    """500 pairs, each clip once: other images, speakers and takes; read once, for the numbers that are reported.

    Another draw has the same clips in the same order, with other images and other noise.
    """
    return _pairs(EVALUATION, *_clips(EVALUATION), np.random.default_rng(3 + draw))


def _pairs(part: Part, clips: Clips, labels: NDArray[np.int64], random: np.random.Generator) -> Samples:
    """Each clip with an image of the same digit, no image twice where there are enough."""
    images, written = _file("mnist", f"x_{part.split}")[part.images], _file("mnist", f"y_{part.split}")[part.images]
    chosen = np.zeros(len(labels), np.int64)
    for digit in range(10):
        own, wanted = np.flatnonzero(written == digit), np.flatnonzero(labels == digit)
        chosen[wanted] = random.choice(own, len(wanted), replace=len(wanted) > len(own))
    return {
        "image": _reduced(images[chosen])[..., np.newaxis],
        "audio": log_mel(_noisy(clips, random))[:, np.newaxis],
        "labels": labels,
    }


def _clips(part: Part) -> tuple[Clips, NDArray[np.int64]]:
    audio, offsets = _file("fsdd", "audio"), _file("fsdd", "offsets")
    own = np.isin(_file("fsdd", "speaker"), part.speakers) & np.isin(_file("fsdd", "take"), part.takes)
    found = np.flatnonzero(own)
    return [audio[offsets[i] : offsets[i + 1]] for i in found], _file("fsdd", "digit")[found].astype(np.int64)


def _noisy(clips: Clips, random: np.random.Generator) -> NDArray[np.float32]:
    """Clips at one level and a random place, cut or filled to a length, in noise that falls by 3 dB an octave."""
    mixed = np.zeros((len(clips), LENGTH), np.float32)
    for row, clip in zip(mixed, clips, strict=True):
        sound = clip[:LENGTH].astype(np.float32)
        start = int(random.integers(LENGTH - len(sound) + 1))
        row[start : start + len(sound)] = sound / max(float(sound.std()), 1.0)
        row[:] += _pink(random) * 10 ** (-random.uniform(*NOISE_DB) / 20)
    return mixed


def _pink(random: np.random.Generator) -> NDArray[np.float32]:
    spectrum = np.fft.rfft(random.standard_normal(LENGTH))
    noise = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 8)), LENGTH)
    return (noise / noise.std()).astype(np.float32)


def _reduced(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Images of the first principal components alone that hold ``ENERGY`` of the variance."""
    mean, components = _components()
    flat = images.reshape(len(images), -1).astype(np.float32) - mean
    kept = flat @ components.T @ components + mean
    return np.clip(np.round(kept), 0, 255).astype(np.uint8).reshape(images.shape)


@cache
def _components() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The training images' mean, (784,), and those components, (K, 784)."""
    images = _file("mnist", "x_train")[TRAINING.images].reshape(-1, 784).astype(np.float32)
    mean = images.mean(axis=0)
    variances, vectors = np.linalg.eigh(np.cov(images - mean, rowvar=False))
    shares = np.cumsum(variances[::-1]) / variances.sum()
    kept = int(np.searchsorted(shares, ENERGY)) + 1
    return mean, vectors[:, ::-1][:, :kept].T.astype(np.float32)


@cache
def _file(name: str, key: str) -> NDArray[np.generic]:
    folder = os.environ.get("EDGEBUILD_DATA", "")
    if not folder:
        raise RuntimeError("EDGEBUILD_DATA is not set; set it to the folder that holds datasets/ (see README.md)")
    with np.load(Path(folder) / "datasets" / f"{name}.npz", allow_pickle=False) as file:
        return file[key]
