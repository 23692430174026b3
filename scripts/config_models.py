"""Projects of networks from transformers' configurations: random weights and images, all from fixed seeds."""

from __future__ import annotations

from pathlib import Path

CONFIGURED = {
    "mobilenet_v2": "hf.MobileNetV2ForImageClassification(hf.MobileNetV2Config(num_labels=1000))",
    "resnet_18": (
        "hf.ResNetForImageClassification(hf.ResNetConfig(depths=[2, 2, 2, 2], hidden_sizes=[64, 128, 256, 512], "
        'layer_type="basic", num_labels=1000))'
    ),
}
_MODEL = '''"""The network, its batch normalization settled on random images."""
import torch
import transformers as hf


class Logits(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, image):
        return self.model(image, return_dict=True).logits


def make():
    torch.manual_seed(0)
    model = {model}
    model.train()
    with torch.no_grad():
        for _ in range(4):
            model(torch.randn(4, 3, 224, 224))
    return Logits(model.eval())
'''
_DATA = '''"""Random images."""
import numpy as np


def images(seed, count):
    return {"image": np.random.default_rng(seed).normal(size=(count, 3, 224, 224)).astype(np.float32)}


def calibration():
    return images(1, 16)


def selection():
    return images(2, 16)
'''
_PROJECT = """schema = 1
name = "{name}"

[model]
source = "model.py:make"

[model.inputs.image]
shape = [1, 3, 224, 224]
dtype = "float32"
layout = "NCHW"

[data]
metric = "none"

[data.calibration]
source = "data.py:calibration"

[data.selection]
source = "data.py:selection"

[build]
targets = ["ethos-u55-128"]
profile = "one"
"""
_PROFILE = """schema = 1
name = "one"

[quantization]
calibration_samples = 16
correction_samples = 16
min_sqnr_db = 0.0

[[quantization.settings]]
ranges = "minmax"
"""


def write_project(name: str, root: Path) -> Path:
    """Write the project of a configured network into a folder; its project file."""
    (root / "profiles").mkdir(parents=True, exist_ok=True)
    texts = {
        "model.py": _MODEL.replace("{model}", CONFIGURED[name]), "data.py": _DATA,
        f"{name}.toml": _PROJECT.replace("{name}", name.replace("_", "-")), "profiles/one.toml": _PROFILE,
    }  # fmt: skip
    for place, text in texts.items():
        (root / place).write_text(text, encoding="utf-8")
    return root / f"{name}.toml"
