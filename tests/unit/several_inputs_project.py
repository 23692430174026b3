"""A project whose model takes a text, a sound and a number, from one JSONL file with a row a sample."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from file_samples import WORDS, write_tokenizer, write_wav

MODEL = f"""import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.words = nn.Embedding({len(WORDS)}, 8)
        self.sound = nn.Conv2d(1, 8, 3, stride=2)
        self.head = nn.Linear(17, 3)

    def forward(self, input_ids, attention_mask, spectrum, weight):
        kept = attention_mask.unsqueeze(-1).to(torch.float32)
        text = (self.words(input_ids) * kept).sum(1) / kept.sum(1)
        sound = torch.relu(self.sound(spectrum)).mean((2, 3))
        return self.head(torch.cat([text, sound, weight], 1))


def make():
    return Net().eval()
"""

PROJECT = """schema = 1
name = "several"

[model]
source = "model.py:make"

[model.inputs.input_ids]
shape = [1, 6]
dtype = "int64"
pre = [{ op = "tokenize", tokenizer = "words/tokenizer.json", length = 6 }]

[model.inputs.attention_mask]
shape = [1, 6]
dtype = "int64"
pre = [{ op = "tokenize", tokenizer = "words/tokenizer.json", length = 6, output = "attention_mask" }]

[model.inputs.spectrum]
shape = [1, 1, 30, 16]
pre = [
  { op = "audio", sample_rate = 8000, length = 4000 },
  { op = "spectrogram", window_length = 256, hop_length = 128 },
  { op = "mel", sample_rate = 8000, bands = 16 },
  { op = "log", floor = 1e-6 },
  { op = "add_axis", axis = 1 },
]

[model.inputs.weight]
shape = [1, 1]
pre = [{ op = "columns", names = ["weight"] }]

[data.calibration]
source = "calibration.jsonl"
skip_bad = true

[data.selection]
source = "selection.jsonl"

[data.evaluation]
source = "evaluation.jsonl"

[build]
targets = ["host-onnxruntime"]
profile = "quick"
"""

PROFILE = """schema = 1
name = "quick"

[quantization]
precisions = ["float32"]

[measuring]
runs = 1
min_samples = 100
min_seconds = 0.0
warmup_seconds = 0.0
pairs = 1

[judging]
confidence = 0.4
"""


def make_project(root: Path) -> Path:
    """Write it whole, with one row of the calibration set that can't be used."""
    (root / "profiles").mkdir(parents=True)
    for name, text in (("model.py", MODEL), ("edgebuild.toml", PROJECT), ("profiles/quick.toml", PROFILE)):
        (root / name).write_text(text, encoding="utf-8")
    write_tokenizer(root / "words" / "tokenizer.json")
    for number, name in enumerate(("calibration", "selection", "evaluation")):
        write_rows(root, name, 100 * number)
    with (root / "calibration.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"text": ""}\n')
    return root


def write_rows(root: Path, name: str, seed: int, count: int = 12) -> None:
    """Rows with their sounds beside them."""
    random, rows = np.random.default_rng(seed), []
    for number in range(seed, seed + count):
        write_wav(root / "clips" / f"{number}.wav", number)
        words = " ".join(random.choice(WORDS[4:], 3))
        row = {"text": words, "audio": f"clips/{number}.wav", "weight": round(float(random.normal()), 3)}
        rows.append(json.dumps(row | {"label": number % 3}))
    (root / f"{name}.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
