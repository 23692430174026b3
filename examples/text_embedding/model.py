"""MiniLM as a sentence encoder: token numbers to one vector of length 1."""

from __future__ import annotations

import json
import os
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from edgebuild import read_weights


def folder() -> Path:
    """Where prepare.py puts the model's files.

    Raises:
        RuntimeError: TEXT_EMBEDDING is not set.
    """
    if not os.environ.get("TEXT_EMBEDDING"):
        raise RuntimeError("TEXT_EMBEDDING is not set: the folder that prepare.py writes to")
    return Path(os.environ["TEXT_EMBEDDING"])


class Encoder(nn.Module):
    """The mean of the last layer over the tokens of a text, scaled to length 1, as sentence-transformers does."""

    def __init__(self, bert: BertModel) -> None:
        super().__init__()
        self.bert = bert

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        tokens = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        kept = attention_mask.unsqueeze(-1).to(tokens.dtype)
        mean = (tokens * kept).sum(1) / kept.sum(1)
        return mean / torch.sqrt((mean * mean).sum(1, keepdim=True))


def encoder() -> Encoder:
    """With its weights."""
    settings = json.loads((folder() / "config.json").read_text(encoding="utf-8"))
    bert = BertModel(BertConfig(**settings, attn_implementation="eager"), add_pooling_layer=False)
    weights = read_weights(folder() / "model.safetensors")
    bert.load_state_dict({name: value for name, value in weights.items() if name in bert.state_dict()})
    return Encoder(bert).eval()
