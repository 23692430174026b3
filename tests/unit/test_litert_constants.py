"""A constant beside a computed tensor, such as the class token of a vision transformer, becomes int8 on LiteRT."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from edgebuild.backends import find_backend
from edgebuild.core.plan import Range
from edgebuild.core.project import InputSpec
from edgebuild.core.target import Int8Scheme
from edgebuild.models.graph import export_module


class Tokens(nn.Module):
    """Patches of an image, a learnt token before them, and the place of each: as transformers' CLIP begins."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, 12, 4, stride=4, bias=False)
        self.token, self.places = nn.Parameter(torch.randn(12)), nn.Parameter(torch.randn(1, 5, 12))
        self.head = nn.Linear(12, 6)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        patches = self.patches(image).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(1, 1, -1), patches], 1) + self.places
        made: torch.Tensor = self.head(tokens)
        return made


def test_a_constant_in_a_concatenation() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = Tokens().eval()
    model, backend = export_module(net, {"image": InputSpec(shape=(1, 1, 8, 8), layout="NCHW")}), find_backend("litert")
    exact = backend.export(model)
    row = {"image": np.random.default_rng(0).standard_normal((1, 8, 8, 1), np.float32)}
    seen = next(backend.observe(exact.files, [row]))
    floats = {name: value for name, value in seen.items() if value.dtype == np.float32}
    ranges = {n: Range(low=min(0.0, float(v.min())), high=max(0.0, float(v.max()))) for n, v in floats.items()}
    scheme = Int8Scheme(weight_granularity="per_channel", activation_dtype="s8")
    made = backend.quantize(exact, ranges, (), scheme)
    answered = next(backend.observe(made.files, [row]))[backend.tensor_names(made.files, made.signature)[1]["output"]]
    wanted = seen[backend.tensor_names(exact.files, exact.signature)[1]["output"]]
    assert np.square(answered - wanted).mean() < 1e-3 * np.square(wanted).mean(), "int8 is within 30 dB"
    assert not backend.float_operators(made.files)
