"""Calibration, selection and evaluation sets of the four tasks: disjoint, and raw as a sensor gives them.

The steps that turn raw samples into model inputs are in the ``pre`` lists of the project files, so that the
bundle carries them too.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from weights import data_folder

Samples = dict[str, NDArray[np.generic]]

AD_FRAMES = 5
"""Frames in a window."""
AD_STRIDE = 8
"""Frames between two windows of a clip, as in the official evaluation set of MLPerf Tiny: 25 windows a clip."""

AD_SUFFIX = "_hist_librosa.bin"
AD_CALIBRATION = frozenset(
    {
        "normal_id_01_00000003",
        "normal_id_01_00000043",
        "normal_id_02_00000013",
        "normal_id_02_00000053",
        "normal_id_03_00000023",
        "normal_id_03_00000063",
        "normal_id_04_00000033",
        "normal_id_04_00000073",
    }
)
"""The clips that ranges are taken from: two normal ones of each of the four cars."""
AD_SELECTION = frozenset(
    {
        "normal_id_01_00000083",
        "normal_id_01_00000123",
        "normal_id_02_00000093",
        "normal_id_02_00000133",
        "normal_id_03_00000103",
        "normal_id_03_00000143",
        "normal_id_04_00000113",
        "normal_id_04_00000153",
        "anomaly_id_01_00000003",
        "anomaly_id_01_00000043",
        "anomaly_id_02_00000013",
        "anomaly_id_02_00000053",
        "anomaly_id_03_00000023",
        "anomaly_id_03_00000063",
        "anomaly_id_04_00000033",
        "anomaly_id_04_00000073",
    }
)
"""The clips that settings are chosen on: two other normal ones and two anomalies of each car."""


def _official(name: str) -> dict[str, NDArray[np.generic]]:
    with np.load(data_folder() / "mlperf_tiny" / "data" / name, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def _chosen(name: str, input_name: str, rows: NDArray[np.intp]) -> Samples:
    file = _official(name)
    return {input_name: file["x"][rows], "labels": file["y"][rows].astype(np.int64)}


def _fifths(count: int, parts: tuple[int, ...]) -> NDArray[np.intp]:
    return np.flatnonzero(np.isin(np.arange(count) % 5, parts))


def _cifar_train(start: int, stop: int) -> Samples:
    path = data_folder() / "datasets" / "cifar10_lossless_trainsplit2k.npz"
    with np.load(path, allow_pickle=False) as file:
        return {"image": file["x"][start:stop], "labels": file["y"][start:stop].astype(np.int64)}


def ic_calibration() -> Samples:
    """256 images of CIFAR-10's training split."""
    return _cifar_train(0, 256)


def ic_selection() -> Samples:
    """500 other images of the training split."""
    return _cifar_train(256, 756)


def ic_evaluation() -> Samples:
    """The 100 images of ic01, all from CIFAR-10's test split."""
    file = _official("ic01_dev.npz")
    return {"image": file["x"], "labels": file["y"].astype(np.int64)}


def vww_calibration() -> Samples:
    """100 of the 500 pictures of vww01: every fifth, since they are sorted by class."""
    return _chosen("vww01_dev.npz", "image", _fifths(500, (0,)))


def vww_selection() -> Samples:
    """The 100 next to them."""
    return _chosen("vww01_dev.npz", "image", _fifths(500, (1,)))


def vww_evaluation() -> Samples:
    """The remaining 300."""
    return _chosen("vww01_dev.npz", "image", _fifths(500, (2, 3, 4)))


def _kws(part: slice) -> Samples:
    """The clips of kws01 lie in no order. Two of the 500 are equal: each is kept once, so that no two sets share it."""
    mfcc = _official("kws01_mfcc_int8_dev.npz")["x"]
    _, first = np.unique(mfcc.reshape(len(mfcc), -1), axis=0, return_index=True)
    return _chosen("kws01_mfcc_int8_dev.npz", "mfcc", np.sort(first)[part])


def kws_calibration() -> Samples:
    """The first 100 of the clips of kws01, as int8 MFCC (scale 0.5847029, zero point 83)."""
    return _kws(slice(0, 100))


def kws_selection() -> Samples:
    """The next 100."""
    return _kws(slice(100, 200))


def kws_evaluation() -> Samples:
    """The remaining 299."""
    return _kws(slice(200, None))


def ad_calibration() -> Samples:
    """The windows of ``AD_CALIBRATION``: 8 clips, 200 windows, all of cars in order."""
    return _clips(lambda name: name in AD_CALIBRATION)


def ad_selection() -> Samples:
    """The windows of ``AD_SELECTION``: 16 clips, 400 windows."""
    return _clips(lambda name: name in AD_SELECTION)


def ad_evaluation() -> Samples:
    """The windows of the other 38 clips of ad01: 19 normal ones, 19 anomalies."""
    return _clips(lambda name: name not in AD_CALIBRATION | AD_SELECTION)


def _clips(wanted: Callable[[str], bool]) -> Samples:
    file = _official("ad01_dev.npz")
    chosen = [row for row, name in enumerate(file["name"]) if wanted(str(name).removesuffix(AD_SUFFIX))]
    windows = [_windows(file["x"][row]) for row in chosen]
    counts = [len(group) for group in windows]
    return {
        "frames": np.concatenate(windows),
        "labels": np.repeat(file["y"][chosen].astype(np.int64), counts),
        "groups": np.repeat(np.array(chosen, dtype=np.int64), counts),
    }


def _windows(frames: NDArray[np.generic]) -> NDArray[np.generic]:
    """(F, 128) log-mel frames → (W, 640), five neighbours a window."""
    starts = range(0, len(frames) - AD_FRAMES + 1, AD_STRIDE)
    return np.stack([frames[start : start + AD_FRAMES].reshape(-1) for start in starts])
