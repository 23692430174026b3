"""Sound steps against independent implementations: torch's, transformers' and scipy's."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.fft import dct
from transformers.audio_utils import mel_filter_bank, power_to_db, window_function
from transformers.audio_utils import spectrogram as reference_log_mel

from edgebuild.core.errors import ConfigError
from edgebuild.core.sound import Log, Mel, Mfcc, Spectrogram
from edgebuild.steps.preprocess import apply_steps
from edgebuild.steps.spectra import frame_count, mel_bands, sound_length, window

DATA = os.environ.get("EDGEBUILD_DATA")
SOUND = np.random.default_rng(3).normal(size=(3, 1600)).astype(np.float32) / 8


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize(("size", "fft"), [(400, 400), (400, 512), (401, 511)])
@pytest.mark.parametrize("kind", ["hann", "hamming", "blackman"])
def test_the_spectrogram_is_torchs(kind: str, size: int, fft: int, center: bool) -> None:
    step = Spectrogram.model_validate(
        {"window_length": size, "hop_length": 160, "fft_length": fft, "window": kind, "center": center}
    )
    ours = apply_steps(SOUND, [step])
    sound = torch.from_numpy(SOUND)
    shape = getattr(torch, f"{kind}_window")(size, periodic=True)
    if not center:  # torch centres the window; ours, as TensorFlow's, stands at the frame's start
        shape = torch.nn.functional.pad(shape, (0, fft - size))
        sound = torch.nn.functional.pad(sound, (0, fft - size))
    theirs = torch.stft(sound, fft, 160, len(shape), shape, center=center, return_complex=True).abs().square()
    np.testing.assert_allclose(ours, theirs.transpose(1, 2).numpy(), rtol=1e-3, atol=1e-4)
    assert ours.shape[1] == frame_count(1600, step)
    assert frame_count(sound_length(7, step), step) == 7
    magnitude = apply_steps(SOUND, [step.model_copy(update={"power": 1})])
    np.testing.assert_allclose(magnitude**2, ours, rtol=1e-4, atol=1e-6)


def test_windows_are_numpys_definitions() -> None:
    for kind, theirs in (("hann", np.hanning), ("hamming", np.hamming), ("blackman", np.blackman)):
        step = Spectrogram.model_validate({"window_length": 9, "hop_length": 4, "window": kind, "periodic": False})
        np.testing.assert_allclose(window(step), theirs(9))
        periodic = window(step.model_copy(update={"periodic": True}))
        np.testing.assert_allclose(periodic, getattr(torch, f"{kind}_window")(9).numpy(), atol=1e-6)


@pytest.mark.parametrize("scale", ["htk", "slaney"])
@pytest.mark.parametrize(("norm", "triangles"), [("none", "hz"), ("slaney", "hz"), ("none", "mel")])
def test_mel_bands_are_transformers(scale: str, norm: str, triangles: str) -> None:
    form = {"scale": scale, "norm": norm, "triangles": triangles}
    step = Mel.model_validate({"sample_rate": 16000, "bands": 40, "low": 60, "high": 7600, **form})
    area = None if norm == "none" else "slaney"
    theirs = mel_filter_bank(257, 40, 60, 7600, 16000, area, scale, triangularize_in_mel_space=triangles == "mel")
    np.testing.assert_allclose(mel_bands(step, 257), theirs, atol=1e-9)


def test_whispers_front_end() -> None:
    steps = [
        Spectrogram(window_length=400, hop_length=160, center=True),
        Mel(sample_rate=16000, bands=80, scale="slaney", norm="slaney"),
        Log(base="10", range=8.0),
    ]
    filters = mel_filter_bank(201, 80, 0.0, 8000.0, 16000, "slaney", "slaney")
    for ours, sound in zip(apply_steps(SOUND, steps), SOUND, strict=True):
        theirs = reference_log_mel(
            sound, window_function(400, "hann"), 400, 160, power=2.0, mel_filters=filters, log_mel="log10"
        )
        np.testing.assert_allclose(ours.T, np.maximum(theirs, theirs.max() - 8), atol=2e-4)


def test_decibels_and_their_range() -> None:
    power = np.array([[[1.0, 1e-3, 1e-12]], [[1e-6, 1e-9, 1e-12]]])
    ours = apply_steps(power, [Log(base="db", range=80.0)])
    for row, one in zip(ours, power, strict=True):
        np.testing.assert_allclose(row, power_to_db(one, min_value=1e-10, db_range=80.0), atol=1e-4)
    np.testing.assert_allclose(apply_steps(power, [Log(floor=0, offset=1e-6)]), np.log(power + 1e-6), rtol=1e-5)


def test_the_cepstrum_is_scipys_and_htks() -> None:
    bands = np.random.default_rng(0).normal(size=(2, 5, 26))
    ours = apply_steps(bands, [Mfcc(coefficients=13)])
    np.testing.assert_allclose(ours, dct(bands, type=2, norm="ortho")[..., :13], atol=1e-5)
    htk = apply_steps(bands, [Mfcc(coefficients=13, norm="htk", lifter=22)])
    weights = 1 + 11 * np.sin(np.pi * np.arange(13) / 22)
    np.testing.assert_allclose(htk, dct(bands, type=2)[..., :13] / np.sqrt(52) * weights, rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(DATA is None, reason="EDGEBUILD_DATA is not set")
def test_the_published_features_of_a_benchmark() -> None:
    """MLPerf Tiny's keyword spotting ships sounds, and features that TensorFlow made of them, cut off to int8."""
    folder = Path(str(DATA)) / "mlperf_tiny" / "data"
    with np.load(folder / "kws01_audio16k_dev.npz") as sounds, np.load(folder / "kws01_mfcc_int8_dev.npz") as features:
        place = {name: number for number, name in enumerate(features["name"])}
        chosen = [number for number, name in enumerate(sounds["name"]) if name in place][:40]
        raw = sounds["x"][chosen].astype(np.float32)
        theirs = features["x"][[place[sounds["name"][number]] for number in chosen], ..., 0]
    steps = [
        Spectrogram(window_length=480, hop_length=320, fft_length=512, power=1),
        Mel(sample_rate=16000, bands=40, low=20, high=4000, triangles="mel"),
        Log(floor=0, offset=1e-6),
        Mfcc(coefficients=10, norm="htk"),
    ]
    ours = apply_steps(raw / np.abs(raw).max(axis=1, keepdims=True), steps)
    scale, zero_point = 0.5847029, 83
    off = ours / scale + zero_point - theirs
    assert len(chosen) == 40
    assert float(np.median(np.abs(off))) < 0.52  # of numbers cut off to whole ones: half a step
    assert float(np.mean(np.abs(off) < 1.05)) > 0.97


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"shape \[3, 1600\].*\n.*at least 2000 of them, one window"):
        apply_steps(SOUND, [Spectrogram(window_length=2000, hop_length=10)])
    with pytest.raises(ConfigError, match="50 of 80 bands, the first is number 0, hold no bin of 65"):
        apply_steps(np.ones((1, 2, 65)), [Mel(sample_rate=16000, bands=80, low=1, high=2000, triangles="hz")])
    with pytest.raises(ConfigError, match="40 coefficients of 26 bands"):
        apply_steps(np.ones((1, 26)), [Mfcc(coefficients=40)])
    for wrong in (
        {"op": "log", "floor": 0},
        {"op": "mel", "sample_rate": 8000, "bands": 4, "high": 5000},
        {"op": "spectrogram", "window_length": 4, "hop_length": 2, "fft_length": 2},
    ):
        kind = {"log": Log, "mel": Mel, "spectrogram": Spectrogram}[str(wrong["op"])]
        with pytest.raises(ValidationError):
            kind.model_validate(wrong)
