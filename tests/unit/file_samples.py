"""Files as users have them, made for tests: sounds, images, a tokenizer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.io import wavfile

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "cat", "sat", "on", "mat", "dog", "ran"]


def write_wav(path: Path, seed: int, rate: int = 8000, seconds: float = 0.5, channels: int = 1) -> np.ndarray:
    """A tone with noise as 16-bit integers, which are given back."""
    random = np.random.default_rng(seed)
    times = np.arange(int(rate * seconds)) / rate
    tone = 8000 * np.sin(2 * np.pi * 200 * (1 + seed % 5) * times)[:, None] + 300 * random.normal(
        size=(len(times), channels)
    )
    sound = tone.astype(np.int16).squeeze()
    path.parent.mkdir(parents=True, exist_ok=True)
    wavfile.write(path, rate, sound)
    return sound


def write_tokenizer(path: Path) -> None:
    """Whole words, with ``[CLS]`` and ``[SEP]`` around each text as BERT has them."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing

    made = Tokenizer(WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    made.pre_tokenizer = Whitespace()
    made.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    made.save(str(path))
