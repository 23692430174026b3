"""The projects of scripts/mixed_precision: MobileNetV1 on ImageNet images, and a transformer on Fashion-MNIST."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from example_copy import copy_with_profile

TRANSFORMER = '''"""A vision transformer from a config: six layers of width 96, patches of 4 x 4."""

from pathlib import Path

import torch
from torch import nn
from transformers import ViTConfig, ViTForImageClassification

from edgebuild import read_weights

WEIGHTS = Path(__file__).parent / "weights.safetensors"


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.vit = ViTForImageClassification(ViTConfig(
            hidden_size=96, num_hidden_layers=6, num_attention_heads=3, intermediate_size=192, image_size=32,
            patch_size=4, num_channels=1, num_labels=10, hidden_dropout_prob=0.0, attn_implementation="sdpa",
        ))

    def forward(self, image):
        return self.vit(pixel_values=image).logits


def make():
    model = Classifier()
    model.load_state_dict(read_weights(WEIGHTS))
    return model.eval()
'''
TRAIN = '''"""Train it for some epochs on 20,000 images: seeded, AdamW, one cycle."""

import sys

import torch
from data import training
from model import WEIGHTS, Classifier
from safetensors.torch import save_model

EPOCHS, COUNT, BATCH = 4, 20_000, 128
torch.manual_seed(0)
samples = training()
images = (torch.from_numpy(samples["image"][:COUNT].copy()).permute(0, 3, 1, 2).float() / 255 - 0.2860) / 0.3530
labels = torch.from_numpy(samples["labels"][:COUNT].copy())
model = Classifier().train()
steps = EPOCHS * (COUNT // BATCH)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=steps)
for epoch in range(EPOCHS):
    for batch in torch.randperm(COUNT)[: COUNT // BATCH * BATCH].split(BATCH):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(images[batch]), labels[batch])
        loss.backward()
        optimizer.step()
        schedule.step()
    print(f"epoch {epoch + 1} of {EPOCHS}: loss {loss:.3f}", file=sys.stderr)
save_model(model, str(WEIGHTS))
'''


OWN_LABELS = '''

def _as_float(samples: Samples) -> Samples:
    """With the classes that the float model tells in place of labels."""
    import sys

    import torch

    sys.path.insert(0, str(Path(__file__).parent))
    from model import {make}

    model = {make}()
    images = (torch.from_numpy(samples["image"].copy()).permute(0, 3, 1, 2).float() - {mean}) / {std}
    with torch.no_grad():
        told = torch.cat([model(part) for part in images.split(25)])
    return {{**samples, "labels": told.argmax(1).numpy()}}
'''


def mobilenet(place: Path, quantization: str) -> Path:
    """MobileNetV1 0.25 at 224 x 224, with 175 images to choose on and 150 others to report on."""
    project = copy_with_profile("imagenet_mobilenet", place, "mixed", quantization)
    data = project / "data.py"
    text = data.read_text(encoding="utf-8")
    text = text.replace("_images((12,))", "_as_float(_images((1, 2, 3, 5, 6, 7, 12)))")
    others = "_as_float(_images((9, 10, 11, 13, 14, 15)))"
    text = text.replace("_images(tuple(place for place in range(16) if place % 4))", others)
    data.write_text(text + OWN_LABELS.format(make="mobilenet", mean=127.5, std=127.5), encoding="utf-8")
    return project


def transformer(place: Path, quantization: str) -> Path:
    """The transformer, trained if its weights are not there yet; 1,000 images to choose on, 5,000 to report on."""
    weights = place.parent / "transformer.safetensors"
    project = copy_with_profile("resnet50_mobile", place, "mixed", quantization)
    (project / "model.py").write_text(TRANSFORMER, encoding="utf-8")
    (project / "train.py").write_text(TRAIN, encoding="utf-8")
    data = project / "data.py"
    text = data.read_text(encoding="utf-8")
    for name, count in (("selection", 1000), ("evaluation", 5000)):
        text = text.replace(f"def {name}()", f"def labelled_{name}()")
        some = f"{{key: value[:{count}] for key, value in labelled_{name}().items()}}"
        text += f"\n\ndef {name}():\n    return _as_float({some})\n"
    own = OWN_LABELS.format(make="make", mean=0.2860 * 255, std=0.3530 * 255)
    data.write_text(text + own, encoding="utf-8")
    settings = (project / "edgebuild.toml").read_text(encoding="utf-8")
    (project / "edgebuild.toml").write_text(settings.replace("model.py:teacher", "model.py:make"), encoding="utf-8")
    if not weights.exists():
        subprocess.run([sys.executable, "train.py"], cwd=project, check=True)
        shutil.copy(project / "weights.safetensors", weights)
    shutil.copy(weights, project / "weights.safetensors")
    return project
