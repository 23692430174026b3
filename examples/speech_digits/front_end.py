"""The declared front end as a torch module, so that it can be exported inside the graph."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from edgebuild.core.project import InputSpec
from edgebuild.core.signature import Log, Mel, Normalize, Spectrogram
from edgebuild.steps.spectra import mel_bands, window


def declared() -> InputSpec:
    """The input of edgebuild.toml, with its steps."""
    project = tomllib.loads((Path(__file__).parent / "edgebuild.toml").read_text(encoding="utf-8"))
    return InputSpec.model_validate(project["model"]["inputs"]["spectrum"])


class LogMel(nn.Module):
    """Spectrogram, mel, log and normalize: (N, samples) to (N, 1, frames, bands).

    The Fourier transform of each frame is a convolution with windowed cosines and sines, which every runtime has.
    """

    cosines_and_sines: Tensor
    bands: Tensor

    def __init__(self, spec: InputSpec) -> None:
        super().__init__()
        steps = {step.op: step for step in spec.pre}
        spectrogram, mel, log, scale = (steps[name] for name in ("spectrogram", "mel", "log", "normalize"))
        assert isinstance(spectrogram, Spectrogram)
        assert isinstance(mel, Mel)
        assert isinstance(log, Log)
        assert isinstance(scale, Normalize)
        self.hop, self.floor = spectrogram.hop_length, log.floor
        self.mean, self.std = scale.mean[0], scale.std[0]
        bins = spectrogram.transform_length // 2 + 1
        turns = np.outer(np.arange(bins), np.arange(spectrogram.window_length)) / spectrogram.transform_length
        basis = np.concatenate([np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)]) * window(spectrogram)
        self.register_buffer("cosines_and_sines", torch.from_numpy(basis[:, None, :]).float())
        self.register_buffer("bands", torch.from_numpy(mel_bands(mel, bins)).float())

    def forward(self, sound: Tensor) -> Tensor:
        transform = nn.functional.conv1d(sound.unsqueeze(1), self.cosines_and_sines, stride=self.hop)
        cosines, sines = transform.chunk(2, dim=1)
        power = (cosines * cosines + sines * sines).transpose(1, 2)
        logarithm = torch.log(torch.clamp(power @ self.bands, min=self.floor))
        return ((logarithm - self.mean) / self.std).unsqueeze(1)
